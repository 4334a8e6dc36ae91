//! What an owner has: nodes that are adopted, nodes that are gone, and nodes that are trimmed because
//! they are the owner's and no longer declared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Policy;
use crate::model::lint::{Level, Lint};
use crate::model::node::{Declared, Live, LiveNode};
use crate::model::path::{ZPath, and_more};
use crate::model::plan::{About, Action, Kept, KeptReason, Plan, Refusal, Trim, Warning};
use crate::model::record::{self, Claim, Entry};
use crate::model::tree::Tree;
use crate::plan::owned::Ownership;
use crate::plan::scope;
use crate::syntax::place::Location;

/// How a declared node compares with the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// They are equal.
    Equal,
    /// The data differs, so that a write makes it as declared.
    Data,
    /// Something beside the data differs.
    Rest,
}

/// The owner's side of a plan while it is made.
#[derive(Default)]
pub(super) struct Owner {
    /// Declared nodes that another owner has: the first of each owner, where it is declared, and how many.
    shared: BTreeMap<String, (ZPath, Option<Location>, usize)>,
}

impl Owner {
    /// Takes note of a declared node that is there: whether it is adopted, and whether others have it.
    pub(super) fn note(
        &mut self,
        path: &ZPath,
        (node, live): (&Declared, &LiveNode),
        comparison: Comparison,
        policy: &Policy<'_>,
        plan: &mut Plan,
    ) {
        let Some(ownership) = &policy.owner else {
            return;
        };
        let other = ownership.other(path, live.czxid);
        if let Some(name) = other {
            let locate = || node.origin.map(|span| policy.sources.locate(span));
            let shared = self.shared.entry(name.to_owned());
            let (_, _, count) = shared.or_insert_with(|| (path.clone(), locate(), 0));
            *count += 1;
        }
        let entry = ownership.record.of_node(path, live.czxid);
        let adopts = ownership.adopts;
        let claim = match (entry.map(|entry| entry.claim), comparison) {
            // The batch that writes it says so.
            (_, Comparison::Data) => return,
            (Some(Claim::Written), _) if adopts => Claim::Adopted,
            (Some(claim), _) => claim,
            (None, _) if adopts => Claim::Adopted,
            (None, _) if other.is_some() || !ownership.unknown.is_empty() => return,
            (None, Comparison::Equal) => Claim::Adopted,
            (None, Comparison::Rest) => Claim::Written,
        };
        // Others may write all the time what `@keep` and `@ignore` leave to them.
        let partial = is_partial(node);
        let modified = match entry {
            Some(entry) if partial => entry.modified,
            _ => live.mzxid,
        };
        let now = Entry {
            created: live.czxid,
            modified,
            claim,
            partial,
        };
        if entry != Some(now) {
            plan.record.take.push((path.clone(), now));
        }
    }

    /// Warns of declared nodes that others have, and of others of whom nobody knows what they have.
    pub(super) fn warnings(self, policy: &Policy<'_>) -> Vec<Warning> {
        let warning = |path, message, origin| Warning {
            path,
            lint: Lint::OtherOwner,
            level: Level::Warn,
            about: About::Trees,
            message,
            origin,
        };
        let shared = self.shared.into_iter();
        let shared = shared.map(|(name, (path, origin, count))| {
            let more = and_more(", and so it has ", count - 1);
            let message = format!("the owner {name} has it, too{more}: both would write it");
            warning(path, message, origin)
        });
        let ownership = policy.owner.iter();
        let unknown = ownership.flat_map(|ownership| {
            ownership.unknown.iter().map(|(name, why)| {
                let message = format!(
                    "what the owner {name} has is unknown, so nothing of it is trimmed or adopted: {why}"
                );
                warning(ownership.place.join(name), message, None)
            })
        });
        shared.chain(unknown).collect()
    }
}

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
            Some(Live::Read(node)) => node.czxid == entry.created,
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

/// The nodes that are the owner's and no longer declared, in path order, as far as they still are what
/// they were. The others are kept.
pub(super) fn trims(
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
    plan: &mut Plan,
) -> Vec<Action> {
    let Some(ownership) = policy.owner.clone() else {
        return Vec::new();
    };
    let mut trims = Trims {
        declared,
        live,
        policy,
        trimmed: BTreeMap::new(),
    };
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
    policy: &'a Policy<'a>,
    trimmed: BTreeMap<ZPath, Action>,
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
        plan.examined += 1;
        let reason = if record::is_part(&node.data) {
            let is_head = record::is_head(&node.data);
            let above = path.parent().filter(|_| !is_head);
            let head = above.unwrap_or_else(|| path.clone());
            Some(KeptReason::Record { head })
        } else if entry.modified != node.mzxid {
            Some(KeptReason::Changed)
        } else if let Some(other) = ownership.other(path, node.czxid) {
            let other = other.to_owned();
            Some(KeptReason::OfOther { other })
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

    /// Why a node stays that has more children than go.
    fn staying_child(&self, path: &ZPath, node: &LiveNode) -> Option<KeptReason> {
        let children = || {
            let below = self.live.subtree(path).iter();
            below.filter(|(below, _)| below.parent_str() == Some(path.as_str()))
        };
        let stays = |child: &&(ZPath, Live)| !self.trimmed.contains_key(&child.0);
        let goes = children().filter(|child| !stays(child)).count();
        let child = children().find(stays).map(|(child, _)| child.clone());
        (goes < node.children as usize || child.is_some()).then_some(KeptReason::Holds { child })
    }

    /// Refuses to trim below a node that is protected.
    fn refuse(&self, plan: &mut Plan) {
        for path in self.trimmed.keys() {
            let parent = path.parent();
            if parent.is_some_and(|parent| self.trimmed.contains_key(&parent)) {
                continue;
            }
            let above: Vec<ZPath> = path.prefixes().collect();
            let protected = above.into_iter().rev().find_map(|at| {
                let node = self.declared.get(&at).filter(|node| node.protect)?;
                let span = node.directives.get("@protect");
                Some((at, span.map(|span| self.policy.sources.locate(*span))))
            });
            if let Some((protected, origin)) = protected {
                plan.refusals.push(Refusal::Protected {
                    path: path.clone(),
                    protected,
                    origin,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
