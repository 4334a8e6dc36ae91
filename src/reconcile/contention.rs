//! Carrying out a plan whose nodes others write all the time.
//!
//! One foreign write is enough to stop a batch, so a large one may never get through although nobody
//! writes what the plan changes. Here batches become smaller wherever they conflict, and each node is
//! planned again alone right before it is written, until only real collisions are left.

mod again;
mod group;

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::time::Duration;

use self::again::Again;
pub(super) use self::again::Basis;
use self::group::{Group, Part, together};
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};
use crate::model::tree::Tree;
use crate::plan::scope::{Children, Want, holder};
use crate::zookeeper::executor::{
    self, Batch, BatchFate, Conflict, Event, ExecuteOptions, Fate, Ledger, Report, Stop,
};
use crate::zookeeper::live::{self, FetchOptions};
use crate::zookeeper::session::Session;

/// How many nodes a batch has at first.
const LARGEST: usize = 64;

/// How often a single node is tried whose properties do not collide.
const TRIES: u32 = 100;

/// Carries out a plan in batches that become smaller where nodes move, each planned again right before
/// it is sent. What became of each action is in `ledger` at any time.
///
/// A node is written as long as the plan for it alone asks for the same changes, whatever else in it
/// was written. Where it does not, or the node was replaced, that is a collision: all others are done,
/// and then the execution stops with [`Stop::Conflict`]. So it is where a node that is to be created is
/// there and is not as declared; one that is as declared is needless. ACLs that open a node to the rest
/// come first, then adds, then updates and links, then trims, then ACLs, and each of these only after all
/// before it. Adds of which some get their ACL after everything else go together.
///
/// # On connection loss and cancellation safety
/// As [`executor::execute`].
pub(super) async fn execute(
    session: &Session,
    basis: Basis<'_>,
    limits: &ExecuteOptions,
    ledger: &mut Ledger,
    events: &mut (dyn FnMut(&Event) + Send),
) -> Report {
    let mut execution = Execution {
        session,
        basis,
        limits,
        closed: HashSet::new(),
        ledger,
        events,
        batches: Vec::new(),
    };
    let stop = execution.all().await;
    let fates = execution.ledger.fates();
    Report {
        fates,
        batches: execution.batches,
        stop,
    }
}

struct Execution<'a, 'e> {
    session: &'a Session,
    basis: Basis<'a>,
    limits: &'a ExecuteOptions,
    /// Nodes that get another ACL after everything else.
    closed: HashSet<&'a ZPath>,
    ledger: &'e mut Ledger,
    events: &'e mut (dyn FnMut(&Event) + Send),
    batches: Vec<(Batch, BatchFate)>,
}

impl<'a> Execution<'a, '_> {
    async fn all(&mut self) -> Option<Stop> {
        let is_guarded = !self.basis.plan.access.guarded.is_empty();
        let (mut openers, mut guarded, mut news) = (Vec::new(), Vec::new(), Vec::new());
        let (mut writes, mut trims, mut acls) = (Vec::new(), Vec::new(), Vec::new());
        for (i, action) in self.basis.plan.actions.iter().enumerate() {
            match action {
                action if is_new(action) && is_guarded => guarded.push((i, action.clone())),
                action if is_new(action) => news.push(Group::of(action, i, Part::Data)),
                Action::Update(update) if self.basis.plan.access.opens(update) => {
                    openers.push(Group::of(action, i, Part::Acl));
                }
                Action::Update(update) => {
                    let group = |part| Group::of(action, i, part);
                    writes.extend(update.data.is_some().then(|| group(Part::Data)));
                    acls.extend(update.acl.is_some().then(|| group(Part::Acl)));
                }
                Action::Add(_) | Action::Link(_) => writes.push(Group::of(action, i, Part::Data)),
                Action::Trim(_) => trims.push(Group::of(action, i, Part::Data)),
            }
        }
        if let stop @ Some(_) = self.contend(openers).await {
            return stop;
        }
        if let stop @ Some(_) = self.send(&guarded).await {
            return stop;
        }
        self.closed = acls.iter().map(|group: &Group<'a>| group.path).collect();
        for groups in [together(news), together(writes), trims, acls] {
            if let stop @ Some(_) = self.contend(groups).await {
                return stop;
            }
        }
        None
    }

    /// Writes these nodes in batches that become smaller; stops after all that do not collide.
    async fn contend(&mut self, groups: Vec<Group<'a>>) -> Option<Stop> {
        let mut waiting: VecDeque<Vec<Group<'a>>> =
            groups.chunks(LARGEST).map(<[_]>::to_vec).collect();
        let mut stopped = None;
        // New nodes that cannot be, and so nothing below them can.
        let mut barred: Vec<&ZPath> = Vec::new();
        while let Some(mut chunk) = waiting.pop_front() {
            chunk.retain(|group| {
                let is_barred = barred.iter().any(|path| group.path.is_within(path));
                !is_barred && !group.is_settled(self.ledger)
            });
            let live = match self.read(&chunk).await {
                Ok(live) => live,
                Err(error) => return Some(stop_of(error, &chunk)),
            };
            let mut actions = Vec::new();
            chunk.retain(|group| match self.basis.again(group, &live, &self.closed) {
                Again::Same(same) => {
                    for (i, action) in same {
                        match action {
                            Some(action) => actions.push((i, action)),
                            None => self.settle_needless(i, group.part),
                        }
                    }
                    true
                }
                Again::Stops(stop) => {
                    stopped.get_or_insert(stop);
                    false
                }
            });
            actions.sort_by_key(|(i, _)| *i);
            let Some(stop) = self.send(&actions).await else {
                continue;
            };
            let Stop::Conflict { reason, .. } = &stop else {
                return Some(stop);
            };
            if chunk.len() > 1 {
                let second = chunk.split_off(chunk.len() / 2);
                waiting.push_front(second);
                waiting.push_front(chunk);
            } else if let Some(group) = chunk.first_mut() {
                group.tries += 1;
                let is_barred = group.add.is_some() && *reason != Conflict::Exists;
                barred.extend(is_barred.then_some(group.path));
                // What appeared below a node is no part of this plan.
                if group.tries < TRIES && *reason != Conflict::NotEmpty && !is_barred {
                    let pause = u64::from(group.tries.min(20));
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..pause))).await;
                    waiting.push_front(chunk);
                } else {
                    stopped.get_or_insert(stop);
                }
            }
        }
        stopped
    }

    /// Others did what was to be done to a part of a node; what was done before them stands.
    fn settle_needless(&mut self, i: usize, part: Part) {
        let has_acl = |action: &Action| match action {
            Action::Update(update) => update.acl.is_some(),
            _ => false,
        };
        let fate = match (self.ledger.fate(i), part) {
            (Fate::DataOnly, Part::Acl) => Fate::Done,
            (Fate::NotDone | Fate::Unknown, Part::Data) if has_acl(&self.basis.plan.actions[i]) => {
                return;
            }
            (Fate::NotDone | Fate::Unknown, _) => Fate::Needless,
            (fate, _) => fate,
        };
        self.ledger.settle(i, fate);
    }

    /// The nodes as they are now.
    async fn read(&self, groups: &[Group<'_>]) -> Result<Tree<Live>, live::Error> {
        let declared = self.basis.declared;
        let want = |group: &Group<'_>| Want {
            path: group.path.clone(),
            children: Children::Skip,
            acl: match declared.get(group.path) {
                Some(node) => node.acl.is_some(),
                None => holder(declared, group.path).is_some(),
            },
        };
        let mut wants: Vec<Want> = groups.iter().map(want).collect();
        wants.sort_by(|a, b| a.path.cmp(&b.path));
        let options = FetchOptions::default();
        live::fetch(self.session, &wants, &options, &mut |_| {}).await
    }

    /// Carries out some actions, each with its place in the plan.
    async fn send(&mut self, actions: &[(usize, Action)]) -> Option<Stop> {
        if actions.is_empty() {
            return None;
        }
        let part = Plan {
            actions: actions.iter().map(|(_, action)| action.clone()).collect(),
            access: self.basis.plan.access.clone(),
            ..Plan::empty(self.basis.plan.path.clone())
        };
        let before: Vec<Fate> = actions.iter().map(|(i, _)| self.ledger.fate(*i)).collect();
        for (i, _) in actions {
            self.ledger.settle(*i, Fate::Unknown);
        }
        let sent = self.batches.iter();
        let committed = sent.filter(|(_, outcome)| *outcome == BatchFate::Committed);
        let base = committed.count();
        let events = &mut *self.events;
        let mut forward = |event: &Event| {
            let placed = |batch| placed(batch, actions, base);
            events(&match event {
                Event::Starting(batch) => Event::Starting(placed(batch)),
                Event::Committed(batch) => Event::Committed(placed(batch)),
                Event::NotCommitted(batch) => Event::NotCommitted(placed(batch)),
                // The ledger has these.
                Event::Action(..) => return,
            });
        };
        let report = executor::execute(self.session, &part, self.limits, &mut forward).await;
        for (((i, action), fate), before) in actions.iter().zip(&report.fates).zip(before) {
            let fate = match (fate, action, &self.basis.plan.actions[*i]) {
                // Its ACL comes later.
                (Fate::Done, Action::Update(sent), Action::Update(planned))
                    if planned.acl.is_some() && sent.acl.is_none() =>
                {
                    Fate::DataOnly
                }
                (Fate::NotDone, ..) => before,
                (fate, ..) => *fate,
            };
            self.ledger.settle(*i, fate);
        }
        let sent = report.batches.iter();
        self.batches
            .extend(sent.map(|(batch, outcome)| (placed(batch, actions, base), *outcome)));
        report.stop.map(|stop| of_whole(stop, actions))
    }
}

/// Whether an action creates a node, or is a part of that.
fn is_new(action: &Action) -> bool {
    match action {
        Action::Add(_) => true,
        Action::Link(link) => link.expected_version.is_none(),
        Action::Update(_) | Action::Trim(_) => false,
    }
}

/// A batch of some actions as one of the plan: the actions in between have nothing to do with it.
fn placed(batch: &Batch, actions: &[(usize, Action)], base: usize) -> Batch {
    Batch {
        index: base + batch.index,
        count: base + batch.count,
        actions: range(&batch.actions, actions),
        ..batch.clone()
    }
}

fn range(part: &Range<usize>, actions: &[(usize, Action)]) -> Range<usize> {
    let places = actions[part.clone()].iter().map(|(i, _)| *i);
    let (first, last) = (places.clone().min(), places.max());
    first
        .zip(last)
        .map_or(0..0, |(first, last)| first..last + 1)
}

/// The same stop, with the place of its action in the whole plan.
fn of_whole(mut stop: Stop, actions: &[(usize, Action)]) -> Stop {
    if let Some(action) = stop.action_mut() {
        *action = actions.get(*action).map_or(0, |(i, _)| *i);
    }
    if let Stop::Uncertain { actions: part, .. } = &mut stop {
        *part = range(part, actions);
    }
    stop
}

/// Why nodes that are to be written could not be read again.
fn stop_of(error: live::Error, groups: &[Group<'_>]) -> Stop {
    let action = |path: &ZPath| {
        let group = groups.iter().find(|group| group.path == path);
        group.map_or(0, Group::action)
    };
    match error {
        live::Error::Connection { reason, .. } | live::Error::SessionEnded { reason, .. } => {
            Stop::Disconnected {
                in_flight: 0,
                committed: false,
                reason,
            }
        }
        live::Error::Server { path, reason } => Stop::Failed {
            action: action(&path),
            path,
            reason,
        },
        live::Error::Unreadable {
            first: ref path, ..
        }
        | live::Error::Version { ref path }
        | live::Error::Name {
            parent: ref path, ..
        } => Stop::Unread {
            action: action(path),
            path: path.clone(),
            reason: error,
        },
    }
}
