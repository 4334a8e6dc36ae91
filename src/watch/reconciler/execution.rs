//! One plan and one execution of a reconcile, and what a stop leads to.

use tokio::time::Instant;

use super::super::Options;
use super::super::error::Error;
use super::super::shown::{OfWork, Shown};
use super::super::source::Source;
use super::{Known, Reconciler};
use crate::model::path::ZPath;
use crate::model::plan::{Plan, Summary};
use crate::reconcile::{Account, Agreed, Before, How, Road, Tries};
use crate::zookeeper::election::Election;
use crate::zookeeper::executor::{ExecuteOptions, Report, Stop};
use crate::zookeeper::session::Session;

/// Maximum number of nodes that may refuse a write in one reconcile; the rest is tried again later.
const MOST_REFUSALS: usize = 64;
/// Number of refusals after which batches are small, so that a further one costs little.
const FEW_REFUSALS: usize = 4;
const SMALL_BATCH: usize = 32;

/// What a reconcile has come to so far, also where it is given up in its middle.
pub(in super::super) struct Progress {
    /// What stands, what is unknown, and what is left.
    pub(in super::super) account: Account,
    /// What the first plan found.
    pub(super) found: Option<Summary>,
    /// Why a guard refused.
    pub(super) refusal: Option<String>,
    /// How many plans were carried out to their end: what is found after one is new.
    pub(super) applied: usize,
    /// How many nodes refused to be written.
    refused: usize,
    /// The node of the last conflict.
    pub(super) conflict: Option<Stop>,
    pub(super) tries: Tries,
}

impl Progress {
    pub(in super::super) fn new(options: &Options) -> Self {
        Self {
            account: Account::default(),
            found: None,
            refusal: None,
            applied: 0,
            refused: 0,
            conflict: None,
            tries: Tries::new(&options.plan),
        }
    }
}

/// Whether an execution counts among those that a reconcile may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    One,
    /// It stopped at single nodes, which wait from now on.
    None,
}

impl Reconciler {
    pub(super) async fn plan(
        &mut self,
        source: &Source,
        changed: Option<&[ZPath]>,
    ) -> Result<Plan, Error> {
        let (Some(session), Some(mirror)) = (&self.session, &self.mirror) else {
            return Ok(Plan::empty(self.options.layers.place.clone()));
        };
        let options = &self.options.plan;
        let known = self.identities.take();
        let road = Road::new(session, source.declared(), options, known).await?;
        self.identities = road.identities().cloned();
        let live = mirror.tree();
        let plan = match (&self.known, changed) {
            (Known::Agree(plan), Some(changed)) => {
                let declared_nodes = source.declared_nodes;
                let before = Before {
                    plan,
                    declared_nodes,
                    changed,
                };
                road.plan_since(live, before).await?
            }
            _ => road.plan(live).await?,
        };
        Ok(plan)
    }

    /// Carries out the plan that the account has at hand. Returns `None` if there is no session.
    pub(super) async fn execute(
        &mut self,
        source: &Source,
        progress: &mut Progress,
    ) -> Option<Report> {
        let session = self.session.as_ref()?;
        let mut limits = ExecuteOptions {
            guard: self.election.as_ref().and_then(Election::guard),
            ..ExecuteOptions::of(session)
        };
        if progress.refused > FEW_REFUSALS {
            limits.whole_plan_bytes = 0;
            limits.batch_operations = SMALL_BATCH;
            limits.window = 1;
        }
        let how = match progress.tries.is_contended() {
            true => How::Contended(Agreed::Anything),
            false => How::Planned,
        };
        let known = self.identities.clone();
        let road = Road::of(session, source.declared(), &self.options.plan, known);
        Some(road.carry_out(&mut progress.account, how, &limits).await)
    }

    /// Goes on after a stop with what it does not concern.
    pub(super) fn go_on(
        &mut self,
        stop: Stop,
        progress: &mut Progress,
        shown: &mut Shown,
    ) -> Result<Count, Error> {
        let now = Instant::now();
        if let Stop::Conflict { path, reason, .. } = &stop {
            shown.work(OfWork::Moved { path, reason });
            let before = progress.conflict.as_ref();
            let again = matches!(before, Some(Stop::Conflict { path: last, .. }) if last == path);
            if again {
                self.held.collided(path, now);
            }
            progress.tries.note(&stop);
            progress.conflict = Some(stop);
            return Ok(if again { Count::None } else { Count::One });
        }
        if let Some(path) = stop.of_one_node()
            && progress.refused < MOST_REFUSALS
        {
            progress.refused += 1;
            let why = (self.options.layers.wording.stop)(&stop);
            self.held.refused(path, why, now);
            return Ok(Count::None);
        }
        Err(self.stopped(stop))
    }

    fn stopped(&self, stop: Stop) -> Error {
        let is_dead = self.session.as_ref().is_some_and(Session::is_dead);
        match stop {
            stop @ Stop::Deposed { .. } => Error::Deposed(stop),
            stop if self.election.is_some() && is_dead => Error::Deposed(stop),
            stop => Error::Stopped(stop),
        }
    }
}
