//! What the files of a declared tree alone make doubtful.

use super::policy::Policy;
use crate::model::lint::{Level, Lint};
use crate::model::node::Declared;
use crate::model::plan::Warning;
use crate::model::tree::Tree;
use crate::plan::lint;

/// What is probably not meant in the declared nodes that the plan is about.
pub(super) fn doubts(
    declared: &Tree<Declared>,
    policy: &Policy<'_>,
) -> impl Iterator<Item = Warning> {
    let mut levels = policy.levels;
    // Who shows the plan says so once, however many there are.
    if levels.of(Lint::PlainSecret) == Level::Warn {
        levels.set(Lint::PlainSecret, Level::Allow);
    }
    let is_whole = policy.filter.is_everything();
    let warnings = lint::of_files(declared, policy.sources, &levels, is_whole).into_iter();
    warnings.filter(|warning| policy.filter.covers(&warning.path))
}
