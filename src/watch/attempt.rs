//! The middle of a reconcile: plans and executes until the live tree is as declared, but for what is
//! held back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::Mode;
use super::error::Error;
use super::keeper::Keeper;
use super::planning::refusals;
use super::schedule::{Cause, Causes};
use super::source::Source;
use super::state::{Applied, Ending, State};
use super::told::{Told, Word};
use super::under_way::UnderWay;
use crate::model::path::ZPath;
use crate::model::plan::{About, Plan, Summary, Warning};
use crate::reconcile::{self, Agreed, Before, How, Road, Tries, unreadable};
use crate::zookeeper::election::Election;
use crate::zookeeper::executor::{ExecuteOptions, Fate, Report, Stop};
use crate::zookeeper::live;
use crate::zookeeper::session::Session;

/// So many nodes may refuse a write in one reconcile; what comes after them is tried again later.
const MOST_REFUSALS: usize = 64;
/// After so many refusals batches are small, so that a further one costs little.
const FEW_REFUSALS: usize = 4;
const SMALL_BATCH: usize = 32;

/// What a reconcile has come to so far.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) found: Option<Summary>,
    pub(super) done: Summary,
    /// Whether something may have been written that could not be told.
    pub(super) unknown: bool,
    pub(super) refusal: Option<String>,
    pub(super) told: Told,
    /// Whether a plan was carried out to its end: what is found afterwards is new.
    applied: bool,
    /// How many nodes refused to be written.
    refused: usize,
    /// The node of the last conflict.
    conflict: Option<Stop>,
    /// Whether there were too many conflicts in a row.
    tries: Tries,
}

impl Account {
    pub(super) fn new(options: &reconcile::Options) -> Self {
        Self {
            found: None,
            done: Summary::default(),
            unknown: false,
            refusal: None,
            told: Told::default(),
            applied: false,
            refused: 0,
            conflict: None,
            tries: Tries::new(options),
        }
    }

    pub(super) fn wrote(&self) -> bool {
        self.unknown || self.done != Summary::default()
    }
}

/// What one reconcile goes by.
struct Round<'a> {
    causes: &'a Causes,
    source: Arc<Source>,
    /// Whether this replica writes.
    leads: bool,
    /// Whether it runs because of newer files, or is the first one.
    by_files: bool,
    is_first: bool,
    /// What was held back before.
    before: BTreeSet<ZPath>,
}

impl Keeper {
    pub(super) async fn attempt(
        &mut self,
        causes: &Causes,
        account: &mut Account,
        shown: &mut State,
    ) -> Result<Option<Ending>, Error> {
        let of_server = [Cause::Live, Cause::Session, Cause::Elected];
        if !causes.are_only(&of_server) {
            self.newest.read(causes, shown).await;
        }
        let source = self.newest.sound(shown)?;
        let is_new = self
            .source
            .as_ref()
            .is_none_or(|old| !Arc::ptr_eq(old, &source));
        self.connect(shown).await?;
        let leads = self.vote(causes, shown).await?;
        let changed = self.look(&source, is_new, causes, shown).await?;
        let is_first = self.source.is_none();
        self.source = Some(source.clone());
        if is_new {
            self.pending = true;
            self.settled = None;
        }
        let nothing = changed.as_ref().is_some_and(Vec::is_empty);
        let hints = [Cause::Files, Cause::Live, Cause::Session, Cause::Elected];
        if nothing && !self.pending && causes.are_only(&hints) {
            return Ok(None);
        }
        if is_new || causes.has(Cause::Asked) {
            // Somebody wants to see it done now.
            self.held.lift(Instant::now());
        }
        let round = Round {
            causes,
            leads,
            by_files: is_new && !is_first,
            is_first,
            before: self.held.waiting().clone(),
            source: source.clone(),
        };
        self.converge(&round, changed, account, shown).await
    }

    /// Plans and executes until nothing is left to do.
    async fn converge(
        &mut self,
        round: &Round<'_>,
        mut changed: Option<Vec<ZPath>>,
        account: &mut Account,
        shown: &mut State,
    ) -> Result<Option<Ending>, Error> {
        let mut executions = 0;
        loop {
            if let Some(changed) = &mut changed {
                changed.extend(self.held.waiting().iter().cloned());
            }
            let plan = Arc::new(self.plan(&round.source, changed.as_deref()).await?);
            self.note_plan(&plan, round, account, shown);
            if !plan.refusals.is_empty() {
                account.refusal = Some(refusals(&plan));
                self.settled = None;
                return Ok(Some(if account.wrote() {
                    Ending::Partial
                } else {
                    Ending::Refused
                }));
            }
            let shut = match &self.mirror {
                Some(mirror) => unreadable(&round.source.tree, mirror.tree())
                    .cloned()
                    .collect(),
                None => BTreeSet::new(),
            };
            if self.options.mode == Mode::Warn || !round.leads {
                live::Error::unreadable(shut.iter()).map_or(Ok(()), Err)?;
                if !plan.is_empty() {
                    self.settled = None;
                    return Ok(Some(Ending::Drift));
                }
            }
            let held = self.held.split(&plan, &shut, Instant::now());
            let todo = without(&plan, held);
            let is_all = held.is_empty();
            if todo.is_empty() {
                self.settled = Some(at_rest(&plan));
                return if is_all {
                    Ok(Some(if account.wrote() {
                        Ending::Applied
                    } else {
                        Ending::InSync
                    }))
                } else {
                    self.held_back(round, account)
                };
            }
            if executions > self.options.plan.retries {
                match account.conflict.take() {
                    Some(conflict) => return Err(Error::Stopped(conflict)),
                    // What was found was repaired, and others write on.
                    None => {
                        self.restless = true;
                        self.settled = None;
                        return Ok(Some(Ending::Applied));
                    }
                }
            }
            executions += 1;
            let Some(report) = self.execute(&round.source, &todo, account).await else {
                return Ok(None);
            };
            self.note_report(&todo, &report, round, account);
            match report.stop {
                None => {
                    let applied = Applied::new(&todo, round.causes, &round.source.revision);
                    shown.applied = Some(Arc::new(applied));
                    account.conflict = None;
                    account.tries.rest();
                    account.applied = true;
                    // All that was to do is done: what the mirror finds beyond it is new.
                    self.settled = Some(at_rest(&plan));
                }
                Some(stop) => {
                    self.settled = None;
                    if self.go_on(stop, account)? {
                        executions -= 1;
                    }
                }
            }
            // What was just written is read again, and that is all that the echo of it costs.
            let touched = todo.actions.iter().map(|action| action.path().clone());
            let touched: Vec<ZPath> = touched.collect();
            let found = self.refresh(shown).await?;
            changed = found.map(|found| {
                let all: BTreeSet<ZPath> = found.into_iter().chain(touched).collect();
                all.into_iter().collect()
            });
        }
    }

    /// How a reconcile ends that holds back all that is left to do; `None` where that is not new.
    fn held_back(&self, round: &Round<'_>, account: &Account) -> Result<Option<Ending>, Error> {
        let hints = [Cause::Live, Cause::Session];
        let is_known = round.before == *self.held.waiting() && !round.by_files && !round.is_first;
        if is_known && !account.wrote() && round.causes.are_only(&hints) {
            return Ok(None);
        }
        match self.held.refusal() {
            Some((first, more)) => Err(Error::Nodes { first, more }),
            None => Ok(Some(Ending::Drift)),
        }
    }

    /// Takes note of what a plan found, and names what is to be told only.
    fn note_plan(
        &mut self,
        plan: &Arc<Plan>,
        round: &Round<'_>,
        account: &mut Account,
        shown: &mut State,
    ) {
        let news = self.drift.note(plan);
        let is_first_plan = account.found.is_none();
        if is_first_plan {
            account.found = Some(plan.summary());
        }
        if !(round.by_files && is_first_plan) {
            shown.counters.drift += news.len() as u64;
        }
        // Where this replica does not lead, the one that does tells.
        if self.options.mode == Mode::Warn && round.leads {
            for action in news {
                account.told.tell(action, Word::Drifted);
            }
        }
        shown.plan = Some(plan.clone());
        shown.planned = Some(SystemTime::now());
    }

    /// Takes note of what was written, and names it.
    fn note_report(
        &mut self,
        plan: &Plan,
        report: &Report,
        round: &Round<'_>,
        account: &mut Account,
    ) {
        let now = Instant::now();
        let is_repair = account.applied || !round.by_files && !round.is_first;
        for (action, fate) in plan.actions.iter().zip(&report.fates) {
            match fate {
                Fate::Done => {
                    self.drift.repaired(action);
                    let word = if is_repair {
                        Word::Repaired
                    } else {
                        Word::Done
                    };
                    account.told.tell(action, word);
                    if is_repair {
                        self.held.repaired(action.path(), now);
                    } else {
                        self.held.written(action.path());
                    }
                }
                Fate::Unknown => account.told.tell(action, Word::Unknown),
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

    /// Whether to go on after a stop with what it does not concern, and whether that costs no
    /// attempt.
    fn go_on(&mut self, stop: Stop, account: &mut Account) -> Result<bool, Error> {
        let now = Instant::now();
        if let Stop::Conflict { path, reason, .. } = &stop {
            tracing::info!(%path, %reason, "the live tree moved; planning again");
            let again = matches!(&account.conflict, Some(Stop::Conflict { path: last, .. }) if last == path);
            if again {
                self.held.collided(path, now);
            }
            account.tries.note(&stop);
            account.conflict = Some(stop);
            return Ok(again);
        }
        if let Some(path) = stop.of_one_node()
            && account.refused < MOST_REFUSALS
        {
            account.refused += 1;
            self.held.refused(path, stop.to_string(), now);
            return Ok(true);
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

    async fn plan(&mut self, source: &Source, changed: Option<&[ZPath]>) -> Result<Plan, Error> {
        let (Some(session), Some(mirror)) = (&self.session, &self.mirror) else {
            return Ok(Plan::empty(self.options.layers.place.clone()));
        };
        let options = &self.options.plan;
        let known = self.identities.take();
        let road = Road::new(session, source.declared(), options, known).await?;
        self.identities = road.identities().cloned();
        let live = mirror.tree();
        let plan = match (&self.settled, changed) {
            (Some(plan), Some(changed)) => {
                let standing = source.standing;
                let before = Before {
                    plan,
                    standing,
                    changed,
                };
                road.plan_since(live, before).await?
            }
            _ => road.plan(live).await?,
        };
        Ok(plan)
    }

    async fn execute(
        &mut self,
        source: &Source,
        plan: &Plan,
        account: &mut Account,
    ) -> Option<Report> {
        let session = self.session.as_ref()?;
        let mut options = ExecuteOptions {
            guard: self.election.as_ref().and_then(Election::guard),
            ..ExecuteOptions::of(session)
        };
        if account.refused > FEW_REFUSALS {
            options.whole_plan_bytes = 0;
            options.batch_operations = SMALL_BATCH;
            options.window = 1;
        }
        let Summary {
            add,
            update,
            link,
            trim,
            ..
        } = account.done;
        let mut under_way = UnderWay::new(plan, add + update + link + trim);
        let how = match account.tries.is_contended() {
            true => How::Contended(Agreed::Anything),
            false => How::Planned,
        };
        let known = self.identities.clone();
        let road = Road::of(session, source.declared(), &self.options.plan, known);
        let ledger = &mut under_way.ledger;
        let report = road.execute(plan, how, &options, ledger, &mut |_| {}).await;
        let report = under_way.end(report);
        let unknown = |fate: &Fate| matches!(fate, Fate::Unknown | Fate::DataOnly);
        account.unknown |= report.fates.iter().any(unknown);
        account.done += report.done(plan);
        Some(report)
    }
}

/// The plan without what it does to these nodes.
fn without(plan: &Arc<Plan>, held: &BTreeSet<ZPath>) -> Arc<Plan> {
    if held.is_empty() {
        return plan.clone();
    }
    let mut rest = at_rest(plan);
    let others = plan.actions.iter();
    let others = others.filter(|action| !held.contains(action.path()));
    rest.actions = others.cloned().collect();
    rest.warnings.clone_from(&plan.warnings);
    Arc::new(rest)
}

/// The plan without its actions.
fn at_rest(plan: &Plan) -> Plan {
    // The others are about what was written.
    let of_trees = |warning: &&Warning| warning.about == About::Trees;
    let warnings = plan.warnings.iter().filter(of_trees);
    Plan {
        actions: Vec::new(),
        extras: plan.extras.clone(),
        kept: plan.kept.clone(),
        refusals: plan.refusals.clone(),
        warnings: warnings.cloned().collect(),
        path: plan.path.clone(),
        access: plan.access.clone(),
        ..*plan
    }
}
