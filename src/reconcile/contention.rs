//! Carrying out a plan whose nodes others write all the time.
//!
//! One foreign write is enough to stop a batch, so a large one may never get through although nobody
//! writes what the plan changes. Here batches become smaller wherever they conflict, and each node is
//! planned again alone right before it is written, until only real collisions are left.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::Agreed;
use crate::model::node::{Declared, Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan, Trim, Update};
use crate::model::tree::Tree;
use crate::plan::planner::{self, Policy};
use crate::plan::scope::{Children, Want};
use crate::zookeeper::executor::{
    self, Batch, Conflict, Event, ExecuteOptions, Fate, Ledger, Report, Stop,
};
use crate::zookeeper::live::{self, FetchOptions};
use crate::zookeeper::session::Session;

/// How many nodes a batch has at first.
const LARGEST: usize = 64;

/// How often a single node is tried whose properties do not collide.
const TRIES: u32 = 100;

/// What a plan is made of, and how it may be carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contended<'a> {
    /// The session.
    pub(super) session: &'a Session,
    /// What is declared.
    pub(super) declared: &'a Tree<Declared>,
    /// The policy that the plan was made by.
    pub(super) policy: &'a Policy<'a>,
    /// How batches are sent.
    pub(super) options: &'a ExecuteOptions,
    /// What was agreed to.
    pub(super) agreed: Agreed,
}

/// One node, or the place of one, with all that the plan does to it in one write.
#[derive(Debug, Clone, Copy)]
struct Group<'p> {
    path: &'p ZPath,
    update: Option<usize>,
    link: Option<usize>,
    trim: Option<usize>,
    tries: u32,
}

/// What is to be done to a node as it is now.
enum Again {
    /// The same as was planned, with newer versions; an action that is `None` was done by others.
    Same(Vec<(usize, Option<Action>)>),
    Collides(Conflict),
}

/// Carries out `plan` in batches that become smaller where nodes move, each planned again right before
/// it is sent. What became of each action is in `ledger` at any time.
///
/// A node is written as long as the plan for it alone asks for the same changes, whatever else in it
/// was written. Where it does not, or the node was replaced, that is a collision: all others are done,
/// and then the execution stops with [`Stop::Conflict`]. ACLs that open a node to the rest come first,
/// then adds, then updates and links, then
/// trims, then ACLs, and each of these only after all before it.
///
/// # On connection loss and cancellation safety
/// As [`executor::execute`].
pub(super) async fn execute(
    contended: Contended<'_>,
    plan: &Plan,
    ledger: &mut Ledger,
    events: &mut (dyn FnMut(&Event) + Send),
) -> Report {
    let mut run = Run {
        contended,
        plan,
        ledger,
        events,
        batches: Vec::new(),
        operations: 0,
    };
    let stop = run.all().await;
    let fates = run.ledger.fates();
    let stands = |fate: &&Fate| matches!(fate, Fate::Done | Fate::Needless);
    Report {
        applied: fates.iter().take_while(stands).count(),
        fates,
        batches: run.batches,
        committed_operations: run.operations,
        stop,
    }
}

struct Run<'a, 'e> {
    contended: Contended<'a>,
    plan: &'a Plan,
    ledger: &'e mut Ledger,
    events: &'e mut (dyn FnMut(&Event) + Send),
    batches: Vec<Batch>,
    operations: usize,
}

impl<'a> Run<'a, '_> {
    async fn all(&mut self) -> Option<Stop> {
        let mut news = Vec::new();
        let mut writes: Vec<Group<'a>> = Vec::new();
        let mut trims = Vec::new();
        let mut acls = Vec::new();
        let mut openers = Vec::new();
        for (i, action) in self.plan.actions.iter().enumerate() {
            match action {
                Action::Add(_) => news.push((i, action.clone())),
                Action::Link(link) if link.expected_version.is_none() => {
                    news.push((i, action.clone()));
                }
                Action::Update(update) if self.plan.access.opens(update) => {
                    openers.push((i, action.clone()));
                }
                Action::Update(update) => {
                    if update.data.is_some() {
                        writes.push(Group::of(action, i));
                    }
                    acls.extend(acl_alone(update).map(|update| (i, Action::Update(update))));
                }
                Action::Link(_) => writes.push(Group::of(action, i)),
                Action::Trim(_) => trims.push(Group::of(action, i)),
            }
        }
        for first in [openers, news] {
            if let stop @ Some(_) = self.send(&first).await {
                return stop;
            }
        }
        for groups in [together(writes), trims] {
            if let stop @ Some(_) = self.contend(groups).await {
                return stop;
            }
        }
        self.send(&acls).await
    }

    /// Writes these nodes in batches that become smaller; stops after all that do not collide.
    async fn contend(&mut self, groups: Vec<Group<'a>>) -> Option<Stop> {
        let mut waiting: VecDeque<Vec<Group<'a>>> =
            groups.chunks(LARGEST).map(<[_]>::to_vec).collect();
        let mut collision = None;
        while let Some(mut chunk) = waiting.pop_front() {
            let live = match self.read(&chunk).await {
                Ok(live) => live,
                Err(error) => return Some(stop_of(error, &chunk)),
            };
            let mut actions = Vec::new();
            chunk.retain(|group| match self.again(group, &live) {
                Again::Same(same) => {
                    for (i, action) in same {
                        match action {
                            Some(action) => actions.push((i, action)),
                            None => self.ledger.settle(i, Fate::Needless),
                        }
                    }
                    true
                }
                Again::Collides(reason) => {
                    collision.get_or_insert_with(|| group.conflict(reason));
                    false
                }
            });
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
                // What appeared below a node is no part of this plan.
                if group.tries < TRIES && *reason != Conflict::NotEmpty {
                    let pause = u64::from(group.tries.min(20));
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..pause))).await;
                    waiting.push_front(chunk);
                } else {
                    collision.get_or_insert(stop);
                }
            }
        }
        collision
    }

    /// The nodes as they are now.
    async fn read(&self, groups: &[Group<'_>]) -> Result<Tree<Live>, live::Error> {
        let declared = self.contended.declared;
        let want = |group: &Group<'_>| Want {
            path: group.path.clone(),
            children: Children::Skip,
            acl: declared
                .get(group.path)
                .is_some_and(|node| node.acl.is_some()),
        };
        let mut wants: Vec<Want> = groups.iter().map(want).collect();
        wants.sort_by(|a, b| a.path.cmp(&b.path));
        let options = FetchOptions::default();
        live::fetch(self.contended.session, &wants, &options, &mut |_| {}).await
    }

    /// Plans one node alone, and compares that with what was planned for it.
    fn again(&self, group: &Group<'_>, live: &Tree<Live>) -> Again {
        let found = live.get(group.path);
        let Some(node) = found.and_then(Live::node) else {
            let gone = group.trim.filter(|_| found.is_none());
            return match gone {
                Some(trim) => Again::Same(vec![(trim, None)]),
                None => Again::Collides(Conflict::Missing),
            };
        };
        if let Some(i) = group.trim {
            return self.trim_again(i, node);
        }
        let declared = self.contended.declared.get(group.path);
        let one = |declared: &Declared| (group.path.clone(), declared.clone());
        let declared: Tree<Declared> = declared.map(one).into_iter().collect();
        let live = [(group.path.clone(), Live::Read(node.clone()))];
        let live: Tree<Live> = live.into_iter().collect();
        let fresh = planner::plan(&declared, &live, self.contended.policy);
        // No action because nothing may be done is not the same as nothing to do.
        if !fresh.kept.is_empty() || !fresh.refusals.is_empty() {
            return Again::Collides(Conflict::Changed);
        }
        let fresh = fresh.actions;
        let mut same = Vec::new();
        let mut left = fresh.len();
        for i in [group.update, group.link].into_iter().flatten() {
            let planned = &self.plan.actions[i];
            if !is_of(planned, node) {
                return Again::Collides(Conflict::Replaced);
            }
            let action = fresh.iter().find(|fresh| fresh.name() == planned.name());
            if action.is_some_and(|action| !action.asks_for_the_same(planned)) {
                return Again::Collides(Conflict::Changed);
            }
            left -= usize::from(action.is_some());
            same.push((i, action.cloned().map(data_alone)));
        }
        if left > 0 {
            return Again::Collides(Conflict::Changed);
        }
        Again::Same(same)
    }

    fn trim_again(&self, i: usize, node: &LiveNode) -> Again {
        let Action::Trim(planned) = &self.plan.actions[i] else {
            return Again::Collides(Conflict::Changed);
        };
        if !is_of(&self.plan.actions[i], node) {
            return Again::Collides(Conflict::Replaced);
        }
        if self.contended.agreed == Agreed::ThisPlan && planned.seen != node.zxids() {
            return Again::Collides(Conflict::Changed);
        }
        let trim = Trim {
            path: planned.path.clone(),
            expected_version: node.version,
            seen: node.zxids(),
        };
        Again::Same(vec![(i, Some(Action::Trim(trim)))])
    }

    /// Carries out some actions, each with its place in the plan.
    async fn send(&mut self, actions: &[(usize, Action)]) -> Option<Stop> {
        if actions.is_empty() {
            return None;
        }
        let part = Plan {
            actions: actions.iter().map(|(_, action)| action.clone()).collect(),
            access: self.plan.access.clone(),
            ..Plan::empty(self.plan.path.clone())
        };
        let before = self.ledger.fates();
        for (i, _) in actions {
            self.ledger.settle(*i, Fate::Unknown);
        }
        let base = self.batches.len();
        let events = &mut *self.events;
        let mut forward = |event: &Event| {
            events(&match event {
                Event::Starting(batch) => Event::Starting(placed(batch, actions, base)),
                Event::Committed(batch) => Event::Committed(placed(batch, actions, base)),
            });
        };
        let Contended {
            session, options, ..
        } = self.contended;
        let report = executor::execute(session, &part, options, &mut forward).await;
        for ((i, action), fate) in actions.iter().zip(&report.fates) {
            let fate = match (fate, action, &self.plan.actions[*i]) {
                // Its ACL comes later.
                (Fate::Done, Action::Update(sent), Action::Update(planned))
                    if planned.acl.is_some() && sent.acl.is_none() =>
                {
                    Fate::DataOnly
                }
                (Fate::NotDone, ..) => before[*i],
                (fate, ..) => *fate,
            };
            self.ledger.settle(*i, fate);
        }
        let committed = report.batches.iter();
        self.batches
            .extend(committed.map(|batch| placed(batch, actions, base)));
        self.operations += report.committed_operations;
        report.stop.map(|stop| of_whole(stop, actions))
    }
}

impl<'p> Group<'p> {
    fn of(action: &'p Action, i: usize) -> Self {
        let is = |name: &str| (action.name() == name).then_some(i);
        Self {
            path: action.path(),
            update: is("update"),
            link: is("link"),
            trim: is("trim"),
            tries: 0,
        }
    }

    fn conflict(&self, reason: Conflict) -> Stop {
        let action = self.update.or(self.link).or(self.trim).unwrap_or_default();
        Stop::Conflict {
            path: self.path.clone(),
            action,
            reason,
        }
    }
}

/// Groups of the same node as one, in path order.
fn together(mut groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    groups.sort_by(|a, b| a.path.cmp(b.path));
    groups.dedup_by(|later, first| {
        let same = later.path == first.path;
        if same {
            first.update = first.update.or(later.update);
            first.link = first.link.or(later.link);
        }
        same
    });
    groups
}

/// Whether the action was planned for this node, and not for another one in its place.
fn is_of(action: &Action, node: &LiveNode) -> bool {
    let seen = match action {
        Action::Add(_) => None,
        Action::Update(update) => update.seen,
        Action::Link(link) => link.seen,
        Action::Trim(trim) => trim.seen,
    };
    seen.map(|seen| seen.created) == node.zxids().map(|now| now.created)
}

/// The part of an update that a batch can hold.
fn data_alone(action: Action) -> Action {
    match action {
        Action::Update(update) => Action::Update(Update {
            acl: None,
            ..update
        }),
        action => action,
    }
}

/// The part of an update that no batch can hold.
fn acl_alone(update: &Update) -> Option<Update> {
    update.acl.is_some().then(|| Update {
        data: None,
        ..update.clone()
    })
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
fn of_whole(stop: Stop, actions: &[(usize, Action)]) -> Stop {
    let place = |action: usize| actions.get(action).map_or(0, |(i, _)| *i);
    match stop {
        Stop::Conflict {
            path,
            action,
            reason,
        } => Stop::Conflict {
            path,
            action: place(action),
            reason,
        },
        Stop::Failed {
            path,
            action,
            source,
        } => Stop::Failed {
            path,
            action: place(action),
            source,
        },
        Stop::InvalidAcl {
            path,
            action,
            entries,
        } => Stop::InvalidAcl {
            path,
            action: place(action),
            entries,
        },
        Stop::TooLarge {
            path,
            action,
            bytes,
            limit,
        } => Stop::TooLarge {
            path,
            action: place(action),
            bytes,
            limit,
        },
        Stop::Uncertain {
            actions: part,
            source,
        } => Stop::Uncertain {
            actions: range(&part, actions),
            source,
        },
        stop @ (Stop::Deposed { .. } | Stop::Disconnected { .. }) => stop,
    }
}

/// Why nodes that are to be written could not be read again.
fn stop_of(error: live::Error, groups: &[Group<'_>]) -> Stop {
    let action = groups.first().map_or(0, |group| {
        group
            .update
            .or(group.link)
            .or(group.trim)
            .unwrap_or_default()
    });
    match error {
        live::Error::Connection { source, .. } | live::Error::SessionEnded { source, .. } => {
            Stop::Disconnected {
                in_flight: 0,
                committed: false,
                source,
            }
        }
        live::Error::Server { path, source } => Stop::Failed {
            path,
            action,
            source,
        },
        live::Error::Unreadable { first: path, .. }
        | live::Error::Version { path }
        | live::Error::Name { parent: path, .. } => Stop::Conflict {
            path,
            action,
            reason: Conflict::Changed,
        },
    }
}
