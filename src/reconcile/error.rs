//! Why there is no plan.

use crate::model::path::ZPath;
use crate::zookeeper::live;
use crate::zookeeper::session;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The chroot lies in what is ZooKeeper's own.
    #[error("/zookeeper belongs to ZooKeeper itself and cannot be declared")]
    Reserved,
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
}
