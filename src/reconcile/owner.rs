//! For whom a plan is carried out.

use crate::model::path::{Error as PathError, ZPath, check_name};
use crate::model::record;

/// For whom a plan is carried out. An owner keeps a record in ZooKeeper of the nodes that it created or
/// adopted; [`Trim::Owned`](crate::Trim::Owned) removes only those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    name: String,
    /// The node below which owners keep their records. Plans leave it alone. Default: `/zkt`.
    pub place: ZPath,
    /// Whether declared nodes are adopted that were there before and differ, or that another owner has.
    pub adopt: bool,
    /// What is applied, as the record names it: a commit.
    pub revision: Option<String>,
    /// Who applies, as the record names it: `user@host`.
    pub by: String,
}

impl Owner {
    /// An owner with a record below `/zkt`.
    ///
    /// # Errors
    /// The name is none that a node could have.
    pub fn new(name: impl Into<String>) -> Result<Self, PathError> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self {
            name,
            place: ZPath::from_valid(record::PLACE),
            adopt: false,
            revision: None,
            by: String::new(),
        })
    }

    /// The owner's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node of its record.
    #[must_use]
    pub fn head(&self) -> ZPath {
        self.place.join(&self.name)
    }
}
