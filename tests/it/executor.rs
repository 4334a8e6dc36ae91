//! Executing plans against a real server: order, versions, conflicts, and lost connections.

mod acls;
mod batches;
mod checks;
pub(crate) mod flight;
mod guard;
mod losses;
mod replaced;

use std::sync::Arc;
use std::time::Duration;

use zkt::model::acl::{Acl, AclEntry};
use zkt::model::node::{AclVersion, DataVersion, Live, LiveNode};
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add, HiddenValues, Link, Plan, Trim, Update};
use zkt::model::value::Data;
use zkt::zookeeper::executor::{BatchFate, Event, ExecuteOptions, Fate, Report, execute};
use zkt::zookeeper::live;
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, Client, CreateMode};

use crate::server::session;

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

/// How many actions stand.
pub(crate) fn done(report: &Report) -> usize {
    let done = report.fates.iter().filter(|fate| **fate == Fate::Done);
    done.count()
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
pub(crate) fn batch_fates(report: &Report) -> String {
    let letter = |outcome: &BatchFate| match outcome {
        BatchFate::Committed => '+',
        BatchFate::NotCommitted => '-',
        BatchFate::Unknown => '?',
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
