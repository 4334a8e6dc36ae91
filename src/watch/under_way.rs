//! An execution under way: where it is dropped halfway, the log tells what it leaves behind.

use super::told::{Told, Word};
use crate::model::plan::Plan;
use crate::zookeeper::executor::{Fate, Ledger, Report};

pub(super) struct UnderWay<'p> {
    plan: &'p Plan,
    pub(super) ledger: Ledger,
    /// How many actions of the same reconcile stand already.
    before: usize,
    has_ended: bool,
}

impl<'p> UnderWay<'p> {
    pub(super) fn new(plan: &'p Plan, before: usize) -> Self {
        Self {
            plan,
            ledger: Ledger::new(plan),
            before,
            has_ended: false,
        }
    }

    /// The execution came to its end: its report tells the rest.
    pub(super) fn end(mut self, report: Report) -> Report {
        self.has_ended = true;
        report
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let fates = self.ledger.fates();
        let mut told = Told::default();
        for (action, fate) in self.plan.actions.iter().zip(&fates) {
            match fate {
                Fate::Done => told.tell(action, Word::Done),
                Fate::Unknown | Fate::DataOnly => told.tell(action, Word::Unknown),
                Fate::NotDone | Fate::Needless => {}
            }
        }
        told.end();
        let count = |which: &[Fate]| fates.iter().filter(|fate| which.contains(fate)).count();
        tracing::warn!(
            stands = self.before + count(&[Fate::Done]),
            unknown = count(&[Fate::Unknown, Fate::DataOnly]),
            left = count(&[Fate::NotDone]),
            "interrupted in the middle of a reconcile"
        );
    }
}
