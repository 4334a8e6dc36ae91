//! What may be in the way of a move.

use crate::model::path::ZPath;

/// Why a subtree may not be moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoveProblem {
    /// A node belongs to a session or to the server.
    #[error("{0} is ephemeral, or a container or TTL node, and would be a plain node there")]
    Ephemeral(ZPath),
    /// The session may not read a node.
    #[error("this session may not read {0}")]
    Unreadable(ZPath),
    /// The session may not read the ACL of a node, all of it.
    #[error(
        "this session sees no ACL of {0}, or a masked one, and could not give it to the new node"
    )]
    Acl(ZPath),
    /// Both places hold a node, and they differ.
    #[error(
        "{old} and {new} both exist and differ; make them equal, or delete the one that does not count"
    )]
    Differs {
        /// The node at the old place.
        old: ZPath,
        /// The node at the new place.
        new: ZPath,
    },
    /// A node is outside of what the plan is about.
    #[error("{0} is outside of the plan's targets, or excluded, and a subtree is moved as a whole")]
    OutOfScope(ZPath),
    /// Nobody declares a node, and the record of the owner who applies would claim the new one.
    #[error(
        "{0} is not declared, and the owner's record would claim it at the new place, to be trimmed later; \
         declare it, or move without an owner"
    )]
    Claimed(ZPath),
    /// A node belongs to the record of an owner.
    #[error("{0} belongs to the record of an owner")]
    Record(ZPath),
    /// A node that would be at the new place is left alone.
    #[error("{0} cannot be written")]
    Stays(ZPath),
}
