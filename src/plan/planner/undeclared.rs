//! Live nodes that nobody declares: trimmed, kept, listed, or held to an ACL from above.

use super::kept::{is_ephemeral, reason_to_keep_whole};
use super::{Planner, deep, protection};
use crate::model::node::{Live, Standing};
use crate::model::path::ZPath;
use crate::model::plan::{Action, KeptReason, Trim};
use crate::model::record;
use crate::model::tree::end_of_subtree;
use crate::plan::scope;

impl Planner<'_> {
    /// An undeclared subtree: `nodes` with `top` first.
    pub(super) fn only_live(&mut self, top: &ZPath, nodes: &[(ZPath, Live)]) {
        let Some(parent) = top.parent() else { return };
        if self.policy.is_of_server(top) || record::is_reserved(top) {
            return;
        }
        match self.declared.get(&parent) {
            Some(node) if node.keep_children => return,
            Some(node) => match node.standing {
                Standing::PassedThrough | Standing::Outside { excluded: true, .. } => return,
                Standing::Declared | Standing::Outside { .. } => {}
            },
            None if parent == self.policy.path && self.policy.trim_top_level => {}
            None => return,
        }
        if self.policy.trim != scope::Trim::All {
            if self.policy.filter.covers(top) {
                self.plan.extras.push(top.clone());
            }
            return;
        }
        self.plan.examined += nodes.len();
        if let Some(head) = self.record.clone().filter(|head| top.is_within(head)) {
            if nodes
                .iter()
                .any(|(path, _)| self.policy.filter.covers(path))
            {
                self.keep(top, KeptReason::Record { head });
            }
            return;
        }
        // A reason that keeps a subtree whole also keeps the part that the plan is about.
        let whole = reason_to_keep_whole(nodes);
        // What the plan is about may start further down, but not below what is excluded.
        let mut nodes = nodes;
        while let Some((path, _)) = nodes.first() {
            let covered = self.policy.filter.covers(path);
            let end = if covered || self.policy.filter.excludes(path) {
                end_of_subtree(nodes, 0, path)
            } else {
                1
            };
            let part = &nodes[..end];
            let of_whole = whole
                .as_ref()
                .filter(|_| self.reason_to_keep(part).is_none());
            match of_whole {
                _ if !covered => {}
                Some(reason) => self.keep_once(top, reason),
                None => self.undeclared(&parent, part),
            }
            nodes = &nodes[end..];
        }
    }

    /// A subtree that the plan is about and that is not declared, below the declared `parent`.
    fn undeclared(&mut self, parent: &ZPath, nodes: &[(ZPath, Live)]) {
        let Some((top, _)) = nodes.first() else {
            return;
        };
        if let Some(reason) = self.reason_to_keep(nodes) {
            self.keep(top, reason);
            for (path, live) in &nodes[1..] {
                if live.node().is_some_and(|node| node.ephemeral) {
                    self.keep(path, KeptReason::Ephemeral);
                }
            }
            return;
        }
        let refusal = protection::refusal(top, parent, self.declared, self.policy);
        self.plan.refusals.extend(refusal);
        for (path, live) in nodes {
            let Some(node) = live.node() else { continue };
            let trim = Trim {
                path: path.clone(),
                expected_version: node.version,
                seen: node.zxids(),
            };
            self.stages.trims.push(Action::Trim(trim));
        }
    }

    /// The ACLs of an undeclared subtree, where it is held to one.
    pub(super) fn hold(&mut self, nodes: &[(ZPath, Live)]) {
        let found = deep::compare(nodes, self.declared, self.policy);
        for (path, acl) in &found.live {
            self.note_live_acl(path, acl);
        }
        let unseen = found.unseen.iter();
        unseen.for_each(|path| self.seen.not_compared(path));
        let unlisted = found.unlisted.iter();
        unlisted.for_each(|path| self.seen.not_listed(path));
        self.held.extend(found.updates);
    }

    fn reason_to_keep(&self, nodes: &[(ZPath, Live)]) -> Option<KeptReason> {
        if is_ephemeral(&nodes[0]) {
            return Some(KeptReason::Ephemeral);
        }
        let mut paths = nodes.iter().map(|(path, _)| path);
        reason_to_keep_whole(nodes).or_else(|| {
            let is_outside = paths.any(|path| !self.policy.filter.covers(path));
            is_outside.then_some(KeptReason::OutOfScope)
        })
    }

    /// Several parts of one subtree may be kept for the same reason.
    fn keep_once(&mut self, path: &ZPath, reason: &KeptReason) {
        if self.plan.kept.last().is_none_or(|kept| kept.path != *path) {
            self.keep(path, reason.clone());
        }
    }
}
