//! Live views: what is told, once and in order, whatever happens to the connection.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::json;
use zkt::server::{Fault, Matching, RequestKind};
use zkt::services::{Children, ChildrenChange, Removal};

use super::{Place, appear, create, eventually, object, tests};

tests!(
    changes_of_children,
    callbacks_follow_the_rules,
    typed_reads,
    links_that_change,
    a_view_of_the_root,
);

fn change_text(change: &ChildrenChange) -> String {
    let names = |children: &[Arc<zkt::services::Child>]| {
        children
            .iter()
            .map(|child| child.name().to_owned())
            .collect::<Vec<_>>()
            .join(",")
    };
    format!(
        "+{} -{} ~{}",
        names(&change.added),
        names(&change.removed),
        names(&change.updated)
    )
}

async fn changes_of_children(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/a", json!({})).await;
    create(&zk, "/a/1", json!({"n": 1})).await;
    let view = zk.children("/a").await.unwrap();
    let mut changes = view.changes();
    assert_eq!(changes.start().names().collect::<Vec<_>>(), ["1"]);
    create(&zk, "/a/2", json!({})).await;
    assert_eq!(change_text(&changes.next().await.unwrap()), "+2 - ~");
    zk.set("/a/1", b"{\"n\":2}", None).await.unwrap();
    let change = changes.next().await.unwrap();
    assert_eq!(change_text(&change), "+ - ~1");
    assert_eq!(change.updated[0].properties()["n"], json!(2));
    assert_eq!(change.updated[0].version(), 1);
    // What is further down is no business of the view.
    create(&zk, "/a/1/deep", json!({})).await;
    zk.set("/a", b"other", None).await.unwrap();
    zk.delete("/a/2", None).await.unwrap();
    assert_eq!(change_text(&changes.next().await.unwrap()), "+ -2 ~");
    appear(&zk, "/a/e").await;
    let change = changes.next().await.unwrap();
    assert!(change.added[0].is_ephemeral());
    assert_eq!(change.snapshot.names().collect::<Vec<_>>(), ["1", "e"]);
    zk.close().await;
    assert!(changes.next().await.is_none());
    assert_eq!(view.names(), ["1", "e"]);
}

async fn callbacks_follow_the_rules(place: &Place) {
    let zk = place.connect().await;
    create(&zk, "/a", json!({})).await;
    let view = zk.children("/a").await.unwrap();
    let count = || Arc::new(AtomicUsize::new(0));
    let (always, once, twice, failing, panicking) = (count(), count(), count(), count(), count());
    let add = |counter: &Arc<AtomicUsize>| counter.fetch_add(1, Ordering::SeqCst) + 1;
    let seen = |counter: &Arc<AtomicUsize>| counter.load(Ordering::SeqCst);
    let own = always.clone();
    view.on_change(move |_| _ = add(&own));
    let own = once.clone();
    view.on_change(move |_| {
        add(&own);
        ControlFlow::Break(())
    });
    let own = twice.clone();
    view.on_change(move |_| match add(&own) {
        2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let own = failing.clone();
    view.on_change(move |children: &Arc<Children>| {
        add(&own);
        if children.is_empty() {
            Ok(())
        } else {
            Err("it is an error")
        }
    });
    let own = panicking.clone();
    view.on_change(move |children: &Arc<Children>| {
        add(&own);
        assert!(children.is_empty(), "it panics");
    });
    // Each is called at once.
    let all = [&always, &once, &twice, &failing, &panicking];
    assert_eq!(all.map(seen), [1; 5]);
    for n in 0..3 {
        create(&zk, &format!("/a/{n}"), json!({})).await;
        eventually(|| seen(&always) == n + 2).await;
    }
    assert_eq!(all.map(seen), [4, 1, 2, 2, 2]);
    // When the last handle is gone, nothing is called any more.
    let twin = view.clone();
    drop(view);
    create(&zk, "/a/twin", json!({})).await;
    eventually(|| seen(&always) == 5).await;
    drop(twin);
    let witness = zk.children("/a").await.unwrap();
    create(&zk, "/a/late", json!({})).await;
    eventually(|| witness.len() == 5).await;
    assert_eq!(seen(&always), 5);
}

#[derive(Debug, Deserialize, PartialEq)]
struct Server {
    pid: u32,
    #[serde(default)]
    weight: Option<f64>,
}

async fn typed_reads(place: &Place) {
    let zk = place.connect().await;
    create(
        &zk,
        "/a",
        json!({"pid": 1, "weight =>": "/w x", "l ->": "/w"}),
    )
    .await;
    create(&zk, "/w", json!({"x": 0.5})).await;
    create(&zk, "/a/s", json!({"pid": 7})).await;
    create(&zk, "/a/bad", json!({"pid": "seven"})).await;
    let children = zk.children("/a").await.unwrap();
    let server: Server = children.get_as("s").unwrap().unwrap();
    assert_eq!((server.pid, server.weight), (7, None));
    assert!(children.get_as::<Server>("bad").unwrap().is_err());
    assert!(children.get_as::<Server>("nosuch").is_none());
    let properties = zk.properties("/a").await.unwrap();
    let server: Server = properties.to().unwrap();
    assert_eq!((server.pid, server.weight), (1, Some(0.5)));
    let snapshot = properties.snapshot();
    let names: Vec<&str> = snapshot.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["pid", "weight"]);
    assert!(properties.get_as::<String>("pid").unwrap().is_err());
    assert!(properties.get_as::<u32>("nosuch").is_none());
}

/// Views see that links lead elsewhere, chained and relative ones included.
async fn links_that_change(place: &Place) {
    let zk = place.connect().await;
    for (path, data) in [
        ("/a", json!({"to ->": "b"})),
        ("/a/b", json!({"x": 1})),
        ("/a/b/one", json!({})),
        ("/c", json!({"x": 2})),
        ("/c/two", json!({})),
        ("/p", json!({"y =>": "q z", "w =>": "../a/to x"})),
        ("/p/q", json!({"z =>": "/r"})),
        ("/r", json!({"z": 1})),
    ] {
        create(&zk, path, data).await;
    }
    let children = zk.children("/a/to").await.unwrap();
    let properties = zk.properties("/a/to").await.unwrap();
    let linked = zk.properties("/p").await.unwrap();
    assert_eq!(
        (children.names(), properties.get("x")),
        (vec!["one".to_owned()], Some(json!(1)))
    );
    assert_eq!(
        (linked.get("y"), linked.get("w")),
        (Some(json!(1)), Some(json!(1)))
    );
    zk.update("/r", object(json!({"z": 5}))).await.unwrap();
    eventually(|| linked.get("y") == Some(json!(5))).await;
    // The link is turned while what it led to still stands.
    let mut changes = children.changes();
    zk.update("/a", object(json!({"to ->": "/c"})))
        .await
        .unwrap();
    assert_eq!(change_text(&changes.next().await.unwrap()), "+two -one ~");
    eventually(|| properties.get("x") == Some(json!(2))).await;
    eventually(|| linked.get("w") == Some(json!(2))).await;
    // A node in the link's place hides it.
    create(&zk, "/a/to", json!({"x": 3})).await;
    eventually(|| children.is_empty() && properties.get("x") == Some(json!(3))).await;
    eventually(|| linked.get("w") == Some(json!(3))).await;
    zk.delete("/a/to", None).await.unwrap();
    eventually(|| children.names() == ["two"] && properties.get("x") == Some(json!(2))).await;
    // A dangling link, and its target's return.
    zk.delete_recursive("/c", Removal::default()).await.unwrap();
    eventually(|| children.snapshot().is_deleted() && properties.snapshot().is_deleted()).await;
    eventually(|| linked.get("w").is_none()).await;
    create(&zk, "/c", json!({"x": 4})).await;
    create(&zk, "/c/three", json!({})).await;
    eventually(|| children.names() == ["three"] && properties.get("x") == Some(json!(4))).await;
    eventually(|| linked.get("w") == Some(json!(4))).await;
    // A circle is an error of that one property.
    zk.set("/r", b"{\"z =>\":\"/p y\"}", None).await.unwrap();
    eventually(|| linked.snapshot().look("y").unwrap().is_err()).await;
    assert_eq!(linked.get("w"), Some(json!(4)));
}

async fn a_view_of_the_root(place: &Place) {
    let zk = place.connect().await;
    let view = zk.children("/").await.unwrap();
    let properties = zk.properties("/").await.unwrap();
    let before = view.len();
    create(&zk, "/a", json!({})).await;
    eventually(|| view.len() == before + 1).await;
    assert!(view.get("a").is_some());
    zk.set("/", b"{\"x\":1}", None).await.unwrap();
    eventually(|| properties.get("x") == Some(json!(1))).await;
}

/// Whatever becomes of the connection, a view ends with what there is, and tells each step once.
#[tokio::test]
async fn cuts_and_expiries_are_survived() {
    let place = Place::embedded();
    let server = place.server.as_ref().unwrap();
    let (zk, other) = (place.connect().await, place.connect().await);
    create(&other, "/a", json!({})).await;
    create(&other, "/a/steady", json!({})).await;
    let children = zk.children("/a").await.unwrap();
    let properties = zk.properties("/a").await.unwrap();
    let mut changes = children.changes();
    let names: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = names.clone();
    let replay = tokio::spawn(async move {
        let mut names: Vec<String> = changes.start().names().map(str::to_owned).collect();
        while let Some(change) = changes.next().await {
            for child in &change.added {
                assert!(!names.contains(&child.name().to_owned()), "added twice");
                names.push(child.name().to_owned());
            }
            for child in &change.removed {
                let place = names.iter().position(|name| name == child.name());
                names.remove(place.expect("it was there"));
            }
            names.sort_unstable();
            assert_eq!(names, change.snapshot.names().collect::<Vec<_>>());
            *sink.lock().unwrap() = names.clone();
        }
    });
    for round in 0..30 {
        let session = zk.session_id();
        match (round % 3, session) {
            (0, Some(session)) => _ = server.cut(session),
            (1, Some(session)) => _ = server.expire(session),
            _ => {}
        }
        create(&other, &format!("/a/{round}"), json!({"round": round})).await;
        other
            .update("/a", [("round".to_owned(), json!(round))])
            .await
            .unwrap();
        if round > 3 {
            other
                .delete(&format!("/a/{}", round - 3), None)
                .await
                .unwrap();
        }
        if round % 5 == 0 {
            eventually(|| properties.get("round") == Some(json!(round))).await;
        }
    }
    let last = ["0", "27", "28", "29", "steady"];
    eventually(|| children.names() == last).await;
    eventually(|| properties.get("round") == Some(json!(29))).await;
    eventually(|| *names.lock().unwrap() == last).await;
    zk.close().await;
    replay.await.unwrap();
}

/// One change of one child costs one read.
#[tokio::test]
async fn only_what_changed_is_read() {
    let place = Place::embedded();
    let server = place.server.as_ref().unwrap();
    let zk = place.connect().await;
    create(&zk, "/a", json!({})).await;
    for n in 0..300 {
        create(&zk, &format!("/a/{n}"), json!({})).await;
    }
    let view = zk.children("/a").await.unwrap();
    assert_eq!(view.len(), 300);
    let mut changes = view.changes();
    let reads = |kind| server.requests(kind);
    let before = (reads(RequestKind::GetData), reads(RequestKind::GetChildren));
    for _ in 0..10 {
        zk.set("/a/7", b"{}", None).await.unwrap();
        changes.next().await.unwrap();
    }
    let after = (reads(RequestKind::GetData), reads(RequestKind::GetChildren));
    assert_eq!((after.0 - before.0, after.1 - before.1), (10, 0));
}

/// Watches that nobody needs any more are taken away, and can be made again.
#[tokio::test]
async fn views_come_and_go() {
    let place = Place::embedded();
    let zk = place.connect().await;
    create(&zk, "/a", json!({"n": 0})).await;
    for n in 0..50 {
        let (one, two) = (
            zk.properties("/a").await.unwrap(),
            zk.children("/a").await.unwrap(),
        );
        let three = zk.properties("/a").await.unwrap();
        drop(one);
        if n % 2 == 0 {
            drop(two);
        }
        zk.set("/a", json!({"n": n}).to_string().as_bytes(), None)
            .await
            .unwrap();
        eventually(|| three.get("n") == Some(json!(n))).await;
    }
}

/// Every request of watching is lost, before and after it was done.
#[tokio::test]
async fn no_lost_request_costs_a_view_a_change() {
    let kinds = [
        RequestKind::AddWatch,
        RequestKind::GetData,
        RequestKind::GetChildren,
        RequestKind::Multi,
    ];
    for fault in [Fault::LoseRequest, Fault::LoseReply] {
        for kind in kinds {
            let place = Place::embedded();
            let server = place.server.as_ref().unwrap();
            let (zk, other) = (place.connect().await, place.connect().await);
            create(&zk, "/link", json!({"a ->": "/a", "y =>": "/a x"})).await;
            create(&zk, "/a", json!({"x": 0})).await;
            create(&zk, "/a/0", json!({})).await;
            let strike = || {
                let session = zk.session_id().unwrap();
                server.inject(Matching::kind(kind).session(session), fault);
            };
            strike();
            let children = zk.children("/link/a").await.unwrap();
            strike();
            let properties = zk.properties("/link").await.unwrap();
            let mut changes = children.changes();
            for n in 1..4 {
                strike();
                create(&other, &format!("/a/{n}"), json!({})).await;
                other.update("/a", object(json!({"x": n}))).await.unwrap();
                eventually(|| children.len() == n + 1).await;
                eventually(|| properties.get("y") == Some(json!(n))).await;
                let change = changes.next().await.unwrap();
                assert_eq!(
                    change_text(&change),
                    format!("+{n} - ~"),
                    "{kind:?} {fault:?}"
                );
            }
        }
    }
}
