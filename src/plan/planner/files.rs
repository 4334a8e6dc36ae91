//! What the files of a declared tree alone make doubtful.

use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

use super::policy::Policy;
use crate::model::lint::{Level, Lint};
use crate::model::node::Declared;
use crate::model::plan::Warning;
use crate::model::tree::Tree;
use crate::plan::lint;

/// From so many declared nodes on, a second thread looks for what is doubtful. Of 100,000 nodes that takes a
/// third of the time of a plan.
const MANY: usize = 10_000;

/// Returns what `work` returns, and what is probably not meant in the declared nodes that the plan is about.
pub(super) fn beside<T>(
    declared: &Tree<Declared>,
    policy: &Policy<'_>,
    work: impl FnOnce() -> T,
) -> (T, Vec<Warning>) {
    if declared.len() < MANY {
        return (work(), doubts(declared, policy));
    }
    thread::scope(|scope| {
        let looking = thread::Builder::new().spawn_scoped(scope, || doubts(declared, policy));
        let result = work();
        let doubts = match looking.map(ScopedJoinHandle::join) {
            Ok(Ok(doubts)) => doubts,
            Ok(Err(panic)) => resume_unwind(panic),
            // There is no other thread to be had.
            Err(_) => doubts(declared, policy),
        };
        (result, doubts)
    })
}

fn doubts(declared: &Tree<Declared>, policy: &Policy<'_>) -> Vec<Warning> {
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
