//! Session, election and mirror of a reconcile.

use std::time::Duration;

use super::super::error::Error;
use super::super::revision::Revision;
use super::super::schedule::{Cause, Causes};
use super::super::shown::{OfServer, Shown};
use super::known::{Known, Reach, Reconciler};
use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::model::tree::{Tree, tops};
use crate::plan::scope::{self, Trim};
use crate::reconcile::{self, Tenure};
use crate::zookeeper::election::{self, Role};
use crate::zookeeper::live::{Found, Mirror};
use crate::zookeeper::session::{self, Lookout, Outlook, Pulse, Session};

impl Reconciler {
    pub(super) fn forget_session(&mut self, shown: &mut Shown) {
        self.mirror = None;
        self.tenure = None;
        self.session = None;
        self.identities = None;
        self.known = Known::Nothing;
        if let Some(election) = &mut self.election {
            election.forget();
        }
        shown.server(OfServer::Ended);
    }

    pub(super) async fn connect(&mut self, shown: &mut Shown) -> Result<(), Error> {
        if self.session.as_ref().is_some_and(Session::is_dead) {
            self.forget_session(shown);
        }
        let is_cut = self.is_cut();
        // The client waits longer and longer between its attempts.
        let is_replaced = is_cut && self.reach == Reach::Back;
        if self.session.is_some() && !is_replaced {
            return Ok(());
        }
        // What it has found out is old afterwards.
        self.lookout = Lookout::default();
        let session = match Session::of(&self.sessions).await {
            Ok(session) => session,
            Err(error) => {
                self.reach = match error {
                    session::Error::Unreachable { .. } => Reach::Lost,
                    _ => Reach::Unknown,
                };
                shown.server(OfServer::Unconnected(error.to_string()));
                return Err(error.into());
            }
        };
        if is_cut {
            self.forget_session(shown);
        }
        self.reach = Reach::Unknown;
        shown.server(OfServer::Connected {
            hosts: session.hosts(),
        });
        reconcile::require_chroot(&session)?;
        self.session = Some(session);
        Ok(())
    }

    /// Tells of the session's connection, where there is a session.
    pub(in super::super) fn pulse(&self) -> Option<Pulse> {
        self.session.as_ref().map(Session::pulse)
    }

    /// Whether there is a session without a connection.
    fn is_cut(&self) -> bool {
        self.pulse().is_some_and(|pulse| !pulse.is_up())
    }

    /// Asks whether a server makes sessions again, where there is no connection; takes no longer than `limit`.
    ///
    /// # Cancellation safety
    /// Nothing is lost.
    pub(in super::super) async fn comes_back(
        &mut self,
        shown: &mut Shown,
        limit: Duration,
    ) -> bool {
        let is_off = self.reach == Reach::Lost || self.is_cut();
        if !is_off {
            self.lookout = Lookout::default();
            return false;
        }
        match self.lookout.look(&self.sessions, limit).await {
            Some(Outlook::Good) => {
                self.lookout = Lookout::default();
                self.reach = Reach::Back;
                true
            }
            Some(Outlook::Bad(outage)) => {
                shown.server(OfServer::Off {
                    reasons: outage.reasons(),
                    error: outage.into_error().to_string(),
                });
                false
            }
            None => false,
        }
    }

    /// This replica's role; without an election it leads.
    pub(super) async fn vote(&mut self, causes: &Causes, shown: &mut Shown) -> Result<Role, Error> {
        let (Some(election), Some(session)) = (&mut self.election, &self.session) else {
            return Ok(Role::Leads);
        };
        if let Some(role) = election.role()
            && causes.are_only(&[Cause::Files, Cause::Live])
        {
            return Ok(role);
        }
        let before = election.last_role();
        let role = election.campaign(session).await?;
        if role != before {
            self.known = Known::Nothing;
        }
        shown.server(OfServer::Role(role));
        Ok(role)
    }

    /// Makes the mirror current for a revision. Returns what changed, or `None` if that may be anything.
    pub(super) async fn look(
        &mut self,
        revision: &Revision,
        is_new: bool,
        causes: &Causes,
        shown: &mut Shown,
    ) -> Result<Option<Vec<ZPath>>, Error> {
        let Some(session) = &self.session else {
            return Ok(None);
        };
        if self.election.is_some() {
            let top = election::top();
            if revision.source.tree().get(&top).is_some() {
                return Err(Error::Election(top));
            }
        }
        if is_new {
            reconcile::require_of_server(session, revision.source.tree())?;
            reconcile::require_place(session, &self.options.plan.path).await?;
        }
        let declared = revision.source.tree();
        self.look_at_records(revision).await?;
        let Some(session) = &self.session else {
            return Ok(None);
        };
        let ownership = self.tenure.as_ref().map(|tenure| &**tenure.ownership());
        let plan = &self.options.plan;
        let wants = || scope::with_owned(declared, plan.trim, (&plan.path, ownership));
        let Some(mirror) = &mut self.mirror else {
            let mirror = Mirror::open(session, wants(), roots(revision.source.tree())).await?;
            shown.server(OfServer::Opened {
                has_watches: mirror.gets_events(),
            });
            self.mirror = Some(mirror);
            return Ok(None);
        };
        if is_new || plan.trim == Trim::Owned {
            mirror
                .rewant(session, wants(), roots(revision.source.tree()))
                .await?;
        }
        if causes.has(Cause::Timer) || causes.has(Cause::Asked) {
            let found = mirror.audit(session).await?;
            return Ok(note_found(found, shown));
        }
        self.refresh(shown).await
    }

    /// Reads the records of all owners, where there is one.
    pub(super) async fn look_at_records(&mut self, revision: &Revision) -> Result<(), Error> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let declared = revision.source.tree();
        match (&self.options.plan.owner, &mut self.tenure) {
            (None, _) => reconcile::require_no_records(declared, None)?,
            (Some(_), Some(tenure)) => tenure.look(session, declared).await?,
            (Some(owner), None) => {
                self.tenure = Some(Tenure::new(session, owner, declared).await?);
            }
        }
        Ok(())
    }

    /// Whether another apply of the owner is at work, which goes first. Then this one looks again later.
    pub(super) fn leaves_to_rival(&mut self) -> bool {
        let tenure = self.tenure.as_ref().filter(|_| self.yields);
        self.yields_until = tenure.and_then(Tenure::yields_until);
        self.yields_until.is_some()
    }

    /// As [`Reconciler::look`], for the same revision.
    pub(super) async fn refresh(&mut self, shown: &mut Shown) -> Result<Option<Vec<ZPath>>, Error> {
        let (Some(session), Some(mirror)) = (&self.session, &mut self.mirror) else {
            return Ok(None);
        };
        let found = mirror.refresh(session).await?;
        Ok(note_found(found, shown))
    }
}

fn note_found(found: Found, shown: &mut Shown) -> Option<Vec<ZPath>> {
    match found {
        Found::Changed(paths) => Some(paths),
        Found::Everything { missed } => {
            shown.server(OfServer::ReadAgain { missed: &missed });
            None
        }
    }
}

/// The topmost nodes that are more than passed through.
fn roots(tree: &Tree<Declared>) -> Vec<ZPath> {
    let more = tree.iter().filter(|(_, node)| !node.is_passed_through());
    tops(more.map(|(path, _)| path)).cloned().collect()
}
