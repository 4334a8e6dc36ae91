//! What of a node is never shown, and what of it comes from outside of the tree files.

use std::sync::Arc;

use crate::syntax::names::{Globs, exact_glob, split_link};

/// A value that comes from outside of the tree files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Where it comes from, as a tree file says it: `env DB_PASSWORD`.
    pub from: Arc<str>,
    /// Why it could not be had. Then a placeholder stands among the declared properties, which is neither
    /// compared nor written.
    pub lacks: Option<Arc<str>>,
}

/// The name that stands for a node's raw data.
pub const RAW_DATA: &str = "@data";

/// Which parts of a node are never shown.
#[derive(Debug, Clone, Default)]
pub enum Secret {
    /// Everything may be shown.
    #[default]
    Nothing,
    /// The values of these properties are hidden.
    Properties(Globs),
    /// All data of the node is hidden.
    Everything,
}

impl Secret {
    /// Whether the value of a property, or under `"@data"` the raw data, is hidden.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            // A link is named as it is written, without the operator.
            Self::Properties(globs) => {
                let base = split_link(name).map_or(name, |(base, _)| base);
                globs.matches(base) || globs.matches(name)
            }
            Self::Everything => true,
        }
    }

    /// Hides these properties, too; under `"@data"` all data.
    #[must_use]
    pub fn with<'n>(self, names: impl IntoIterator<Item = &'n String>) -> Self {
        let mut patterns = Vec::new();
        for name in names {
            if name == RAW_DATA {
                return Self::Everything;
            }
            if !self.covers(name) {
                patterns.push(exact_glob(name));
            }
        }
        match patterns.is_empty() {
            true => self,
            false => {
                let these = Globs::new(patterns).map_or(Self::Everything, Self::Properties);
                self.and(&these)
            }
        }
    }

    /// Whether another one hides the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) | (Self::Everything, Self::Everything) => true,
            (Self::Properties(one), Self::Properties(other)) => one.patterns() == other.patterns(),
            _ => false,
        }
    }

    /// Hides what either hides.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (this, Self::Nothing) => this,
            (Self::Nothing, other) => other.clone(),
            (Self::Properties(these), Self::Properties(those)) => {
                let mut patterns = these.patterns().to_vec();
                let more = those.patterns().iter();
                let more = more.filter(|pattern| !these.patterns().contains(pattern));
                patterns.extend(more.cloned());
                if patterns.len() == these.patterns().len() {
                    return Self::Properties(these);
                }
                Globs::new(patterns).map_or(Self::Everything, Self::Properties)
            }
        }
    }
}
