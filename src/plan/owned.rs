//! What an owner has, as far as a plan needs to know.

mod left;

use std::sync::Arc;

use crate::model::path::{ZPath, is_within};
use crate::model::record::{Entry, Record};

/// What an owner has, and what others have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// Where records are kept: no plan removes anything there.
    pub place: ZPath,
    /// What this owner has.
    pub record: Arc<Record>,
    /// What other owners have, by name.
    pub others: Vec<(String, Arc<Record>)>,
    /// Other owners whose records cannot be read, by name, and why. Any node may be theirs.
    pub unknown: Vec<(String, String)>,
    /// Whether the owner adopts declared nodes that differ, and those of others.
    pub adopts: bool,
}

impl Ownership {
    /// The first other owner that has the node that was created at a path by this transaction.
    #[must_use]
    pub fn other(&self, path: &ZPath, created: i64) -> Option<&str> {
        let mut others = self.others.iter();
        let holds = |record: &Record| {
            let entry = record.of_node(path, created);
            entry.is_some_and(|entry| entry.claim.is_owned())
        };
        let found = others.find(|(_, record)| holds(record));
        found.map(|(name, _)| name.as_str())
    }

    /// The nodes below `place` that are this owner's, in path order.
    pub fn below<'o>(&'o self, place: &'o ZPath) -> impl Iterator<Item = &'o ZPath> {
        let entries = self.record.iter();
        let owned = entries.filter(|(path, entry)| self.owns_below(place, path, entry));
        owned.map(|(path, _)| path)
    }

    /// Whether an entry is of a node below `place` that is this owner's. No record is anybody's.
    pub(super) fn owns_below(&self, place: &ZPath, path: &ZPath, entry: &Entry) -> bool {
        let is_record = is_within(path.as_str(), self.place.as_str());
        entry.claim.is_owned() && path.is_within(place) && path != place && !is_record
    }
}
