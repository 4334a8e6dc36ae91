//! What an owner has: nodes that are adopted, left to others, or gone, and nodes that are trimmed because
//! they are the owner's and no longer declared.

mod claims;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::kept::record_of;
use super::{Policy, protection};
use crate::model::node::{Declared, Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Kept, KeptReason, LetGo, MovesFrom, Plan, Trim};
use crate::model::record;
use crate::model::tree::{Side, Tree};
use crate::plan::owned::Ownership;
use crate::plan::scope;

pub(super) use claims::{Comparison, Owner};

/// Whether others may write a part of a node's data.
fn is_partial(node: &Declared) -> bool {
    node.keep_properties || !node.ignore.patterns().is_empty()
}

/// Takes note of nodes that are written of which others may write a part from then on, or no part any more.
pub(super) fn note_partial(declared: &Tree<Declared>, policy: &Policy<'_>, plan: &mut Plan) {
    let Some(ownership) = &policy.owner else {
        return;
    };
    let mut partial: BTreeMap<&ZPath, bool> = BTreeMap::new();
    for path in plan.actions.iter().map(Action::path) {
        let Some(node) = declared.get(path) else {
            continue;
        };
        let before = ownership.record.get(path);
        if is_partial(node) || before.is_some_and(|entry| entry.partial) {
            partial.insert(path, is_partial(node));
        }
    }
    let partial = partial.into_iter();
    plan.record.partial = partial.map(|(path, is)| (path.clone(), is)).collect();
}

/// Takes note of nodes of the record that are gone or replaced.
pub(super) fn note_gone(
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
    plan: &mut Plan,
) {
    let Some(ownership) = &policy.owner else {
        return;
    };
    let reads_owned = policy.trim == scope::Trim::Owned;
    for (path, entry) in ownership.record.iter() {
        let is_there = match live.get(path) {
            None => false,
            Some(Live::Read(node) | Live::WithoutData(node) | Live::Unlisted(node)) => {
                node.czxid == entry.created
            }
            Some(Live::Listed | Live::Unreadable) => true,
        };
        if is_there {
            continue;
        }
        let was_read = declared.get(path).is_some()
            || reads_owned && ownership.owns_below(&policy.path, path, entry);
        if was_read {
            plan.record.gone.push((path.clone(), entry.created));
        }
    }
}

/// Leaves to other owners what they have, too, and this one no longer declares. Nobody trims a node that
/// two owners have: the last one that has it does.
pub(super) fn let_go(declared: &Tree<Declared>, policy: &Policy<'_>, plan: &mut Plan) {
    let Some(ownership) = &policy.owner else {
        return;
    };
    let gone: BTreeSet<&ZPath> = plan.record.gone.iter().map(|(path, _)| path).collect();
    let moves = MovesFrom::new(plan);
    let is_left = |path: &&ZPath| {
        let is_moved = moves.of(path).is_some();
        !declared.declares(path) && policy.filter.covers(path) && !gone.contains(path) && !is_moved
    };
    let mut let_go = Vec::new();
    for path in ownership.below(&policy.path).filter(is_left) {
        let created = ownership.record.get(path).map(|entry| entry.created);
        if let Some(created) = created
            && let Some(other) = ownership.other(path, created)
        {
            let (path, to) = (path.clone(), other.to_owned());
            let_go.push(LetGo { path, created, to });
        }
    }
    let gone = let_go.iter();
    let gone = gone.map(|let_go| (let_go.path.clone(), let_go.created));
    plan.record.gone.extend(gone);
    plan.claims.let_go = let_go;
}

/// The nodes that are the owner's and no longer declared, in path order, as far as they still are what
/// they were. The others are kept. `moved` tells how many children leave a node before.
pub(super) fn trims(
    (declared, live): (&Tree<Declared>, &Tree<Live>),
    moved: &HashMap<ZPath, usize>,
    policy: &Policy<'_>,
    plan: &mut Plan,
) -> Vec<Action> {
    let Some(ownership) = policy.owner.clone() else {
        return Vec::new();
    };
    let mut trims = Trims {
        declared,
        live,
        moved,
        policy,
        trimmed: BTreeMap::new(),
        undeclared: HashMap::new(),
    };
    for side in declared.join(live) {
        if let Side::Right((path, _)) = side {
            let above = path.parent_str().unwrap_or_default();
            trims.undeclared.entry(above).or_default().push(path);
        }
    }
    // Children come before their parents, which go only after them.
    let owned: Vec<&ZPath> = ownership.below(&policy.path).collect();
    for path in owned.into_iter().rev() {
        trims.judge(path, &ownership, plan);
    }
    trims.refuse(plan);
    let touched: BTreeSet<&ZPath> = trims.trimmed.keys().collect();
    let kept: BTreeSet<ZPath> = plan.kept.iter().map(|kept| kept.path.clone()).collect();
    plan.extras
        .retain(|path| !touched.contains(path) && !kept.contains(path));
    plan.kept.sort_by(|one, other| one.path.cmp(&other.path));
    trims.trimmed.into_values().collect()
}

struct Trims<'a> {
    declared: &'a Tree<Declared>,
    live: &'a Tree<Live>,
    moved: &'a HashMap<ZPath, usize>,
    policy: &'a Policy<'a>,
    trimmed: BTreeMap<ZPath, Action>,
    /// The undeclared nodes, by the one above.
    undeclared: HashMap<&'a str, Vec<&'a ZPath>>,
}

impl Trims<'_> {
    fn judge(&mut self, path: &ZPath, ownership: &Arc<Ownership>, plan: &mut Plan) {
        if self.declared.get(path).is_some() || !self.policy.filter.covers(path) {
            return;
        }
        let parent = path.parent().and_then(|parent| self.declared.get(&parent));
        if parent.is_some_and(|parent| parent.keep_children) {
            return;
        }
        let live = self.live.get(path).and_then(Live::node);
        let Some(node) = live else { return };
        let Some(entry) = ownership.record.of_node(path, node.czxid) else {
            return;
        };
        if ownership.other(path, node.czxid).is_some() {
            return;
        }
        plan.examined += 1;
        let head = record_of(path, &node.data).or_else(|| self.record_above(path));
        let reason = if let Some(head) = head {
            Some(KeptReason::Record { head })
        } else if entry.modified != node.mzxid {
            Some(KeptReason::Changed)
        } else if let Some((other, _)) = ownership.unknown.first() {
            let other = other.clone();
            Some(KeptReason::PerhapsOfOther { other })
        } else {
            self.staying_child(path, node)
        };
        match reason {
            Some(reason) => plan.kept.push(Kept {
                path: path.clone(),
                reason,
            }),
            None => {
                let trim = Trim {
                    path: path.clone(),
                    expected_version: node.version,
                    seen: node.zxids(),
                };
                self.trimmed.insert(path.clone(), Action::Trim(trim));
            }
        }
    }

    /// The record below which a node stands, as far as what is above was read.
    fn record_above(&self, path: &ZPath) -> Option<ZPath> {
        path.prefixes()
            .find(|above| self.live.get(above).is_some_and(record::is_head_node))
    }

    /// Why a node stays that has more children than go.
    fn staying_child(&self, path: &ZPath, node: &LiveNode) -> Option<KeptReason> {
        let children = self.undeclared.get(path.as_str());
        let children = children.map_or(&[][..], Vec::as_slice);
        let stays = children
            .iter()
            .find(|child| !self.trimmed.contains_key(**child));
        let moved = self.moved.get(path).copied().unwrap_or_default();
        let is_held = stays.is_some() || children.len() + moved < node.children as usize;
        let child = stays.map(|child| (*child).clone());
        is_held.then_some(KeptReason::Holds { child })
    }

    /// Refuses to trim below a node that is protected.
    fn refuse(&self, plan: &mut Plan) {
        for path in self.trimmed.keys() {
            let parent = path.parent().unwrap_or_else(ZPath::root);
            if !self.trimmed.contains_key(&parent) {
                let refusal = protection::refusal(path, &parent, self.declared, self.policy);
                plan.refusals.extend(refusal);
            }
        }
    }
}

#[cfg(test)]
mod tests;
