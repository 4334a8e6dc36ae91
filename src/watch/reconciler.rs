//! One reconcile from its causes to its end, and what wakes the next one.

mod attempt;
mod execution;
mod known;
mod server;

use std::time::SystemTime;

use tokio::time::Instant;

use super::Options;
use super::error::Error;
use super::schedule::{Cause, Causes};
use super::shown::{OfServer, OfWork, Shown};
use super::state::{Connection, Ending, Reconcile};
use crate::zookeeper::executor::Stop;
use crate::zookeeper::live::News;
use crate::zookeeper::session::Session;

use self::attempt::Attempted;
pub(super) use self::execution::SoFar;
use self::known::Known;
pub(super) use self::known::Reconciler;

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

/// How a reconcile came to its end.
pub(super) enum Ended {
    /// There was nothing to look at.
    Idle,
    Done,
    Failed(Error),
}

impl Reconciler {
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
        mirror.is_due().then_some(Cause::Live)
    }

    /// When nodes that are held back may be written, or another apply of the owner may have ended.
    pub(super) fn next_held(&self) -> Option<Instant> {
        let next = self.held.next().into_iter();
        next.chain(self.yields_until).min()
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
    /// holds what was done. The reconciler must not be used again but to be closed.
    pub(super) async fn reconcile(
        &mut self,
        causes: &Causes,
        so_far: &mut SoFar,
        shown: &mut Shown,
    ) -> Ended {
        let (began, clock) = (SystemTime::now(), Instant::now());
        let attempted = self.attempt(causes, so_far, shown).await;
        // Nobody waits for what cannot be written.
        if let (Some(session), Some(tenure)) = (&self.session, &mut self.tenure) {
            tenure.rest(session).await;
        }
        let (ending, error) = match attempted {
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
                Some(error) => Some(error.told()),
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
