//! The guard: a node without which nothing may be written.

use zkt::zookeeper::executor::{ExecuteOptions, Fate, Report, Stop};
use zkt::zookeeper::session::Session;
use zookeeper_client::Client;

use crate::relay::{Mode, Relay};
use crate::server::{options, session, shared};

use super::{acl, add, as_seen, create, fates, one_at_a_time, path, run, split, trim, update};

/// Whoever cannot see whether the guard is there changes no ACL.
#[tokio::test]
async fn without_a_look_at_its_guard_no_acl_is_changed() {
    let server = shared();
    let place = server.chroot("guard-lost").await;
    let relay = Relay::to(server.port()).await;
    let through = options(&(relay.address() + &place));
    let session = Session::connect(&through).await.unwrap();
    let client = Client::connect(&(server.address() + &place)).await.unwrap();
    create(&client, "/guard", "").await;
    create(&client, "/a", "").await;
    let read = acl("world:anyone:ra");
    let actions = as_seen(&session, vec![update("/a", 0, None, Some((0, read)))]).await;
    let guarded = ExecuteOptions {
        guard: Some(path("/guard")),
        ..ExecuteOptions::default()
    };
    relay.set(Mode::CutBeforeRequest);
    let report = run(&session, actions, &guarded).await;
    assert!(
        matches!(report.stop, Some(Stop::Disconnected { in_flight: 0, .. })),
        "{report:?}"
    );
    assert_eq!(fates(&report), "-");
    relay.set(Mode::Forward);
}

#[tokio::test]
async fn without_its_guard_nothing_is_written() {
    let (hosts, session) = session("guard").await;
    let client = Client::connect(&hosts).await.unwrap();
    create(&client, "/guard", "").await;
    for limits in [ExecuteOptions::default(), split(2), one_at_a_time(1)] {
        let options = ExecuteOptions {
            guard: Some(path("/guard")),
            ..limits
        };
        let actions = || {
            let names = ["/a", "/a/b", "/a/c", "/a/d", "/a/e", "/a/f", "/a/g"];
            names.map(|name| add(name, "x")).to_vec()
        };
        let deposed = Stop::Deposed {
            guard: path("/guard"),
        };
        let refused = |report: Report| {
            assert_eq!(report.stop, Some(deposed.clone()));
            assert!(report.fates.iter().all(|fate| *fate == Fate::NotDone));
        };
        client.delete("/guard", None).await.unwrap();
        refused(run(&session, actions(), &options).await);
        let acls = || vec![update("/", 0, None, Some((0, acl("world:anyone:cdrwa"))))];
        refused(run(&session, acls(), &options).await);
        // It was written, so it is not what it was.
        create(&client, "/guard", "").await;
        client.set_data("/guard", b"x", None).await.unwrap();
        refused(run(&session, actions(), &options).await);
        assert!(client.check_stat("/a").await.unwrap().is_none());

        client.delete("/guard", None).await.unwrap();
        create(&client, "/guard", "").await;
        let report = run(&session, actions(), &options).await;
        assert_eq!(report.stop, None);
        let trims = ["/a/b", "/a/c", "/a/d", "/a/e", "/a/f", "/a/g", "/a"];
        let trims = trims.map(|name| trim(name, 0)).to_vec();
        assert_eq!(run(&session, trims, &options).await.stop, None);
        assert_eq!(client.list_children("/").await.unwrap(), ["guard"]);
    }
}
