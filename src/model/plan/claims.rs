//! What changes in what an owner has, beyond what the actions of a plan create and trim.

use crate::model::path::ZPath;

/// What changes in what an owner has, beyond what the actions of a plan create and trim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// Nodes that were there before, and that it adopts because it is told to.
    pub adopted: Vec<Adopted>,
    /// Nodes that it adopts because they are as declared, and nobody's.
    pub equal: Vec<ZPath>,
    /// Nodes that it no longer declares and leaves to another owner.
    pub let_go: Vec<LetGo>,
}

/// A node that was there before, and that an owner adopts because it is told to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The node.
    pub path: ZPath,
    /// The owner that has it, too, until that one no longer declares it.
    pub from: Option<String>,
    /// Whether it is not as declared yet.
    pub differs: bool,
}

/// A node that an owner no longer declares and leaves to another owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetGo {
    /// The node.
    pub path: ZPath,
    /// The transaction that created it.
    #[doc(hidden)]
    pub created: i64,
    /// The owner that has it, too.
    pub to: String,
}

impl Claims {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether somebody asked for a change: what is as declared and nobody's is adopted by any apply.
    #[must_use]
    pub fn are_asked_for(&self) -> bool {
        !self.adopted.is_empty() || !self.let_go.is_empty()
    }
}
