//! What is to be done to a node as it is now, of what was planned for it.

use super::Run;
use crate::model::acl::Agreement;
use crate::model::node::{Declared, Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::plan::{ACL_CHANGE, Action, Plan, Trim, Update};
use crate::model::tree::Tree;
use crate::plan::planner;
use crate::reconcile::run::Agreed;
use crate::zookeeper::executor::{Conflict, Fate, Stop};
use crate::zookeeper::live;

/// What of a node is written together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All but the ACL, in batches.
    Data,
    /// The ACL, which no batch can hold.
    Acl,
}

/// One node, or the place of one, with all that the plan does to a part of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'p> {
    pub(super) path: &'p ZPath,
    pub(super) part: Part,
    pub(super) add: Option<usize>,
    pub(super) update: Option<usize>,
    pub(super) link: Option<usize>,
    pub(super) trim: Option<usize>,
    pub(super) tries: u32,
}

/// What is to be done to a node as it is now.
pub(super) enum Again {
    /// The same as was planned, with newer versions; an action that is `None` was done by others.
    Same(Vec<(usize, Option<Action>)>),
    /// Something else.
    Stops(Stop),
}

impl Run<'_, '_> {
    /// Plans one node alone, and compares that with what was planned for it.
    pub(super) fn again(&self, group: &Group<'_>, live: &Tree<Live>) -> Again {
        if group.add.is_some() {
            return self.add_again(group, live.get(group.path));
        }
        let node = match live.get(group.path) {
            Some(Live::Read(node)) => node,
            Some(Live::Unreadable | Live::Listed) => return Again::Stops(group.unreadable()),
            None => {
                return match group.trim {
                    Some(trim) => Again::Same(vec![(trim, None)]),
                    None => group.collides(Conflict::Missing),
                };
            }
        };
        if let Some(i) = group.trim {
            return self.trim_again(i, group, node);
        }
        let fresh = self.plan_alone(group, node);
        // No action because nothing may be done is not the same as nothing to do.
        if !fresh.kept.is_empty() || !fresh.refusals.is_empty() {
            return group.collides(Conflict::Changed);
        }
        let parts = |action: Action| parts_of(action).into_iter().flatten();
        let mut fresh: Vec<(Part, Action)> = fresh.actions.into_iter().flat_map(parts).collect();
        let mut same = Vec::new();
        for i in [group.update, group.link].into_iter().flatten() {
            let planned = &self.plan.actions[i];
            if !is_of(planned, node) {
                return group.collides(Conflict::Replaced);
            }
            let is_planned = |(part, action): &(Part, Action)| {
                *part == group.part && action.name() == planned.name()
            };
            let at = fresh.iter().position(is_planned);
            let action = at.map(|at| fresh.swap_remove(at).1);
            let planned = parts_of(planned.clone());
            let mut planned = planned.iter().flatten();
            let is_same = |action: &Action| {
                planned
                    .any(|(part, planned)| *part == group.part && action.asks_for_the_same(planned))
            };
            if !action.as_ref().is_none_or(is_same) {
                return group.collides(Conflict::Changed);
            }
            same.push((i, action));
        }
        // What else differs now is no part of the plan, unless that has another step for it.
        let is_for_later = |(part, _): &(Part, Action)| match (group.part, part) {
            (Part::Data, Part::Acl) => self.closed.contains(group.path),
            (Part::Acl, Part::Data) => true,
            _ => false,
        };
        if fresh.iter().all(is_for_later) && !self.is_masked(group, node) {
            Again::Same(same)
        } else {
            group.collides(Conflict::Changed)
        }
    }

    /// Whether it is unknown if the node has its ACL already.
    fn is_masked(&self, group: &Group<'_>, node: &LiveNode) -> bool {
        let declared = self.contended.declared.get(group.path);
        let acl = declared.and_then(|declared| declared.acl.as_ref());
        let agreement = acl.map(|acl| planner::agreement(acl, node, self.contended.policy));
        group.part == Part::Acl && agreement == Some(Agreement::Unknown)
    }

    /// Whether nothing of a group is left to do.
    pub(super) fn stands(&self, group: &Group<'_>) -> bool {
        let mut actions = [group.add, group.update, group.link, group.trim]
            .into_iter()
            .flatten();
        actions.all(|i| match group.part {
            Part::Data => matches!(
                self.ledger.fate(i),
                Fate::Done | Fate::DataOnly | Fate::Needless
            ),
            Part::Acl => matches!(self.ledger.fate(i), Fate::Done | Fate::Needless),
        })
    }

    /// The plan for one node as it is now.
    fn plan_alone(&self, group: &Group<'_>, node: &LiveNode) -> Plan {
        let declared = self.contended.declared.get(group.path);
        let one = |declared: &Declared| (group.path.clone(), declared.clone());
        let declared: Tree<Declared> = declared.map(one).into_iter().collect();
        let live = [(group.path.clone(), Live::Read(node.clone()))];
        let live: Tree<Live> = live.into_iter().collect();
        planner::plan(&declared, &live, self.contended.policy)
    }

    fn add_again(&self, group: &Group<'_>, live: Option<&Live>) -> Again {
        let is_declared = |node: &LiveNode| {
            let fresh = self.plan_alone(group, node);
            fresh.is_empty() && fresh.kept.is_empty() && fresh.refusals.is_empty()
        };
        let is_left = match live {
            None => true,
            Some(Live::Read(node)) if is_declared(node) => false,
            Some(_) => return group.collides(Conflict::Exists),
        };
        let planned = [group.add, group.link].into_iter().flatten();
        let again = |i: usize| (i, is_left.then(|| self.plan.actions[i].clone()));
        Again::Same(planned.map(again).collect())
    }

    fn trim_again(&self, i: usize, group: &Group<'_>, node: &LiveNode) -> Again {
        let Action::Trim(planned) = &self.plan.actions[i] else {
            return group.collides(Conflict::Changed);
        };
        if !is_of(&self.plan.actions[i], node) {
            return group.collides(Conflict::Replaced);
        }
        if self.contended.agreed == Agreed::ThisPlan && planned.seen != node.zxids() {
            return group.collides(Conflict::Changed);
        }
        let trim = Trim {
            path: planned.path.clone(),
            expected_version: node.version,
            seen: node.zxids(),
        };
        Again::Same(vec![(i, Some(Action::Trim(trim)))])
    }
}

impl<'p> Group<'p> {
    pub(super) fn of(action: &'p Action, i: usize, part: Part) -> Self {
        let is = |name: &str| (action.name() == name).then_some(i);
        Self {
            path: action.path(),
            part,
            add: is("add"),
            update: is("update"),
            link: is("link"),
            trim: is("trim"),
            tries: 0,
        }
    }

    pub(super) fn action(&self) -> usize {
        let action = self.add.or(self.update).or(self.link).or(self.trim);
        action.unwrap_or_default()
    }

    fn collides(&self, reason: Conflict) -> Again {
        Again::Stops(Stop::Conflict {
            path: self.path.clone(),
            action: self.action(),
            reason,
        })
    }

    fn unreadable(&self) -> Stop {
        Stop::Unread {
            path: self.path.clone(),
            action: self.action(),
            reason: live::Error::Unreadable {
                first: self.path.clone(),
                more: 0,
            },
        }
    }
}

/// Groups of the same node as one, in path order.
pub(super) fn together(mut groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    groups.sort_by(|a, b| a.path.cmp(b.path));
    groups.dedup_by(|later, first| {
        let same = later.path == first.path;
        if same {
            first.add = first.add.or(later.add);
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

/// What a batch can hold of an action, and the change of an ACL, which none can.
fn parts_of(action: Action) -> [Option<(Part, Action)>; 2] {
    let Action::Update(update) = action else {
        return [Some((Part::Data, action)), None];
    };
    let (of_acl, of_data): (Vec<_>, Vec<_>) = update
        .changes
        .iter()
        .cloned()
        .partition(|change| change.name == ACL_CHANGE);
    let data = Update {
        acl: None,
        changes: of_data,
        ..update.clone()
    };
    let acl = Update {
        data: None,
        changes: of_acl,
        ..update
    };
    let part = |part, update| Some((part, Action::Update(update)));
    [
        data.data
            .is_some()
            .then(|| part(Part::Data, data))
            .flatten(),
        acl.acl.is_some().then(|| part(Part::Acl, acl)).flatten(),
    ]
}
