//! Plans and executions until the live tree is as declared.

use std::sync::Arc;

use super::check::require_no_records;
use super::ground;
use super::options::Agreed;
use super::options::narrowed;
use super::road::{self, Past, Road};
use super::run::{Run, Verdict};
use super::saved;
use super::tenure::Tenure;
use super::tries::Look;
use super::{Account, Again, Error, Options, Outcome};
use crate::declare::Source;
use crate::model::acl::Identities;
use crate::model::plan::{Plan, Refusal};
use crate::plan::saved::{MadeOf, SavedPlan, checksum_of};
use crate::zookeeper::executor::{Report, Stop};
use crate::zookeeper::live::ReadAhead;
use crate::zookeeper::record::{self, Hold};
use crate::zookeeper::session::Session;

/// A declared tree that is being applied: what was planned, agreed to, and done so far.
///
/// One step is a call, so that a person can be asked in between: show what [`Apply::plan`] returns, let
/// the person [agree](Apply::agree) to it, plan again, and [execute](Apply::execute) where the person
/// [has agreed](Apply::is_agreed) to that, too. [`Apply::run`] takes all steps.
#[derive(Debug)]
pub struct Apply<'a> {
    goal: Goal<'a>,
    options: &'a Options,
    /// What was read before the first plan.
    ahead: ReadAhead,
    /// Whom the server knew the session as when the last plan was made, where that matters.
    identities: Option<Identities>,
    /// The last plan.
    planned: Option<Arc<Plan>>,
    /// Its checksum, where there is an owner.
    checksum: Option<String>,
    agreed: Option<Arc<Plan>>,
    /// How many actions of a saved plan were done before this run.
    done_before: Option<usize>,
    run: Run,
    /// The owner's record, from the first plan on.
    tenure: Option<Tenure>,
    /// Who took the right to write, once all of a plan stood. From then on nothing is written.
    fenced: Option<Stop>,
}

/// What a run is to bring about.
#[derive(Debug, Clone, Copy)]
enum Goal<'a> {
    /// That the live tree is as declared.
    Declared(&'a Source),
    /// The actions of a saved plan, and no other. What it lacks of secrets comes from the source.
    Saved(&'a SavedPlan, &'a Source),
}

impl<'a> Goal<'a> {
    fn source(self) -> &'a Source {
        match self {
            Self::Declared(source) | Self::Saved(_, source) => source,
        }
    }
}

/// What became of one execution.
#[derive(Debug)]
pub enum Executed {
    /// All of the plan stands.
    Done(Report),
    /// It stopped, and is to be planned again; with another session if this one is dead.
    Again(Stop, Again),
    /// It stopped, and planning again would not help or was tried often enough.
    Stopped(Stop),
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// The live tree is as declared, but for what a plan leaves alone. The last plan, and how it was
    /// carried out; `None` if there was nothing to do.
    Done(Arc<Plan>, Option<Report>),
    /// The session is dead, and the run goes on with another one.
    SessionDied,
}

/// Why a run ended before all was done, and what stands nevertheless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unfinished {
    /// Why.
    pub why: Why,
    /// What became of all actions.
    pub outcome: Outcome,
}

/// Why a run ended before all was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is no plan.
    #[error(transparent)]
    Plan(Error),
    /// The plan may not be carried out; the first of the reasons.
    #[error(transparent)]
    Refused(Refusal),
    /// The execution stopped.
    #[error(transparent)]
    Stopped(Stop),
}

impl Unfinished {
    /// Of a plan that may not be carried out; `None` if it may.
    pub(crate) fn refused(plan: &Plan) -> Option<Self> {
        let Verdict::Refused(first, _) = Verdict::of(plan) else {
            return None;
        };
        Some(Self {
            why: Why::Refused(first.clone()),
            outcome: Outcome::default(),
        })
    }
}

impl<'a> Apply<'a> {
    /// `ahead` is what was read of the live tree already.
    #[must_use]
    pub fn new(source: &'a Source, options: &'a Options, ahead: ReadAhead) -> Self {
        Self::with(Goal::Declared(source), options, ahead)
    }

    /// Carries out a saved plan: where a node moved under it, there is no plan. Where the saved plan
    /// lacks secret values, `source` is the declared tree that was reviewed, and the options are those of
    /// its terms.
    #[must_use]
    pub fn saved(saved: &'a SavedPlan, source: &'a Source, options: &'a Options) -> Self {
        Self::with(Goal::Saved(saved, source), options, ReadAhead::default())
    }

    fn with(goal: Goal<'a>, options: &'a Options, ahead: ReadAhead) -> Self {
        let run = match goal {
            Goal::Declared(_) => Run::new(options, Look::Read),
            // Contended nodes are planned again alone, for what is declared. A saved plan says all that
            // may be done by itself.
            Goal::Saved(..) => {
                let contended_from = u32::MAX;
                let options = Options {
                    contended_from,
                    ..options.clone()
                };
                Run::new(&options, Look::Read)
            }
        };
        Self {
            goal,
            options,
            ahead,
            identities: None,
            planned: None,
            checksum: None,
            agreed: None,
            done_before: None,
            run,
            tenure: None,
            fenced: None,
        }
    }

    /// What was done by all executions together.
    #[must_use]
    pub fn account(&self) -> &Account {
        self.run.account()
    }

    /// How many actions of a saved plan were done before this run; `None` before the first plan, and
    /// without a saved plan.
    #[must_use]
    pub fn done_before(&self) -> Option<usize> {
        self.done_before
    }

    /// Plans for the live tree as it is now.
    ///
    /// # Errors and cancellation safety
    /// As [`plan`](super::plan()).
    pub async fn plan(&mut self, session: &Session) -> Result<Arc<Plan>, Error> {
        let ahead = std::mem::take(&mut self.ahead);
        self.look(session).await?;
        let tenure = self.tenure.as_ref();
        let ownership = tenure.map(|tenure| tenure.ownership().clone());
        let planned = match self.goal {
            Goal::Declared(source) => {
                let is_noted = ownership.is_some();
                let past = Past {
                    ownership,
                    copies: self.run.copies().clone(),
                };
                let options = self.options;
                let ahead = (ahead, past, options.rights_of_apply());
                let (mut planned, mut live) =
                    road::plan_and_live(session, source, options, ahead).await?;
                planned.plan.require_secrets();
                let is_noted = is_noted && !planned.plan.is_empty();
                if is_noted {
                    ground::read(session, &planned.plan, &mut live).await?;
                }
                let made_of = MadeOf {
                    declared: source.tree(),
                    texts: source.texts(),
                    live: &live,
                };
                self.checksum =
                    is_noted.then(|| checksum_of(&planned.plan, &made_of, options.mandate()));
                planned
            }
            Goal::Saved(saved, source) => {
                let (planned, done) =
                    saved::rest(session, saved, source, (self.options, ownership)).await?;
                self.done_before.get_or_insert(done);
                self.checksum = Some(saved.checksum().to_owned());
                planned
            }
        };
        self.identities = planned.identities;
        let plan = Arc::new(planned.plan);
        self.run.take(&plan);
        self.planned = Some(plan.clone());
        Ok(plan)
    }

    /// Reads the owner's record, where there is an owner.
    async fn look(&mut self, session: &Session) -> Result<(), Error> {
        let declared = self.goal.source().tree();
        let Some(owner) = &self.options.owner else {
            return require_no_records(declared, None);
        };
        match &mut self.tenure {
            Some(tenure) => tenure.look(session, declared).await,
            None => {
                self.tenure = Some(Tenure::new(session, owner, declared).await?);
                Ok(())
            }
        }
    }

    /// Whether to plan again, with another session, because this one died while a further plan was made.
    /// Returns `None` if it lives, if nothing was planned before, or if that was tried often enough.
    pub fn after_loss(&mut self, session: &Session) -> Option<Again> {
        let is_further = self.account().is_open();
        if !session.is_dead() || !is_further {
            return None;
        }
        self.run.tries.again()
    }

    /// A person has agreed to this plan, and to no more.
    pub fn agree(&mut self, plan: Arc<Plan>) {
        self.agreed = Some(plan);
    }

    /// Whether a person has agreed to all that a plan asks for.
    #[must_use]
    pub fn is_agreed(&self, plan: &Plan) -> bool {
        let agreed = self.agreed.as_ref();
        !plan.is_empty() && agreed.is_some_and(|agreed| plan.asks_no_more_than(agreed))
    }

    /// Carries out the plan that was made last.
    ///
    /// # Cancellation safety
    /// As [`execute`](crate::zookeeper::executor::execute); the account says what stands.
    pub async fn execute(&mut self, session: &Session) -> Executed {
        let agreed = match self.agreed {
            None => Agreed::Anything,
            Some(_) => Agreed::ThisPlan,
        };
        let road = Road::of(
            session,
            self.goal.source(),
            self.options,
            self.identities.clone(),
        );
        if let Some(stop) = self.fenced.take() {
            return Executed::Stopped(stop);
        }
        let hold = match &mut self.tenure {
            Some(tenure) => {
                if let Some(stop) = tenure.fenced() {
                    return self.stopped(stop);
                }
                match tenure.begin(session).await {
                    Ok(hold) => Some(adopting(hold, self.goal, self.planned.as_deref())),
                    // Nothing was written since the plan was made.
                    Err(stop) if is_fenced(&stop) => return self.look_again(stop),
                    Err(stop) => return self.stopped(stop),
                }
            }
            None => None,
        };
        let mut report = self.run.execute(&road, agreed, (None, hold)).await;
        let Some(stop) = report.stop.take() else {
            return match self.end(session).await {
                Ok(()) => Executed::Done(report),
                Err(stop) if is_fenced(&stop) => {
                    self.fenced = Some(stop.clone());
                    self.look_again(stop)
                }
                Err(stop) => self.stopped(stop),
            };
        };
        let stop = match &self.tenure {
            Some(tenure) => tenure.explain(session, stop).await,
            None => stop,
        };
        self.stopped(stop)
    }

    /// Brings the owner's record up to date after a plan that had nothing to do. Writes nothing where that
    /// would change nothing.
    ///
    /// # Cancellation safety
    /// As [`Apply::execute`].
    pub async fn settle(&mut self, session: &Session, plan: &Plan) -> Executed {
        let ended = match &mut self.tenure {
            Some(tenure) if tenure.is_due(plan) && self.fenced.is_none() => {
                match tenure.after_rival(session).await {
                    Ok(()) => self.end(session).await,
                    Err(stop) => Err(stop),
                }
            }
            _ => return Executed::Done(Report::default()),
        };
        match ended {
            Ok(()) => Executed::Done(Report::default()),
            // Perhaps there is nothing to note any more.
            Err(stop) if is_fenced(&stop) => self.look_again(stop),
            Err(stop) => self.stopped(stop),
        }
    }

    /// What a stop leads to after which nothing but a further plan can tell what is left to do.
    fn look_again(&mut self, stop: Stop) -> Executed {
        match self.run.tries.again() {
            Some(again) => Executed::Again(stop, again),
            None => Executed::Stopped(stop),
        }
    }

    /// Writes the owner's record, where there is an owner.
    async fn end(&mut self, session: &Session) -> Result<(), Stop> {
        let (Some(tenure), Some(plan)) = (&mut self.tenure, &self.planned) else {
            return Ok(());
        };
        let ended = tenure.finish(session, plan, self.checksum.clone()).await;
        match ended {
            Ok(()) => Ok(()),
            Err(stop) => Err(tenure.explain(session, stop).await),
        }
    }

    /// What a stop leads to.
    fn stopped(&mut self, stop: Stop) -> Executed {
        match self.run.tries.after(&stop) {
            Some(again) => Executed::Again(stop, again),
            None => Executed::Stopped(stop),
        }
    }

    /// Plans and executes until the live tree is as declared, or the session is dead. Then a call with
    /// another session goes on.
    ///
    /// # Errors
    /// What keeps it from the end, with all that stands.
    ///
    /// # Cancellation safety
    /// As [`Apply::execute`].
    pub async fn run(&mut self, session: &Session) -> Result<Ended, Unfinished> {
        loop {
            let plan = match self.plan(session).await {
                Ok(plan) => plan,
                Err(_) if self.after_loss(session).is_some() => return Ok(Ended::SessionDied),
                Err(error) => return Err(self.unfinished(Why::Plan(error))),
            };
            let executed = match Verdict::of(&plan) {
                Verdict::Refused(first, _) => {
                    return Err(self.unfinished(Why::Refused(first.clone())));
                }
                Verdict::Nothing => self.settle(session, &plan).await,
                Verdict::Open => self.execute(session).await,
            };
            match executed {
                Executed::Done(report) => {
                    let report = (!plan.is_empty()).then_some(report);
                    return Ok(Ended::Done(plan, report));
                }
                Executed::Stopped(stop) => return Err(self.unfinished(Why::Stopped(stop))),
                Executed::Again(..) if session.is_dead() => return Ok(Ended::SessionDied),
                Executed::Again(..) => {}
            }
        }
    }

    fn unfinished(&self, why: Why) -> Unfinished {
        Unfinished {
            why,
            outcome: self.account().outcome(),
        }
    }
}

/// The right to write, of which a saved plan uses no more than it shows.
fn adopting(hold: Hold, goal: Goal<'_>, plan: Option<&Plan>) -> Hold {
    match (goal, plan) {
        (Goal::Saved(..), Some(plan)) => {
            let adopted = plan.claims.adopted.iter();
            hold.adopting(adopted.map(|one| one.path.clone()).collect())
        }
        _ => hold,
    }
}

/// Whether another apply of the same owner has begun.
fn is_fenced(stop: &Stop) -> bool {
    matches!(
        stop,
        Stop::Record {
            reason: record::Error::Fenced { .. }
        }
    )
}

/// Makes the live tree as declared. Plans and carries the plan out; if the live tree changed in between,
/// plans again, at most [`Options::retries`] times. A session that ends is replaced by a new one.
///
/// Returns the last plan and the report of its execution. The report is `None` if nothing was left to do.
///
/// # Errors
/// Why it stopped before the end, with what was written and what may have been.
///
/// # Cancellation safety
/// No further batch is sent. Batches that were sent may still be carried out, each whole or not at all;
/// another call does what is left.
pub async fn apply(
    session: &mut Session,
    source: &Source,
    options: &Options,
) -> Result<(Arc<Plan>, Option<Report>), Unfinished> {
    let source = narrowed(source, options);
    let mut apply = Apply::new(&source, options, ReadAhead::default());
    loop {
        match apply.run(session).await? {
            Ended::Done(plan, report) => return Ok((plan, report)),
            Ended::SessionDied => {
                let connected = session.reconnect().await;
                connected.map_err(|error| apply.unfinished(Why::Plan(error.into())))?;
            }
        }
    }
}
