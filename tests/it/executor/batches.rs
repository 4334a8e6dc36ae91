//! How a plan is cut into batches, and what a conflict leaves of them.

use std::time::Duration;

use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::plan::Action;
use zkt::zookeeper::executor::{
    BatchFate, BatchKind, Conflict, Event, ExecuteOptions, Fate, Stop, execute,
};
use zkt::zookeeper::live;
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, Client, CreateMode};

use crate::relay::{Mode, Relay};
use crate::server::{options, session, shared};

use super::{
    add, batch_fates, create, done, fates, link, one_at_a_time, path, plan, run, run_all, shown,
    split, stop, trim, update,
};

#[tokio::test]
async fn a_plan_is_one_batch_with_links_fused() {
    let (hosts, session) = session("fused").await;
    let client = Client::connect(&hosts).await.unwrap();
    for node in ["/old", "/gone", "/gone/x", "/linked"] {
        create(&client, node, "old").await;
    }
    client.set_data("/old", b"older", None).await.unwrap();
    let actions = vec![
        add("/a", "1"),
        add("/a/b", "2"),
        update("/old", 1, Some("new"), None),
        link("/a", None, "1 ->"),
        link("/old", Some(1), "new ->"),
        link("/linked", Some(0), "old ->"),
        trim("/gone/x", 0),
        trim("/gone", 0),
    ];
    let mut events = Vec::new();
    let mut note = |event: &Event| events.push(event.clone());
    let report = execute(
        &session,
        &plan(actions),
        &ExecuteOptions::default(),
        &mut note,
    )
    .await;
    assert_eq!(report.stop, None);
    assert_eq!(fates(&report), "++++++++");
    events.retain(|event| !matches!(event, Event::Action(..)));
    let [Event::Starting(started), Event::Committed(committed)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(started, committed);
    assert_eq!(
        (committed.index, committed.count, committed.operations),
        (0, 1, 6)
    );
    assert_eq!(
        (committed.actions.clone(), committed.kind),
        (0..8, BatchKind::Atomic)
    );
    assert_eq!(report.batches, [(committed.clone(), BatchFate::Committed)]);
    insta::assert_snapshot!(shown(&session).await, @r#"
    /a "1 ->" at 0
    /a/b "2" at 0
    /linked "old ->" at 1
    /old "new ->" at 2
    "#);
}

#[tokio::test]
async fn split_batches_advance_the_versions_that_they_wrote_themselves() {
    let (hosts, session) = session("split").await;
    create(&Client::connect(&hosts).await.unwrap(), "/old", "old").await;
    let actions = || {
        vec![
            add("/a", "1"),
            add("/a/b", "2"),
            update("/old", 0, Some("new"), None),
            link("/a", None, "1 ->"),
            link("/old", Some(0), "new ->"),
            trim("/a/b", 0),
            trim("/old", 0),
        ]
    };
    let report = run(&session, actions(), &split(1)).await;
    assert_eq!(report.stop, None);
    assert_eq!((done(&report), report.batches.len()), (7, 7));
    insta::assert_snapshot!(shown(&session).await, @r#"/a "1 ->" at 1"#);
}

#[tokio::test]
async fn an_empty_plan_sends_nothing() {
    let (_hosts, session) = session("empty").await;
    let mut called = false;
    let empty = plan(Vec::new());
    let report = execute(&session, &empty, &ExecuteOptions::default(), &mut |_| {
        called = true;
    })
    .await;
    assert!(!called && report.stop.is_none() && report.fates.is_empty());
}

#[tokio::test]
async fn each_kind_of_conflict_leaves_nothing_of_its_batch() {
    let (hosts, session) = session("conflict").await;
    let client = Client::connect(&hosts).await.unwrap();
    create(&client, "/there", "").await;
    create(&client, "/changed", "").await;
    client.set_data("/changed", b"", None).await.unwrap();
    create(&client, "/full", "").await;
    create(&client, "/full/x", "").await;
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    client.create("/ephemeral", b"", &ephemeral).await.unwrap();
    let before = shown(&session).await;
    for (action, reason) in [
        (add("/there", ""), Conflict::Exists),
        (add("/missing/x", ""), Conflict::Missing),
        (add("/ephemeral/x", ""), Conflict::EphemeralParent),
        (update("/changed", 0, Some("x"), None), Conflict::Changed),
        (update("/missing", 0, Some("x"), None), Conflict::Missing),
        (link("/changed", Some(0), "x"), Conflict::Changed),
        (trim("/changed", 0), Conflict::Changed),
        (trim("/missing", 0), Conflict::Missing),
        (trim("/full", 0), Conflict::NotEmpty),
    ] {
        let at = action.path().clone();
        let actions = vec![
            add("/new", ""),
            add("/new/x", ""),
            action,
            add("/new/y", ""),
        ];
        let report = run_all(&session, actions).await;
        assert_eq!(
            report.stop,
            Some(Stop::Conflict {
                path: at,
                action: 2,
                reason
            })
        );
        assert_eq!(done(&report), 0);
        assert_eq!(
            (fates(&report).as_str(), batch_fates(&report)),
            ("----", "-".into())
        );
        assert_eq!(shown(&session).await, before);
    }
}

#[tokio::test]
async fn a_conflict_leaves_the_batches_before_it_and_in_flight() {
    let (hosts, session) = session("prefix").await;
    create(&Client::connect(&hosts).await.unwrap(), "/n4", "theirs").await;
    let mut actions: Vec<Action> = (0..8).map(|i| add(&format!("/n{i}"), "")).collect();
    actions.push(link("/n0", None, "x"));
    let report = run(&session, actions, &split(3)).await;
    insta::assert_snapshot!(stop(&report), @"/n4: it exists already");
    // The third was in flight together with the second.
    assert_eq!(fates(&report), "+++---++-");
    assert_eq!(batch_fates(&report), "+-+");
    insta::assert_snapshot!(shown(&session).await, @r#"
    /n0 "" at 0
    /n1 "" at 0
    /n2 "" at 0
    /n4 "theirs" at 0
    /n6 "" at 0
    /n7 "" at 0
    "#);
}

#[tokio::test]
async fn another_writer_between_two_batches_is_seen() {
    let (hosts, session) = session("between").await;
    let client = Client::connect(&hosts).await.unwrap();
    let handle = tokio::runtime::Handle::current();
    let actions = vec![add("/a", "1"), add("/b", "1"), link("/a", None, "2")];
    // Another writer comes in after the first batch.
    let mut writing = None;
    let mut events = |event: &Event| {
        if matches!(event, Event::Committed(batch) if batch.index == 0) {
            writing = Some(handle.spawn(client.set_data("/a", b"theirs", None)));
        }
    };
    // The other writer is on another connection: give its request time to arrive.
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::Delay(Duration::from_millis(100)));
    let place = hosts.split_once('/').unwrap().1;
    let slow = Session::connect(&options(&format!("{}/{place}", relay.address())))
        .await
        .unwrap();
    let report = execute(&slow, &plan(actions), &split(1), &mut events).await;
    insta::assert_snapshot!(stop(&report), @"/a: it was changed meanwhile");
    assert_eq!(fates(&report), "++-");
    insta::assert_snapshot!(shown(&session).await, @r#"
    /a "theirs" at 1
    /b "1" at 0
    "#);
}

#[tokio::test]
async fn an_oversized_node_is_refused_before_any_write() {
    let (_hosts, session) = session("oversized").await;
    let large = "x".repeat(1 << 20);
    let mut actions: Vec<Action> = (0..20).map(|i| add(&format!("/n{i}"), "")).collect();
    actions.push(add("/large", &large));
    let report = run(&session, actions, &split(5)).await;
    let place = session.chroot().as_str().len();
    let bytes = 8 + 9 + 9 + 4 + place + "/large".len() + 4 + (1 << 20) + 27 + 4;
    let (path, limit) = (path("/large"), 1_048_575);
    assert_eq!(
        report.stop,
        Some(Stop::TooLarge {
            path,
            action: 20,
            bytes,
            limit
        })
    );
    assert_eq!(shown(&session).await, "");
}

#[tokio::test]
async fn the_bytes_of_a_request_are_counted_exactly() {
    let (_hosts, session) = session("exact").await;
    let overhead = 8 + 9 + 9 + 4 + session.chroot().as_str().len() + 2 + 4 + 27 + 4;
    // The largest request that the server takes: one byte more, and it would drop the connection.
    let largest = "x".repeat(1_048_575 - overhead);
    let report = run_all(&session, vec![add("/a", &largest)]).await;
    assert_eq!(stop(&report), "");
    assert_eq!(report.batches[0].0.bytes, 1_048_575);
    let beyond = ExecuteOptions {
        request_limit: usize::MAX,
        ..ExecuteOptions::default()
    };
    let report = run(&session, vec![add("/b", &(largest + "x"))], &beyond).await;
    assert!(
        matches!(
            report.stop,
            Some(Stop::Disconnected {
                committed: false,
                ..
            })
        ),
        "{report:?}"
    );
}

#[tokio::test]
async fn tiny_batches_are_reported_truthfully_at_every_conflict() {
    for obstacle in 0..12 {
        let (hosts, session) = session("tiny").await;
        let nodes: Vec<String> = (0..12)
            .map(|i| "/x".repeat(i % 4 + 1) + &format!("{}", i / 4))
            .collect();
        let nodes: Vec<String> = nodes.iter().map(|n| n.replace("x/", "y/")).collect();
        let mut ordered: Vec<ZPath> = nodes
            .iter()
            .flat_map(|n| path(n).prefixes().collect::<Vec<_>>())
            .collect();
        ordered.sort();
        ordered.dedup();
        let obstacle = &ordered[obstacle % ordered.len()];
        let client = Client::connect(&hosts).await.unwrap();
        let actions: Vec<Action> = ordered.iter().map(|p| add(p.as_str(), "ours")).collect();
        // In the way only where its parent is.
        if obstacle.depth() == 1 {
            create(&client, obstacle.as_str(), "theirs").await;
        }
        let report = run(&session, actions, &split(2)).await;
        let tree = live::read_subtree(&session, &ZPath::root(), false, &mut |_| {})
            .await
            .unwrap();
        for (path, fate) in ordered.iter().zip(&report.fates) {
            let data = tree
                .get(path)
                .and_then(Live::node)
                .map(|node| node.data.as_slice());
            assert_eq!(
                data == Some(b"ours"),
                *fate == Fate::Done,
                "{path} {report:?}"
            );
        }
        assert_eq!(done(&report) == ordered.len(), report.stop.is_none());
    }
}

#[tokio::test]
async fn a_dropped_execution_sends_no_second_batch() {
    let (_hosts, session) = session("dropped").await;
    let actions = plan(vec![add("/a", ""), add("/b", "")]);
    let small = one_at_a_time(1);
    let mut ignore = |_: &Event| {};
    let mut running = Box::pin(execute(&session, &actions, &small, &mut ignore));
    std::future::poll_fn(|context| {
        assert!(running.as_mut().poll(context).is_pending());
        std::task::Poll::Ready(())
    })
    .await;
    drop(running);
    insta::assert_snapshot!(shown(&session).await, @r#"/a "" at 0"#);
}
