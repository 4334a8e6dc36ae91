//! Why there is no plan.

use crate::model::path::{ZPath, and_more};
use crate::plan::saved::{Found, Moved, NotReviewed};
use crate::zookeeper::live;
use crate::zookeeper::record;
use crate::zookeeper::session::{self, Dialect};

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The chroot lies in what is ZooKeeper's own.
    #[error("/zookeeper belongs to ZooKeeper itself and cannot be declared")]
    Reserved,
    /// What is declared, or the chroot, lies in what is ClickHouse Keeper's own.
    #[error("/keeper belongs to ClickHouse Keeper itself and cannot be declared")]
    OfKeeper,
    /// The server does not know the scheme of an ACL, and would drop the entry.
    #[error("{path}: {dialect} has no ACLs of the scheme {scheme}, only of world, digest and auth")]
    Scheme {
        /// The node.
        path: ZPath,
        /// The scheme.
        scheme: String,
        /// The kind of server.
        dialect: Dialect,
    },
    /// The place of the top-level nodes does not exist.
    #[error("{path}, the place of the tree, does not exist on {hosts}")]
    NoPlace {
        /// The place.
        path: ZPath,
        /// The servers and the chroot.
        hosts: String,
    },
    /// The session does not answer.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The live tree could not be read.
    #[error(transparent)]
    Live(#[from] live::Error),
    /// The record of an owner cannot be read.
    #[error(transparent)]
    Record(#[from] record::Error),
    /// A declared node lies where owners keep their records.
    #[error("{path} cannot be declared: owners keep their records at {place}")]
    RecordPlace {
        /// The node.
        path: ZPath,
        /// Where the records are.
        place: ZPath,
    },
    /// The place of the top-level nodes is an owner's record, or below one.
    #[error("{path} is no place for a tree: {head} is the record of an owner")]
    PlaceInRecord {
        /// The place.
        path: ZPath,
        /// The record's node.
        head: ZPath,
    },
    /// A saved plan cannot be carried out.
    #[doc(hidden)]
    #[error(transparent)]
    Saved(#[from] SavedError),
}

/// Why a saved plan cannot be carried out. Nothing was written by this attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// Nodes moved under it: they are neither as it saw them nor as it makes them.
    #[error("{}", moved_text(nodes))]
    Moved {
        /// The nodes, each with what became of it; never empty.
        nodes: Vec<(ZPath, Moved)>,
        /// What the first of them hold now.
        found: Vec<Found>,
    },
    /// The users for whom `auth::` stands are others than when the plan was made.
    #[error(
        "the plan was made as {}, and this session is {}: its ACLs are for those who made it",
        planned.join(", "),
        if now.is_empty() { "nobody".to_owned() } else { now.join(", ") }
    )]
    OtherUsers {
        /// The users that the plan names.
        planned: Vec<String>,
        /// The users of this session.
        now: Vec<String>,
    },
    /// Nodes that it creates were created for its owner since it was made, and are gone: it was applied, and
    /// somebody has removed them.
    #[error("{}", undone_text(nodes))]
    Undone {
        /// The nodes; never empty.
        nodes: Vec<ZPath>,
    },
    /// The declared tree is not the one that was reviewed.
    #[error(transparent)]
    NotReviewed(#[from] NotReviewed),
}

fn undone_text(nodes: &[ZPath]) -> String {
    let path = nodes.first().map_or("", ZPath::as_str);
    let more = and_more(", and so were ", nodes.len().saturating_sub(1));
    format!(
        "the plan was applied already, and {path} was removed since{more}: the owner's record has it"
    )
}

fn moved_text(nodes: &[(ZPath, Moved)]) -> String {
    match nodes {
        [] => String::new(),
        [(path, moved), rest @ ..] => {
            format!(
                "{path}: {moved} since the plan was made{}",
                and_more(", and so are ", rest.len())
            )
        }
    }
}
