//! Where a saved plan came from, and what it was about.

use serde::{Deserialize, Serialize};

use super::checksum::Mandate;
use super::parts;
use crate::model::path::ZPath;

/// Where a saved plan came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The version of zkt that made it.
    pub zkt: String,
    /// When, in UTC: `2026-11-28T12:00:00Z`.
    pub made: String,
    /// The servers and the chroot: `zk1:2181,zk2:2181/app`.
    pub server: String,
    /// The context by which it was made, where one held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The layers as they were named.
    pub layers: Vec<String>,
    /// [`declared_digest`](super::declared_digest) of the declared tree.
    pub declared: String,
    /// Random, so that equal nodes have other digests in each file.
    pub salt: String,
}

/// What a plan was about: with the same declared and live tree, these options give the same plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Where the top-level nodes go.
    #[serde(with = "parts::path")]
    pub path: ZPath,
    /// Whether undeclared nodes are removed.
    pub trim: bool,
    /// The globs of the paths that it is about; all, if there are none.
    pub target: Vec<String>,
    /// The globs of paths that it leaves alone.
    pub exclude: Vec<String>,
    /// Whether text or binary data gives way to declared properties.
    pub replace: bool,
    /// Whether nodes that are marked `@ephemeral` are created, as persistent ones.
    pub allow_ephemeral: bool,
    /// For whom it is, where it is for an owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerTerms>,
}

/// For whom a saved plan is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerTerms {
    /// The owner's name.
    pub name: String,
    /// Where owners keep their records.
    pub path: String,
    /// Whether declared nodes are adopted that differ.
    pub adopt: bool,
    /// Whether the owner's nodes are removed that are not declared.
    pub trim: bool,
    /// What was reviewed, as the record names it: a commit, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// Where the secret values of a saved plan are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Secrets {
    /// There are none.
    None,
    /// In the file.
    Included,
    /// In the declared tree only.
    Withheld,
}

impl Terms {
    /// For whom the plan is, and what it may remove.
    #[must_use]
    pub fn mandate(&self) -> Mandate<'_> {
        let owner = self.owner.as_ref();
        Mandate {
            owner: owner.map(|owner| (owner.name.as_str(), owner.path.as_str())),
            trim: self.trim,
            trim_owned: owner.is_some_and(|owner| owner.trim),
        }
    }
}
