//! Several replicas, one of which writes.

use std::time::Duration;

use super::super::Place;
use super::{Watching, becomes};
use crate::relay::{Mode, Relay};
use crate::server;

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_takes_over() {
    let place = Place::new("watch-elect").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let client = place.client().await;
    // Long enough for a busy machine: a session that expires is a replica less.
    let words = "a.zkt --elect cms --interval 1h --trim --session-timeout 6s";
    let mut first = Watching::start(&place, words);
    first.says(&["this replica leads"]).await;
    first.says(&["reconciled", "applied"]).await;
    let mut second = Watching::start(&place, words);
    second.says(&["reconciled", "in sync"]).await;
    let members = client.list_children("/zkt-elections/cms").await.unwrap();
    assert_eq!(members.len(), 2);

    client.set_data("/a", b"{}", None).await.unwrap();
    becomes(&client, "/a", Some("{\"x\":1}")).await;
    // It may be found while the first one looks who else stands, so that its cause is the election.
    first.says(&["reconciled", "applied"]).await;
    // It ends in order: its node goes with its session, at once.
    let (code, log) = first.stop();
    assert_eq!(code, Some(0), "{log}");
    second.says(&["this replica leads"]).await;
    client.set_data("/a", b"{}", None).await.unwrap();
    becomes(&client, "/a", Some("{\"x\":1}")).await;

    // It is killed: its node goes with the session's timeout.
    let mut third = Watching::start(&place, words);
    third.says(&["reconciled", "in sync"]).await;
    second.signal("-KILL");
    third.says(&["this replica leads"]).await;
    client.set_data("/a", b"{}", None).await.unwrap();
    becomes(&client, "/a", Some("{\"x\":1}")).await;

    // Whoever loses its node leads no more, until it stands again.
    let members = client.list_children("/zkt-elections/cms").await.unwrap();
    assert_eq!(members.len(), 1);
    let mut fourth = Watching::start(&place, words);
    fourth.says(&["reconciled", "in sync"]).await;
    let path = format!("/zkt-elections/cms/{}", members[0]);
    client.delete(&path, None).await.unwrap();
    third.says(&["another replica leads"]).await;
    fourth.says(&["this replica leads"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_was_stopped_overwrites_nothing() {
    let place = Place::new("watch-stopped").await;
    // One writes what the other would not, so that it shows who wrote.
    place.file("old.zkt", "/a\n  x = 'old'\n");
    place.file("new.zkt", "/a\n  x = 'new'\n");
    let client = place.client().await;
    let relay = Relay::to(server::shared().port()).await;
    let words = "--elect cms --interval 1h --session-timeout 2s";
    let through = place.through(&relay.address());
    let mut old = Watching::start(&place, &format!("old.zkt -c {through} {words}"));
    old.says(&["this replica leads"]).await;
    becomes(&client, "/a", Some("{\"x\":\"old\"}")).await;
    old.says(&["reconciled", "applied"]).await;
    let mut new = Watching::start(&place, &format!("new.zkt {words}"));
    new.says(&["reconciled", "drift"]).await;

    // The leader is stopped between sending a batch and its answer, for longer than its session
    // lives, and the batch is on its way all the while.
    relay.set(Mode::HoldWrite);
    place.file("old.zkt", "/a\n  x = 'old'\n  y = 1\n/late\n");
    relay.holds_a_write().await;
    old.signal("-STOP");
    new.says(&["this replica leads"]).await;
    becomes(&client, "/a", Some("{\"x\":\"new\"}")).await;
    new.says(&["reconciled", "applied"]).await;
    let (_, before) = client.get_data("/a").await.unwrap();
    relay.set(Mode::Forward);
    old.signal("-CONT");
    old.says(&["lost leadership"]).await;
    old.says(&["reconciled", "drift"]).await;
    let (data, after) = client.get_data("/a").await.unwrap();
    assert_eq!(String::from_utf8(data).unwrap(), "{\"x\":\"new\"}");
    assert_eq!(before, after);
    assert!(client.check_stat("/late").await.unwrap().is_none());
    // It takes over again as it should.
    let (code, log) = new.stop();
    assert_eq!(code, Some(0), "{log}");
    becomes(&client, "/a", Some("{\"x\":\"old\",\"y\":1}")).await;
    tokio::time::timeout(
        Duration::from_secs(60),
        old.says(&["reconciled", "applied"]),
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_elections_is_not_declared() {
    let place = Place::new("watch-elections").await;
    place.file("a.zkt", "/zkt-elections\n  x = 1\n");
    let run = place.run("watch --once --elect a a.zkt").expect(1);
    assert!(run.stderr.contains("the place of elections"), "{run}");
    assert!(!place.nodes().await.contains("\"x\\\""));
}
