//! Which nodes a plan moves.

use std::collections::{BTreeMap, HashMap};

use super::{Action, Move, Plan, Trim};
use crate::model::path::ZPath;

/// The moves of a plan by their old places.
#[derive(Debug)]
pub struct MovesFrom<'a>(HashMap<&'a ZPath, &'a Move>);

impl<'a> MovesFrom<'a> {
    /// The moves of this plan.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        Self(
            plan.moves
                .iter()
                .map(|moved| (&moved.from, moved))
                .collect(),
        )
    }

    /// Returns the move of what is at an old place. A node may be moved out of a subtree that is moved.
    #[must_use]
    pub fn of(&self, old: &ZPath) -> Option<&'a Move> {
        // Most plans move nothing.
        if self.0.is_empty() {
            return None;
        }
        let moves = old.prefixes().filter_map(|path| self.0.get(&path));
        moves.last().copied()
    }
}

impl Plan {
    /// The nodes that are moved: the new path of each, and the old one.
    #[must_use]
    pub fn moved_nodes(&self) -> BTreeMap<ZPath, &ZPath> {
        let trims = self.moved_trims().into_iter();
        trims.map(|(new, trim)| (new, &trim.path)).collect()
    }

    /// The trims of the nodes that are moved, by the new path of each.
    #[must_use]
    pub(crate) fn moved_trims(&self) -> BTreeMap<ZPath, &Trim> {
        if self.moves.is_empty() {
            return BTreeMap::new();
        }
        let moves = MovesFrom::new(self);
        let trims = self.actions.iter().filter_map(|action| {
            let Action::Trim(trim) = action else {
                return None;
            };
            let moved = moves.of(&trim.path)?;
            let is_moved = !moved.dropped.contains(&trim.path);
            is_moved.then(|| (trim.path.moved(&moved.from, &moved.to), trim))
        });
        trims.collect()
    }
}
