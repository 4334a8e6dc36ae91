//! Why a record cannot be read, or nothing may be written for its owner.

use zookeeper_client::Error as ClientError;

use crate::model::path::ZPath;
use crate::model::record::{Begun, Broken};
use crate::zookeeper::live;
use crate::zookeeper::session::{Session, described, is_outcome_unknown};

/// Why a record cannot be read, or nothing may be written for its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server did not answer, or refused to show it.
    #[error(transparent)]
    Live(#[from] live::Error),
    /// It is not what a record consists of. What the owner has is unknown then, so it does nothing.
    #[error("{path}, which belongs to an owner's record: {reason}")]
    Broken {
        /// The record's node.
        head: ZPath,
        /// The node.
        path: ZPath,
        /// What is wrong.
        reason: Broken,
    },
    /// It was changed each time that it was read.
    #[error("{head} changes all the time: its owner applies without end")]
    Busy {
        /// The record's node.
        head: ZPath,
    },
    /// Another apply of the same owner has begun since.
    #[error("another apply of the owner {} has begun{}", head.name(), described_begin(begun.as_ref()))]
    Fenced {
        /// The record's node.
        head: ZPath,
        /// The other one, where it is known.
        begun: Option<Begun>,
    },
    /// The record of another owner has changed since the plan was made, so that what is to be trimmed may be
    /// that one's.
    #[error("the owner {} has changed its record since the plan was made", head.name())]
    OtherMoved {
        /// The other record's node.
        head: ZPath,
    },
    /// The node above the records was written since the plan was made. So it is by the first apply of an owner,
    /// and what is to be trimmed may be that one's.
    #[error("another owner may have a record by now: {place} was written since the plan was made")]
    PlaceMoved {
        /// The node.
        place: ZPath,
    },
    /// The server refused a write of the record.
    #[error(
        "{path}: the owner's record could not be written: {}",
        described(reason)
    )]
    Refused {
        /// The node.
        path: ZPath,
        /// The refusal.
        reason: ClientError,
    },
}

impl Error {
    /// The error of a request about a node of a record.
    pub(super) fn of(session: &Session, path: &ZPath, reason: ClientError) -> Self {
        Self::Live(live::Error::of(session, path, reason))
    }

    /// The error of a write of a node of a record.
    pub(super) fn of_write(session: &Session, path: &ZPath, reason: ClientError) -> Self {
        if is_outcome_unknown(&reason) {
            return Self::of(session, path, reason);
        }
        let path = path.clone();
        Self::Refused { path, reason }
    }

    /// Whether another owner has changed its record, or may have got one, so that what is to be trimmed may be
    /// that one's.
    #[must_use]
    pub fn is_of_other(&self) -> bool {
        matches!(self, Self::OtherMoved { .. } | Self::PlaceMoved { .. })
    }

    /// Whether the connection was lost, so that the write may have been done or not.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::Live(live::Error::Connection { .. } | live::Error::SessionEnded { .. })
        )
    }
}

fn described_begin(begun: Option<&Begun>) -> String {
    match begun {
        Some(Begun { at, by, .. }) if by.is_empty() => format!(" at {at}"),
        Some(Begun { at, by, .. }) => format!(" at {at}, by {by}"),
        None => String::new(),
    }
}
