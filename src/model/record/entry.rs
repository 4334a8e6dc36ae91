//! An entry, and the record that entries make.

use std::collections::BTreeMap;

use super::claim::Claim;
use super::journal::Note;
use crate::model::path::ZPath;

/// A node of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The transaction that created the node. A node in its place has another one.
    pub created: i64,
    /// The transaction that wrote its data as the owner last knew it.
    pub modified: i64,
    /// What the owner says of it.
    pub claim: Claim,
    /// Whether others may write a part of its data, which `@keep properties` or `@ignore` leaves to them.
    pub partial: bool,
}

/// The nodes of an owner.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    entries: BTreeMap<ZPath, Entry>,
}

/// What a plan finds to change in a record beyond what it writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// New entries and newer ones.
    pub take: Vec<(ZPath, Entry)>,
    /// Nodes that are gone or replaced, or left to another owner, with the transaction that created the one of the record.
    pub gone: Vec<(ZPath, i64)>,
    /// Nodes that the plan writes, and whether others may write a part of them from then on. No journal
    /// says it.
    pub partial: Vec<(ZPath, bool)>,
}

impl Changes {
    /// Whether nothing changes if nothing is written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.take.is_empty() && self.gone.is_empty()
    }
}

impl Record {
    /// The entry of a path. It is about the node that is there only if that has the same creation.
    #[must_use]
    pub fn get(&self, path: &ZPath) -> Option<Entry> {
        self.entries.get(path).copied()
    }

    /// The entry of the node that was created at a path by this transaction.
    #[must_use]
    pub fn of_node(&self, path: &ZPath, created: i64) -> Option<Entry> {
        self.get(path).filter(|entry| entry.created == created)
    }

    /// All entries by path.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&ZPath, &Entry)> {
        self.entries.iter()
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the entries of a shard.
    pub fn extend(&mut self, entries: Vec<(ZPath, Entry)>) {
        self.entries.extend(entries);
    }

    /// Takes in what one batch did, whose transaction was `zxid`. Taking in a batch twice changes nothing.
    pub fn fold(&mut self, notes: Vec<(ZPath, Note)>, zxid: i64) {
        for (path, note) in notes {
            let old = self.get(&path);
            let new = match note {
                Note::Created => Entry {
                    created: zxid,
                    modified: zxid,
                    claim: Claim::Created,
                    partial: false,
                },
                Note::Set { created, claim } => {
                    let old = self.of_node(&path, created);
                    Entry {
                        created,
                        modified: zxid,
                        claim: old.map_or(claim, |old| old.claim.then(claim)),
                        partial: old.is_some_and(|old| old.partial),
                    }
                }
                Note::SetNew => match old {
                    Some(old) => Entry {
                        modified: zxid,
                        ..old
                    },
                    None => continue,
                },
            };
            if old.is_none_or(|old| (old.created, old.modified) <= (new.created, new.modified)) {
                self.entries.insert(path, new);
            }
        }
    }

    /// Makes the changes that a plan found. Returns whether that changed anything.
    pub fn change(&mut self, changes: &Changes) -> bool {
        let mut is_changed = false;
        for (path, created) in &changes.gone {
            if self.of_node(path, *created).is_some() {
                self.entries.remove(path);
                is_changed = true;
            }
        }
        for (path, entry) in &changes.take {
            let old = self.of_node(path, entry.created);
            let new = Entry {
                claim: old.map_or(entry.claim, |old| old.claim.then(entry.claim)),
                modified: old.map_or(entry.modified, |old| old.modified.max(entry.modified)),
                ..*entry
            };
            is_changed |= self.entries.insert(path.clone(), new) != Some(new);
        }
        for (path, partial) in &changes.partial {
            if let Some(entry) = self.entries.get_mut(path) {
                is_changed |= entry.partial != *partial;
                entry.partial = *partial;
            }
        }
        is_changed
    }
}
