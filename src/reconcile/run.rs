//! Plans and executions of one run: what they have come to so far, and how a plan is carried out.

#[cfg(feature = "watch")]
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use super::account::{Account, Course};
use super::options::{Agreed, Options};
#[cfg(feature = "watch")]
use super::partial::at_rest;
use super::road::Road;
use super::tries::{Look, Tries};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan, Refusal};
use crate::model::value::Encoded;
use crate::zookeeper::executor::{Event, ExecuteOptions, Report};
use crate::zookeeper::record::Hold;
use crate::zookeeper::session::Session;

/// Operations of a batch where several nodes refused to be written.
const SMALL_BATCH: usize = 32;

/// What a plan leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'p> {
    /// It may not be carried out, for this reason and these.
    Refused(&'p Refusal, &'p [Refusal]),
    /// There is nothing to do.
    Nothing,
    /// It may be carried out.
    Open,
}

impl<'p> Verdict<'p> {
    /// On a plan.
    #[must_use]
    pub fn of(plan: &'p Plan) -> Self {
        match plan.refusals.as_slice() {
            [] if plan.is_empty() => Self::Nothing,
            [] => Self::Open,
            [first, others @ ..] => Self::Refused(first, others),
        }
    }
}

/// What a run of plans and executions has come to so far, also where it is given up in its middle.
#[derive(Debug)]
pub(crate) struct Run {
    account: Account,
    /// What moved nodes are to hold, by their new path.
    copies: HashMap<ZPath, Encoded>,
    pub(crate) tries: Tries,
}

impl Run {
    pub(crate) fn new(options: &Options, look: Look) -> Self {
        Self {
            account: Account::default(),
            copies: HashMap::new(),
            tries: Tries::new(options, look),
        }
    }

    /// What was done by all executions together.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// What was done by all executions together.
    #[cfg(feature = "watch")]
    pub(crate) fn into_account(self) -> Account {
        self.account
    }

    /// Takes a plan to be carried out next.
    pub(crate) fn take(&mut self, plan: &Arc<Plan>) {
        self.account.plan(plan);
        let moved = plan.moved_nodes();
        let copies = plan.actions.iter().filter_map(|action| match action {
            Action::Add(add) if moved.contains_key(&add.path) => {
                Some((add.path.clone(), add.data.clone()))
            }
            _ => None,
        });
        self.copies.extend(copies);
    }

    /// What moved nodes were to hold by the plans so far.
    pub(crate) fn copies(&self) -> &HashMap<ZPath, Encoded> {
        &self.copies
    }

    /// As [`Run::take`], without what the plan does to these nodes. Returns what is left of it.
    #[cfg(feature = "watch")]
    pub(crate) fn take_without(&mut self, plan: &Arc<Plan>, nodes: &BTreeSet<ZPath>) -> Arc<Plan> {
        // What an execution before may have done is asked for again, or was done.
        self.take(plan);
        if nodes.is_empty() {
            return plan.clone();
        }
        let mut rest = at_rest(plan);
        let others = plan.actions.iter();
        let others = others.filter(|action| !nodes.contains(action.path()));
        rest.actions = others.cloned().collect();
        // Where one node of a subtree cannot be moved, all old places stay.
        let moved = plan.moved_nodes();
        let breaks_move =
            |(new, old): (&ZPath, &&ZPath)| nodes.contains(new) || nodes.contains(*old);
        if moved.iter().any(breaks_move) {
            let old: BTreeSet<&ZPath> = moved.values().copied().collect();
            let is_old =
                |action: &Action| matches!(action, Action::Trim(trim) if old.contains(&trim.path));
            rest.actions.retain(|action| !is_old(action));
        } else {
            rest.moves.clone_from(&plan.moves);
        }
        rest.warnings.clone_from(&plan.warnings);
        let rest = Arc::new(rest);
        self.take(&rest);
        rest
    }

    /// Carries out the plan that was taken last, all of it or up to the first obstacle. Writes nothing
    /// without the node `guard`, nor without the right to write for an owner, where there is one.
    ///
    /// # Cancellation safety
    /// As [`execute`](crate::zookeeper::executor::execute); the account says what stands.
    pub(crate) async fn execute(
        &mut self,
        road: &Road<'_>,
        agreed: Agreed,
        (guard, hold): (Option<ZPath>, Option<Hold>),
    ) -> Report {
        let limits = ExecuteOptions {
            hold,
            ..self.limits(road.session, guard)
        };
        let is_contended = self.tries.is_contended();
        let Some((plan, ledger, course)) = self.account.progress() else {
            return Report::default();
        };
        let mut note = |event: &Event| Course::note(course, event);
        // A node that is moved is not planned alone.
        let contended = (is_contended && plan.moves.is_empty()).then_some(agreed);
        let executed = road.execute(plan, contended, &limits, ledger, &mut note);
        let report = executed.await;
        self.account.note_fates(&report.fates);
        if report.stop.is_none() {
            self.account.finish();
            self.tries.rest();
        }
        report
    }

    fn limits(&self, session: &Session, guard: Option<ZPath>) -> ExecuteOptions {
        let limits = ExecuteOptions {
            guard,
            ..ExecuteOptions::of(session)
        };
        if !self.tries.has_refusals() {
            return limits;
        }
        ExecuteOptions {
            whole_plan_bytes: 0,
            batch_operations: SMALL_BATCH,
            window: 1,
            ..limits
        }
    }
}
