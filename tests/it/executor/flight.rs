//! Several batches of a stage in flight: each happens or not by itself, and is reported so.

use std::time::Duration;

use zkt::model::plan::Action;
use zkt::zookeeper::executor::{BatchKind, Event, ExecuteOptions, Ledger, Stop, execute};
use zkt::zookeeper::session::{Options, Session};
use zookeeper_client::{AddWatchMode, Client, Error, EventType, PersistentWatcher};

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

    /// Waits until this node is created, which nobody else has seen.
    pub(crate) async fn sees(&mut self, path: &str) {
        loop {
            let event = self.watcher.changed().await;
            if event.event_type == EventType::NodeCreated && event.path == path {
                return;
            }
        }
    }

    /// What was seen so far: `+` or `-`, and the path.
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
                (_, path) => seen.push(format!("{sign}{path}")),
            }
        }
    }
}

/// Who lists children while a plan is carried out sees declared names only, and so does who sees
/// everything that is ever created.
#[tokio::test]
async fn nothing_is_ever_in_the_tree_that_is_not_declared() {
    let server = shared();
    let place = server.chroot("strangers").await;
    let relay = Relay::to(server.port()).await;
    let slow = Session::connect(&options(&(relay.address() + &place)))
        .await
        .unwrap();
    let hosts = server.address() + &place;
    let client = Client::connect(&hosts).await.unwrap();
    let mut spy = Spy::on(&hosts).await;
    let mut names: Vec<String> = (0..20).map(|i| format!("n{i:02}")).collect();
    let mut actions = vec![add("/top", "")];
    actions.extend(names.iter().map(|name| add(&format!("/top/{name}"), "")));
    let expected: Vec<String> = actions.iter().map(|a| format!("+{}", a.path())).collect();
    relay.set(Mode::HoldWriteAfter(2));
    let (plan, options, mut events) = (plan(actions), flight(2, 4), |_: &Event| {});
    let running = execute(&slow, &plan, &options, &mut events);
    let list = async {
        relay.holds_a_write().await;
        // What the relay has passed on is carried out a little later.
        let listed = loop {
            match client.list_children("/top").await {
                Ok(listed) if !listed.is_empty() => break listed,
                Ok(_) | Err(Error::NoNode) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(error) => panic!("{error}"),
            }
        };
        relay.set(Mode::Forward);
        listed
    };
    let (report, mut listed) = tokio::join!(running, list);
    assert_eq!(stop(&report), "");
    listed.sort();
    assert!(names.starts_with(&listed), "{listed:?}");
    listed = client.list_children("/top").await.unwrap();
    listed.sort();
    names.sort();
    assert_eq!(listed, names);
    assert_eq!(spy.seen().await, expected);
}

#[tokio::test]
async fn batches_start_in_order_and_no_more_in_flight_than_the_window() {
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
                Event::NotCommitted(batch) => panic!("{batch:?}"),
                Event::Action(..) => {}
            }
            most = most.max(started - committed);
        };
        let report = execute(&session, &plan(adds(12)), &flight(1, window), &mut events).await;
        assert_eq!(stop(&report), "");
        assert_eq!((started, committed, most), (12, 12, window));
    }
}

#[tokio::test]
async fn a_stage_begins_when_the_one_before_is_committed_whole() {
    let (hosts, session) = session("stages").await;
    let client = Client::connect(&hosts).await.unwrap();
    let mut actions = adds(5);
    for i in 0..5 {
        create(&client, &format!("/old{i}"), "old").await;
        create(&client, &format!("/gone{i}"), "old").await;
    }
    actions.extend((0..5).map(|i| update(&format!("/old{i}"), 0, Some("new"), None)));
    actions.extend((0..5).map(|i| link(&format!("/old{i}"), Some(0), "new ->")));
    actions.extend((0..5).map(|i| trim(&format!("/gone{i}"), 0)));
    let (mut begun, mut in_flight) = (Vec::new(), 0);
    let mut events = |event: &Event| match event {
        Event::Starting(batch) => {
            let stage = batch.actions.start / 5;
            assert_eq!((batch.actions.end - 1) / 5, stage);
            if !begun.contains(&stage) {
                assert_eq!(in_flight, 0);
                begun.push(stage);
            }
            in_flight += 1;
        }
        Event::Committed(_) => in_flight -= 1,
        Event::NotCommitted(batch) => panic!("{batch:?}"),
        Event::Action(..) => {}
    };
    let report = execute(&session, &plan(actions), &flight(2, 4), &mut events).await;
    assert_eq!((stop(&report), done(&report)), (String::new(), 20));
    assert_eq!(begun, [0, 1, 2, 3]);
}

/// What was in flight with a batch that is refused is done all the same, and nothing else.
#[tokio::test]
async fn after_the_first_that_fails_nothing_more_is_sent() {
    for window in 1..=5 {
        let (hosts, session) = session("fails").await;
        let client = Client::connect(&hosts).await.unwrap();
        // The very node, with the very data at the very version that the batch leaves.
        create(&client, "/n02", "ours").await;
        let report = run(&session, adds(12), &flight(1, window)).await;
        assert_eq!(stop(&report), "/n02: it exists already");
        let sent = "++-".to_owned() + &"+".repeat(window - 1);
        assert_eq!(batch_fates(&report), sent);
        assert_eq!(fates(&report), format!("{sent:-<12}"));
        assert_eq!(done(&report), window + 1);
        assert_eq!(shown(&session).await.lines().count(), window + 2);
    }
}

/// As with what adds nodes, also where the nodes are checked before.
#[tokio::test]
async fn after_an_update_that_fails_nothing_more_is_sent() {
    for window in 1..=4 {
        let (hosts, session) = session("update-fails").await;
        let client = Client::connect(&hosts).await.unwrap();
        for i in 0..12 {
            create(&client, &format!("/n{i:02}"), "old").await;
        }
        let updates = (0..12).map(|i| {
            let seen = if i == 1 { 7 } else { 0 };
            update(&format!("/n{i:02}"), seen, Some("ours"), None)
        });
        let actions = as_seen(&session, updates.collect()).await;
        let report = run(&session, actions, &flight(1, window)).await;
        assert_eq!(stop(&report), "/n01: it was changed meanwhile");
        let sent = "+-".to_owned() + &"+".repeat(window - 1);
        assert_eq!(batch_fates(&report), sent);
        assert_eq!(fates(&report), format!("{sent:-<12}"));
    }
}

#[tokio::test]
async fn a_later_stage_does_not_begin_after_a_failure() {
    for window in 1..=5 {
        let (hosts, session) = session("no-stage").await;
        create(&Client::connect(&hosts).await.unwrap(), "/set", "old").await;
        let mut actions = adds(2);
        actions.push(update("/set", 1, Some("ours"), None));
        actions.push(trim("/n00", 0));
        let report = run(&session, actions, &flight(1, window)).await;
        assert_eq!(stop(&report), "/set: it was changed meanwhile");
        assert_eq!(
            (fates(&report), batch_fates(&report)),
            ("++--".into(), "++-".into())
        );
        assert_eq!(shown(&session).await.lines().count(), 3);
    }
}

/// Requests are carried out in order, so children come after their parents, or not at all.
#[tokio::test]
async fn without_its_parent_a_node_is_not_created_and_without_its_children_none_deleted() {
    let (hosts, session) = session("parents").await;
    let client = Client::connect(&hosts).await.unwrap();
    create(&client, "/taken", "theirs").await;
    let names = ["/a", "/taken", "/a/b", "/a/c", "/d", "/e"];
    let actions = names.map(|name| add(name, "ours")).to_vec();
    let report = run(&session, actions, &flight(2, 4)).await;
    assert_eq!(stop(&report), "/taken: it exists already");
    assert_eq!(
        (fates(&report), batch_fates(&report)),
        ("----++".into(), "--+".into())
    );

    for name in ["/a", "/a/b"] {
        create(&client, name, "ours").await;
    }
    client.set_data("/a/b", b"theirs", None).await.unwrap();
    let actions = ["/a/b", "/a", "/d"].map(|name| trim(name, 0)).to_vec();
    let report = run(&session, actions, &flight(1, 4)).await;
    assert_eq!(stop(&report), "/a/b: it was changed meanwhile");
    assert_eq!(
        (fates(&report), batch_fates(&report)),
        ("--+".into(), "--+".into())
    );
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
    let shown = shown(session).await;
    let letter = |i: usize| match shown.contains(&format!("/n{i:02} ")) {
        true => '+',
        false => '-',
    };
    let expected: String = (0..12).map(letter).collect();
    assert_eq!(fates(report), expected, "{report:?}");
    assert_eq!(shown.lines().count(), done(report));
    let of_batches = batch_fates(report).replace('+', "++").replace('-', "--");
    assert_eq!(format!("{of_batches:-<12}"), expected, "{report:?}");
}

#[tokio::test]
async fn a_cut_with_several_in_flight_is_reported_truthfully() {
    let long = Duration::from_secs(10);
    for mode in [Mode::CutBeforeRequest, Mode::CutBeforeReply] {
        let (report, session) = fly_through(mode, Duration::ZERO, long).await;
        assert!(
            matches!(report.stop, Some(Stop::Disconnected { .. })),
            "{report:?}"
        );
        check_certain(&report, &session).await;
    }
}

#[tokio::test]
async fn a_reply_that_never_comes_is_reported_truthfully() {
    let short = Duration::from_secs(2);
    let (report, session) = fly_through(Mode::SwallowOnce, Duration::ZERO, short).await;
    check_certain(&report, &session).await;
}

#[tokio::test]
async fn a_session_that_ends_with_several_in_flight_is_reported_truthfully() {
    let mut all = Vec::new();
    for mode in [Mode::CutBeforeReplyForGood, Mode::Stall, Mode::Swallow] {
        all.push(tokio::spawn(async move {
            let (outage, short) = (Duration::from_secs(4), Duration::from_secs(1));
            let (report, session) = fly_through(mode, outage, short).await;
            check_certain(&report, &session).await;
        }));
    }
    for run in all {
        run.await.unwrap();
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
    assert_eq!(*actions, 0..8);
    assert_eq!(
        (fates(&report), batch_fates(&report)),
        ("????????----".into(), "????".into())
    );
    let standing = shown(&session).await;
    assert!(standing.lines().count() <= 8, "{standing}");
}

#[tokio::test]
async fn of_a_dropped_execution_what_was_sent_is_done_and_reported_as_unknown() {
    for polls in [1, 2, 3, 4] {
        let (_hosts, session) = session("dropped-flight").await;
        // Replies arrive between two polls only: each poll sends no more than a window.
        let actions = plan(adds(20));
        let options = flight(1, 4);
        let (mut sent, mut left) = (0, polls);
        let mut ledger = Ledger::new(&actions);
        let mut events = |event: &Event| {
            ledger.note(event);
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
        let known = ledger.fates();
        let count = |fate| known.iter().filter(|known| **known == fate).count();
        assert_eq!(count(Fate::Done) + count(Fate::Unknown), sent, "{known:?}");
        assert!((1..=4).contains(&count(Fate::Unknown)), "{known:?}");
        // What the session asks now comes after all that.
        let shown = shown(&session).await;
        assert_eq!(shown.lines().count(), sent, "{shown}");
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
    let kinds: Vec<BatchKind> = report.batches.iter().map(|(b, _)| b.kind).collect();
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
            let done = fates(&report).matches('+').count();
            assert_eq!(theirs.count(), done, "{report:?}\n{shown}");
        }
    }
}
