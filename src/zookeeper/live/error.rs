//! Why the live tree could not be read.

use zookeeper_client::Error as ClientError;

use crate::model::path::{ZPath, and_more};
use crate::zookeeper::session::{Session, described, is_fatal, is_outcome_unknown};

/// Why the live tree could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The connection was lost too often.
    #[error(
        "{path}: the connection to {hosts} was lost while reading ({})",
        described(reason)
    )]
    Connection {
        /// The node, or the first of those that were being read.
        path: ZPath,
        /// The servers and the chroot.
        hosts: String,
        /// The error of the last attempt.
        reason: ClientError,
    },
    /// The session is dead, and its requests are lost.
    #[error(
        "{path}: the session with {hosts} ended while reading ({})",
        described(reason)
    )]
    SessionEnded {
        /// The node, or the first of those that were being read.
        path: ZPath,
        /// The servers and the chroot.
        hosts: String,
        /// Why it ended.
        reason: ClientError,
    },
    /// The server answered with an error.
    #[error("{path}: {}", described(reason))]
    Server {
        /// The node, or the first of those that were being read.
        path: ZPath,
        /// The error.
        reason: ClientError,
    },
    /// Nodes that must be read may not be.
    #[error("not authorized to read {first}{}", and_more(" ", *.more))]
    Unreadable {
        /// The first of them.
        first: ZPath,
        /// How many others.
        more: usize,
    },
    /// The version is -1, which would mean "any" in a write.
    #[error("{path}: the server tells its version as -1, so a write to it cannot be guarded")]
    Version {
        /// The node.
        path: ZPath,
    },
    /// A child has a name that ZooKeeper itself would refuse.
    #[error("{parent}: it has a child with the name {name:?}, which is none")]
    Name {
        /// The parent.
        parent: ZPath,
        /// The child's name.
        name: String,
    },
}

impl Error {
    /// The error of a request about this path.
    pub(crate) fn of(session: &Session, path: &ZPath, reason: ClientError) -> Self {
        let (path, hosts) = (path.clone(), session.hosts());
        if is_fatal(&reason) {
            Self::SessionEnded {
                path,
                hosts,
                reason,
            }
        } else if is_outcome_unknown(&reason) {
            Self::Connection {
                path,
                hosts,
                reason,
            }
        } else {
            Self::Server { path, reason }
        }
    }

    /// The error for these nodes, which may not be read. Returns `None` if there are none.
    pub fn unreadable<'a>(mut paths: impl Iterator<Item = &'a ZPath>) -> Option<Self> {
        Some(Self::Unreadable {
            first: paths.next()?.clone(),
            more: paths.count(),
        })
    }
}
