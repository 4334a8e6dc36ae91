//! What the log says of single nodes and files, and which of them do not hold up others.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use zookeeper_client::{Acl, AuthId, Permission};

use super::super::{Place, create};
use super::status::{ask, listening};
use super::{Watching, becomes};

fn metric(address: &str, name: &str) -> String {
    let (_, metrics) = ask(address, "GET", "/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.expect(name).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_is_named_with_what_changed() {
    let place = Place::new("watch-told").await;
    place.file(
        "a.zkt",
        "/a\n  x = 1\n  password = 'hunter2'\n  @secret password\n",
    );
    let client = place.client().await;
    let (mut watching, address) = listening(&place, "a.zkt --interval 1h --trim").await;
    let line = watching.says(&["\"added\"", "\"/a\""]).await;
    assert!(line.contains("password = (secret), x = 1"), "{line}");
    watching.says(&["reconciled", "applied"]).await;
    // Numbers are shown a moment after the line.
    while metric(&address, "zkt_actions_total{kind=\"add\"}") != "1" {
        tokio::task::yield_now().await;
    }
    let before: u64 = metric(&address, "zkt_drift_found_total").parse().unwrap();

    let foreign = b"{\"x\":2,\"password\":\"hunter3\"}";
    client.set_data("/a", foreign, None).await.unwrap();
    let line = watching.says(&["\"repaired\"", "\"/a\""]).await;
    assert!(line.contains("x = 2 -> 1"), "{line}");
    assert!(line.contains("password = (secret) -> (secret)"), "{line}");
    create(&client, "/a/extra", "").await;
    watching
        .says(&["\"repaired\"", "\"/a/extra\"", "\"trim\""])
        .await;
    watching.says(&["reconciled", "applied"]).await;

    // Of many the first are named, and the rest is counted.
    let more: String = (0..30).map(|i| format!("  /n{i}\n    y = {i}\n")).collect();
    place.file("a.zkt", format!("/a\n  x = 1\n{more}"));
    watching.says(&["… and 11 more actions"]).await;
    // Its cause may be `live+files`: what the watch wrote before is told to it, too.
    watching.says(&["reconciled", "applied"]).await;
    while metric(&address, "zkt_actions_total{kind=\"add\"}") != "31" {
        tokio::task::yield_now().await;
    }
    let after: u64 = metric(&address, "zkt_drift_found_total").parse().unwrap();
    assert_eq!(after - before, 2);
    let (_, log) = watching.stop();
    assert!(!log.contains("hunter"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drift_that_is_only_reported_is_logged_and_counted_once() {
    let place = Place::new("watch-told-once").await;
    place.file("a.zkt", "/a\n  x = 1\n/b\n");
    place.run("apply -y a.zkt").expect(0);
    let client = place.client().await;
    let (mut watching, address) = listening(&place, "a.zkt --mode warn --interval 100ms").await;
    watching.says(&["reconciled", "in sync"]).await;
    client.set_data("/a", b"{\"x\":2}", None).await.unwrap();
    let line = watching.says(&["\"drifted\"", "\"/a\""]).await;
    assert!(line.contains("x = 2 -> 1"), "{line}");
    for _ in 0..3 {
        watching.says(&["\"timer\"", "drift"]).await;
    }
    assert_eq!(watching.count(&["\"drifted\""]), 1);
    assert_eq!(metric(&address, "zkt_drift_found_total"), "1");
    // So is another one of the same kind.
    client.set_data("/a", b"{\"x\":3}", None).await.unwrap();
    let line = watching.says(&["\"drifted\"", "x = 3 -> 1"]).await;
    assert!(line.contains("\"/a\""), "{line}");
    watching.says(&["\"timer\"", "drift"]).await;
    watching.says(&["\"timer\"", "drift"]).await;
    assert_eq!(watching.count(&["\"drifted\""]), 2);
    assert_eq!(metric(&address, "zkt_drift_found_total"), "2");
    // What was as declared in between is another drift.
    client.set_data("/a", b"{\"x\":1}", None).await.unwrap();
    watching.says(&["reconciled", "in sync"]).await;
    client.set_data("/a", b"{\"x\":2}", None).await.unwrap();
    watching.says(&["\"drifted\"", "\"/a\""]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_not_be_written_does_not_hold_up_the_others() {
    let place = Place::new("watch-refused").await;
    let closed: String = (0..8)
        .map(|i| format!("/closed{i}\n  x = 1\n  /below\n"))
        .collect();
    place.file("a.zkt", format!("{closed}/open\n  x = 1\n/zlast\n"));
    let client = place.client().await;
    let only_read = [Acl::new(
        Permission::READ | Permission::ADMIN,
        AuthId::anyone(),
    )];
    for i in 0..8 {
        let path = format!("/closed{i}");
        create(&client, &path, "{}").await;
        client.set_acl(&path, &only_read, None).await.unwrap();
    }
    let (mut watching, address) = listening(&place, "a.zkt --interval 2s").await;
    let line = watching.says(&["cannot reconcile all", "partial"]).await;
    assert!(
        line.contains("/closed0") && line.contains("more nodes"),
        "{line}"
    );
    becomes(&client, "/open", Some("{\"x\":1}")).await;
    becomes(&client, "/zlast", Some("{}")).await;
    assert_eq!(watching.count(&["\"reconciled\""]), 0);
    // Between two tries others are repaired at once.
    client.set_data("/open", b"{}", None).await.unwrap();
    watching.says(&["\"repaired\"", "\"/open\""]).await;
    becomes(&client, "/open", Some("{\"x\":1}")).await;
    let (_, status) = ask(&address, "GET", "/status");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let held: BTreeSet<&str> = status["held"]
        .as_array()
        .unwrap()
        .iter()
        .map(|held| held["path"].as_str().unwrap())
        .collect();
    assert!(held.contains("/closed0"), "{status}");
    assert_ne!(status["sync"], "in sync");

    let all = [Acl::new(Permission::ALL, AuthId::anyone())];
    for i in 0..8 {
        let path = format!("/closed{i}");
        client.set_acl(&path, &all, None).await.unwrap();
    }
    watching.says(&["\"reconciled\"", "applied"]).await;
    becomes(&client, "/closed7/below", Some("{}")).await;
    watching.says(&["\"reconciled\"", "in sync"]).await;
    while metric(&address, "zkt_nodes_refused") != "0" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_not_be_read_does_not_hold_up_the_others() {
    let place = Place::new("watch-unreadable").await;
    place.file(
        "a.zkt",
        "/closed\n  x = 1\n  /below\n    y = 1\n/open\n  x = 1\n",
    );
    let client = place.client().await;
    create(&client, "/closed", "{}").await;
    let shut = [Acl::new(Permission::ADMIN, AuthId::anyone())];
    client.set_acl("/closed", &shut, None).await.unwrap();
    let mut watching = Watching::start(&place, "a.zkt --interval 1s");
    watching
        .says(&["cannot reconcile", "not authorized to read /closed"])
        .await;
    becomes(&client, "/open", Some("{\"x\":1}")).await;
    let all = [Acl::new(Permission::ALL, AuthId::anyone())];
    client.set_acl("/closed", &all, None).await.unwrap();
    becomes(&client, "/closed/below", Some("{\"y\":1}")).await;
    watching.says(&["\"reconciled\"", "in sync"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_logged_once_with_its_excerpt() {
    let place = Place::new("watch-excerpt").await;
    place.file("a.zkt", "/a\n  x = oops\n");
    let mut watching = Watching::start(&place, "a.zkt --interval 200ms");
    let line = watching.says(&["a.zkt:2:7"]).await;
    assert!(
        line.contains("x = oops\\n") && line.contains("^^^^"),
        "{line}"
    );
    watching.says(&["nothing is written before they do"]).await;
    // Read again and again, by the timer and since it seems to have changed, it is no news.
    let replace = |text: &str| {
        place.file("new", text);
        std::fs::rename(place.path("new"), place.path("a.zkt")).unwrap();
    };
    replace("/a\n  x = oops\n# more\n");
    watching.signal("-HUP");
    replace("/a\n  x = 1\n");
    watching.says(&["\"reconciled\"", "applied"]).await;
    assert_eq!(watching.count(&["oops"]), 1, "{}", watching.log());
    assert_eq!(watching.count(&["no sound tree"]), 1, "{}", watching.log());
}

/// What the session may not write is said once, with the right that is missing, and again when that
/// changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_named_once() {
    let place = Place::new("watch-rights").await;
    let client = place.client().await;
    let set = async |path: &str, rights: Permission| {
        let acl = [Acl::new(rights, AuthId::anyone())];
        client.set_acl(path, &acl, None).await.unwrap();
    };
    for path in ["/p", "/q"] {
        create(&client, path, "{}").await;
    }
    let kept = Permission::READ | Permission::ADMIN;
    set("/p", kept | Permission::WRITE).await;
    set("/q", kept).await;
    place.file("a.zkt", "/p\n  x = 1\n  /new\n/q\n  x = 1\n");
    let (mut watching, address) = listening(&place, "a.zkt --interval 150ms").await;
    let (new, q) = (
        "/p/new: not authorized (no create right at /p)",
        "/q: not authorized (no write right at /q)",
    );
    // Many rounds later the same has been said once.
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        let (_, status) = ask(&address, "GET", "/status");
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let held = status["held"].as_array().unwrap().iter();
        let times = held.map(|one| one["times"].as_u64().unwrap()).max();
        if times.is_some_and(|times| times >= 4) {
            break status;
        }
        assert!(Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    for why in [new, q] {
        assert_eq!(watching.count(&["WARN", why]), 1, "{}", watching.log());
        assert!(status["held"].to_string().contains(why), "{status}");
    }
    assert_eq!(
        watching.count(&["\"cannot reconcile"]),
        1,
        "{}",
        watching.log()
    );
    // Others see that one is over.
    set("/q", kept | Permission::WRITE).await;
    watching.says(&["is no longer refused", "/q"]).await;
    assert_eq!(watching.count(&["WARN", new]), 1, "{}", watching.log());
    set("/p", Permission::ALL).await;
    watching.says(&["is no longer refused", "/p/new"]).await;
    assert_eq!(
        watching.count(&["WARN", "not authorized"]),
        2,
        "{}",
        watching.log()
    );
    watching.stop();
}
