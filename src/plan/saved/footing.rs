//! Whether what a saved plan still creates would stand on the nodes that it saw.

use std::collections::{BTreeMap, BTreeSet};

use super::file::SavedPlan;
use super::ground::{added, grounds, is_beside, only_creates};
use super::look::Moved;
use super::seen::Seen;
use super::wants::wants_with_claims;
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::Action;
use crate::model::tree::Tree;
use crate::plan::scope::{Children, Want};

impl SavedPlan {
    /// The live nodes that show what is left of the plan, and whether they are of its ensemble.
    #[must_use]
    pub fn wants(&self) -> Vec<Want> {
        let mut wants = wants_with_claims(&self.plan);
        if self.is_from_nothing {
            let root = wants.iter_mut().filter(|want| want.path.is_root());
            root.for_each(|want| want.children = Children::List);
        }
        if let Some((path, _)) = self.landmark()
            && wants.iter().all(|want| want.path != *path)
        {
            wants.push(Want {
                path: path.clone(),
                children: Children::Skip,
                acl: false,
            });
            wants.sort_by(|one, other| one.path.cmp(&other.path));
        }
        wants
    }

    /// The node that the plan saw and is not about.
    pub(super) fn landmark(&self) -> Option<(&ZPath, &Seen)> {
        if !only_creates(&self.plan) {
            return None;
        }
        let (added, grounds) = (added(&self.plan), grounds(&self.plan));
        let is_beside = |path: &ZPath| !added.contains(path) && !grounds.contains(path);
        self.seen_nodes.iter().find(|(path, _)| is_beside(path))
    }

    /// What shows that the nodes which are still to be created would stand elsewhere than the plan saw.
    pub(super) fn moved_grounds(
        &self,
        live: &Tree<Live>,
        left: &[(usize, Action)],
    ) -> BTreeMap<ZPath, Moved> {
        let adds = left
            .iter()
            .filter(|(_, action)| matches!(action, Action::Add(_)));
        let parents: BTreeSet<ZPath> = adds.filter_map(|(_, add)| add.path().parent()).collect();
        if parents.is_empty() {
            return BTreeMap::new();
        }
        let moved = |path: ZPath| {
            let (seen, node) = (self.seen_nodes.get(&path)?, live.get(&path)?.node()?);
            (!seen.is_same_node(node)).then_some((path, Moved::Replaced))
        };
        let mut moved: BTreeMap<ZPath, Moved> = parents.into_iter().filter_map(moved).collect();
        if let Some((path, seen)) = self.landmark() {
            let is_there = match live.get(path) {
                Some(Live::Read(node)) => seen.is_same_node(node),
                Some(_) => true,
                None => false,
            };
            if !is_there {
                moved.insert(path.clone(), Moved::NoLandmark);
            }
        }
        if self.is_from_nothing {
            let others = live
                .iter()
                .map(|(path, _)| path)
                .filter(|path| self.is_other(path));
            moved.extend(others.map(|path| (path.clone(), Moved::Beside)));
        }
        moved
    }

    /// Whether a top-level node is neither the plan's own nor that of a record.
    fn is_other(&self, path: &ZPath) -> bool {
        let owner = self.terms.owner.as_ref();
        let is_ours = self.plan.actions.iter().any(|action| action.path() == path);
        !is_ours && is_beside(path, owner.map(|owner| owner.path.as_str()))
    }
}
