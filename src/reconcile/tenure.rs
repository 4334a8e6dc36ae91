//! Applying for an owner, who keeps a record of its nodes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::Error;
use super::owner::Owner;
use super::records::{Known, look};
use crate::model::node::Declared;
use crate::model::plan::{Action, Plan};
use crate::model::record::{Applied, Begun};
use crate::model::tree::Tree;
use crate::plan::owned::Ownership;
use crate::zookeeper::executor::Stop;
use crate::zookeeper::record::{self, Hold, Pulse, Stored};
use crate::zookeeper::session::Session;

/// How long another apply of the same owner may write nothing before it counts as dead: to one that has
/// nothing to write itself.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same, to a watch.
#[cfg(feature = "watch")]
const PATIENCE_OF_WATCH: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// The plans and executions of an owner, from the first look at its record on.
#[derive(Debug)]
pub(crate) struct Tenure {
    owner: Owner,
    /// Identifies this run of plans and executions.
    run: String,
    known: Known,
    ownership: Arc<Ownership>,
    right: Right,
    /// Another apply of the same owner, as the record says that was read last.
    rival: Option<Rival>,
    /// The revision that is in the record, or was put there and is no more.
    noted: Option<String>,
}

/// The right to write, from the first execution to the end of the run.
#[derive(Debug)]
enum Right {
    /// It was not taken yet, or was given back.
    Free,
    Held(Hold),
    /// It was taken, and another apply of the same owner has begun since. That one may have ended.
    Lost,
}

/// Another apply of the same owner that has begun and not ended.
#[derive(Debug)]
struct Rival {
    begun: Begun,
    /// How far it has got.
    pulse: Pulse,
    /// Since when it has got no further.
    since: Instant,
}

impl Tenure {
    /// Reads the records of all owners.
    pub(crate) async fn new(
        session: &Session,
        owner: &Owner,
        declared: &Tree<Declared>,
    ) -> Result<Self, Error> {
        let looked = look(session, owner, declared, &Known::default()).await?;
        let mut tenure = Self {
            owner: owner.clone(),
            run: new_run(),
            ownership: Arc::new(looked.ownership(owner)),
            known: looked.known,
            right: Right::Free,
            rival: None,
            noted: None,
        };
        tenure.note();
        Ok(tenure)
    }

    /// Reads the records again, as far as they changed.
    pub(crate) async fn look(
        &mut self,
        session: &Session,
        declared: &Tree<Declared>,
    ) -> Result<(), Error> {
        let looked = look(session, &self.owner, declared, &self.known).await?;
        self.ownership = Arc::new(looked.ownership(&self.owner));
        self.known = looked.known;
        let own = self.known.own.as_ref();
        if let Right::Held(hold) = &self.right
            && own.is_none_or(|own| own.version != hold.version)
        {
            self.right = Right::Lost;
        }
        self.note();
        Ok(())
    }

    /// Takes note of what the record says of other applies.
    fn note(&mut self) {
        let Some(stored) = &self.known.own else {
            self.rival = None;
            return;
        };
        let begun = stored.head.begun.clone();
        let begun = begun.filter(|begun| begun.run != self.run);
        let pulse = stored.pulse();
        self.note_revision();
        self.rival = begun.map(|begun| match self.rival.take() {
            Some(rival) if rival.begun == begun && rival.pulse == pulse => rival,
            _ => Rival {
                begun,
                pulse,
                since: Instant::now(),
            },
        });
    }

    /// Takes note of a revision that is in the record already. One that is noted once is not noted again when
    /// others have put theirs in its place.
    fn note_revision(&mut self) {
        let applied = self.known.own.as_ref();
        let applied = applied.and_then(|stored| stored.head.applied.as_ref());
        if let Some(applied) = applied.filter(|applied| applied.revision == self.owner.revision) {
            self.noted.clone_from(&applied.revision);
        }
    }

    /// Until when a watch leaves everything to another apply of the same owner. `None` if there is none that
    /// is at work.
    #[cfg(feature = "watch")]
    pub(crate) fn yields_until(&self) -> Option<Instant> {
        let until = self.rival.as_ref()?.since + PATIENCE_OF_WATCH;
        (Instant::now() < until).then_some(until)
    }

    /// Waits until another apply of the same owner has ended, or has got no further for a while. Returns what
    /// stops this one if there was such an apply and it has ended.
    pub(crate) async fn after_rival(&mut self, session: &Session) -> Result<(), Stop> {
        let Some(rival) = &mut self.rival else {
            return Ok(());
        };
        let head = self.owner.head();
        while rival.since.elapsed() < PATIENCE {
            sleep(PAUSE).await;
            let pulse = record::pulse(session, &head).await.map_err(stopped)?;
            if pulse.is_none_or(|pulse| !pulse.is_of_same_apply(rival.pulse)) {
                let begun = Some(rival.begun.clone());
                return Err(stopped(record::Error::Fenced { head, begun }));
            }
            if pulse != Some(rival.pulse) {
                (rival.pulse, rival.since) = (pulse.unwrap_or(rival.pulse), Instant::now());
            }
        }
        Ok(())
    }

    /// Gives back the right to write that was not used up: what is left to do cannot be done now.
    #[cfg(feature = "watch")]
    pub(crate) async fn rest(&mut self, session: &Session) {
        let Right::Held(hold) = std::mem::replace(&mut self.right, Right::Free) else {
            return;
        };
        let head = self.known.own.as_ref().map(|stored| stored.head.clone());
        if let Err(error) = record::release(session, &hold, head.unwrap_or_default()).await {
            tracing::debug!(%error, "the right to write for the owner was not given back");
        }
    }

    /// What stops an apply that had the right to write, and has it no more as the last look shows.
    pub(crate) fn fenced(&self) -> Option<Stop> {
        let Right::Lost = self.right else { return None };
        let own = self.known.own.as_ref();
        Some(stopped(record::Error::Fenced {
            head: self.owner.head(),
            begun: own.and_then(|own| own.head.last()),
        }))
    }

    /// What the owner has, and what others have.
    pub(crate) fn ownership(&self) -> &Arc<Ownership> {
        &self.ownership
    }

    /// The right to write. If this one does not hold it, it is taken from whoever has it.
    pub(crate) async fn begin(&mut self, session: &Session) -> Result<Hold, Stop> {
        if let Right::Held(hold) = &self.right {
            return Ok(hold.clone().beside(self.known.others(&self.owner)));
        }
        let begun = Begun {
            run: self.run.clone(),
            at: now(),
            by: self.owner.by.clone(),
        };
        let (head, seen) = (self.owner.head(), self.known.own.as_ref());
        let hold = record::begin(session, &head, seen, begun.clone(), self.owner.adopt).await;
        let hold = hold.map_err(stopped)?;
        if let Some(stored) = &mut self.known.own {
            stored.head.begun = Some(begun);
        }
        if let Some(place) = hold.place {
            self.known.note_place(place);
        }
        self.right = Right::Held(hold.clone());
        Ok(hold.beside(self.known.others(&self.owner)))
    }

    /// What is applied is this from now on.
    #[cfg(feature = "watch")]
    pub(crate) fn name_revision(&mut self, revision: &str) {
        self.owner.revision = Some(revision.to_owned());
        self.note_revision();
    }

    /// Whether the record is to be written although nothing else is.
    pub(crate) fn is_due(&self, plan: &Plan) -> bool {
        let stored = self.known.own.as_ref();
        let was_applied = stored.is_some_and(|stored| stored.head.applied.is_some());
        let is_new = self.owner.revision.is_some() && self.owner.revision != self.noted;
        !plan.record.is_empty() || stored.is_some_and(Stored::is_open) || was_applied && is_new
    }

    /// Ends an apply whose plan was carried out, or had nothing to do. The plan has this checksum.
    pub(crate) async fn finish(
        &mut self,
        session: &Session,
        plan: &Plan,
        checksum: Option<String>,
    ) -> Result<(), Stop> {
        let hold = self.begin(session).await?;
        let mut changes = plan.record.clone();
        for action in &plan.actions {
            if let Action::Trim(trim) = action
                && let Some(seen) = trim.seen
            {
                changes.gone.push((trim.path.clone(), seen.created));
            }
        }
        let before = self.known.own.as_ref();
        let before = before.and_then(|stored| stored.head.applied.as_ref());
        let applied = Applied {
            run: self.run.clone(),
            at: now(),
            by: self.owner.by.clone(),
            revision: self.owner.revision.clone(),
            plan: match plan.is_empty() {
                true => before.and_then(|before| before.plan.clone()),
                false => checksum,
            },
        };
        let stored = record::finish(session, &hold, &changes, &applied).await;
        // It was taken, or is given back; what was not done is done by who begins next.
        self.right = Right::Free;
        let stored = stored.map_err(stopped)?;
        self.run = new_run();
        self.rival = None;
        self.noted.clone_from(&self.owner.revision);
        self.ownership = Arc::new(Ownership {
            record: stored.record.clone(),
            ..(*self.ownership).clone()
        });
        self.known.own = Some(stored);
        Ok(())
    }

    /// Says who has begun since, where that stopped an execution.
    pub(crate) async fn explain(&self, session: &Session, stop: Stop) -> Stop {
        match stop {
            Stop::Record {
                reason: record::Error::Fenced { head, begun: None },
            } => {
                let found = record::read(session, &head).await;
                let found = found.ok().flatten();
                let begun = found.and_then(|stored| stored.head.last());
                stopped(record::Error::Fenced { head, begun })
            }
            stop => stop,
        }
    }
}

fn stopped(reason: record::Error) -> Stop {
    Stop::Record { reason }
}

/// A name for one apply, that no other has.
fn new_run() -> String {
    format!("{:016x}", fastrand::u64(..))
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
