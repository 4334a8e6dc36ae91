//! What a loop holds between its reconciles, and one reconcile from its causes to its end.

mod attempt;
mod execution;
mod server;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::Options;
use super::drift::Drift;
use super::error::Error;
use super::files::FileWatch;
use super::held::Held;
use super::newest::Newest;
use super::revision::Revision;
use super::schedule::{Cause, Causes};
use super::shown::{OfServer, OfWork, Shown};
use super::state::{Connection, Ending, Reconcile};
use crate::model::acl::Identities;
use crate::model::plan::Plan;
use crate::reconcile::Unwritable;
use crate::zookeeper::election::Election;
use crate::zookeeper::executor::Stop;
use crate::zookeeper::live::{Mirror, News};
use crate::zookeeper::session::{Pulse, Session};

use self::attempt::Attempted;
pub(super) use self::execution::SoFar;
use self::server::Reach;

/// What has happened to files or server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// Files may have changed.
    Files,
    /// Something of the live tree, or the session.
    News(News),
    /// Something of the election.
    Vote,
}

/// Result of the last comparison of the two trees.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a process")]
enum Known {
    /// Nothing: they are to be compared whether or not anything is known to have changed.
    Nothing,
    /// They were compared. That is done again, all of it, once something changes.
    Compared,
    /// They agree but for what is held back, as this plan without actions says: only what changes
    /// needs to be compared.
    Agree(Plan),
    /// Nothing, since others write on: the next reconcile is due at once.
    Moving,
}

impl Known {
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing | Self::Moving)
    }
}

/// How a reconcile came to its end.
pub(super) enum Ended {
    /// There was nothing to look at.
    Idle,
    Done,
    Failed(Error),
}

/// Makes the live tree as declared, again and again.
pub(super) struct Reconciler {
    options: Options,
    newest: Newest,
    session: Option<Session>,
    reach: Reach,
    identities: Option<Identities>,
    mirror: Option<Mirror>,
    election: Option<Election>,
    /// The revision that the mirror and the last plan are for.
    revision: Option<Arc<Revision>>,
    known: Known,
    held: Held,
    drift: Drift,
}

impl Reconciler {
    /// Where `watches` is not set, files are read only when they are asked for.
    pub(super) fn new(mut options: Options, watches: bool) -> Self {
        options.plan.path = options.layers.place.clone();
        options.plan.filter = options.layers.filter.clone();
        options.plan.unwritable = Unwritable::Attempted;
        Self {
            newest: Newest::new(
                options.layers.clone(),
                watches.then(|| FileWatch::new(options.poll)),
            ),
            session: None,
            reach: Reach::default(),
            identities: None,
            mirror: None,
            election: options.elect.as_deref().map(Election::new),
            revision: None,
            known: Known::Nothing,
            held: Held::new(options.pace.first_backoff, options.pace.interval),
            drift: Drift::default(),
            options,
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Waits for what happens to files and server.
    ///
    /// # Cancellation safety
    /// What happens stays known.
    pub(super) async fn hint(&mut self) -> Hint {
        let news = async {
            match &mut self.mirror {
                Some(mirror) => mirror.news().await,
                None => std::future::pending().await,
            }
        };
        let vote = async {
            match &mut self.election {
                Some(election) => election.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.newest.changed() => Hint::Files,
            news = news => Hint::News(news),
            () = vote => Hint::Vote,
        }
    }

    /// Takes note of what has happened. Returns `None` if there is nothing to do about it yet.
    pub(super) fn note(&mut self, hint: &Hint, shown: &mut Shown) -> Option<Cause> {
        match hint {
            Hint::Files => {
                self.newest.begin_reading();
                Some(Cause::Files)
            }
            Hint::Vote => Some(Cause::Elected),
            Hint::News(News::Nodes) => Some(Cause::Live),
            Hint::News(News::Disconnected) => {
                self.note_connection(shown);
                None
            }
            Hint::News(News::Reconnected) => {
                self.note_connection(shown);
                Some(Cause::Session)
            }
            Hint::News(News::Ended) => {
                self.forget_session(shown);
                Some(Cause::Session)
            }
        }
    }

    /// Tells of the session's connection, where there is a session.
    pub(super) fn pulse(&self) -> Option<Pulse> {
        self.session.as_ref().map(Session::pulse)
    }

    fn note_connection(&self, shown: &mut Shown) {
        if let Some(pulse) = self.pulse() {
            shown.server(OfServer::Connection(Connection::of(&pulse)));
        }
    }

    /// What has come while a reconcile was under way, and was not dealt with by it.
    pub(super) fn leftover(&mut self, shown: &mut Shown) -> Option<Cause> {
        self.note_connection(shown);
        if self.session.as_ref().is_some_and(Session::is_dead) {
            self.forget_session(shown);
            return Some(Cause::Session);
        }
        if let Known::Moving = self.known {
            self.known = Known::Nothing;
            return Some(Cause::Live);
        }
        let mirror = self.mirror.as_mut()?;
        mirror.listen();
        (!mirror.is_current()).then_some(Cause::Live)
    }

    /// When nodes that are held back may be written.
    pub(super) fn next_held(&self) -> Option<Instant> {
        self.held.next()
    }

    /// Ends the session.
    pub(super) async fn close(mut self) {
        self.mirror = None;
        self.election = None;
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// One reconcile.
    ///
    /// # Cancellation safety
    /// As [`execute`](crate::zookeeper::executor::execute): no further batch is sent, and `so_far`
    /// tells what stands. The reconciler must not be used again but to be closed.
    pub(super) async fn reconcile(
        &mut self,
        causes: &Causes,
        so_far: &mut SoFar,
        shown: &mut Shown,
    ) -> Ended {
        let (began, clock) = (SystemTime::now(), Instant::now());
        let (ending, error) = match self.attempt(causes, so_far, shown).await {
            Ok(Attempted::Nothing) => return Ended::Idle,
            Ok(Attempted::Ended(ending)) => (ending, None),
            Ok(Attempted::Restless) => {
                self.known = Known::Moving;
                (Ending::Applied, None)
            }
            Err(error) => {
                let ending = match &error {
                    Error::Stopped(Stop::Conflict { .. }) => Ending::Conflict,
                    _ if so_far.run.account().wrote() => Ending::Partial,
                    _ => Ending::Failed,
                };
                // What single nodes refuse keeps nothing else from being as declared.
                if !error.is_of_nodes() {
                    self.known = Known::Nothing;
                }
                (ending, Some(error))
            }
        };
        let reconcile = Reconcile {
            causes: causes.clone(),
            began,
            took: clock.elapsed(),
            revision: self.revision.as_ref().map(|revision| revision.id.clone()),
            ending,
            found: so_far.found.unwrap_or_default(),
            done: so_far.run.account().counted(),
            error: match &error {
                Some(error) => Some(error.to_string()),
                None => so_far.refusal.take(),
            },
        };
        shown.work(OfWork::Ended {
            reconcile,
            held: self.held.nodes(),
            mirrored: self.mirror.as_ref().map(|mirror| mirror.tree().len()),
        });
        error.map_or(Ended::Done, Ended::Failed)
    }
}
