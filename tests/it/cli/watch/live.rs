//! A live tree that others change, and servers that come and go.

use std::time::Duration;

use zkt::server::{ErrorCode, Fault, Matching, RequestKind};
use zookeeper_client::{Acl, AuthId, CreateMode, Permission};

use super::super::{Place, create, create_as};
use super::{Watching, becomes};
use crate::relay::{Mode, Relay};
use crate::server;

pub(in crate::cli) const TREE: &str = "/a\n  x = 1\n  /b\n    /c\n      z = 3\n/keep\n  @keep\n";

#[tokio::test(flavor = "multi_thread")]
async fn foreign_changes_are_repaired_by_events() {
    let place = Place::new("watch-live").await;
    place.file("a.zkt", TREE);
    let client = place.client().await;
    let mut watching = Watching::start(&place, "a.zkt --interval 1h");
    watching.says(&["reconciled", "applied"]).await;

    client.set_data("/a", b"{\"x\":2}", None).await.unwrap();
    watching.says(&["\"cause\":\"live\"", "applied"]).await;
    becomes(&client, "/a", Some("{\"x\":1}")).await;
    client.delete("/a/b/c", None).await.unwrap();
    client.delete("/a/b", None).await.unwrap();
    becomes(&client, "/a/b/c", Some("{\"z\":3}")).await;

    // Nothing is declared of these.
    create(&client, "/keep/own", "").await;
    create(&client, "/other", "").await;
    create(&client, "/a/extra", "").await;
    create(&client, "/a/extra/deep", "").await;
    client.set_data("/a/b/c", b"{}", None).await.unwrap();
    becomes(&client, "/a/b/c", Some("{\"z\":3}")).await;
    assert!(client.check_stat("/a/extra/deep").await.unwrap().is_some());
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("no event had told"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_writes_lead_to_no_second_write() {
    let place = Place::new("watch-echo").await;
    // Of one node each: what is changed again after each repair is repaired later and later.
    let nodes: Vec<String> = (0..20).map(|i| format!("/a{i}")).collect();
    let tree: String = nodes
        .iter()
        .map(|node| format!("{node}\n  x = 1\n"))
        .collect();
    place.file("a.zkt", tree);
    let client = place.client().await;
    let mut watching = Watching::start(&place, "a.zkt --interval 1h");
    watching.says(&["reconciled", "applied"]).await;
    for node in &nodes {
        client.set_data(node, b"{\"x\":2}", None).await.unwrap();
        becomes(&client, node, Some("{\"x\":1}")).await;
    }
    // What is asked is answered after what came before.
    watching.signal("-HUP");
    watching.says(&["\"cause\":\"asked\""]).await;
    for node in &nodes {
        let (_, stat) = client.get_data(node).await.unwrap();
        assert_eq!(stat.version, 2);
    }
    // One may deal with two, where the second comes before the first has ended.
    let reconciles = watching.count(&["reconciled", "\"cause\":\"live\""]);
    assert!((1..=20).contains(&reconciles), "{}", watching.log());
    assert_eq!(watching.count(&["no event had told"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn undeclared_nodes_are_trimmed_and_guards_only_show() {
    let place = Place::new("watch-trim").await;
    place.file("a.zkt", TREE);
    let client = place.client().await;
    let mut watching = Watching::start(&place, "a.zkt -t --interval 1h --max-trim 3");
    watching.says(&["reconciled", "applied"]).await;
    create(&client, "/a/extra", "").await;
    // What is found before that reconcile has ended is a part of it, and a guard that refuses then
    // refuses the rest of something.
    watching.says(&["reconciled", "applied"]).await;
    becomes(&client, "/a/extra", None).await;
    create_as(&client, "/a/eph", "", CreateMode::Ephemeral).await;
    create(&client, "/keep/own", "").await;

    let mut writer = client.new_multi_writer();
    let options = CreateMode::Persistent.with_acls(zookeeper_client::Acls::anyone_all());
    for i in 0..4 {
        writer
            .add_create(&format!("/a/b/n{i}"), b"", &options)
            .unwrap();
    }
    writer.commit().await.unwrap();
    watching
        .says(&["a guard refuses to reconcile", "--max-trim"])
        .await;
    client.delete("/a/b/n0", None).await.unwrap();
    becomes(&client, "/a/b/n3", None).await;
    assert!(client.check_stat("/a/eph").await.unwrap().is_some());
    assert!(client.check_stat("/keep/own").await.unwrap().is_some());
    assert!(watching.child.try_wait().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_write_nothing() {
    let place = Place::new("watch-warn").await;
    place.file("a.zkt", TREE);
    place.run("apply -y a.zkt").expect(0);
    let client = place.client().await;
    let mut watching = Watching::start(&place, "a.zkt --mode warn --interval 1h");
    watching.says(&["reconciled", "in sync"]).await;
    client.set_data("/a", b"{\"x\":2}", None).await.unwrap();
    let line = watching.says(&["reconciled", "drift"]).await;
    assert!(line.contains("\"found.update\":1"), "{line}");
    becomes(&client, "/a", Some("{\"x\":2}")).await;
    client.set_data("/a", b"{\"x\":1}", None).await.unwrap();
    watching.says(&["reconciled", "in sync"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timer_finds_what_fires_no_event() {
    let place = Place::new("watch-timer").await;
    place.file("a.zkt", "/a\n  @acl world:anyone:cdrwa\n  x = 1\n");
    let client = place.client().await;
    let mut watching = Watching::start(&place, "a.zkt --interval 300ms");
    watching.says(&["reconciled", "applied"]).await;
    let acl = [Acl::new(
        Permission::READ | Permission::ADMIN,
        AuthId::anyone(),
    )];
    client.set_acl("/a", &acl, None).await.unwrap();
    watching.says(&["\"cause\":\"timer\"", "applied"]).await;
    let (acl, _) = client.get_acl("/a").await.unwrap();
    assert_eq!(acl, [Acl::new(Permission::ALL, AuthId::anyone())]);
    assert_eq!(watching.count(&["no event had told"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_after_a_lost_connection() {
    let place = Place::new("watch-cut").await;
    let relay = Relay::to(server::shared().port()).await;
    let hosts = place.through(&relay.address());
    // Of the large ones only the stat is asked after a lost connection.
    let large = |value: &str| format!("{{\"text\":\"{}\"}}", value.repeat(3000));
    let text = format!(
        "{TREE}/large\n  text = '{}'\n/same\n  text = '{}'\n",
        "x".repeat(3000),
        "y".repeat(3000)
    );
    place.file("a.zkt", text);
    let client = place.client().await;
    let mut watching = Watching::start(&place, &format!("-c {hosts} a.zkt --interval 1h"));
    watching.says(&["reconciled", "applied"]).await;
    for i in 0..5 {
        relay.set(Mode::Refuse);
        relay.cut();
        let line = watching.says(&["the connection is lost"]).await;
        assert!(line.contains("trying to connect again"), "{line}");
        assert!(line.contains(&format!("\"{hosts}")), "{line}");
        // In the gap, and after it.
        let data = format!("{{\"x\":{i}10}}");
        client.set_data("/a", data.as_bytes(), None).await.unwrap();
        client
            .set_data("/large", large("z").as_bytes(), None)
            .await
            .unwrap();
        relay.set(Mode::Forward);
        watching.says(&["connected again", &hosts]).await;
        becomes(&client, "/a", Some("{\"x\":1}")).await;
        becomes(&client, "/large", Some(&large("x"))).await;
        becomes(&client, "/same", Some(&large("y"))).await;
        client.set_data("/a/b/c", b"{}", None).await.unwrap();
        becomes(&client, "/a/b/c", Some("{\"z\":3}")).await;
    }
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("no event had told"), "{log}");
}

/// A place on an embedded server, which does what it is told.
pub(in crate::cli) fn embedded() -> (zkt::server::Server, Place) {
    let server = zkt::server::Server::start().unwrap();
    let hosts = server.handle().connect_string();
    let place = Place {
        hosts,
        ..Place::offline()
    };
    place.file("a.zkt", TREE);
    (server, place)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_such_watches_leaves_it_to_the_timer() {
    let (server, place) = embedded();
    let add_watch = Matching::kind(RequestKind::AddWatch);
    let unknown = Fault::Answer(ErrorCode::Unimplemented);
    let injection = server.handle().inject(add_watch, unknown);
    let mut watching = Watching::start(&place, "a.zkt --interval 300ms");
    watching.says(&["older than ZooKeeper 3.6"]).await;
    watching.says(&["reconciled", "applied"]).await;
    assert!(injection.has_struck());
    let client = place.client().await;
    client.set_data("/a", b"{}", None).await.unwrap();
    watching.says(&["\"cause\":\"timer\"", "applied"]).await;
    becomes(&client, "/a", Some("{\"x\":1}")).await;
    assert_eq!(watching.count(&["older than"]), 1);
    assert_eq!(watching.count(&["no event had told"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_replaced() {
    let (server, place) = embedded();
    let mut watching = Watching::start(&place, "a.zkt --interval 1h");
    watching.says(&["reconciled", "applied"]).await;
    for _ in 0..3 {
        assert_eq!(server.handle().expire_all(), 1);
        watching.says(&["the session has ended"]).await;
        watching.says(&["reconciled", "in sync"]).await;
        let client = place.client().await;
        client.set_data("/a", b"{}", None).await.unwrap();
        becomes(&client, "/a", Some("{\"x\":1}")).await;
        watching.says(&["reconciled", "applied"]).await;
        let mut states = client.state_watcher();
        drop(client);
        while !states.changed().await.is_terminated() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_watch_sends_nothing_but_pings() {
    let (server, place) = embedded();
    let mut watching = Watching::start(&place, "a.zkt --interval 1h --session-timeout 4s");
    watching.says(&["reconciled", "applied"]).await;
    let kinds = [
        RequestKind::GetData,
        RequestKind::GetChildren,
        RequestKind::GetChildren2,
        RequestKind::Exists,
        RequestKind::MultiRead,
        RequestKind::Multi,
        RequestKind::Sync,
        RequestKind::AddWatch,
        RequestKind::GetAcl,
    ];
    let handle = server.handle();
    let sent = || kinds.map(|kind| handle.requests(kind));
    let before = sent();
    let pings = handle.requests(RequestKind::Ping);
    while handle.requests(RequestKind::Ping) < pings + 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sent(), before);
}
