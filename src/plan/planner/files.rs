//! What the files of a declared tree alone make doubtful.

use super::policy::Policy;
use crate::model::lint::{Level, Lint};
use crate::model::node::Declared;
use crate::model::plan::Warning;
use crate::model::tree::Tree;
use crate::plan::lint;

/// Returns what is probably not meant in the declared nodes that the plan is about.
pub(crate) fn doubts(declared: &Tree<Declared>, policy: &Policy<'_>) -> Vec<Warning> {
    let mut levels = policy.levels;
    // Who shows the plan says so once, however many there are.
    if levels.of(Lint::PlainSecret) == Level::Warn {
        levels.set(Lint::PlainSecret, Level::Allow);
    }
    let is_whole = policy.filter.is_everything();
    let mut warnings = lint::of_files(declared, policy.sources, &levels, is_whole);
    warnings.retain(|warning| policy.filter.covers(&warning.path));
    warnings
}
