//! One reconcile: the declared tree, the live one, the plan between them, its execution.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::Options;
use super::attempt::Account;
use super::drift::Drift;
use super::error::Error;
use super::files::FileWatch;
use super::held::Held;
use super::newest::Newest;
use super::planning::roots;
use super::schedule::{Cause, Causes};
use super::source::Source;
use super::state::{Connection, Ending, Leadership, Reconcile, State};
use crate::model::acl::Identities;
use crate::model::path::ZPath;
use crate::model::plan::Plan;
use crate::plan::scope;
use crate::reconcile::{self, Oversized};
use crate::zookeeper::election::{self, Election, Role};
use crate::zookeeper::executor::Stop;
use crate::zookeeper::live::{Found, Mirror, News};
use crate::zookeeper::session::{self, Pulse, Session};

/// What has happened to files or server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Files may have changed.
    Files,
    /// Something of the live tree, or the session.
    News(News),
    /// Something of the election.
    Vote,
}

/// What a loop holds between its reconciles.
pub(super) struct Keeper {
    pub(super) options: Options,
    pub(super) newest: Newest,
    pub(super) session: Option<Session>,
    reach: Reach,
    pub(super) identities: Option<Identities>,
    pub(super) mirror: Option<Mirror>,
    pub(super) election: Option<Election>,
    /// The source that the mirror and the last plan are for.
    pub(super) source: Option<Arc<Source>>,
    /// The last plan without its actions, where the live tree is as declared but for what is held
    /// back and what the mirror finds to change.
    pub(super) settled: Option<Plan>,
    /// Whether to plan even where nothing changed.
    pub(super) pending: bool,
    /// Whether the last reconcile ended before the live tree came to rest.
    pub(super) restless: bool,
    pub(super) held: Held,
    pub(super) drift: Drift,
}

/// What is known of the servers while there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reach {
    /// The last attempt did not fail for want of a server: asking one again tells nothing new.
    #[default]
    Unknown,
    /// The last attempt reached no server.
    Lost,
    /// A server makes sessions again.
    Back,
}

impl Keeper {
    /// Where `watches` is not set, files are read only when they are asked for.
    pub(super) fn new(mut options: Options, watches: bool) -> Self {
        options.plan.path = options.layers.place.clone();
        options.plan.filter = options.layers.filter.clone();
        options.plan.oversized = Oversized::Attempted;
        let place = options.elect.as_deref().map(Election::new);
        Self {
            newest: Newest::new(
                options.layers.clone(),
                watches.then(|| FileWatch::new(options.poll)),
            ),
            session: None,
            reach: Reach::default(),
            identities: None,
            mirror: None,
            election: place,
            source: None,
            settled: None,
            pending: true,
            restless: false,
            held: Held::new(options.pace.first_backoff, options.pace.interval),
            drift: Drift::default(),
            options,
        }
    }

    /// Waits for what happens to files and server.
    ///
    /// # Cancellation safety
    /// What happens stays known.
    pub(super) async fn event(&mut self) -> Event {
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
            () = self.newest.changed() => Event::Files,
            news = news => Event::News(news),
            () = vote => Event::Vote,
        }
    }

    /// Takes note of what has happened; none where there is nothing to do about it yet.
    pub(super) fn note(&mut self, event: &Event, shown: &mut State) -> Option<Cause> {
        match event {
            Event::Files => {
                self.newest.begin_reading();
                Some(Cause::Files)
            }
            Event::Vote => Some(Cause::Elected),
            Event::News(News::Nodes) => Some(Cause::Live),
            Event::News(News::Disconnected) => {
                self.note_connection(shown);
                None
            }
            Event::News(News::Reconnected) => {
                self.note_connection(shown);
                Some(Cause::Session)
            }
            Event::News(News::Ended) => {
                self.forget_session(shown);
                Some(Cause::Session)
            }
        }
    }

    /// Tells of the session's connection, where there is a session.
    pub(super) fn pulse(&self) -> Option<Pulse> {
        self.session.as_ref().map(Session::pulse)
    }

    fn note_connection(&self, shown: &mut State) {
        if let Some(pulse) = self.pulse() {
            show_connection(&pulse, shown);
        }
    }

    /// What has come while a reconcile was under way, and was not dealt with by it.
    pub(super) fn leftover(&mut self, shown: &mut State) -> Option<Cause> {
        self.note_connection(shown);
        if self.session.as_ref().is_some_and(Session::is_dead) {
            self.forget_session(shown);
            return Some(Cause::Session);
        }
        let restless = std::mem::take(&mut self.restless);
        let mirror = self.mirror.as_mut()?;
        mirror.listen();
        (restless || !mirror.is_current()).then_some(Cause::Live)
    }

    /// When nodes that are held back may be written.
    pub(super) fn next_held(&self) -> Option<Instant> {
        self.held.next()
    }

    pub(super) fn forget_session(&mut self, shown: &mut State) {
        if shown.connection == Connection::Up {
            tell_lost(&shown.hosts);
        }
        self.mirror = None;
        if self.session.take().is_some() {
            tracing::warn!("the session has ended");
        }
        self.identities = None;
        self.settled = None;
        self.pending = true;
        if let Some(election) = &mut self.election {
            election.forget();
            shown.leadership = Leadership::Follows;
        }
        shown.connection = Connection::None;
    }

    /// Ends the session.
    pub(super) async fn close(mut self) {
        self.mirror = None;
        self.election = None;
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// One reconcile, told to `shown`; none where there was nothing to look at.
    ///
    /// # Cancellation safety
    /// As [`execute`](crate::zookeeper::executor::execute): no further batch is sent. The keeper must not be used again but to
    /// be closed.
    pub(super) async fn reconcile(
        &mut self,
        causes: &Causes,
        shown: &mut State,
    ) -> Option<(Reconcile, Option<Error>)> {
        let (began, clock) = (SystemTime::now(), Instant::now());
        let mut account = Account::new(&self.options.plan);
        let result = self.attempt(causes, &mut account, shown).await;
        let (ending, error) = match result {
            Ok(None) => return None,
            Ok(Some(ending)) => (ending, None),
            Err(error) => {
                let ending = match &error {
                    Error::Stopped(Stop::Conflict { .. }) => Ending::Conflict,
                    _ if account.wrote() => Ending::Partial,
                    _ => Ending::Failed,
                };
                (ending, Some(error))
            }
        };
        account.told.end();
        // What single nodes refuse keeps nothing else from being as declared.
        self.pending = error.as_ref().is_some_and(|error| !error.is_of_nodes());
        if self.pending {
            self.settled = None;
        }
        shown.held = self.held.nodes();
        let reconcile = Reconcile {
            causes: causes.clone(),
            began,
            took: clock.elapsed(),
            revision: self.source.as_ref().map(|source| source.revision.clone()),
            ending,
            found: account.found.unwrap_or_default(),
            done: account.done,
            error: match &error {
                Some(error) => Some(error.to_string()),
                None => account.refusal,
            },
        };
        if let Some(mirror) = &self.mirror {
            shown.mirrored = mirror.tree().len();
        }
        shown.add(reconcile.clone());
        Some((reconcile, error))
    }

    pub(super) async fn connect(&mut self, shown: &mut State) -> Result<(), Error> {
        if self.session.as_ref().is_some_and(Session::is_dead) {
            self.forget_session(shown);
        }
        let is_cut = self.is_cut();
        // The client waits longer and longer between its attempts.
        let is_replaced = is_cut && self.reach == Reach::Back;
        if self.session.is_some() && !is_replaced {
            return Ok(());
        }
        let session = match Session::connect(&self.options.session).await {
            Ok(session) => session,
            Err(error) => {
                self.reach = match error {
                    session::Error::Unreachable { .. } => Reach::Lost,
                    _ => Reach::Unknown,
                };
                return Err(error.into());
            }
        };
        if is_cut {
            self.forget_session(shown);
        }
        self.take(session, shown)
    }

    /// Whether there is a session without a connection.
    fn is_cut(&self) -> bool {
        self.pulse().is_some_and(|pulse| !pulse.is_up())
    }

    /// Whether a server makes sessions again, where there is no connection.
    ///
    /// # Cancellation safety
    /// Nothing is lost.
    pub(super) async fn comes_back(&mut self) -> bool {
        let is_off = self.reach == Reach::Lost || self.is_cut();
        if is_off && Session::is_possible(&self.options.session).await {
            self.reach = Reach::Back;
            return true;
        }
        false
    }

    fn take(&mut self, session: Session, shown: &mut State) -> Result<(), Error> {
        self.reach = Reach::Unknown;
        shown.connection = Connection::Up;
        shown.hosts = session.hosts();
        if shown.counters.sessions > 0 {
            tell_back(&shown.hosts);
        }
        shown.counters.sessions += 1;
        reconcile::require_chroot(&session)?;
        self.session = Some(session);
        Ok(())
    }

    /// Whether this replica writes.
    pub(super) async fn vote(&mut self, causes: &Causes, shown: &mut State) -> Result<bool, Error> {
        let (Some(election), Some(session)) = (&mut self.election, &self.session) else {
            return Ok(true);
        };
        if let Some(role) = election.role()
            && causes.are_only(&[Cause::Files, Cause::Live])
        {
            return Ok(role == Role::Leads);
        }
        let led = shown.leadership == Leadership::Leads;
        let leads = election.campaign(session).await? == Role::Leads;
        shown.leadership = if leads {
            Leadership::Leads
        } else {
            Leadership::Follows
        };
        if led != leads {
            self.settled = None;
            self.pending = true;
            let told = if leads {
                "this replica leads"
            } else {
                "another replica leads"
            };
            tracing::info!("{told}");
        }
        Ok(leads)
    }

    /// Makes the mirror current for a source; tells what changed, or none where that may be
    /// anything.
    pub(super) async fn look(
        &mut self,
        source: &Source,
        is_other: bool,
        causes: &Causes,
        shown: &mut State,
    ) -> Result<Option<Vec<ZPath>>, Error> {
        let Some(session) = &self.session else {
            return Ok(None);
        };
        if self.election.is_some() {
            let top = election::top();
            if source.tree.get(&top).is_some() {
                return Err(Error::Election(top));
            }
        }
        if is_other {
            reconcile::require_place(session, &self.options.plan.path).await?;
        }
        let Some(mirror) = &mut self.mirror else {
            let wants = scope::of(&source.tree, self.options.plan.trim);
            let mirror = Mirror::open(session, wants, roots(&source.tree)).await?;
            shown.counters.full_reads += 1;
            shown.told = mirror.is_told();
            self.mirror = Some(mirror);
            return Ok(None);
        };
        if is_other {
            let wants = scope::of(&source.tree, self.options.plan.trim);
            mirror.rewant(session, wants, roots(&source.tree)).await?;
        }
        if causes.has(Cause::Timer) || causes.has(Cause::Asked) {
            let found = mirror.audit(session).await?;
            return Ok(note_found(found, shown));
        }
        self.refresh(shown).await
    }

    pub(super) async fn refresh(&mut self, shown: &mut State) -> Result<Option<Vec<ZPath>>, Error> {
        let (Some(session), Some(mirror)) = (&self.session, &mut self.mirror) else {
            return Ok(None);
        };
        let found = mirror.refresh(session).await?;
        Ok(note_found(found, shown))
    }
}

fn connection(pulse: &Pulse) -> Connection {
    if pulse.is_up() {
        Connection::Up
    } else {
        Connection::Lost
    }
}

/// Shows how the connection is, and tells of it where that is new.
pub(super) fn show_connection(pulse: &Pulse, shown: &mut State) {
    let now = connection(pulse);
    match (shown.connection, now) {
        (Connection::Up, Connection::Lost) => tell_lost(&shown.hosts),
        (Connection::Lost, Connection::Up) => tell_back(&shown.hosts),
        _ => {}
    }
    shown.connection = now;
}

fn tell_lost(servers: &str) {
    tracing::warn!(servers, "the connection is lost; trying to connect again");
}

fn tell_back(servers: &str) {
    tracing::info!(servers, "connected again");
}

fn note_found(found: Found, shown: &mut State) -> Option<Vec<ZPath>> {
    match found {
        Found::Changed(paths) => Some(paths),
        Found::Everything { missed } => {
            shown.counters.full_reads += 1;
            shown.counters.missed += missed.len() as u64;
            if let Some(first) = missed.first() {
                tracing::error!(
                    nodes = missed.len(),
                    first = first.as_str(),
                    "nodes had changed and no event had told of it"
                );
            }
            None
        }
    }
}
