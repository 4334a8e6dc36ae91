//! Which differences are new.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::path::ZPath;
use crate::model::plan::{Action, Change, Plan};

/// The differences that are known and still stand.
#[derive(Debug, Default)]
pub(super) struct Drift {
    /// The last plan, and where in it each node's actions stand.
    plan: Option<Arc<Plan>>,
    known: HashMap<(ZPath, &'static str), usize>,
}

impl Drift {
    /// Takes a plan for all that differs now; finds the actions that the last one did not have.
    pub(super) fn note<'p>(&mut self, plan: &'p Arc<Plan>) -> Vec<&'p Action> {
        let last = self.plan.replace(plan.clone());
        let actions = plan.actions.iter().enumerate();
        let known = actions.map(|(i, action)| (key(action), i)).collect();
        let known = std::mem::replace(&mut self.known, known);
        let is_new = |action: &&Action| {
            let at = known.get(&key(action)).copied();
            let before = last.as_ref().zip(at).map(|(last, at)| &last.actions[at]);
            before.is_none_or(|before| !is_same(before, action))
        };
        plan.actions.iter().filter(is_new).collect()
    }

    /// The action was carried out: the same difference would be another one.
    pub(super) fn repaired(&mut self, action: &Action) {
        self.known.remove(&key(action));
    }
}

fn key(action: &Action) -> (ZPath, &'static str) {
    (action.path().clone(), action.name())
}

/// Whether two actions of a kind are about the same difference, whichever version the node has.
fn is_same(one: &Action, other: &Action) -> bool {
    let (one, other) = (changes(one), changes(other));
    let same = |(a, b): (&Change, &Change)| (&a.name, &a.old, &a.new) == (&b.name, &b.old, &b.new);
    one.len() == other.len() && one.iter().zip(other).all(same)
}

fn changes(action: &Action) -> &[Change] {
    match action {
        Action::Update(update) => &update.changes,
        Action::Link(link) => &link.changes,
        Action::Add(_) | Action::Trim(_) => &[],
    }
}
