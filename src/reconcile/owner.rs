//! Applying for an owner, who keeps a record of its nodes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::Error;
use super::check::require_no_records;
use crate::model::node::{DataVersion, Declared};
use crate::model::path::{Error as PathError, ZPath, check_name};
use crate::model::plan::{Action, Plan};
use crate::model::record::{self as form, Applied, Begun, Broken};
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

/// For whom a plan is carried out. An owner keeps a record in ZooKeeper of the nodes that it created or
/// adopted; [`Trim::Owned`](crate::Trim::Owned) removes only those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    name: String,
    /// The node below which owners keep their records. Plans leave it alone. Default: `/zkt`.
    pub place: ZPath,
    /// Whether declared nodes are adopted that were there before and differ, or that another owner has.
    pub adopt: bool,
    /// What is applied, as the record names it: a commit.
    pub revision: Option<String>,
    /// Who applies, as the record names it: `user@host`.
    pub by: String,
}

impl Owner {
    /// An owner with a record below `/zkt`.
    ///
    /// # Errors
    /// The name is none that a node could have.
    pub fn new(name: impl Into<String>) -> Result<Self, PathError> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self {
            name,
            place: ZPath::from_valid(form::PLACE),
            adopt: false,
            revision: None,
            by: String::new(),
        })
    }

    /// The owner's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node of its record.
    #[must_use]
    pub fn head(&self) -> ZPath {
        self.place.join(&self.name)
    }
}

/// The plans and executions of an owner, from the first look at its record on.
#[derive(Debug)]
pub(crate) struct Tenure {
    owner: Owner,
    /// Identifies this run of plans and executions.
    run: String,
    known: Known,
    ownership: Arc<Ownership>,
    /// The right to write, from the first execution to the end of the run.
    hold: Option<Hold>,
    /// Another apply of the same owner, as the record says that was read last.
    rival: Option<Rival>,
    /// The revision that is in the record, or was put there and is no more.
    noted: Option<String>,
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
            hold: None,
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
        let Some(hold) = self.hold.take() else {
            return;
        };
        let head = self.known.own.as_ref().map(|stored| stored.head.clone());
        if let Err(error) = record::release(session, &hold, head.unwrap_or_default()).await {
            tracing::debug!(%error, "the right to write for the owner was not given back");
        }
    }

    /// Whether it has the right to write, or had it.
    pub(crate) fn has_begun(&self) -> bool {
        self.hold.is_some()
    }

    /// What the owner has, and what others have.
    pub(crate) fn ownership(&self) -> &Arc<Ownership> {
        &self.ownership
    }

    /// The records of other owners, with the versions that were read.
    fn heads_of_others(&self) -> Arc<[(ZPath, DataVersion)]> {
        let others = self.known.others.iter();
        let place = &self.owner.place;
        let heads = others.map(|(name, stored)| (place.join(name), stored.version));
        heads.collect()
    }

    /// The right to write. The first time it is taken from whoever has it.
    pub(crate) async fn begin(&mut self, session: &Session) -> Result<Hold, Stop> {
        let others = self.heads_of_others();
        if let Some(hold) = &self.hold {
            let stored = self.known.own.as_ref();
            let begun = stored.and_then(|stored| stored.head.begun.clone());
            // After a lost connection the record was read again.
            return match begun {
                Some(begun) if begun.run != self.run => Err(stopped(record::Error::Fenced {
                    head: self.owner.head(),
                    begun: Some(begun),
                })),
                _ => Ok(hold.clone().beside(others)),
            };
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
        self.hold = Some(hold.clone());
        Ok(hold.beside(others))
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
        self.hold = None;
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
                let found = found.ok().flatten().map(|stored| stored.head);
                let begun = found.and_then(|head| {
                    let applied =
                        head.applied
                            .map(|Applied { run, at, by, .. }| Begun { run, at, by });
                    head.begun.or(applied)
                });
                stopped(record::Error::Fenced { head, begun })
            }
            stop => stop,
        }
    }
}

/// What the owner has, where there is one.
pub(super) async fn ownership(
    session: &Session,
    owner: Option<&Owner>,
    declared: &Tree<Declared>,
) -> Result<Option<Arc<Ownership>>, Error> {
    let Some(owner) = owner else {
        require_no_records(declared, None)?;
        return Ok(None);
    };
    let looked = look(session, owner, declared, &Known::default()).await?;
    Ok(Some(Arc::new(looked.ownership(owner))))
}

/// The owner's record, and what all owners have.
pub(super) async fn records(
    session: &Session,
    owner: &Owner,
) -> Result<(Option<Stored>, Ownership), Error> {
    let looked = look(session, owner, &Tree::default(), &Known::default()).await?;
    let ownership = looked.ownership(owner);
    Ok((looked.known.own, ownership))
}

/// Records as they were read last.
#[derive(Debug, Default)]
struct Known {
    own: Option<Stored>,
    /// By name.
    others: BTreeMap<String, Stored>,
}

/// What a look at all records found.
struct Looked {
    known: Known,
    /// Other owners whose records cannot be read, and why.
    unknown: Vec<(String, String)>,
}

impl Looked {
    fn ownership(&self, owner: &Owner) -> Ownership {
        let record = self.known.own.as_ref().map(|stored| stored.record.clone());
        let others = self.known.others.iter();
        Ownership {
            place: owner.place.clone(),
            record: record.unwrap_or_default(),
            others: others
                .map(|(name, stored)| (name.clone(), stored.record.clone()))
                .collect(),
            unknown: self.unknown.clone(),
            adopts: owner.adopt,
        }
    }
}

/// Reads the records of all owners, but for those that are as they were `known`.
async fn look(
    session: &Session,
    owner: &Owner,
    declared: &Tree<Declared>,
    known: &Known,
) -> Result<Looked, Error> {
    let place = &owner.place;
    require_no_records(declared, Some(place))?;
    let own = record::read_again(session, &owner.head(), known.own.as_ref()).await?;
    let (mut others, mut unknown) = (BTreeMap::new(), Vec::new());
    for name in record::names(session, place).await? {
        if name == owner.name {
            continue;
        }
        let known = known.others.get(&name);
        match record::read_again(session, &place.join(&name), known).await {
            Ok(Some(other)) => _ = others.insert(name, other),
            // It was removed just now.
            Ok(None) => {}
            Err(record::Error::Broken {
                reason: Broken::Foreign(_),
                ..
            }) => {}
            Err(error) if error.is_loss() => return Err(error.into()),
            // That is no reason to stop everybody else.
            Err(error) => unknown.push((name, error.to_string())),
        }
    }
    let known = Known { own, others };
    Ok(Looked { known, unknown })
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
