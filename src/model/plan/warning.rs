//! Warnings of plans.

use std::collections::BTreeSet;

use super::refusal::Refusal;
use crate::model::lint::{Level, Lint};
use crate::model::path::ZPath;
use crate::syntax::place::Location;

/// Something legal that is probably a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The node it is about.
    pub path: ZPath,
    /// What it is about, by name.
    #[doc(hidden)]
    pub lint: Lint,
    /// Whether it is an error; never [`Level::Allow`].
    #[doc(hidden)]
    pub level: Level,
    /// Whether it depends on that node alone.
    #[doc(hidden)]
    pub about: About,
    /// The message.
    pub message: String,
    /// Where it is declared.
    pub origin: Option<Location>,
}

impl Warning {
    /// The name of the lint that it comes from.
    #[must_use]
    pub fn lint(&self) -> &'static str {
        self.lint.name()
    }

    /// What is refused because of warnings whose lints are denied.
    #[must_use]
    #[doc(hidden)]
    pub fn denied(warnings: &[Self]) -> Option<Refusal> {
        let denied = warnings.iter();
        let denied = denied.filter(|warning| warning.level == Level::Deny);
        let denied: Vec<&Self> = denied.collect();
        let lints: BTreeSet<Lint> = denied.iter().map(|warning| warning.lint).collect();
        let first = denied.first()?;
        Some(Refusal::Denied {
            lints: lints.into_iter().map(Lint::name).collect(),
            count: denied.len(),
            origin: first.origin.clone(),
        })
    }
}

/// What a warning depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The node that it names, and what the plan writes to it.
    Node,
    /// More of the trees than that node.
    Trees,
}
