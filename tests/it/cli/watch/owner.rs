//! A watch with an owner, whose record others write, too.

use zookeeper_client::{Acl, AuthId, Permission};

use super::super::apply::{held_after, large};
use super::super::{Place, create};
use super::{Watching, becomes};

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_was_fenced_off_writes_again() {
    for is_killed in [false, true] {
        let place = Place::new(&format!("watch-fenced-{is_killed}")).await;
        let client = place.client().await;
        create(&client, "/closed", "{}").await;
        let rights = Permission::READ | Permission::ADMIN;
        let only_read = [Acl::new(rights, AuthId::anyone())];
        client.set_acl("/closed", &only_read, None).await.unwrap();
        // It begins, and does not end, since all that it has to write is refused.
        place.file("a.zkt", "/closed\n  x = 1\n");
        let mut watching = Watching::start(&place, "a.zkt --owner team --interval 1h");
        watching.says(&["cannot reconcile", "/closed"]).await;
        watching.signal("-STOP");
        place.file("ci.zkt", large());
        let apply = "apply -y --owner team ci.zkt";
        if is_killed {
            let (_relay, mut child) = held_after(2, &place, apply).await;
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            place.run(apply).expect(0);
        }
        place.file("a.zkt", "/closed\n  x = 1\n/new\n");
        watching.signal("-CONT");
        becomes(&client, "/new", Some("{}")).await;
    }
}
