//! Connections and nodes that vanish while the tree is read.

use std::time::{Duration, Instant};

use zkt::model::path::ZPath;
use zkt::plan::scope::Children;
use zkt::zookeeper::live::{self, Error, FetchOptions};
use zkt::zookeeper::session::{Options, Session};

use crate::relay::{Mode, Relay};
use crate::server::{options, session, shared};

use super::{client, create, path, shown, want};

/// What changes between reading ahead and the rest may be seen as it was or as it is, but no node
/// without the one above it.
#[tokio::test]
async fn a_node_that_goes_or_comes_after_reading_ahead_leaves_a_whole_tree() {
    let (hosts, session) = session("ahead").await;
    let client = client(&hosts).await;
    for node in ["/a", "/a/b", "/a/b/c"] {
        create(&client, node, node.as_bytes()).await;
    }
    let wants = ["/a", "/a/b", "/a/b/c", "/n", "/n/o", "/n/p"];
    let wants = wants.map(|text| want(text, Children::List));
    let (sender, mut paths) = tokio::sync::mpsc::unbounded_channel();
    let early = [0, 2, 3, 4].map(|i| wants[i].path.clone());
    sender.send(early.to_vec()).unwrap();
    drop(sender);
    let options = FetchOptions::default();
    let ahead = live::read_ahead(&session, &mut paths, &options, &mut |_| {}).await;
    for gone in ["/a/b/c", "/a/b"] {
        client.delete(gone, None).await.unwrap();
    }
    for new in ["/n", "/n/o", "/n/p"] {
        create(&client, new, b"").await;
    }
    let ahead = ahead.unwrap();
    let after = live::fetch_after(&session, ahead, &wants, &options, &mut |_| {}).await;
    insta::assert_snapshot!(shown(&after.unwrap()), @r#"/a "/a""#);
}

#[tokio::test]
async fn cuts_while_reading_are_made_good() {
    let server = shared();
    let place = server.chroot("cuts").await;
    let direct = client(&(server.address() + &place)).await;
    for i in 0..300 {
        create(&direct, &format!("/n{i:03}"), b"data").await;
    }
    let relay = Relay::to(server.port()).await;
    let session = Session::connect(&options(&(relay.address() + &place)))
        .await
        .unwrap();
    let small = FetchOptions {
        batch_cap: 5,
        first_batch: 5,
        ..FetchOptions::default()
    };
    let switch = relay.switch();
    let mut calls = 0;
    let mut progress = |_| {
        calls += 1;
        match calls % 10 {
            3 => switch(Mode::CutBeforeReply),
            7 => switch(Mode::CutBeforeRequest),
            _ => {}
        }
    };
    let wants = [want("/", Children::Subtree)];
    let tree = live::fetch(&session, &wants, &small, &mut progress)
        .await
        .unwrap();
    assert_eq!(tree.len(), 301);
    assert!(calls > 50, "{calls}");
}

#[tokio::test]
async fn a_server_that_stays_away_is_an_error() {
    let server = shared();
    let place = server.chroot("away").await;
    let relay = Relay::to(server.port()).await;
    let short = Options {
        session_timeout: Duration::from_millis(700),
        // The end of the session comes first.
        request_timeout: Some(Duration::from_secs(60)),
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&short).await.unwrap();
    relay.set(Mode::Refuse);
    relay.cut();
    let started = Instant::now();
    let error = live::lookup(&session, &[path("/a")]).await.unwrap_err();
    assert!(matches!(error, Error::SessionEnded { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn nodes_that_vanish_while_reading_are_absent_with_all_below() {
    let (hosts, session) = session("vanish").await;
    let client = client(&hosts).await;
    for i in 0..40 {
        create(&client, &format!("/n{i:02}"), b"").await;
        create(&client, &format!("/n{i:02}/x"), b"").await;
    }
    // A writer that takes subtrees away and puts them back, as fast as it can.
    let writer = tokio::spawn(async move {
        for round in 0.. {
            let top = format!("/n{:02}", round * 7 % 40);
            client.delete(&format!("{top}/x"), None).await.unwrap();
            client.delete(&top, None).await.unwrap();
            create(&client, &top, b"").await;
            create(&client, &format!("{top}/x"), b"").await;
        }
    });
    let small = FetchOptions {
        batch_cap: 3,
        first_batch: 3,
        ..FetchOptions::default()
    };
    let mut wants = vec![want("/", Children::Subtree)];
    wants.extend((0..20).map(|i| want(&format!("/n{i:02}"), Children::Subtree)));
    for _ in 0..60 {
        let tree = live::fetch(&session, &wants, &small, &mut |_| {})
            .await
            .unwrap();
        assert_eq!(tree.orphan(&ZPath::root()), None);
    }
    writer.abort();
}
