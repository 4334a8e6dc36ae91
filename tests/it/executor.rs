//! Executing plans against a real server: order, versions, conflicts, and lost connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use zkt::model::acl::{Acl, AclEntry};
use zkt::model::node::{AclVersion, DataVersion, Live, LiveNode};
use zkt::model::path::ZPath;
use zkt::model::plan::{Access, Action, Add, HiddenValues, Link, Needs, Plan, Trim, Update};
use zkt::model::value::Data;
use zkt::zookeeper::executor::{
    Batch, BatchKind, Conflict, Event, ExecuteOptions, Fate, Outcome, Report, Stop, execute,
};
use zkt::zookeeper::live;
use zkt::zookeeper::session::{Options, Session};
use zookeeper_client::{Acls, Client, CreateMode, Error as ClientError};

use crate::relay::{Mode, Relay};
use crate::server::{options, options_as, session, shared};

pub(crate) mod flight;

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

fn version(number: i32) -> DataVersion {
    DataVersion::new(number).unwrap()
}

pub(crate) fn acl(text: &str) -> Arc<Acl> {
    Arc::new(Acl {
        entries: text
            .split(' ')
            .map(|e| AclEntry::parse(e).unwrap())
            .collect(),
    })
}

pub(crate) fn add(at: &str, data: &str) -> Action {
    let data = Data::Text(data.to_owned());
    let secret = HiddenValues::default();
    Action::Add(Add {
        path: path(at),
        raw: false,
        data: data.into(),
        acl: None,
        secret,
        origin: None,
    })
}

pub(crate) fn update(
    at: &str,
    expected: i32,
    data: Option<&str>,
    acl: Option<(i32, Arc<Acl>)>,
) -> Action {
    Action::Update(Update {
        path: path(at),
        expected_version: version(expected),
        seen: None,
        data: data.map(|data| Data::Text(data.to_owned()).into()),
        acl: acl.map(|(version, acl)| (AclVersion::new(version).unwrap(), acl)),
        changes: Vec::new(),
        origin: None,
    })
}

pub(crate) fn link(at: &str, expected: Option<i32>, data: &str) -> Action {
    let data = Data::Text(data.to_owned());
    let expected_version = expected.map(version);
    Action::Link(Link {
        path: path(at),
        expected_version,
        seen: None,
        data: data.into(),
        changes: Vec::new(),
        origin: None,
    })
}

pub(crate) fn trim(at: &str, expected: i32) -> Action {
    Action::Trim(Trim {
        path: path(at),
        expected_version: version(expected),
        seen: None,
    })
}

pub(crate) fn plan(actions: Vec<Action>) -> Plan {
    Plan {
        actions,
        ..Plan::empty(ZPath::root())
    }
}

async fn run(session: &Session, actions: Vec<Action>, options: &ExecuteOptions) -> Report {
    execute(session, &plan(actions), options, &mut |_| {}).await
}

pub(crate) async fn run_all(session: &Session, actions: Vec<Action>) -> Report {
    run(session, actions, &ExecuteOptions::default()).await
}

/// Batches of at most so many operations.
pub(crate) fn split(operations: usize) -> ExecuteOptions {
    ExecuteOptions {
        whole_plan_bytes: 0,
        batch_operations: operations,
        recovery: Duration::from_secs(20),
        ..ExecuteOptions::default()
    }
}

async fn create(client: &Client, path: &str, data: &str) {
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client
        .create(path, data.as_bytes(), &options)
        .await
        .unwrap();
}

/// The same, one at a time.
pub(crate) fn one_at_a_time(operations: usize) -> ExecuteOptions {
    ExecuteOptions {
        window: 1,
        ..split(operations)
    }
}

/// All nodes with data and versions, the place itself left out.
pub(crate) async fn shown(session: &Session) -> String {
    let tree = live::read_subtree(session, &ZPath::root(), true, &mut |_| {})
        .await
        .unwrap();
    let nodes = tree.iter().filter(|(path, _)| !path.is_root());
    let line = |(path, live): &(ZPath, Live)| {
        let Some(node) = live.node() else {
            return format!("{path} unreadable\n");
        };
        let acl = node.acl.clone().unwrap_or_default();
        let acl = if *acl == Acl::open() {
            String::new()
        } else {
            format!(" {acl}")
        };
        let data = String::from_utf8_lossy(&node.data);
        format!("{path} {data:?} at {}{acl}\n", node.version.get())
    };
    nodes.map(line).collect()
}

pub(crate) fn fates(report: &Report) -> String {
    fate_letters(&report.fates)
}

pub(crate) fn fate_letters(fates: &[Fate]) -> String {
    let letter = |fate: &Fate| match fate {
        Fate::NotDone => '-',
        Fate::DataOnly => 'd',
        Fate::Done => '+',
        Fate::Needless => '=',
        Fate::Unknown => '?',
    };
    fates.iter().map(letter).collect()
}

/// What became of the batches that were sent.
pub(crate) fn told(report: &Report) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Committed => '+',
        Outcome::NotCommitted => '-',
        Outcome::Unknown => '?',
    };
    let batches = report.batches.iter();
    batches.map(|(_, outcome)| letter(outcome)).collect()
}

fn stop(report: &Report) -> String {
    report
        .stop
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The same actions, for the nodes that are there now.
async fn as_seen(session: &Session, mut actions: Vec<Action>) -> Vec<Action> {
    let paths: Vec<ZPath> = actions.iter().map(|action| action.path().clone()).collect();
    let tree = live::lookup(session, &paths).await.unwrap();
    for action in &mut actions {
        let live = tree.get(action.path()).and_then(Live::node);
        let now = live.and_then(LiveNode::zxids);
        match action {
            Action::Add(_) => {}
            Action::Update(Update { seen, .. })
            | Action::Link(Link { seen, .. })
            | Action::Trim(Trim { seen, .. }) => *seen = now,
        }
    }
    actions
}

/// A node that was deleted and created again has the version that was seen, and the same ACL's.
#[tokio::test]
async fn another_node_in_a_place_is_not_the_one_that_was_seen() {
    let (hosts, session) = session("replaced").await;
    let client = Client::connect(&hosts).await.unwrap();
    let read = acl("world:anyone:r");
    let kinds = [
        update("/a", 0, Some("ours"), None),
        update("/a", 0, None, Some((0, read))),
        link("/a", Some(0), "ours"),
        trim("/a", 0),
    ];
    for (i, action) in kinds.into_iter().enumerate() {
        create(&client, "/a", "theirs").await;
        let actions = as_seen(&session, vec![add(&format!("/n{i}"), ""), action]).await;
        client.delete("/a", None).await.unwrap();
        create(&client, "/a", "theirs").await;
        // No batch can hold an ACL; all else is one batch, or several, of which the first is committed.
        let is_acl = matches!(&actions[1], Action::Update(update) if update.acl.is_some());
        let whole = if is_acl { "+-" } else { "--" };
        for (options, expected) in [(ExecuteOptions::default(), whole), (split(1), "+-")] {
            let report = run(&session, actions.clone(), &options).await;
            assert_eq!(
                report.stop,
                Some(Stop::Conflict {
                    path: path("/a"),
                    action: 1,
                    reason: Conflict::Replaced
                })
            );
            assert_eq!(fates(&report), expected);
            if expected == "+-" {
                client.delete(&format!("/n{i}"), None).await.unwrap();
            }
            let left = shown(&session).await;
            assert_eq!(left, "/a \"theirs\" at 0\n");
        }
        client.delete("/a", None).await.unwrap();
    }
}

/// A new node that gets its ACL in the end may be another one by then.
#[tokio::test]
async fn a_node_in_the_place_of_a_new_one_keeps_its_acl() {
    let server = shared();
    let place = server.chroot("created").await;
    let relay = Relay::to(server.port()).await;
    let through = options_as(&(relay.address() + &place), "ops:secret");
    let session = Session::connect(&through).await.unwrap();
    let other = Client::connect(&(server.address() + &place)).await.unwrap();
    let Action::Add(closed) = add("/a", "ours") else {
        unreachable!()
    };
    let closed = Action::Add(Add {
        acl: Some(acl("world:anyone:r")),
        ..closed
    });
    let guarded = Plan {
        access: Access {
            guarded: [(path("/a"), Needs::Children)].into(),
            ..Access::default()
        },
        ..plan(vec![closed])
    };
    let switch = relay.switch();
    let is_acls = |batch: &Batch| batch.kind == BatchKind::Acls;
    let (tell, wait) = tokio::sync::oneshot::channel();
    let mut tell = Some(tell);
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(batch) if is_acls(batch)) {
            switch(Mode::Stall);
            tell.take().unwrap().send(()).unwrap();
        }
    };
    let replace = async {
        wait.await.unwrap();
        other.delete("/a", None).await.unwrap();
        create(&other, "/a", "theirs").await;
        relay.set(Mode::Forward);
    };
    let options = ExecuteOptions::default();
    let running = execute(&session, &guarded, &options, &mut events);
    let (report, ()) = tokio::join!(running, replace);
    assert_eq!(
        report.stop,
        Some(Stop::Conflict {
            path: path("/a"),
            action: 0,
            reason: Conflict::Replaced
        })
    );
    assert_eq!((fates(&report), told(&report)), ("d".into(), "+-".into()));
    assert_eq!(shown(&session).await, "/a \"theirs\" at 0\n");
}

/// A new node that is linked in a later batch may be another one by then, of the same version.
#[tokio::test]
async fn a_node_in_the_place_of_a_new_one_keeps_its_data() {
    let server = shared();
    let place = server.chroot("linked").await;
    let relay = Relay::to(server.port()).await;
    let through = options(&(relay.address() + &place));
    let session = Session::connect(&through).await.unwrap();
    let other = Client::connect(&(server.address() + &place)).await.unwrap();
    let (tell, wait) = tokio::sync::oneshot::channel();
    let (switch, mut tell) = (relay.switch(), Some(tell));
    let mut events = |event: &Event| {
        if matches!(event, Event::Committed(batch) if batch.index == 1) {
            switch(Mode::Stall);
            tell.take().unwrap().send(()).unwrap();
        }
    };
    let replace = async {
        wait.await.unwrap();
        other.delete("/a", None).await.unwrap();
        create(&other, "/a", "theirs").await;
        relay.set(Mode::Forward);
    };
    let plan = plan(vec![add("/a", "1"), add("/b", "1"), link("/a", None, "2")]);
    let options = split(1);
    let running = execute(&session, &plan, &options, &mut events);
    let (report, ()) = tokio::join!(running, replace);
    assert_eq!(
        stop(&report),
        "/a: it was deleted and created again meanwhile"
    );
    assert_eq!(fates(&report), "++-");
    assert_eq!(shown(&session).await, "/a \"theirs\" at 0\n/b \"1\" at 0\n");
}

/// What the execution has written itself is no surprise to it.
#[tokio::test]
async fn the_node_that_was_seen_may_be_written_several_times() {
    let (hosts, session) = session("seen").await;
    let client = Client::connect(&hosts).await.unwrap();
    create(&client, "/a", "old").await;
    create(&client, "/b", "old").await;
    let actions = vec![
        update("/a", 0, Some("new"), Some((0, acl("world:anyone:rw")))),
        update("/b", 0, Some("new"), None),
        link("/a", Some(0), "new ->"),
        trim("/b", 0),
    ];
    let actions = as_seen(&session, actions).await;
    let report = run(&session, actions, &split(1)).await;
    assert_eq!(
        (stop(&report), fates(&report)),
        (String::new(), "++++".into())
    );
    let left = shown(&session).await;
    assert_eq!(left, "/a \"new ->\" at 2 world:anyone:rw\n");
}

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
    assert_eq!((report.applied, report.committed_operations), (8, 6));
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
    assert_eq!(report.batches, [(committed.clone(), Outcome::Committed)]);
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
    assert_eq!(
        (
            report.applied,
            report.committed_operations,
            report.batches.len()
        ),
        (7, 7, 7)
    );
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
    assert!(!called && report.stop.is_none() && report.applied == 0);
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
        assert_eq!((report.applied, report.committed_operations), (0, 0));
        assert_eq!(
            (fates(&report).as_str(), told(&report)),
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
    assert_eq!((report.applied, fates(&report).as_str()), (3, "+++---++-"));
    assert_eq!(told(&report), "+-+");
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
async fn acls_of_new_nodes_and_of_old_ones() {
    let (hosts, _) = session("acls").await;
    let session = Session::connect(&options_as(&hosts, "ops:secret"))
        .await
        .unwrap();
    let client = Client::connect(&hosts).await.unwrap();
    for node in ["/a", "/b", "/c"] {
        create(&client, node, "old").await;
    }
    let open = acl("world:anyone:r auth::cdrwa");
    let Action::Add(new) = add("/new", "1") else {
        unreachable!()
    };
    let actions = vec![
        Action::Add(Add {
            acl: Some(acl("world:anyone:rc")),
            ..new
        }),
        update("/a", 0, Some("new"), Some((0, open.clone()))),
        update("/b", 0, None, Some((0, open.clone()))),
        update("/c", 0, Some("new"), None),
        link("/a", Some(0), "newer"),
    ];
    let report = run_all(&session, actions).await;
    assert_eq!(stop(&report), "");
    assert_eq!((report.applied, report.committed_operations), (5, 5));
    let kinds: Vec<_> = report
        .batches
        .iter()
        .map(|(b, _)| (b.kind, b.actions.clone()))
        .collect();
    let (atomic, acls) = (BatchKind::Atomic, BatchKind::Acls);
    assert_eq!(kinds, [(atomic, 0..5), (acls, 1..3)]);
    let identity = session.identities().await.unwrap().remove(0).id;
    insta::assert_snapshot!(shown(&session).await.replace(&identity, "ops:HASH"), @r#"
    /a "newer" at 1 world:anyone:r digest:ops:HASH:cdrwa
    /b "old" at 0 world:anyone:r digest:ops:HASH:cdrwa
    /c "new" at 1
    /new "1" at 0 world:anyone:cr
    "#);

    // The data is set, then the first ACL is not as expected; the second one is never sent.
    let one = ExecuteOptions {
        acl_window: 1,
        ..ExecuteOptions::default()
    };
    let actions = vec![
        update("/a", 1, Some("newest"), Some((1, open.clone()))),
        update("/b", 0, None, Some((0, open.clone()))),
        update("/c", 1, Some("newest"), None),
    ];
    let report = run(&session, actions, &one).await;
    insta::assert_snapshot!(stop(&report), @"/b: it was changed meanwhile");
    assert_eq!((report.applied, fates(&report).as_str()), (0, "d-+"));

    let nobody = acl("nonsense:x:r");
    let report = run_all(&session, vec![update("/b", 0, None, Some((1, nobody)))]).await;
    insta::assert_snapshot!(stop(&report), @"/b: the server refuses the ACL entry nonsense:(secret):r: it does not know the scheme, or takes no such id");
    assert_eq!(fates(&report), "-");
}

#[tokio::test]
async fn what_the_server_refuses_is_told() {
    let (hosts, _) = session("refused").await;
    let ops = Session::connect(&options_as(&hosts, "ops:secret"))
        .await
        .unwrap();
    let Action::Add(closed) = add("/closed", "1") else {
        unreachable!()
    };
    let closed = Action::Add(Add {
        acl: Some(acl("world:anyone:r auth::cdrwa")),
        ..closed
    });
    assert_eq!(run_all(&ops, vec![closed]).await.stop, None);
    let anyone = Session::connect(&options(&hosts)).await.unwrap();
    let report = run_all(&anyone, vec![add("/a", ""), add("/closed/x", "")]).await;
    let (path, reason) = (path("/closed/x"), ClientError::NoAuth);
    assert_eq!(
        report.stop,
        Some(Stop::Failed {
            path,
            action: 1,
            reason
        })
    );
    insta::assert_snapshot!(shown(&ops).await.lines().count(), @"1");
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
async fn tiny_batches_are_told_truthfully_at_every_conflict() {
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
        assert_eq!(report.applied == ordered.len(), report.stop.is_none());
    }
}

/// Runs three batches of two through a relay that misbehaves on the second one.
async fn run_through(mode: Mode, session_timeout: Duration) -> (Report, String) {
    let server = shared();
    let place = server.chroot("relayed").await;
    let relay = Relay::to(server.port()).await;
    let through = Options {
        session_timeout,
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&through).await.unwrap();
    let switch = relay.switch();
    let mut events = |event: &Event| match event {
        Event::Starting(batch) if batch.index == 1 => switch(mode),
        _ => {}
    };
    let actions = (0..6)
        .map(|i| add(&format!("/n{i}"), &i.to_string()))
        .collect();
    let quick = ExecuteOptions {
        recovery: Duration::from_secs(2),
        ..one_at_a_time(2)
    };
    let report = execute(&session, &plan(actions), &quick, &mut events).await;
    let direct = Session::connect(&options(&(server.address() + &place)))
        .await
        .unwrap();
    (report, shown(&direct).await)
}

#[tokio::test]
async fn a_connection_cut_before_the_commit_is_told_truthfully() {
    let (report, shown) = run_through(Mode::CutBeforeRequest, Duration::from_secs(10)).await;
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
    assert_eq!((report.applied, fates(&report).as_str()), (2, "++----"));
    assert_eq!(
        (told(&report), report.committed_operations),
        ("+-".into(), 2)
    );
    assert_eq!(shown.lines().count(), 2);
}

#[tokio::test]
async fn a_connection_cut_after_the_commit_is_told_truthfully() {
    let (report, shown) = run_through(Mode::CutBeforeReply, Duration::from_secs(10)).await;
    assert!(
        matches!(
            report.stop,
            Some(Stop::Disconnected {
                committed: true,
                ..
            })
        ),
        "{report:?}"
    );
    assert_eq!((report.applied, fates(&report).as_str()), (4, "++++--"));
    assert_eq!(
        (told(&report), report.committed_operations),
        ("++".into(), 4)
    );
    assert_eq!(shown.lines().count(), 4);
}

#[tokio::test]
async fn swallowed_replies_are_noticed_and_told_truthfully() {
    // The relay swallows all replies for good, so that nothing can be found out.
    let started = Instant::now();
    let (report, shown) = run_through(Mode::Swallow, Duration::from_secs(1)).await;
    assert!(
        matches!(report.stop, Some(Stop::Uncertain { .. })),
        "{report:?}"
    );
    assert_eq!((report.applied, fates(&report).as_str()), (2, "++??--"));
    assert_eq!(shown.lines().count(), 4);
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn without_a_server_to_ask_it_is_uncertain() {
    let started = Instant::now();
    let (report, shown) = run_through(Mode::CutBeforeReplyForGood, Duration::from_secs(10)).await;
    let Some(Stop::Uncertain { actions, .. }) = &report.stop else {
        panic!("{report:?}")
    };
    assert_eq!(*actions, 2..4);
    assert_eq!(shown.lines().count(), 4);
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// A look of an hour, which the session's request timeout bounds: the timeout of the test is far from
/// both.
#[tokio::test]
async fn the_look_for_what_happened_keeps_to_the_request_timeout() {
    let server = shared();
    let place = server.chroot("bounded-look").await;
    let relay = Relay::to(server.port()).await;
    let through = Options {
        request_timeout: Some(Duration::from_secs(1)),
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&through).await.unwrap();
    let switch = relay.switch();
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(_)) {
            switch(Mode::CutBeforeReplyForGood);
        }
    };
    let patient = ExecuteOptions {
        recovery: Duration::from_secs(3600),
        ..one_at_a_time(2)
    };
    let plan = plan(vec![add("/a", "1")]);
    let executing = execute(&session, &plan, &patient, &mut events);
    let limit = Duration::from_secs(120);
    let report = tokio::time::timeout(limit, executing).await.unwrap();
    assert!(
        matches!(report.stop, Some(Stop::Uncertain { .. })),
        "{report:?}"
    );
}

/// The looks at many nodes share one deadline: were each asked for a few times by itself, it would take
/// far more than the limit.
#[tokio::test]
async fn lost_connections_before_a_batch_have_one_deadline() {
    let server = shared();
    let place = server.chroot("lost-looks").await;
    let relay = Relay::to(server.port()).await;
    let session = Session::connect(&options(&(relay.address() + &place)))
        .await
        .unwrap();
    let plan = plan(trims_of_unseen_nodes());
    let short = ExecuteOptions {
        recovery: Duration::from_secs(1),
        ..ExecuteOptions::default()
    };
    let mut events = |_: &Event| {};
    let cut = async {
        loop {
            relay.set(Mode::CutBeforeReply);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let limit = Duration::from_secs(120);
    let executing = tokio::time::timeout(limit, execute(&session, &plan, &short, &mut events));
    let report = tokio::select! {
        report = executing => report.unwrap(),
        () = cut => unreachable!(),
    };
    assert!(
        matches!(report.stop, Some(Stop::Disconnected { in_flight: 0, .. })),
        "{report:?}"
    );
    assert!(report.fates.iter().all(|fate| *fate == Fate::NotDone));
}

fn trims_of_unseen_nodes() -> Vec<Action> {
    let seen = Some(zkt::model::node::Zxids {
        created: 1,
        modified: 1,
    });
    let trim = |i| {
        Action::Trim(Trim {
            path: path(&format!("/n{i:04}")),
            expected_version: DataVersion::NEW,
            seen,
        })
    };
    (0..2000).map(trim).collect()
}

/// One silence ends the look at all nodes that are to be written: were each waited for by itself, it
/// would take far more than the limit.
#[tokio::test]
async fn a_silent_server_is_waited_for_once_before_a_batch() {
    let server = shared();
    let place = server.chroot("silent-look").await;
    let relay = Relay::to(server.port()).await;
    let through = Options {
        session_timeout: Duration::from_secs(40),
        request_timeout: Some(Duration::from_secs(1)),
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&through).await.unwrap();
    relay.set(Mode::Mute);
    let plan = plan(trims_of_unseen_nodes());
    let (options, mut events) = (ExecuteOptions::default(), |_: &Event| {});
    let executing = execute(&session, &plan, &options, &mut events);
    let limit = Duration::from_secs(120);
    let report = tokio::time::timeout(limit, executing).await.unwrap();
    assert!(
        matches!(report.stop, Some(Stop::Disconnected { .. })),
        "{report:?}"
    );
    assert!(report.fates.iter().all(|fate| *fate == Fate::NotDone));
}

#[tokio::test]
async fn a_loss_that_outlasts_the_session_is_told_truthfully() {
    let server = shared();
    let place = server.chroot("outlast").await;
    let relay = Relay::to(server.port()).await;
    let short = Options {
        session_timeout: Duration::from_secs(1),
        ..options(&(relay.address() + &place))
    };
    let session = Session::connect(&short).await.unwrap();
    let switch = Arc::new(relay.switch());
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(_)) {
            switch(Mode::CutBeforeReplyForGood);
            let switch = switch.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(3)).await;
                switch(Mode::Forward);
            });
        }
    };
    let report = execute(
        &session,
        &plan(vec![add("/a", "1")]),
        &split(1),
        &mut events,
    )
    .await;
    assert!(session.is_dead());
    assert!(
        matches!(
            report.stop,
            Some(Stop::Disconnected {
                committed: true,
                ..
            })
        ),
        "{report:?}"
    );
    assert_eq!(fates(&report), "+");
}

#[tokio::test]
async fn acl_changes_cut_midway_are_told_one_by_one() {
    for mode in [Mode::CutBeforeRequest, Mode::CutBeforeReply] {
        let server = shared();
        let place = server.chroot("acl-cut").await;
        let relay = Relay::to(server.port()).await;
        let session = Session::connect(&options(&(relay.address() + &place)))
            .await
            .unwrap();
        let direct = Session::connect(&options(&(server.address() + &place)))
            .await
            .unwrap();
        let nodes: Vec<String> = (0..40).map(|i| format!("/n{i:02}")).collect();
        let report = run_all(&direct, nodes.iter().map(|n| add(n, "")).collect()).await;
        assert_eq!(report.stop, None);
        let read = acl("world:anyone:ra");
        let actions = nodes
            .iter()
            .map(|n| update(n, 0, None, Some((0, read.clone()))))
            .collect();
        let switch = relay.switch();
        let mut events = |event: &Event| {
            if matches!(event, Event::Starting(_)) {
                switch(mode);
            }
        };
        let few = ExecuteOptions {
            acl_window: 10,
            ..ExecuteOptions::default()
        };
        let report = execute(&session, &plan(actions), &few, &mut events).await;
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
        let tree = live::read_subtree(&direct, &ZPath::root(), true, &mut |_| {})
            .await
            .unwrap();
        for (node, fate) in nodes.iter().zip(&report.fates) {
            let live = tree.get(&path(node)).unwrap().node().unwrap();
            assert_eq!(
                live.acl.as_deref() == Some(&*read),
                *fate == Fate::Done,
                "{node} {report:?}"
            );
        }
        let made = report
            .fates
            .iter()
            .filter(|fate| **fate == Fate::Done)
            .count();
        assert_eq!(made, report.committed_operations);
        assert!(made < 40);
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

fn assert_send<T: Send>(_: &T) {}

#[tokio::test]
async fn the_futures_can_be_spawned() {
    let (_hosts, session) = session("send").await;
    let (plan, options) = (plan(Vec::new()), ExecuteOptions::default());
    let mut ignore = |_: &Event| {};
    assert_send(&execute(&session, &plan, &options, &mut ignore));
    assert_send(&live::lookup(&session, &[]));
    assert_send(&session.identities());
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
