//! The middle of a reconcile: plans and executes until the live tree is as declared, but for what is
//! held back.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::super::Mode;
use super::super::error::Error;
use super::super::revision::Revision;
use super::super::schedule::{Cause, Causes};
use super::super::shown::{OfWork, Shown, Word};
use super::super::state::{Applied, Ending};
use super::execution::SoFar;
use super::known::{Known, Reconciler};
use crate::model::path::ZPath;
use crate::model::plan::Plan;
use crate::model::tree::Tree;
use crate::reconcile::{Spent, Verdict, at_rest, require_readable, unreadable};
use crate::zookeeper::election::Role;
use crate::zookeeper::executor::{Fate, Report, Stop};
use crate::zookeeper::live::Mirror;

/// Of more refusals the first are told.
const MOST_REFUSALS: usize = 20;

/// How an attempt ended.
pub(super) enum Attempted {
    /// There was nothing to look at, or what was found was known.
    Nothing,
    Ended(Ending),
    /// What was found was repaired, and others write on.
    Restless,
}

/// What one attempt goes by.
struct Round<'a> {
    causes: &'a Causes,
    revision: Arc<Revision>,
    occasion: Occasion,
    duty: Duty,
    /// What was held back before.
    before: BTreeSet<ZPath>,
}

/// What a reconcile has to do with the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// It is the first one.
    First,
    /// It runs because of newer files.
    NewerFiles,
    /// The files are as they were.
    SameFiles,
}

/// What this replica does about differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    /// It repairs them.
    Repair,
    /// It reports them.
    Report,
    /// It leaves them to another one, which leads.
    Leave,
}

/// What a plan leads to.
enum Step {
    End(Attempted),
    /// To carry out this part of it.
    Execute(Arc<Plan>),
}

impl Reconciler {
    pub(super) async fn attempt(
        &mut self,
        causes: &Causes,
        so_far: &mut SoFar,
        shown: &mut Shown,
    ) -> Result<Attempted, Error> {
        let of_server = [Cause::Live, Cause::Session, Cause::Elected];
        if !causes.are_only(&of_server) {
            self.newest.read(causes, shown).await;
        }
        let revision = self.newest.sound()?;
        let occasion = match &self.revision {
            None => Occasion::First,
            Some(old) if Arc::ptr_eq(old, &revision) => Occasion::SameFiles,
            Some(_) => Occasion::NewerFiles,
        };
        let is_new = occasion != Occasion::SameFiles;
        self.connect(shown).await?;
        let duty = match (self.vote(causes, shown).await?, self.options.mode) {
            (Role::Follows, _) => Duty::Leave,
            (Role::Leads, Mode::Warn) => Duty::Report,
            (Role::Leads, Mode::Enforce) => Duty::Repair,
        };
        let changed = self.look(&revision, is_new, causes, shown).await?;
        self.revision = Some(revision.clone());
        if is_new {
            self.known = Known::Nothing;
        }
        let nothing = changed.as_ref().is_some_and(Vec::is_empty);
        let hints = [Cause::Files, Cause::Live, Cause::Session, Cause::Elected];
        if nothing && !self.known.is_nothing() && causes.are_only(&hints) {
            return Ok(Attempted::Nothing);
        }
        if is_new || causes.has(Cause::Asked) {
            // Somebody wants to see it done now.
            self.held.lift(Instant::now());
        }
        let round = Round {
            causes,
            revision,
            occasion,
            duty,
            before: self.held.waiting().clone(),
        };
        self.converge(&round, changed, so_far, shown).await
    }

    /// Plans and executes until nothing is left to do.
    async fn converge(
        &mut self,
        round: &Round<'_>,
        mut changed: Option<Vec<ZPath>>,
        so_far: &mut SoFar,
        shown: &mut Shown,
    ) -> Result<Attempted, Error> {
        loop {
            if let Some(changed) = &mut changed {
                changed.extend(self.held.waiting().iter().cloned());
            }
            let mut plan = self.plan(&round.revision, changed.as_deref()).await?;
            if round.duty == Duty::Repair {
                plan.require_secrets();
            }
            let plan = Arc::new(plan);
            self.note_plan(&plan, round, so_far, shown);
            let todo = match self.judge(&plan, round, so_far, shown)? {
                Step::End(attempted) => {
                    let is_at_rest = plan.is_empty() && plan.refusals.is_empty();
                    if is_at_rest && round.duty == Duty::Repair && !self.leaves_to_rival() {
                        self.settle(&round.revision, &plan).await?;
                    }
                    return Ok(attempted);
                }
                Step::Execute(todo) => todo,
            };
            if self.leaves_to_rival() {
                self.known = Known::Nothing;
                return Ok(Attempted::Ended(Ending::Drift));
            }
            match so_far.run.tries.spent() {
                None => {}
                Some(Spent::Conflict(stop)) => return Err(Error::Stopped(stop)),
                Some(Spent::Restless) => return Ok(Attempted::Restless),
            }
            let Some(report) = self.execute(&round.revision, so_far).await else {
                return Ok(Attempted::Nothing);
            };
            self.note_report(&todo, &report, round, so_far, shown);
            match report.stop {
                None => {
                    self.note_end(&plan, &todo, round, so_far, shown);
                    self.settle(&round.revision, &todo).await?;
                }
                Some(stop) if self.is_overtaken(&stop) => {
                    self.known = Known::Nothing;
                    so_far.run.tries.again();
                    self.look_at_records(&round.revision).await?;
                }
                Some(stop) => {
                    self.known = Known::Nothing;
                    self.go_on(stop, &todo, so_far, shown)?;
                }
            }
            // What was just written is read again, and that is all that the echo of it costs.
            let touched = todo.actions.iter().map(|action| action.path().clone());
            let found = self.refresh(shown).await?;
            changed = found.map(|found| {
                let all: BTreeSet<ZPath> = found.into_iter().chain(touched).collect();
                all.into_iter().collect()
            });
        }
    }

    /// Decides what a plan leads to.
    fn judge(
        &mut self,
        plan: &Arc<Plan>,
        round: &Round<'_>,
        so_far: &mut SoFar,
        shown: &mut Shown,
    ) -> Result<Step, Error> {
        let end = |ending| Ok(Step::End(Attempted::Ended(ending)));
        let verdict = Verdict::of(plan);
        if let Verdict::Refused(first, others) = verdict {
            let refusals = std::iter::once(first).chain(others).take(MOST_REFUSALS);
            let refusals = refusals.map(self.options.layers.wording.refusal);
            let mut refusals = refusals.collect::<Vec<_>>().join("; ");
            if let more @ 1.. = (others.len() + 1).saturating_sub(MOST_REFUSALS) {
                refusals += &format!("; and {more} more");
            }
            so_far.refusal = Some(refusals);
            self.known = Known::Compared;
            return end(match so_far.run.account().wrote() {
                true => Ending::Partial,
                false => Ending::Refused,
            });
        }
        let nothing = Tree::default();
        let live = self.mirror.as_ref().map_or(&nothing, Mirror::tree);
        if round.duty != Duty::Repair {
            require_readable(round.revision.source.tree(), live)?;
            if verdict == Verdict::Open {
                self.known = Known::Compared;
                return end(Ending::Drift);
            }
        }
        let shut = unreadable(round.revision.source.tree(), live)
            .cloned()
            .collect();
        let held = self.held.split(plan, &shut, Instant::now());
        let todo = so_far.run.take_without(plan, held);
        let is_all = held.is_empty();
        shown.work(OfWork::Held(self.held.news()));
        if Verdict::of(&todo) == Verdict::Open {
            return Ok(Step::Execute(todo));
        }
        self.known = Known::Agree(at_rest(plan));
        if !is_all {
            return self.held_back(round, so_far).map(Step::End);
        }
        end(match so_far.run.account().wrote() {
            true => Ending::Applied,
            false => Ending::InSync,
        })
    }

    /// How a reconcile ends that holds back all that is left to do.
    fn held_back(&self, round: &Round<'_>, so_far: &SoFar) -> Result<Attempted, Error> {
        let hints = [Cause::Live, Cause::Session];
        let is_known =
            round.before == *self.held.waiting() && round.occasion == Occasion::SameFiles;
        if is_known && !so_far.run.account().wrote() && round.causes.are_only(&hints) {
            return Ok(Attempted::Nothing);
        }
        match self.held.refusal() {
            Some((first, more)) => Err(Error::Nodes { first, more }),
            None => Ok(Attempted::Ended(Ending::Drift)),
        }
    }

    /// Takes note of what a plan found.
    fn note_plan(
        &mut self,
        plan: &Arc<Plan>,
        round: &Round<'_>,
        so_far: &mut SoFar,
        shown: &mut Shown,
    ) {
        let news = self.drift.note(plan);
        // What newer files ask for is no drift.
        let is_asked_for = round.occasion == Occasion::NewerFiles && so_far.found.is_none();
        so_far.found.get_or_insert_with(|| plan.summary());
        shown.work(OfWork::Planned {
            plan: plan.clone(),
            drift: if is_asked_for { 0 } else { news.len() },
            drifted: match round.duty {
                Duty::Report => news,
                Duty::Repair | Duty::Leave => Vec::new(),
            },
        });
    }

    /// Takes note of what was written.
    fn note_report(
        &mut self,
        plan: &Plan,
        report: &Report,
        round: &Round<'_>,
        so_far: &SoFar,
        shown: &mut Shown,
    ) {
        let now = Instant::now();
        let is_repair = so_far.applied > 0 || round.occasion == Occasion::SameFiles;
        for (action, fate) in plan.actions.iter().zip(&report.fates) {
            match fate {
                Fate::Done if is_repair => {
                    self.drift.repaired(action);
                    self.held.repaired(action.path(), now);
                    shown.work(OfWork::Acted(action, Word::Repaired));
                }
                Fate::Done => {
                    self.drift.repaired(action);
                    self.held.written(action.path());
                    shown.work(OfWork::Acted(action, Word::Done));
                }
                Fate::Unknown => shown.work(OfWork::Acted(action, Word::Unknown)),
                Fate::NotDone | Fate::DataOnly | Fate::Needless => {}
            }
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.touch(plan.actions.iter().map(|action| action.path().clone()));
            if let Some(Stop::Conflict { path, .. }) = &report.stop {
                mirror.touch([path.clone()]);
            }
        }
    }

    /// Takes note of a plan that was carried out to its end.
    fn note_end(
        &mut self,
        plan: &Plan,
        todo: &Plan,
        round: &Round<'_>,
        so_far: &mut SoFar,
        shown: &mut Shown,
    ) {
        let revision = &round.revision.id;
        let applied = Applied::new(todo, round.causes, revision);
        shown.work(OfWork::Applied(Arc::new(applied)));
        so_far.applied += 1;
        // What the mirror finds beyond it is new.
        self.known = Known::Agree(at_rest(plan));
    }
}
