//! Which differences are new.

use std::collections::BTreeSet;

use crate::path::ZPath;
use crate::plan::{Action, Plan};

/// The differences that are known and still stand.
#[derive(Debug, Default)]
pub(super) struct Drift(BTreeSet<(ZPath, &'static str)>);

impl Drift {
    /// Takes a plan for all that differs now; finds the actions that the last one did not have.
    pub(super) fn note<'p>(&mut self, plan: &'p Plan) -> Vec<&'p Action> {
        let before = std::mem::take(&mut self.0);
        self.0.extend(plan.actions.iter().map(key));
        let is_new = |action: &&Action| !before.contains(&key(action));
        plan.actions.iter().filter(is_new).collect()
    }

    /// The action was carried out: the same difference would be another one.
    pub(super) fn repaired(&mut self, action: &Action) {
        self.0.remove(&key(action));
    }
}

fn key(action: &Action) -> (ZPath, &'static str) {
    (action.path().clone(), action.name())
}
