//! Several batches in flight: strictly in order, whatever goes wrong between them.

use std::time::{Duration, Instant};

use zkt::model::plan::{Action, Add};
use zkt::zookeeper::executor::{BatchKind, Conflict, Event, ExecuteOptions, Stop, execute};
use zkt::zookeeper::session::{Options, Session};
use zookeeper_client::{AddWatchMode, Client, EventType, PersistentWatcher};

use super::*;
use crate::relay::{Mode, Relay};
use crate::server::{options, options_as, session, shared};

/// Batches of at most so many operations, so many in flight.
pub(crate) fn flight(operations: usize, window: usize) -> ExecuteOptions {
    ExecuteOptions {
        window,
        ..split(operations)
    }
}

fn adds(count: usize) -> Vec<Action> {
    (0..count)
        .map(|i| add(&format!("/n{i:02}"), "ours"))
        .collect()
}

/// Sees every node that is created or deleted.
pub(crate) struct Spy {
    client: Client,
    watcher: PersistentWatcher,
}

impl Spy {
    pub(crate) async fn on(hosts: &str) -> Self {
        let client = Client::connect(hosts).await.unwrap();
        let watcher = client
            .watch("/", AddWatchMode::PersistentRecursive)
            .await
            .unwrap();
        Self { client, watcher }
    }

    /// What was seen so far, one a line: `+` or `-`, and the path, with `MARKER` for a marker.
    pub(crate) async fn seen(&mut self) -> Vec<String> {
        create(&self.client, "/seen", "").await;
        self.client.delete("/seen", None).await.unwrap();
        let mut seen = Vec::new();
        loop {
            let event = self.watcher.changed().await;
            let sign = match event.event_type {
                EventType::NodeCreated => '+',
                EventType::NodeDeleted => '-',
                _ => continue,
            };
            match (sign, event.path.as_ref()) {
                ('-', "/seen") => return seen,
                (_, "/seen") => {}
                (_, path) => seen.push(format!("{sign}{}", unmarked(path))),
            }
        }
    }
}

/// Of what a spy has seen of an execution and its end: there was one marker at a time, below a node
/// that was created first, and none is left.
pub(crate) fn check_markers(seen: &[String]) {
    let mut there = None;
    for (i, line) in seen.iter().enumerate() {
        let Some((parent, _)) = line[1..].split_once("/MARKER") else {
            continue;
        };
        if line.starts_with('+') {
            assert_eq!(there.replace(parent), None, "{seen:?}");
            assert!(seen[..i].contains(&format!("+{parent}")), "{seen:?}");
        } else {
            assert_eq!(there.take(), Some(parent), "{seen:?}");
        }
    }
    assert_eq!(there, None, "{seen:?}");
}

/// A path with `MARKER` in place of a marker's name.
fn unmarked(path: &str) -> String {
    let names = path.split('/').map(|name| {
        if name.starts_with("zkt-applying-") {
            "MARKER"
        } else {
            name
        }
    });
    names.collect::<Vec<_>>().join("/")
}

/// Whether there is a marker anywhere.
pub(crate) async fn has_marker(session: &Session) -> bool {
    shown(session).await.contains("zkt-applying-")
}

#[tokio::test]
async fn each_batch_leaves_a_marker_below_a_new_node_and_takes_the_one_before() {
    let (hosts, session) = session("marker").await;
    create(&Client::connect(&hosts).await.unwrap(), "/old", "old").await;
    let mut spy = Spy::on(&hosts).await;
    let actions = vec![
        add("/old/a", "1"),
        add("/old/a/b", "2"),
        add("/z", "3"),
        update("/old", 0, Some("new"), None),
        link("/z", None, "3 ->"),
    ];
    let report = run(&session, actions, &flight(1, 4)).await;
    assert_eq!((stop(&report), report.batches.len()), (String::new(), 5));
    assert_eq!((report.applied, report.committed_operations), (5, 5));
    let (added, taken) = ("+/old/a/MARKER", "-/old/a/MARKER");
    assert_eq!(
        spy.seen().await,
        [
            "+/old/a",
            added, // the first
            taken,
            "+/old/a/b",
            added, // the second
            taken,
            "+/z",
            added, // the third
            taken,
            added, // the fourth
            taken, // the last
        ]
    );
    insta::assert_snapshot!(shown(&session).await, @r#"
    /old "new" at 1
    /old/a "1" at 0
    /old/a/b "2" at 0
    /z "3 ->" at 1
    "#);
}

#[tokio::test]
async fn a_marker_is_only_where_several_batches_are_in_flight_together() {
    let (hosts, session) = session("unmarked").await;
    let mut spy = Spy::on(&hosts).await;
    let two = run(&session, adds(4), &flight(2, 4)).await;
    let trims: Vec<Action> = (0..4).map(|i| trim(&format!("/n{i:02}"), 0)).collect();
    let no_creation = run(&session, trims, &flight(1, 4)).await;
    let one_at_a_time = run(&session, adds(4), &flight(1, 1)).await;
    let closed = |i: usize| match add(&format!("/closed{i}"), "") {
        Action::Add(add) => Action::Add(Add {
            acl: Some(acl("world:anyone:cra")),
            ..add
        }),
        _ => unreachable!(),
    };
    let closed = run(&session, (0..4).map(closed).collect(), &flight(1, 4)).await;
    let batches = [two, no_creation, one_at_a_time, closed].map(|report| {
        assert_eq!(stop(&report), "");
        report.batches.len()
    });
    assert_eq!(batches, [2, 4, 4, 4]);
    let seen = spy.seen().await;
    assert_eq!(seen.len(), 16);
    assert!(!seen.iter().any(|path| path.contains("MARKER")), "{seen:?}");
}

#[tokio::test]
async fn where_the_marker_is_refused_batches_go_one_at_a_time() {
    let (hosts, session) = session("refused-marker").await;
    let mut spy = Spy::on(&hosts).await;
    let mut actions = adds(6);
    let Action::Add(first) = &mut actions[0] else {
        unreachable!()
    };
    // Somebody else may create nodes below it, but not this session.
    first.acl = Some(acl("digest:ops:HASH=:cdrwa world:anyone:r"));
    let mut told = Vec::new();
    let mut events = |event: &Event| {
        told.push(match event {
            Event::Starting(batch) => format!("{}", batch.index),
            Event::Committed(batch) => format!("+{}", batch.index),
        });
    };
    let report = execute(&session, &plan(actions), &flight(2, 4), &mut events).await;
    assert_eq!(stop(&report), "");
    assert_eq!(fates(&report), "++++++");
    assert_eq!(told.join(" "), "0 0 +0 1 +1 2 +2");
    let seen = spy.seen().await;
    assert_eq!(seen.len(), 6);
    assert!(!seen.iter().any(|path| path.contains("MARKER")), "{seen:?}");
}

#[tokio::test]
async fn batches_are_told_in_order_and_no_more_in_flight_than_the_window() {
    for window in 1..=5 {
        let (_hosts, session) = session("window").await;
        let (mut started, mut committed, mut most) = (0, 0, 0);
        let mut events = |event: &Event| {
            match event {
                Event::Starting(batch) => {
                    assert_eq!(batch.index, started);
                    started += 1;
                }
                Event::Committed(batch) => {
                    assert_eq!(batch.index, committed);
                    committed += 1;
                }
            }
            most = most.max(started - committed);
        };
        let report = execute(&session, &plan(adds(12)), &flight(1, window), &mut events).await;
        assert_eq!(stop(&report), "");
        assert_eq!((started, committed, most), (12, 12, window));
    }
}

/// A foreign writer did just what a batch in the middle would do: what the next one could see of
/// its success is there, and still nothing of the next one may be done.
#[tokio::test]
async fn what_looks_like_the_success_of_a_refused_batch_does_not_let_the_next_one_pass() {
    for window in 1..=5 {
        let (hosts, session) = session("looks-alike").await;
        let client = Client::connect(&hosts).await.unwrap();
        create(&client, "/set", "old").await;
        let before = vec![
            (add("/n02", "ours"), "/n02: it exists already"),
            (
                update("/set", 0, Some("ours"), None),
                "/set: it was changed meanwhile",
            ),
        ];
        // The very node, with the very data at the very version that the batch leaves.
        create(&client, "/n02", "ours").await;
        client.set_data("/set", b"ours", None).await.unwrap();
        for (refused, message) in before {
            let mut actions = vec![add("/n00", "ours"), add("/n01", "ours"), refused];
            actions.extend((3..9).map(|i| add(&format!("/n{i:02}"), "ours")));
            let report = run(&session, actions, &flight(1, window)).await;
            assert_eq!(stop(&report), message);
            assert_eq!(fates(&report), "++-------");
            assert_eq!((report.batches.len(), report.committed_operations), (2, 2));
            let shown = shown(&session).await;
            let expected =
                "/n00 'ours' at 0\n/n01 'ours' at 0\n/n02 'ours' at 0\n/set 'ours' at 1\n";
            assert_eq!(shown.replace('"', "'"), expected);
            for made in ["/n00", "/n01"] {
                client.delete(made, None).await.unwrap();
            }
        }
    }
}

/// Executes batches of two, and lets another client at the first marker while all behind it are on
/// their way.
async fn meddled<T>(
    hosts: &str,
    through: impl Fn(&str) -> Options,
    actions: Vec<Action>,
    meddle: impl AsyncFnOnce(&Client, &str) -> T,
) -> (Report, T) {
    let relay = Relay::to(shared().port()).await;
    let place = hosts.split_once('/').unwrap().1;
    let through = through(&format!("{}/{place}", relay.address()));
    let session = Session::connect(&through).await.unwrap();
    let other = Client::connect(hosts).await.unwrap();
    let home = actions[0].path().clone();
    let switch = relay.switch();
    let mut events = |event: &Event| {
        if matches!(event, Event::Committed(batch) if batch.index == 0) {
            switch(Mode::Stall);
        }
    };
    let meddle = async {
        let marker = loop {
            match other.list_children(home.as_str()).await {
                Ok(children) if !children.is_empty() => break home.join(&children[0]),
                _ => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        };
        let done = meddle(&other, marker.as_str()).await;
        relay.set(Mode::Forward);
        done
    };
    let (plan, options) = (plan(actions), flight(2, 4));
    tokio::join!(execute(&session, &plan, &options, &mut events), meddle)
}

#[tokio::test]
async fn nobody_can_set_a_marker() {
    let (hosts, session) = session("set-marker").await;
    let set = async |other: &Client, marker: &str| other.set_data(marker, b"", None).await;
    let (report, set) = meddled(&hosts, options, adds(8), set).await;
    assert_eq!(set, Err(Refusal::NoAuth));
    assert_eq!(stop(&report), "");
    assert_eq!(shown(&session).await.lines().count(), 8);
}

#[tokio::test]
async fn without_its_marker_nothing_follows_a_batch() {
    let (hosts, session) = session("delete-marker").await;
    let delete = async |other: &Client, marker: &str| other.delete(marker, None).await;
    let (report, deleted) = meddled(&hosts, options, adds(8), delete).await;
    assert_eq!(deleted, Ok(()));
    let Some(Stop::Conflict {
        path,
        action: 2,
        reason: Conflict::Missing,
    }) = &report.stop
    else {
        panic!("{report:?}")
    };
    assert_eq!(unmarked(path.as_str()), "/n00/MARKER");
    assert_eq!(fates(&report), "++------");
    assert_eq!(shown(&session).await.lines().count(), 2);
}

#[tokio::test]
async fn below_a_closed_node_nobody_else_can_delete_a_marker() {
    let (hosts, session) = session("closed").await;
    let mut spy = Spy::on(&hosts).await;
    let mut actions = adds(8);
    let Action::Add(first) = &mut actions[0] else {
        unreachable!()
    };
    first.acl = Some(acl("world:anyone:r auth::cdrwa"));
    let delete = async |other: &Client, marker: &str| other.delete(marker, None).await;
    let ops = |hosts: &str| options_as(hosts, "ops:secret");
    let (report, deleted) = meddled(&hosts, ops, actions, delete).await;
    assert_eq!(deleted, Err(Refusal::NoAuth));
    assert_eq!(stop(&report), "");
    assert!(!has_marker(&session).await);
    let seen = spy.seen().await;
    let markers = seen.iter().filter(|path| path.contains("MARKER")).count();
    assert_eq!((seen.len() - markers, markers), (8, 6), "{seen:?}");
}

/// Six batches of two with all in flight that may be, through a relay that misbehaves as soon as
/// the second batch starts; also the session that looks at what stands.
async fn fly_through(mode: Mode, after: Duration, session_timeout: Duration) -> (Report, Session) {
    let server = shared();
    let place = server.chroot("flown").await;
    let relay = Relay::to(server.port()).await;
    let through = Options {
        session_timeout,
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&through).await.unwrap();
    let switch = relay.switch();
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(batch) if batch.index == 1) {
            switch(mode);
        }
    };
    let restore = async {
        tokio::time::sleep(after).await;
        relay.set(Mode::Forward);
    };
    let recovery = if after.is_zero() {
        Duration::from_secs(3)
    } else {
        Duration::from_secs(20)
    };
    let options = ExecuteOptions {
        recovery,
        ..flight(2, 4)
    };
    let plan = plan(adds(12));
    let running = execute(&session, &plan, &options, &mut events);
    let report = if after.is_zero() {
        running.await
    } else {
        tokio::join!(running, restore).0
    };
    let direct = options_of(&place).await;
    (report, direct)
}

async fn options_of(place: &str) -> Session {
    Session::connect(&options(&(shared().address() + place)))
        .await
        .unwrap()
}

/// Of the report all is certain, and it is what stands.
async fn check_certain(report: &Report, session: &Session) {
    assert!(!fates(report).contains('?'), "{report:?}");
    let shown = shown(session).await;
    let nodes = shown.lines().filter(|line| !line.contains("zkt-applying-"));
    assert_eq!(nodes.count(), report.applied, "{report:?}\n{shown}");
    assert_eq!(report.applied, report.committed_operations, "{report:?}");
    assert_eq!(report.batches.len() * 2, report.applied, "{report:?}");
}

#[tokio::test]
async fn a_cut_with_several_in_flight_is_told_truthfully() {
    let long = Duration::from_secs(10);
    for mode in [Mode::CutBeforeRequest, Mode::CutBeforeReply] {
        let (report, session) = fly_through(mode, Duration::ZERO, long).await;
        assert!(
            matches!(report.stop, Some(Stop::Disconnected { .. })),
            "{report:?}"
        );
        check_certain(&report, &session).await;
        assert!(!has_marker(&session).await);
    }
}

#[tokio::test]
async fn a_reply_that_never_comes_is_told_by_those_that_follow() {
    let short = Duration::from_secs(2);
    let (report, session) = fly_through(Mode::SwallowOnce, Duration::ZERO, short).await;
    check_certain(&report, &session).await;
    assert!(!has_marker(&session).await);
}

#[tokio::test]
async fn a_session_that_ends_with_several_in_flight_is_told_truthfully() {
    let mut all = Vec::new();
    for mode in [Mode::CutBeforeReplyForGood, Mode::Stall, Mode::Swallow] {
        all.push(tokio::spawn(async move {
            let (outage, short) = (Duration::from_secs(4), Duration::from_secs(1));
            let (report, session) = fly_through(mode, outage, short).await;
            check_certain(&report, &session).await;
            (report, session)
        }));
    }
    for run in all {
        let (_, session) = run.await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while has_marker(&session).await {
            assert!(Instant::now() < deadline, "the marker stays");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn without_a_server_to_ask_all_in_flight_are_uncertain() {
    let (report, session) = fly_through(
        Mode::CutBeforeReplyForGood,
        Duration::ZERO,
        Duration::from_secs(2),
    )
    .await;
    let Some(Stop::Uncertain { actions, .. }) = &report.stop else {
        panic!("{report:?}")
    };
    assert_eq!(*actions, 2..10);
    assert_eq!(fates(&report), "++????????--");
    let standing = shown(&session).await;
    let nodes = standing
        .lines()
        .filter(|line| !line.contains("zkt-applying-"));
    assert!((2..=10).contains(&nodes.count()), "{standing}");
}

#[tokio::test]
async fn a_dropped_execution_removes_its_marker_behind_what_is_in_flight() {
    for polls in [2, 3, 4] {
        let (hosts, session) = session("dropped-flight").await;
        let mut spy = Spy::on(&hosts).await;
        // Replies arrive between two polls only: each poll sends no more than a window.
        let actions = plan(adds(20));
        let options = flight(1, 4);
        let (mut sent, mut left) = (0, polls);
        let mut events = |event: &Event| {
            if matches!(event, Event::Starting(_)) {
                sent += 1;
            }
        };
        let mut running = Box::pin(execute(&session, &actions, &options, &mut events));
        std::future::poll_fn(|context| {
            assert!(running.as_mut().poll(context).is_pending());
            left -= 1;
            if left == 0 {
                return std::task::Poll::Ready(());
            }
            std::task::Poll::Pending
        })
        .await;
        drop(running);
        // What the session asks now comes after all that.
        let shown = shown(&session).await;
        assert_eq!(shown.lines().count(), sent, "{shown}");
        let seen = spy.seen().await;
        assert_eq!(seen.last().unwrap(), "-/n00/MARKER", "{seen:?}");
    }
}

/// ACL changes wait for all batches before them.
#[tokio::test]
async fn acls_change_only_after_all_that_is_in_flight() {
    let (hosts, _) = session("acls-last").await;
    let session = Session::connect(&options_as(&hosts, "ops:secret"))
        .await
        .unwrap();
    create(&Client::connect(&hosts).await.unwrap(), "/old", "old").await;
    let closed = acl("world:anyone:r");
    let mut actions = vec![update("/old", 0, Some("new"), Some((0, closed)))];
    actions.extend((0..8).map(|i| add(&format!("/old/n{i}"), "")));
    let report = run(&session, actions, &flight(1, 4)).await;
    assert_eq!(stop(&report), "");
    assert_eq!(fates(&report), "+++++++++");
    let kinds: Vec<BatchKind> = report.batches.iter().map(|batch| batch.kind).collect();
    assert_eq!(kinds[..9], [BatchKind::Atomic; 9]);
    assert_eq!(kinds[9..], [BatchKind::Acls]);
}

/// Of two that do the same at once, each reports just what it did.
#[tokio::test]
async fn two_executions_at_once_never_mix() {
    for (operations, window) in [(1, 4), (2, 3), (3, 5)] {
        let (hosts, session) = session("two").await;
        let one = |whose: &'static str| {
            let hosts = hosts.clone();
            async move {
                let session = Session::connect(&options(&hosts)).await.unwrap();
                let nodes = (0..24).map(|i| add(&format!("/n{i:02}"), whose));
                let report = run(&session, nodes.collect(), &flight(operations, window)).await;
                (whose, report)
            }
        };
        let (a, b) = tokio::join!(one("a"), one("b"));
        let shown = shown(&session).await;
        for (whose, report) in [a, b] {
            assert!(
                matches!(report.stop, None | Some(Stop::Conflict { .. })),
                "{report:?}"
            );
            let theirs = shown
                .lines()
                .filter(|line| line.contains(&format!("\"{whose}\"")));
            assert_eq!(theirs.count(), report.applied, "{report:?}\n{shown}");
            assert_eq!(report.applied, report.committed_operations);
        }
        assert!(!has_marker(&session).await);
    }
}
