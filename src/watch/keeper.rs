//! One reconcile: the declared tree, the live one, the plan between them, its execution.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use super::election::{self, Election};
use super::error::Error;
use super::files::FileWatch;
use super::newest::Newest;
use super::partial;
use super::planning::{refusals, roots};
use super::schedule::{Cause, Causes};
use super::source::Source;
use super::state::{Applied, Connection, Ending, Leadership, Reconcile};
use super::{Mode, Options, state::State};
use crate::acl::AuthId;
use crate::executor::{self, ExecuteOptions, Fate, Stop};
use crate::live::{self, Found, Mirror, News};
use crate::path::ZPath;
use crate::plan::{Plan, Summary};
use crate::planner::{self, Policy};
use crate::scope;
use crate::session::{Pulse, Session};

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

/// What a reconcile has come to so far.
#[derive(Debug, Default)]
struct Account {
    found: Option<Summary>,
    done: Summary,
    /// Whether something may have been written that could not be told.
    unknown: bool,
    refusal: Option<String>,
}

/// What a loop holds between its reconciles.
pub(super) struct Keeper {
    pub(super) options: Options,
    newest: Newest,
    session: Option<Session>,
    /// Whether a server was seen to answer while there was no connection.
    is_back: bool,
    identities: Option<Vec<AuthId>>,
    mirror: Option<Mirror>,
    election: Option<Election>,
    /// The source that the mirror and the last plan are for.
    source: Option<Arc<Source>>,
    /// The last plan without its actions, where the live tree is as declared but for what the mirror
    /// finds to change.
    settled: Option<Plan>,
    /// Whether to plan even where nothing changed.
    pending: bool,
}

impl Keeper {
    /// Where `watches` is not set, files are read only when they are asked for.
    pub(super) fn new(options: Options, watches: bool) -> Self {
        let place = options.elect.as_deref().map(Election::new);
        Self {
            newest: Newest::new(
                options.layers.clone(),
                watches.then(|| FileWatch::new(options.poll)),
            ),
            session: None,
            is_back: false,
            identities: None,
            mirror: None,
            election: place,
            source: None,
            settled: None,
            pending: true,
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
            show_connection(&pulse, &mut shown.connection);
        }
    }

    /// What has come while a reconcile was under way, and was not dealt with by it.
    pub(super) fn leftover(&mut self, shown: &mut State) -> Option<Cause> {
        self.note_connection(shown);
        if self.session.as_ref().is_some_and(Session::is_dead) {
            self.forget_session(shown);
            return Some(Cause::Session);
        }
        let mirror = self.mirror.as_mut()?;
        (!mirror.is_current()).then_some(Cause::Live)
    }

    fn forget_session(&mut self, shown: &mut State) {
        if shown.connection == Connection::Up {
            tracing::warn!("the connection is lost");
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
    /// As [`executor::execute`]: no further batch is sent. The keeper must not be used again but to
    /// be closed.
    pub(super) async fn reconcile(
        &mut self,
        causes: &Causes,
        shown: &mut State,
    ) -> Option<(Reconcile, Option<Error>)> {
        let (began, clock) = (SystemTime::now(), Instant::now());
        let mut account = Account::default();
        let result = self.attempt(causes, &mut account, shown).await;
        let (ending, error) = match result {
            Ok(None) => return None,
            Ok(Some(ending)) => (ending, None),
            Err(error) => {
                let wrote = account.unknown || account.done != Summary::default();
                let ending = match &error {
                    Error::Stopped(Stop::Conflict { .. }) => Ending::Conflict,
                    _ if wrote => Ending::Partial,
                    _ => Ending::Failed,
                };
                (ending, Some(error))
            }
        };
        if ending != Ending::InSync && ending != Ending::Applied {
            self.settled = None;
        }
        self.pending = error.is_some();
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

    async fn attempt(
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
        // Where only what some nodes hold is new, only they need to be looked at.
        let step = source.change.as_ref().filter(|change| {
            let from = change.from.upgrade();
            from.zip(self.source.as_ref())
                .is_some_and(|(from, old)| Arc::ptr_eq(&from, old))
        });
        let is_other_tree = is_new && step.is_none();
        self.connect(shown).await?;
        let leads = self.vote(causes, shown).await?;
        let mut changed = self.look(&source, is_other_tree, causes, shown).await?;
        let by_files = is_new && self.source.is_some();
        self.source = Some(source.clone());
        if is_new {
            self.pending = true;
            match (step, &mut changed) {
                (Some(step), Some(changed)) => changed.extend(step.paths.iter().cloned()),
                (Some(_), None) => {}
                (None, _) => self.settled = None,
            }
        }
        let nothing = changed.as_ref().is_some_and(Vec::is_empty);
        let hints = [Cause::Files, Cause::Live, Cause::Session, Cause::Elected];
        if nothing && !self.pending && causes.are_only(&hints) {
            return Ok(None);
        }
        let mut attempt = 0;
        let mut wrote = false;
        loop {
            let plan = self.plan(&source, changed.as_deref()).await?;
            let summary = plan.summary();
            if account.found.is_none() {
                account.found = Some(summary);
                if !by_files {
                    shown.counters.drift += plan.actions.len() as u64;
                }
            }
            let plan = Arc::new(plan);
            shown.plan = Some(plan.clone());
            if !plan.refusals.is_empty() {
                account.refusal = Some(refusals(&plan));
                self.settled = None;
                return Ok(Some(if wrote {
                    Ending::Partial
                } else {
                    Ending::Refused
                }));
            }
            if plan.is_empty() {
                self.settled = Some(Plan::clone(&plan));
                return Ok(Some(if wrote {
                    Ending::Applied
                } else {
                    Ending::InSync
                }));
            }
            if self.options.mode == Mode::Warn || !leads {
                self.settled = None;
                return Ok(Some(Ending::Drift));
            }
            if attempt > self.options.retries {
                let action = &plan.actions[0];
                return Err(Error::Stopped(Stop::Conflict {
                    path: action.path().clone(),
                    action: 0,
                    reason: executor::Conflict::Changed,
                }));
            }
            attempt += 1;
            let stop = self.execute(&plan, account).await;
            wrote |= account.done != Summary::default();
            let touched = plan.actions.iter().map(|action| action.path().clone());
            if let Some(mirror) = &mut self.mirror {
                mirror.touch(touched);
                if let Some(Stop::Conflict { path, .. }) = &stop {
                    mirror.touch([path.clone()]);
                }
            }
            match stop {
                None => {
                    let applied = Applied::new(&plan, causes, &source.revision);
                    shown.applied = Some(Arc::new(applied));
                    // All that was to do is done: what the mirror finds beyond it is new.
                    let rest = Plan {
                        actions: Vec::new(),
                        ..Plan::clone(&plan)
                    };
                    self.settled = Some(rest);
                }
                Some(Stop::Conflict { path, reason, .. }) => {
                    tracing::info!(%path, %reason, "the live tree moved; planning again");
                    self.settled = None;
                }
                Some(stop) => return Err(self.stopped(stop)),
            }
            // What was just written is read again, and that is all that the echo of it costs.
            let touched: Vec<ZPath> = plan
                .actions
                .iter()
                .map(|action| action.path().clone())
                .collect();
            let found = self.refresh(shown).await?;
            changed = found.map(|found| {
                let all: BTreeSet<ZPath> = found.into_iter().chain(touched).collect();
                all.into_iter().collect()
            });
        }
    }

    fn stopped(&self, stop: Stop) -> Error {
        let is_dead = self.session.as_ref().is_some_and(Session::is_dead);
        match stop {
            stop @ Stop::Deposed { .. } => Error::Deposed(stop),
            stop if self.election.is_some() && is_dead => Error::Deposed(stop),
            stop => Error::Stopped(stop),
        }
    }

    async fn connect(&mut self, shown: &mut State) -> Result<(), Error> {
        if self.session.as_ref().is_some_and(Session::is_dead) {
            self.forget_session(shown);
        }
        if self.is_cut() && self.is_back {
            // The client waits longer and longer between its attempts.
            let session = Session::connect(&self.options.session).await?;
            self.forget_session(shown);
            return self.take(session, shown);
        }
        if self.session.is_some() {
            return Ok(());
        }
        let session = Session::connect(&self.options.session).await?;
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
    pub(super) async fn comes_back(&mut self, shown: &State) -> bool {
        let is_off = shown.connection == Connection::None || self.is_cut();
        self.is_back = is_off && Session::is_possible(&self.options.session).await;
        self.is_back
    }

    fn take(&mut self, session: Session, shown: &mut State) -> Result<(), Error> {
        self.is_back = false;
        shown.connection = Connection::Up;
        shown.hosts = session.hosts();
        shown.counters.sessions += 1;
        if session.chroot().names().next() == Some("zookeeper") {
            return Err(Error::Reserved);
        }
        self.session = Some(session);
        Ok(())
    }

    /// Whether this replica writes.
    async fn vote(&mut self, causes: &Causes, shown: &mut State) -> Result<bool, Error> {
        let (Some(election), Some(session)) = (&mut self.election, &self.session) else {
            return Ok(true);
        };
        if let Some(leads) = election.standing()
            && causes.are_only(&[Cause::Files, Cause::Live])
        {
            return Ok(leads);
        }
        let led = shown.leadership == Leadership::Leads;
        let leads = election.campaign(session).await?;
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
    async fn look(
        &mut self,
        source: &Source,
        is_other_tree: bool,
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
        let place = &self.options.layers.place;
        if is_other_tree && !place.is_root() {
            let there = live::lookup(session, std::slice::from_ref(place)).await?;
            if there.is_empty() {
                return Err(Error::NoPlace {
                    path: place.clone(),
                    hosts: session.hosts(),
                });
            }
        }
        let Some(mirror) = &mut self.mirror else {
            let wants = scope::of(&source.tree, self.options.trim);
            let mirror = Mirror::open(session, wants, roots(&source.tree)).await?;
            shown.counters.full_reads += 1;
            shown.told = mirror.is_told();
            if !mirror.is_told() {
                tracing::warn!(
                    "the server is older than 3.6 and tells of no changes below a node: \
                     only the timer finds them"
                );
            }
            self.mirror = Some(mirror);
            return Ok(None);
        };
        if is_other_tree {
            let wants = scope::of(&source.tree, self.options.trim);
            mirror.rewant(session, wants, roots(&source.tree)).await?;
        }
        if causes.has(Cause::Timer) || causes.has(Cause::Asked) {
            let found = mirror.audit(session).await?;
            return Ok(note_found(found, shown));
        }
        self.refresh(shown).await
    }

    async fn refresh(&mut self, shown: &mut State) -> Result<Option<Vec<ZPath>>, Error> {
        let (Some(session), Some(mirror)) = (&self.session, &mut self.mirror) else {
            return Ok(None);
        };
        let found = mirror.refresh(session).await?;
        Ok(note_found(found, shown))
    }

    async fn plan(&mut self, source: &Source, changed: Option<&[ZPath]>) -> Result<Plan, Error> {
        let (Some(session), Some(mirror)) = (&self.session, &self.mirror) else {
            return Ok(Plan::empty(self.options.layers.place.clone()));
        };
        if self.identities.is_none() && planner::needs_identities(&source.tree) {
            self.identities = Some(session.identities().await?);
        }
        let options = &self.options;
        let policy = Policy {
            path: options.layers.place.clone(),
            trim: options.trim,
            filter: options.layers.filter.clone(),
            max_trim: options.max_trim,
            identities: self.identities.clone(),
            ..Policy::new(&source.sources)
        };
        let live = mirror.tree();
        live::require_readable(&source.tree, live)?;
        let part = match (&self.settled, changed) {
            (Some(before), Some(changed)) if !options.strict => {
                let standing = source.standing;
                partial::plan(&source.tree, live, &policy, before, standing, changed)
            }
            _ => None,
        };
        let mut plan = match part {
            Some(plan) => plan,
            None => live::plan(session, &source.tree, live, &policy).await?,
        };
        plan.judge(options.shows_extras, options.strict);
        Ok(plan)
    }

    async fn execute(&mut self, plan: &Plan, account: &mut Account) -> Option<Stop> {
        let session = self.session.as_ref()?;
        let options = ExecuteOptions {
            guard: self.election.as_ref().and_then(Election::guard),
            ..ExecuteOptions::default()
        };
        let report = executor::execute(session, plan, &options, &mut |_| {}).await;
        let unknown = |fate: &Fate| matches!(fate, Fate::Unknown | Fate::DataOnly);
        account.unknown |= report.fates.iter().any(unknown);
        account.done += report.done(plan);
        report.stop
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
pub(super) fn show_connection(pulse: &Pulse, shown: &mut Connection) {
    let now = connection(pulse);
    match (*shown, now) {
        (Connection::Up, Connection::Lost) => tracing::warn!("the connection is lost"),
        (Connection::Lost, Connection::Up) => tracing::info!("the connection is back"),
        _ => {}
    }
    *shown = now;
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
