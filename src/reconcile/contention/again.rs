//! What is to be done to a node as it is now, of what was planned for it.

use std::borrow::Cow;
use std::collections::HashSet;

use super::group::{Group, Part};
use crate::model::acl::Agreement;
use crate::model::node::{Declared, Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::plan::{ACL_CHANGE, Action, Plan, Trim, Update};
use crate::model::tree::Tree;
use crate::plan::planner::{self, Policy};
use crate::plan::scope;
use crate::reconcile::options::Agreed;
use crate::zookeeper::executor::{Conflict, Stop};
use crate::zookeeper::live;

/// The trees and the policy of a plan, and what was agreed to.
#[derive(Debug, Clone, Copy)]
pub(in crate::reconcile) struct Basis<'a> {
    pub(in crate::reconcile) plan: &'a Plan,
    pub(in crate::reconcile) declared: &'a Tree<Declared>,
    /// The policy that the plan was made by.
    pub(in crate::reconcile) policy: &'a Policy<'a>,
    pub(in crate::reconcile) agreed: Agreed,
}

/// What is to be done to a node as it is now.
pub(super) enum Again {
    /// The same as was planned, with newer versions; an action that is `None` was done by others.
    Same(Vec<(usize, Option<Action>)>),
    /// Something else.
    Stops(Stop),
}

impl Basis<'_> {
    /// Plans one node alone, and compares that with what was planned for it. The nodes in `closed` get
    /// their ACL later.
    pub(super) fn again(
        &self,
        group: &Group<'_>,
        live: &Tree<Live>,
        closed: &HashSet<&ZPath>,
    ) -> Again {
        if group.add.is_some() {
            return self.add_again(group, live.get(group.path));
        }
        let node = match live.get(group.path) {
            Some(Live::Read(node)) => node,
            Some(_) => return Again::Stops(group.unreadable()),
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
            (Part::Data, Part::Acl) => closed.contains(group.path),
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
        let declared = self.declared_at(group.path, node);
        let acl = declared.as_ref().and_then(|declared| declared.acl.as_ref());
        let agreement = acl.map(|acl| planner::agreement(acl, node, self.policy));
        group.part == Part::Acl && agreement == Some(Agreement::Unknown)
    }

    /// What is declared of a node, though it be only its ACL.
    fn declared_at(&self, path: &ZPath, node: &LiveNode) -> Option<Cow<'_, Declared>> {
        match self.declared.get(path) {
            Some(declared) => Some(Cow::Borrowed(declared)),
            None => planner::held(self.declared, path, node).map(Cow::Owned),
        }
    }

    /// The plan for one node as it is now.
    fn plan_alone(&self, group: &Group<'_>, node: &LiveNode) -> Plan {
        let declared = self.declared_at(group.path, node);
        let one = |declared: Cow<'_, Declared>| (group.path.clone(), declared.into_owned());
        let declared: Tree<Declared> = declared.map(one).into_iter().collect();
        let live = [(group.path.clone(), Live::Read(node.clone()))];
        let live: Tree<Live> = live.into_iter().collect();
        planner::plan(&declared, &live, self.policy)
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
        // What is the owner's goes only as the owner wrote it.
        let as_seen = self.agreed == Agreed::ThisPlan || self.policy.trim == scope::Trim::Owned;
        if as_seen && planned.seen != node.zxids() {
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

impl Group<'_> {
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
