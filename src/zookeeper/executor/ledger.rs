//! What became of each action, known at any moment of an execution.

use super::report::{Event, Fate};
use crate::model::plan::Plan;

/// What became of each action of a plan so far, also where its execution is dropped halfway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    fates: Vec<Fate>,
}

impl Ledger {
    /// Of a plan of which nothing was sent yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        Self {
            fates: vec![Fate::NotDone; plan.actions.len()],
        }
    }

    /// Takes note of what has happened. What was sent and not answered yet is unknown.
    pub fn note(&mut self, event: &Event) {
        if let Event::Action(action, fate) = event {
            self.settle(*action, *fate);
        }
    }

    /// Sets the fate of one action, whatever events say.
    pub(crate) fn settle(&mut self, action: usize, fate: Fate) {
        self.fates[action] = fate;
    }

    /// Sets the fates of all actions from the report of an execution.
    pub fn settle_all(&mut self, fates: &[Fate]) {
        self.fates.copy_from_slice(fates);
    }

    /// What became of one action.
    pub(crate) fn fate(&self, action: usize) -> Fate {
        self.fates[action]
    }

    /// What became of each action.
    #[must_use]
    pub fn fates(&self) -> Vec<Fate> {
        self.fates.clone()
    }
}
