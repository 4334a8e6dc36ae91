//! Many registrations and many views on one session.

use serde_json::json;
use zkt::services::{ChildrenView, Import};

use super::{Place, eventually};

const MANY: usize = 1000;

/// Their watches must not keep the client from coming back (see `hub`).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_registrations_and_a_thousand_views() {
    let place = Place::embedded();
    let server = place.server.as_ref().unwrap();
    let zk = place.connect().await;
    let tree: String = (0..MANY)
        .map(|n| format!("  /service-{n:04}\n    /providers\n"))
        .collect();
    let import = Import::default();
    zk.import_tree(&format!("/services\n{tree}"), &import)
        .await
        .unwrap();
    let path = |n: usize| format!("/services/service-{n:04}/providers");
    let registering: Vec<_> = (0..MANY)
        .map(|n| tokio::spawn(zk.register(path(n), "10.0.0.1:8080").into_future()))
        .collect();
    let mut registrations = Vec::new();
    for registration in registering {
        registrations.push(registration.await.unwrap().unwrap());
    }
    let viewing: Vec<_> = (0..MANY)
        .map(|n| {
            let zk = zk.clone();
            tokio::spawn(async move { zk.children(&path(n)).await })
        })
        .collect();
    let mut views = Vec::new();
    for view in viewing {
        views.push(view.await.unwrap().unwrap());
    }
    let session = zk.session_id().unwrap();
    assert!(views.iter().all(|view| view.len() == 1));
    // The same session comes back after a cut, and sees on.
    assert!(server.cut(session));
    let other = place.connect().await;
    let mut theirs = Vec::new();
    for n in (0..MANY).step_by(100) {
        theirs.push(other.register(path(n), "10.0.0.2:8080").await.unwrap());
    }
    eventually(|| (0..MANY).step_by(100).all(|n| views[n].len() == 2)).await;
    assert_eq!(zk.session_id(), Some(session));
    // A new session has them all.
    assert!(server.expire(session));
    eventually(|| {
        let session = zk.session_id().unwrap_or_default();
        let ours = |(_, owner): &(String, i64)| *owner == session;
        server.ephemerals().iter().filter(|one| ours(one)).count() == MANY
    })
    .await;
    let changes: Vec<_> = views.iter().map(ChildrenView::changes).collect();
    for registration in &registrations {
        registration
            .update([("x".to_owned(), json!(1))])
            .await
            .unwrap();
    }
    eventually(|| {
        let is_new = |view: &ChildrenView| {
            let child = view.get("10.0.0.1:8080");
            child.is_some_and(|child| child.properties().get("x") == Some(&json!(1)))
        };
        views.iter().all(is_new)
    })
    .await;
    drop(changes);
    zk.close().await;
    assert_eq!(server.ephemerals().len(), theirs.len());
}

/// Their paths have more than 128 KiB together.
#[tokio::test]
async fn long_paths_do_not_cost_the_session() {
    let place = Place::embedded();
    let server = place.server.as_ref().unwrap();
    let zk = place.connect().await;
    let name = |n: usize| format!("{n:04}-{}", "x".repeat(200));
    let tree: String = (0..MANY).map(|n| format!("  /{}\n", name(n))).collect();
    let import = Import::default();
    zk.import_tree(&format!("/long\n{tree}"), &import)
        .await
        .unwrap();
    let mut views = Vec::new();
    for n in 0..MANY {
        let path = format!("/long/{}", name(n));
        views.push((
            zk.children(&path).await.unwrap(),
            zk.properties(&path).await.unwrap(),
        ));
    }
    let session = zk.session_id().unwrap();
    let other = place.connect().await;
    for round in 1..3 {
        assert!(server.cut(session));
        for n in (0..MANY).step_by(99) {
            let path = format!("/long/{}", name(n));
            let new = zkt::services::NewNode::default();
            other
                .create(&format!("{path}/{round}"), b"", &new)
                .await
                .unwrap();
            other
                .update(&path, [("round".to_owned(), json!(round))])
                .await
                .unwrap();
        }
        eventually(|| {
            let mut every = views.iter().step_by(99);
            every.all(|(children, properties)| {
                children.len() == round && properties.get("round") == Some(json!(round))
            })
        })
        .await;
        assert_eq!(zk.session_id(), Some(session));
    }
    // Others can go and come again.
    let path = format!("/long/{}", name(MANY - 1));
    drop(views);
    let view = zk.children(&path).await.unwrap();
    let new = zkt::services::NewNode::default();
    other
        .create(&format!("{path}/late"), b"", &new)
        .await
        .unwrap();
    eventually(|| view.get("late").is_some()).await;
    assert_eq!(zk.session_id(), Some(session));
}
