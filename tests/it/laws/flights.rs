//! Several batches in flight are reported truthfully, whatever the window, the size of batches, and what
//! is in the way.

use std::collections::BTreeSet;

use tokio::runtime::Runtime;
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add};
use zkt::zookeeper::executor::{BatchFate, Event, ExecuteOptions, Report, execute};
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, Client, CreateMode};

use super::choices::Choices;
use super::shrinking_law;
use crate::executor::flight::Spy;
use crate::executor::{acl, add, fates, link, one_at_a_time, plan, shown, split, trim, update};
use crate::relay::{Mode, Relay, Way};
use crate::server::{options, shared};

/// Each attempt takes the server a while.
const SHRINKS: u32 = 200;

/// A node that is there before: how often it was set, and its data.
#[derive(Debug, Clone)]
struct Before {
    path: String,
    data: &'static str,
    sets: i32,
}

/// What another writer does before the first batch is sent.
#[derive(Debug, Clone)]
enum Obstacle {
    Create(String, &'static str),
    Set(String, &'static str),
    Delete(String),
}

/// A live tree, a plan for it, and how it is executed.
#[derive(Debug)]
struct Case {
    before: Vec<Before>,
    actions: Vec<Action>,
    obstacle: Option<Obstacle>,
    operations: usize,
    window: usize,
}

impl Case {
    /// With `alike`, another writer may do just what the plan does.
    fn new(choices: &mut Choices<'_>, alike: bool) -> Self {
        let before = nodes(choices);
        let (actions, obstacles) = actions(choices, &before, alike);
        let hindered = !obstacles.is_empty() && choices.once_in(2);
        let obstacle = hindered.then(|| obstacles[choices.below(obstacles.len())].clone());
        Self {
            before,
            actions,
            obstacle,
            operations: 1 + choices.below(3),
            window: 2 + choices.below(4),
        }
    }

    /// A place where all is as before, but for the obstacle.
    async fn place(&self) -> String {
        let place = shared().chroot("law-flight").await;
        let client = Client::connect(&(shared().address() + &place))
            .await
            .unwrap();
        for node in &self.before {
            create(&client, &node.path, node.data).await;
            for _ in 0..node.sets {
                let data = node.data.as_bytes();
                client.set_data(&node.path, data, None).await.unwrap();
            }
        }
        match &self.obstacle {
            Some(Obstacle::Create(path, data)) => create(&client, path, data).await,
            Some(Obstacle::Set(path, data)) => {
                client.set_data(path, data.as_bytes(), None).await.unwrap();
            }
            Some(Obstacle::Delete(path)) => client.delete(path, None).await.unwrap(),
            None => {}
        }
        place
    }

    fn options(&self) -> ExecuteOptions {
        ExecuteOptions {
            window: self.window,
            ..split(self.operations)
        }
    }

    /// What these actions make one at a time, in a place of their own.
    async fn one_at_a_time(&self, actions: Vec<Action>) -> (Report, String) {
        let session = session(&self.place().await).await;
        let (plan, options) = (plan(actions), one_at_a_time(self.operations));
        let report = execute(&session, &plan, &options, &mut |_| {}).await;
        let shown = shown(&session).await;
        session.close().await;
        (report, shown)
    }
}

async fn session(place: &str) -> Session {
    let hosts = shared().address() + place;
    Session::connect(&options(&hosts)).await.unwrap()
}

async fn create(client: &Client, path: &str, data: &str) {
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client
        .create(path, data.as_bytes(), &options)
        .await
        .unwrap();
}

const DATA: [&str; 3] = ["", "a", "b"];

fn nodes(choices: &mut Choices<'_>) -> Vec<Before> {
    let mut nodes = Vec::new();
    for i in 0..choices.below(6) {
        let mut paths = vec![format!("/e{i}")];
        if choices.once_in(2) {
            paths.push(format!("/e{i}/c"));
        }
        for path in paths {
            let (data, sets) = (choices.of(&DATA), choices.of(&[0, 1, 2]));
            nodes.push(Before { path, data, sets });
        }
    }
    nodes
}

/// A legal plan, and what could be in its way.
fn actions(
    choices: &mut Choices<'_>,
    before: &[Before],
    alike: bool,
) -> (Vec<Action>, Vec<Obstacle>) {
    let mut obstacles = Vec::new();
    let theirs = |choices: &mut Choices<'_>, data| {
        if alike && choices.once_in(2) {
            data
        } else {
            "x"
        }
    };
    let there = |path: &str| before.iter().any(|node| node.path == path);
    let above = |path: &str| ZPath::parse(path).unwrap().parent().unwrap().to_string();

    let mut added: BTreeSet<ZPath> = BTreeSet::new();
    for i in 0..choices.below(12) {
        let parents: Vec<String> = added
            .iter()
            .map(ToString::to_string)
            .chain(before.iter().map(|node| node.path.clone()))
            .chain(["/".to_owned()])
            .collect();
        let parent = &parents[parents.len() - 1 - choices.below(parents.len())];
        added.insert(ZPath::parse(parent).unwrap().join(&format!("n{i}")));
    }
    let mut actions = Vec::new();
    for path in &added {
        let data = choices.of(&DATA);
        let Action::Add(add) = add(path.as_str(), data) else {
            continue;
        };
        let acl = choices.once_in(4).then(|| acl("world:anyone:crwa"));
        actions.push(Action::Add(Add { acl, ..add }));
        let parent = path.parent().unwrap();
        if parent.is_root() || there(parent.as_str()) {
            let data = theirs(choices, data);
            obstacles.push(Obstacle::Create(path.to_string(), data));
        }
    }

    let has_new_below = |path: &str| {
        let path = ZPath::parse(path).unwrap();
        added.iter().any(|new| new.is_within(&path))
    };
    let mut trimmed: Vec<&Before> = Vec::new();
    for node in before {
        let whole = trimmed.iter().any(|top| above(&node.path) == top.path);
        if whole || !has_new_below(&node.path) && choices.once_in(4) {
            trimmed.push(node);
        }
    }
    let kept = |node: &&Before| !trimmed.iter().any(|trimmed| trimmed.path == node.path);
    let is_leaf = |path: &str| !before.iter().any(|node| above(&node.path) == path);
    let mut links = Vec::new();
    for node in before.iter().filter(kept) {
        let data = choices.of(&DATA);
        let updates = choices.once_in(2);
        if updates {
            actions.push(update(&node.path, node.sets, Some(data), None));
        }
        if choices.once_in(3) {
            links.push(link(&node.path, Some(node.sets), "linked"));
        } else if !updates {
            continue;
        }
        obstacles.push(Obstacle::Set(node.path.clone(), theirs(choices, data)));
        if is_leaf(&node.path) {
            obstacles.push(Obstacle::Delete(node.path.clone()));
        }
    }
    for path in &added {
        if choices.once_in(3) {
            links.push(link(path.as_str(), None, "linked"));
        }
    }
    links.sort_by(|a, b| a.path().cmp(b.path()));
    actions.extend(links);
    trimmed.sort_by(|a, b| b.path.cmp(&a.path));
    for node in trimmed {
        actions.push(trim(&node.path, node.sets));
        obstacles.push(Obstacle::Set(node.path.clone(), node.data));
        obstacles.push(Obstacle::Create(format!("{}/theirs", node.path), "x"));
        if alike && is_leaf(&node.path) {
            obstacles.push(Obstacle::Delete(node.path.clone()));
        }
    }
    (actions, obstacles)
}

/// Everything that was ever created is a node that the plan adds.
fn check_seen(case: &Case, seen: &[String]) {
    for line in seen.iter().filter(|line| line.starts_with('+')) {
        let mut actions = case.actions.iter();
        let adds = |action: &Action| matches!(action, Action::Add(_));
        let added = actions.any(|action| adds(action) && action.path().as_str() == &line[1..]);
        assert!(added, "{line}");
    }
}

#[test]
fn what_the_report_calls_committed_stands_and_nothing_else() {
    let runtime = Runtime::new().unwrap();
    let holds = |choices: &mut Choices<'_>| {
        let case = Case::new(choices, true);
        runtime.block_on(async {
            let place = case.place().await;
            let session = session(&place).await;
            let mut spy = Spy::on(&(shared().address() + &place)).await;
            let plan = plan(case.actions.clone());
            let report = execute(&session, &plan, &case.options(), &mut |_| {}).await;
            if case.obstacle.is_none() {
                assert_eq!(report.stop, None);
            }
            let tree = shown(&session).await;
            assert!(
                stands(&case, &report, &[], &tree).await,
                "{report:#?}\n{tree}"
            );
            check_seen(&case, &spy.seen().await);
            session.close().await;
        });
    };
    shrinking_law(80, SHRINKS, holds, |choices| {
        format!("{:#?}", Case::new(choices, true))
    });
}

/// Whether the tree is what the batches make, one at a time, that the report calls committed, and those
/// of the unknown ones that are given.
async fn stands(case: &Case, report: &Report, unknown: &[usize], tree: &str) -> bool {
    let batches = report.batches.iter();
    let made = batches.filter(|(batch, outcome)| match outcome {
        BatchFate::Committed => true,
        BatchFate::NotCommitted => false,
        BatchFate::Unknown => unknown.contains(&batch.index),
    });
    let actions = made.flat_map(|(batch, _)| case.actions[batch.actions.clone()].to_vec());
    let (expected, made) = case.one_at_a_time(actions.collect()).await;
    expected.stop.is_none() && made == tree
}

/// Runs a case through a relay that cuts the connection, once or twice.
async fn cut(case: &Case, choices: &mut Choices<'_>, cuts: usize) -> (Report, String) {
    let relay = Relay::to(shared().port()).await;
    let place = case.place().await;
    let through = options(&(relay.address() + &place));
    let slow = Session::connect(&through).await.unwrap();
    let mut somewhere = || {
        let way = choices.of(&[Way::Request, Way::Reply]);
        Mode::CutAfter(way, choices.below(256) * (1 + choices.below(6)))
    };
    let (mode, then) = (somewhere(), somewhere());
    if cuts > 1 {
        relay.then(then);
    }
    let (start, switch) = (choices.below(3), relay.switch());
    let mut events = |event: &Event| {
        if matches!(event, Event::Starting(batch) if batch.index == start) {
            switch(mode);
        }
    };
    let plan = plan(case.actions.clone());
    let report = execute(&slow, &plan, &case.options(), &mut events).await;
    relay.set(Mode::Forward);
    slow.close().await;
    let direct = session(&place).await;
    let shown = shown(&direct).await;
    direct.close().await;
    (report, shown)
}

/// What stands is what the batches make that the report calls committed, and of those that it calls
/// unknown none, some or all.
fn is_reported_truthfully(cases: u32, cuts: usize) {
    let runtime = Runtime::new().unwrap();
    let holds = |choices: &mut Choices<'_>| {
        let case = Case::new(choices, false);
        runtime.block_on(async {
            let (report, tree) = cut(&case, choices, cuts).await;
            let batches = report.batches.iter();
            let unknown = batches.filter(|(_, outcome)| *outcome == BatchFate::Unknown);
            let unknown: Vec<usize> = unknown.map(|(batch, _)| batch.index).collect();
            if case.obstacle.is_none() && cuts == 1 {
                assert!(unknown.is_empty(), "{report:?}");
            }
            assert_eq!(fates(&report).contains('?'), !unknown.is_empty());
            let mut found = false;
            for choice in 0..1_usize << unknown.len() {
                let chosen = unknown.iter().enumerate();
                let chosen = chosen.filter(|(i, _)| choice >> i & 1 == 1);
                let chosen: Vec<usize> = chosen.map(|(_, index)| *index).collect();
                found |= stands(&case, &report, &chosen, &tree).await;
            }
            assert!(found, "{report:#?}\n{tree}");
        });
    };
    shrinking_law(cases, SHRINKS, holds, |choices| {
        format!("{:#?}", Case::new(choices, false))
    });
}

#[test]
fn a_cut_anywhere_is_reported_truthfully() {
    is_reported_truthfully(120, 1);
}

/// Then even what tells of the first cut may be lost.
#[test]
fn two_cuts_anywhere_are_reported_truthfully() {
    is_reported_truthfully(80, 2);
}
