//! Why a reconcile fails.

use crate::model::path::{ZPath, and_more};
use crate::reconcile;
use crate::zookeeper::executor::Stop;
use crate::zookeeper::live;
use crate::zookeeper::session;

/// Why a reconcile came to nothing, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No sound tree was ever declared.
    #[error("the files declare no sound tree: {}", .first)]
    Source {
        /// The first mistake.
        first: String,
        /// Whether all that is wrong is that there is nothing declared.
        only_empty: bool,
    },
    /// There is no session.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The live tree could not be read.
    #[error(transparent)]
    Live(#[from] live::Error),
    /// What must hold before a plan does not.
    #[error(transparent)]
    Plan(reconcile::Error),
    /// The election's place is declared.
    #[error("{0} is the place of elections and cannot be declared")]
    Election(ZPath),
    /// The plan was not carried out to its end.
    #[error(transparent)]
    Stopped(#[from] Stop),
    /// Some nodes may not be read or written. All others are as declared.
    #[error("{first}{}", and_more(", ", *.more))]
    Nodes {
        /// The first of them, and why.
        first: String,
        /// How many others there are.
        more: usize,
    },
    /// Another replica leads now.
    #[error("lost leadership: {0}")]
    Deposed(Stop),
}

impl From<reconcile::Error> for Error {
    fn from(error: reconcile::Error) -> Self {
        match error {
            reconcile::Error::Session(error) => Self::Session(error),
            reconcile::Error::Live(error) => Self::Live(error),
            error => Self::Plan(error),
        }
    }
}

impl Error {
    /// What others are told of it: without what is written in files.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Source { .. } => "the files declare no sound tree".to_owned(),
            error => error.to_string(),
        }
    }

    /// Whether it is about single nodes, and all others are as declared.
    pub(super) fn is_of_nodes(&self) -> bool {
        matches!(self, Self::Nodes { .. })
    }
}
