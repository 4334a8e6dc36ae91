//! A watch with an owner, whose record others write, too.

use std::time::Duration;

use zookeeper_client::{Acl, AuthId, Client, Permission};

use super::super::apply::{held_after, large};
use super::super::owner::claims;
use super::super::{Place, create};
use super::{Watching, becomes};
use crate::relay::{Mode, Relay};
use crate::server::shared;

/// Makes a node that nobody may write.
async fn close(client: &Client) {
    create(client, "/closed", "{}").await;
    let rights = Permission::READ | Permission::ADMIN;
    let only_read = [Acl::new(rights, AuthId::anyone())];
    client.set_acl("/closed", &only_read, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_was_fenced_off_writes_again() {
    for is_killed in [false, true] {
        let place = Place::new(&format!("watch-fenced-{is_killed}")).await;
        let client = place.client().await;
        close(&client).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_fenced_off_by_an_apply_that_has_ended_goes_on_at_once() {
    let place = Place::new("watch-overtaken").await;
    place.file("ci.zkt", "/ci\n");
    let apply = "apply -y --owner team ci.zkt";
    place.run(apply).expect(0);
    place.file("a.zkt", "/a\n");
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::HoldWrite);
    let hosts = place.through(&relay.address());
    let words = format!("a.zkt --owner team --interval 1h -c {hosts}");
    let mut watching = Watching::start(&place, &words);
    relay.holds_a_write().await;
    place.file("ci.zkt", "/ci\n  x = 1\n");
    place.run(apply).expect(0);
    relay.set(Mode::Forward);
    // The first reconcile has written it.
    watching.says(&["reconciled"]).await;
    assert_eq!(
        watching.count(&["added", "\"path\":\"/a\""]),
        1,
        "{}",
        watching.log()
    );
    watching.stop();
    assert_eq!(claims(&place, "team").await, "/a Created\n/ci Created\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_retries_leaves_an_apply_alone() {
    let place = Place::new("watch-retries").await;
    let client = place.client().await;
    close(&client).await;
    place.file("a.zkt", "/closed\n  x = 1\n");
    let mut watching = Watching::start(&place, "a.zkt --owner team --interval 1s");
    watching.says(&["cannot reconcile", "/closed"]).await;
    place.file("ci.zkt", large());
    let (relay, child) = held_after(1, &place, "apply -y --owner team ci.zkt").await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    relay.set(Mode::Forward);
    place.finish(child).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_with_nothing_to_write_leave_the_record_alone() {
    let place = Place::new("watch-replicas").await;
    let client = place.client().await;
    // They have different revisions.
    place.file("a.zkt", "/a\n").file("b.zkt", "# new\n/a\n");
    let words = "--owner team --interval 1s";
    let mut one = Watching::start(&place, &format!("a.zkt {words}"));
    becomes(&client, "/a", Some("{}")).await;
    one.says(&["in sync"]).await;
    let mut other = Watching::start(&place, &format!("b.zkt {words}"));
    other.says(&["in sync"]).await;
    let head = client.check_stat("/zkt/team").await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(3500)).await;
    let now = client.check_stat("/zkt/team").await.unwrap().unwrap();
    assert_eq!(now.mzxid, head.mzxid);
}
