//! Applying for an owner, who keeps a record of its nodes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::Error;
use super::check::require_no_records;
use crate::model::node::Declared;
use crate::model::path::{Error as PathError, ZPath, check_name};
use crate::model::plan::{Action, Plan};
use crate::model::record::{self as form, Applied, Begun, Broken};
use crate::model::tree::Tree;
use crate::plan::owned::Ownership;
use crate::zookeeper::executor::Stop;
use crate::zookeeper::record::{self, Hold, Stored};
use crate::zookeeper::session::Session;

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
}

impl Tenure {
    /// Reads the records of all owners.
    pub(crate) async fn new(
        session: &Session,
        owner: &Owner,
        declared: &Tree<Declared>,
    ) -> Result<Self, Error> {
        let looked = look(session, owner, declared, &Known::default()).await?;
        Ok(Self {
            owner: owner.clone(),
            run: new_run(),
            ownership: Arc::new(looked.ownership(owner)),
            known: looked.known,
            hold: None,
        })
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
        Ok(())
    }

    /// Gives up a right to write that somebody has taken since, as the record says that was read last. The
    /// next execution takes it again.
    #[cfg(feature = "watch")]
    pub(crate) fn give_up_if_fenced(&mut self) {
        let version = self.known.own.as_ref().map(|stored| stored.version);
        self.hold
            .take_if(|hold| version.is_none_or(|version| version != hold.version));
    }

    /// What the owner has, and what others have.
    pub(crate) fn ownership(&self) -> &Arc<Ownership> {
        &self.ownership
    }

    /// The right to write. The first time it is taken from whoever has it.
    pub(crate) async fn begin(&mut self, session: &Session) -> Result<Hold, Stop> {
        if let Some(hold) = &self.hold {
            let stored = self.known.own.as_ref();
            let begun = stored.and_then(|stored| stored.head.begun.clone());
            // After a lost connection the record was read again.
            return match begun {
                Some(begun) if begun.run != self.run => Err(stopped(record::Error::Fenced {
                    head: self.owner.head(),
                    begun: Some(begun),
                })),
                _ => Ok(hold.clone()),
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
        Ok(hold)
    }

    /// What is applied is this from now on.
    #[cfg(feature = "watch")]
    pub(crate) fn name_revision(&mut self, revision: &str) {
        self.owner.revision = Some(revision.to_owned());
    }

    /// Whether the record is to be written although nothing else is.
    pub(crate) fn is_due(&self, plan: &Plan) -> bool {
        let stored = self.known.own.as_ref();
        let applied = stored.and_then(|stored| stored.head.applied.as_ref());
        let is_new = |revision: &String| {
            applied.is_some_and(|applied| applied.revision.as_ref() != Some(revision))
        };
        !plan.record.is_empty()
            || stored.is_some_and(Stored::is_open)
            || self.owner.revision.as_ref().is_some_and(is_new)
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
        let stored = stored.map_err(stopped)?;
        self.hold = None;
        self.run = new_run();
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
