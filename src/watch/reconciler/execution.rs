//! One plan and one execution of a reconcile, and what a stop leads to.

use tokio::time::Instant;

use super::super::Options;
use super::super::error::Error;
use super::super::revision::Revision;
use super::super::shown::{OfWork, Shown};
use super::known::{Known, Reconciler};
use crate::model::path::ZPath;
use crate::model::plan::{Plan, Summary};
use crate::model::tree::Tree;
use crate::plan::saved::{MadeOf, checksum_of};
use crate::reconcile::{Agreed, Aside, Before, Look, Past, Road, Run, lacking};
use crate::zookeeper::election::Election;
use crate::zookeeper::executor::{Report, Stop};
use crate::zookeeper::live::Mirror;
use crate::zookeeper::record;
use crate::zookeeper::session::Session;

/// What a reconcile has come to so far, also where it is given up in its middle.
pub(in super::super) struct SoFar {
    /// Its plans and executions: what stands, what is unknown, and what is left.
    pub(in super::super) run: Run,
    /// What the first plan found.
    pub(super) found: Option<Summary>,
    /// Why a guard refused.
    pub(super) refusal: Option<String>,
    /// How many plans were carried out to their end: what is found after one is new.
    pub(super) applied: usize,
}

impl SoFar {
    pub(in super::super) fn new(options: &Options) -> Self {
        Self {
            run: Run::new(&options.plan, Look::Mirror),
            found: None,
            refusal: None,
            applied: 0,
        }
    }
}

/// The report of an execution that did not begin.
fn stopped(stop: Stop) -> Report {
    Report {
        stop: Some(stop),
        ..Report::default()
    }
}

impl Reconciler {
    /// Whether an apply of this owner or of another one has changed a record meanwhile, so that records are to
    /// be read again. Where nobody goes first, an apply of this owner ends the run.
    pub(super) fn is_overtaken(&self, stop: &Stop) -> bool {
        let Stop::Record { reason } = stop else {
            return false;
        };
        let is_fenced = matches!(reason, record::Error::Fenced { .. });
        reason.is_of_other() || is_fenced && self.yields
    }

    pub(super) async fn plan(
        &mut self,
        revision: &Revision,
        changed: Option<&[ZPath]>,
    ) -> Result<Plan, Error> {
        let (Some(session), Some(mirror)) = (&self.session, &self.mirror) else {
            return Ok(Plan::empty(self.options.layers.place.clone()));
        };
        let options = &self.options.plan;
        let known = self.identities.take();
        let road = Road::new(session, &revision.source, options, known).await?;
        let ownership = self
            .tenure
            .as_ref()
            .map(|tenure| tenure.ownership().clone());
        let road = road.after(Past::of_owner(ownership));
        self.identities = road.identities().cloned();
        let live = mirror.tree();
        let plan = match (&self.known, changed) {
            (Known::Agree(plan), Some(changed)) => {
                let declared_nodes = revision.declared_nodes;
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
        revision: &Revision,
        so_far: &mut SoFar,
    ) -> Option<Report> {
        let session = self.session.as_ref()?;
        let known = self.identities.clone();
        let road = Road::of(session, &revision.source, &self.options.plan, known);
        let guard = self.election.as_ref().and_then(Election::guard);
        let hold = match &mut self.tenure {
            Some(tenure) => match tenure.begin(session).await {
                Ok(hold) => Some(hold),
                Err(stop) => return Some(stopped(stop)),
            },
            None => None,
        };
        let executed = so_far.run.execute(&road, Agreed::Anything, (guard, hold));
        let mut report = executed.await;
        if let Some(tenure) = &self.tenure
            && let Some(stop) = report.stop.take()
        {
            report.stop = Some(tenure.explain(session, stop).await);
        }
        Some(report)
    }

    /// Brings the owner's record up to date after a plan that was carried out, or had nothing to do. Writes
    /// nothing where that would change nothing.
    pub(super) async fn settle(&mut self, revision: &Revision, plan: &Plan) -> Result<(), Error> {
        let (Some(session), Some(tenure)) = (&self.session, &mut self.tenure) else {
            return Ok(());
        };
        tenure.name_revision(&revision.id);
        if plan.is_empty() && !tenure.is_due(plan) {
            return Ok(());
        }
        let nothing = Tree::default();
        let made_of = MadeOf {
            declared: revision.source.tree(),
            texts: revision.source.texts(),
            live: self.mirror.as_ref().map_or(&nothing, Mirror::tree),
        };
        let mandate = self.options.plan.mandate();
        let checksum = (!plan.is_empty()).then(|| checksum_of(plan, &made_of, mandate));
        let ended = tenure.finish(session, plan, checksum).await;
        match ended {
            Ok(()) => Ok(()),
            // Whoever began since takes in what was done.
            Err(stop) if self.is_overtaken(&stop) => Ok(()),
            Err(stop) => Err(self.stopped(stop)),
        }
    }

    /// Goes on after a stop, without the node that it is about where that is one.
    pub(super) fn go_on(
        &mut self,
        stop: Stop,
        todo: &Plan,
        so_far: &mut SoFar,
        shown: &mut Shown,
    ) -> Result<(), Error> {
        if let Stop::Conflict { path, reason, .. } = &stop {
            shown.work(OfWork::Moved { path, reason });
        }
        let now = Instant::now();
        let tries = &mut so_far.run.tries;
        match tries.set_aside(&stop) {
            Some(Aside::Contended(path)) => self.held.collided(&path, now),
            Some(Aside::Refused(path)) => {
                let mut why = (self.options.layers.wording.stop)(&stop);
                let live = self.mirror.as_ref().map(Mirror::tree);
                if let Some(rights) = lacking(&stop, todo, live, self.identities.as_ref()) {
                    why += &format!(" ({rights})");
                }
                self.held.refused(&path, why, now);
            }
            None if tries.after(&stop).is_some() => {}
            None => return Err(self.stopped(stop)),
        }
        Ok(())
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
