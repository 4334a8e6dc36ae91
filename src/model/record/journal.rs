//! What one batch did to nodes, as its journal lists it.

use super::claim::Claim;
use crate::model::path::ZPath;

/// What a batch did to one node. Which transaction that was is known from the journal's node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// It created the node.
    Created,
    /// It set the data of the node that this transaction created.
    Set {
        /// The transaction.
        created: i64,
        /// What the owner says of the node.
        claim: Claim,
    },
    /// It set the data of a node that an earlier batch created.
    SetNew,
}

/// The most bytes that a journal takes for a node; for no node, those that it takes in any case.
#[must_use]
pub fn journal_bytes(path: Option<&ZPath>) -> usize {
    path.map_or(256, |path| path.as_str().len() + 40)
}
