//! The events of an execution, its report, and why it stopped.

use std::ops::Range;

use zookeeper_client::Error as ClientError;

use crate::model::path::ZPath;
use crate::model::plan::{Plan, Summary};
use crate::zookeeper::live;
use crate::zookeeper::record;
use crate::zookeeper::session::described;

/// How far an execution got, and why it stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What became of each action of the plan.
    pub fates: Vec<Fate>,
    /// The batches that were sent, in order, and what became of each.
    #[doc(hidden)]
    pub batches: Vec<(Batch, BatchFate)>,
    /// Why the plan was not carried out to its end; `None` if it was.
    pub stop: Option<Stop>,
}

impl Report {
    /// How many actions of each kind stand, of the plan that was executed.
    #[must_use]
    pub fn done(&self, plan: &Plan) -> Summary {
        let actions = plan.actions.iter().zip(&self.fates);
        let done = actions.filter(|(_, fate)| **fate == Fate::Done);
        Summary::of(done.map(|(action, _)| action))
    }
}

/// What became of one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was not carried out.
    NotDone,
    /// The node has its new data, but not yet its new ACL.
    DataOnly,
    /// It stands.
    Done,
    /// Somebody else has made the node so in the meantime. Only executions of
    /// contended nodes look for that.
    Needless,
    /// It may have been carried out or not.
    Unknown,
}

/// What became of a batch that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchFate {
    /// All of it stands.
    Committed,
    /// Nothing of it was done; of ACL changes, not all.
    NotCommitted,
    /// All of it was done or nothing; of ACL changes, some may have been made.
    Unknown,
}

/// One request's worth of a plan, or one run of ACL changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which batch it is, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
    /// What it consists of.
    pub kind: BatchKind,
    /// The actions of the plan that it carries out, wholly or in part.
    pub actions: Range<usize>,
    /// How many operations it has: at most one for each action.
    pub operations: usize,
    /// The bytes of its requests.
    pub bytes: usize,
}

/// What a batch consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// Creates, sets and deletes: all of them happen or none.
    Atomic,
    /// ACL changes, each of which happens by itself: ZooKeeper has no other way.
    Acls,
}

/// What happens while a plan is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The batch is about to be sent. Batches start in order.
    Starting(Batch),
    /// The batch stands. Until something goes wrong these come in order; then, for the batches in
    /// flight, as their outcomes become known.
    Committed(Batch),
    /// Nothing of the batch was done; of ACL changes, not all.
    NotCommitted(Batch),
    /// What is known of one action of the plan, by its index. What was sent and not answered yet is
    /// [`Fate::Unknown`].
    Action(usize, Fate),
}

/// Why an execution stopped before the end of its plan. Nothing was sent after that was known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The live tree is not as the plan saw it.
    #[error("{path}: {reason}")]
    Conflict {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// How it differs.
        reason: Conflict,
    },
    /// The server refused an operation.
    #[error("{path}: {}", described(reason))]
    Failed {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// The refusal.
        reason: ClientError,
    },
    /// The server refused the ACL of a node.
    #[error(
        "{path}: the server refuses the ACL entry {entries}: it does not know the scheme, or takes no such id"
    )]
    InvalidAcl {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// The entries that it may be about, without what may be a secret.
        entries: String,
    },
    /// An operation is larger than a request may be. Nothing was written at all.
    #[error(
        "{path}: writing it takes a request of {bytes} bytes, more than the request limit of {limit}"
    )]
    TooLarge {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// The bytes that it takes.
        bytes: usize,
        /// The bytes that a request may have.
        limit: usize,
    },
    /// A node that has to be read again before it is written could not be.
    #[error("{reason}")]
    Unread {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// Why.
        reason: live::Error,
    },
    /// The node without which nothing is written, [`ExecuteOptions::guard`], is not there.
    ///
    /// [`ExecuteOptions::guard`]: super::ExecuteOptions::guard
    #[error("{guard} is gone, and with it the right to write")]
    Deposed {
        /// The node.
        guard: ZPath,
    },
    /// The server refused to check the node without which nothing is written.
    #[error("{guard}: {}; without it nothing is written", described(reason))]
    Unguarded {
        /// The node.
        guard: ZPath,
        /// The refusal.
        reason: ClientError,
    },
    /// The owner's record keeps it from writing, or could not be written.
    #[error("{reason}")]
    Record {
        /// Why.
        reason: record::Error,
    },
    /// The connection was lost while batches were being committed; a read of the nodes showed their
    /// outcomes.
    #[error("the connection was lost ({}); {}", described(reason), what_became(*in_flight, *committed))]
    Disconnected {
        /// How many batches were in flight.
        in_flight: usize,
        /// Whether all of them stand. [`Report::fates`] has each action.
        committed: bool,
        /// What the first of them ran into.
        reason: ClientError,
    },
    /// The connection was lost while batches were being committed, and their outcomes could not be
    /// found out.
    #[error(
        "the connection was lost ({}); what was in flight may be committed or not",
        described(reason)
    )]
    Uncertain {
        /// The actions that may stand or not.
        actions: Range<usize>,
        /// What the first of the batches ran into.
        reason: ClientError,
    },
}

impl Stop {
    /// What the server's refusal of an operation means.
    pub(super) fn refused(path: &ZPath, action: usize, reason: ClientError) -> Self {
        let reason = match reason {
            ClientError::NodeExists => Conflict::Exists,
            ClientError::NoNode => Conflict::Missing,
            ClientError::BadVersion => Conflict::Changed,
            ClientError::NotEmpty => Conflict::NotEmpty,
            ClientError::NoChildrenForEphemerals => Conflict::EphemeralParent,
            reason => {
                return Self::Failed {
                    path: path.clone(),
                    action,
                    reason,
                };
            }
        };
        Self::Conflict {
            path: path.clone(),
            action,
            reason,
        }
    }

    /// What the server's refusal to check the guard means.
    pub(super) fn of_guard(guard: &ZPath, reason: ClientError) -> Self {
        let guard = guard.clone();
        match reason {
            ClientError::NoNode | ClientError::BadVersion => Self::Deposed { guard },
            reason => Self::Unguarded { guard, reason },
        }
    }

    /// The only node that the stop is about; the server takes what concerns others.
    #[cfg(feature = "watch")]
    pub(crate) fn of_one_node(&self) -> Option<&ZPath> {
        match self {
            Self::Failed {
                path,
                reason:
                    ClientError::NoAuth | ClientError::QuotaExceeded | ClientError::BadArguments(_),
                ..
            }
            | Self::InvalidAcl { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Unread { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The node at which it stopped; `None` if it was not about one.
    #[must_use]
    pub fn path(&self) -> Option<&ZPath> {
        match self {
            Self::Conflict { path, .. }
            | Self::Failed { path, .. }
            | Self::InvalidAcl { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Unread { path, .. } => Some(path),
            Self::Deposed { .. }
            | Self::Unguarded { .. }
            | Self::Record { .. }
            | Self::Disconnected { .. }
            | Self::Uncertain { .. } => None,
        }
    }

    /// The action at which it stopped; `None` if it was not about one.
    pub(crate) fn action_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Conflict { action, .. }
            | Self::Failed { action, .. }
            | Self::InvalidAcl { action, .. }
            | Self::TooLarge { action, .. }
            | Self::Unread { action, .. } => Some(action),
            Self::Deposed { .. }
            | Self::Unguarded { .. }
            | Self::Record { .. }
            | Self::Disconnected { .. }
            | Self::Uncertain { .. } => None,
        }
    }

    /// Whether the session was not allowed to do what the plan says.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self,
            Self::Failed {
                reason: ClientError::NoAuth,
                ..
            } | Self::Unread {
                reason: live::Error::Unreadable { .. },
                ..
            }
        )
    }
}

fn what_became(in_flight: usize, committed: bool) -> String {
    match (in_flight, committed) {
        (0, _) => "nothing was in flight".to_owned(),
        (0..=1, true) => "the batch in flight was committed".to_owned(),
        (0..=1, false) => "the batch in flight was not committed".to_owned(),
        (_, true) => format!("the {in_flight} batches in flight were committed"),
        (_, false) => format!("not all of the {in_flight} batches in flight were committed"),
    }
}

/// How a node differs from what the plan saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// To be created, it is there.
    #[error("it exists already")]
    Exists,
    /// It is gone, or its parent is.
    #[error("it does not exist any more, or its parent does not")]
    Missing,
    /// It was written.
    #[error("it was changed meanwhile")]
    Changed,
    /// It was deleted, and another node was created in its place.
    #[error("it was deleted and created again meanwhile")]
    Replaced,
    /// To be deleted, it has children.
    #[error("it has children that the plan does not delete")]
    NotEmpty,
    /// Its parent belongs to a session.
    #[error("its parent is ephemeral and can have no children")]
    EphemeralParent,
}
