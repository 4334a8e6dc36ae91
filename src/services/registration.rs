//! Registering a service: nodes that stand as long as the service does, whatever happens to sessions.

mod node;
mod register;
mod task;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::error::Error;
use super::lock::lock;
use crate::model::path::ZPath;
use crate::model::value::Properties;

pub use register::Register;

/// The property that holds the instance id, where there is one.
pub const INSTANCE: &str = "instance";
/// The property with a service's share of the load.
pub const WEIGHT: &str = "weight";
/// The property that is `false` where a service is not to be used.
pub const ENABLED: &str = "enabled";
/// The property that is `true` where a service is about to leave.
pub const DRAINING: &str = "draining";

/// The state of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationState {
    /// It is being written, or no server is reached.
    Pending,
    /// All its nodes stand and belong to this session.
    Registered,
    /// It is held back because the health check fails.
    Withheld,
    /// A node is there that belongs to another session. It is registered as soon as that is gone.
    Waiting {
        /// The session.
        owner: i64,
    },
    /// It cannot be written, for this reason. It is tried again.
    Refused(Error),
    /// It is over.
    Closed,
}

/// A service that is about to be registered. Hooks may change its properties.
#[derive(Debug)]
pub struct RegisteringServer<'r> {
    /// The path that was given, before links are followed.
    pub path: &'r str,
    /// The names of the nodes: the addresses.
    pub names: &'r [String],
    /// What the nodes will hold.
    pub properties: &'r mut Properties,
}

/// Called before a registration is written.
pub(crate) type Hook = dyn Fn(&mut RegisteringServer<'_>) + Send + Sync;

/// What all registrations of a handle share.
#[derive(Default)]
pub(crate) struct Registrations {
    hooks: Mutex<Vec<Arc<Hook>>>,
    all: Mutex<Vec<Weak<Inner>>>,
    /// The nodes of all of them.
    nodes: Mutex<HashSet<ZPath>>,
}

impl Registrations {
    pub(crate) fn add_hook(&self, hook: Arc<Hook>) {
        lock(&self.hooks).push(hook);
    }

    /// All that are not over.
    pub(crate) fn views(&self) -> Vec<RegistrationView> {
        self.live().iter().map(|one| one.view()).collect()
    }

    /// Takes all of them back.
    pub(crate) async fn close(&self) {
        let registrations = self.live();
        for registration in &registrations {
            registration.close();
        }
        for registration in registrations {
            registration.closed(Duration::from_secs(1)).await;
        }
    }

    fn live(&self) -> Vec<Arc<Inner>> {
        let mut all = lock(&self.all);
        all.retain(|one| one.strong_count() > 0);
        all.iter().filter_map(Weak::upgrade).collect()
    }

    /// Takes all these nodes for one registration, or none: returns the first that another one has.
    fn take(&self, paths: &[ZPath]) -> Result<(), ZPath> {
        let mut taken = lock(&self.nodes);
        if let Some(path) = paths.iter().find(|path| taken.contains(*path)) {
            return Err(path.clone());
        }
        taken.extend(paths.iter().cloned());
        Ok(())
    }

    fn release(&self, path: &ZPath) {
        lock(&self.nodes).remove(path);
    }
}

/// What a registration is to be.
#[derive(Debug, Clone)]
struct Wanted {
    properties: Properties,
    closing: bool,
    /// Counts the changes.
    revision: u64,
}

/// What a registration is.
#[derive(Debug, Clone)]
struct Shown {
    state: RegistrationState,
    /// Up to which change of what is wanted this holds.
    revision: u64,
    /// The nodes, by path, with the session that each belongs to where that is not this one.
    nodes: BTreeMap<ZPath, Option<i64>>,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            state: RegistrationState::Pending,
            revision: 0,
            nodes: BTreeMap::new(),
        }
    }
}

impl Shown {
    /// The first node that belongs to somebody else.
    fn taken(&self) -> Option<ZPath> {
        let mut taken = self.nodes.iter().filter(|(_, owner)| owner.is_some());
        taken.next().map(|(path, _)| path.clone())
    }
}

/// What the guard, the task and the list share.
struct Inner {
    path: String,
    names: Vec<String>,
    wanted: watch::Sender<Wanted>,
    shown: watch::Sender<Shown>,
}

impl Inner {
    fn new(path: String, names: Vec<String>, properties: Properties) -> Self {
        Self {
            path,
            names,
            wanted: watch::Sender::new(Wanted {
                properties,
                closing: false,
                revision: 0,
            }),
            shown: watch::Sender::new(Shown::default()),
        }
    }

    fn view(&self) -> RegistrationView {
        let shown = self.shown.borrow();
        RegistrationView {
            path: self.path.clone(),
            names: self.names.clone(),
            nodes: shown.nodes.keys().cloned().collect(),
            properties: self.wanted.borrow().properties.clone(),
            state: shown.state.clone(),
        }
    }

    /// Adopts properties that an authorised client has written into one node: the other nodes of this
    /// registration get them, too.
    fn adopt(&self, properties: Properties, revision: u64) {
        self.wanted.send_if_modified(|wanted| {
            let is_current = wanted.revision == revision;
            if is_current {
                wanted.properties = properties;
                wanted.revision += 1;
            }
            is_current
        });
    }

    fn close(&self) {
        self.wanted.send_modify(|wanted| {
            wanted.closing = true;
            wanted.revision += 1;
        });
    }

    /// Takes the registration back, and waits until that is done, or `limit`.
    async fn closed(&self, limit: Duration) {
        self.close();
        let mut shown = self.shown.subscribe();
        let over = shown.wait_for(|shown| shown.state == RegistrationState::Closed);
        if timeout(limit, over).await.is_err() {
            tracing::debug!(path = self.path, "the registration goes with its session");
        }
    }
}

/// A registration as it is now.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RegistrationView {
    /// The path that was given.
    pub path: String,
    /// The names of its nodes.
    pub names: Vec<String>,
    /// Its nodes, links followed. Empty before it was first written.
    pub nodes: Vec<ZPath>,
    /// What the nodes hold, or are to hold.
    pub properties: Properties,
    /// Its state.
    pub state: RegistrationState,
}

/// A registered service. Dropping it takes the registration back in the background;
/// [`Registration::close`] waits for that.
pub struct Registration {
    inner: Arc<Inner>,
    limit: Duration,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("path", &self.inner.path)
            .field("names", &self.inner.names)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.inner.close();
    }
}

impl Registration {
    /// Returns the current state.
    #[must_use]
    pub fn state(&self) -> RegistrationState {
        self.inner.shown.borrow().state.clone()
    }

    /// Waits until the state is another one than `state`, and returns it.
    ///
    /// # Cancellation safety
    /// Dropping the future has no effect.
    pub async fn changed_from(&self, state: &RegistrationState) -> RegistrationState {
        let mut shown = self.inner.shown.subscribe();
        let changed = shown.wait_for(|shown| shown.state != *state).await;
        changed.map_or(RegistrationState::Closed, |shown| shown.state.clone())
    }

    /// Returns everything that is known of it.
    #[must_use]
    pub fn view(&self) -> RegistrationView {
        self.inner.view()
    }

    /// What the nodes hold, or are to hold.
    #[must_use]
    pub fn properties(&self) -> Properties {
        self.inner.wanted.borrow().properties.clone()
    }

    /// Sets some properties; the others stay. Where the ACL lets nobody write the nodes, each is
    /// replaced in one transaction, so that nobody ever sees it missing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it was not written within the session timeout: it will be as soon
    /// as it can. [`Error::Refused`] and the like where the server does not take it. [`Error::Closed`].
    ///
    /// # Cancellation safety
    /// The properties are set also when the future is dropped.
    pub async fn update(
        &self,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<(), Error> {
        self.change(|old| old.extend(properties)).await
    }

    /// Replaces the properties.
    ///
    /// # Errors and cancellation safety
    /// As [`Registration::update`].
    pub async fn set(
        &self,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<(), Error> {
        self.change(|old| *old = properties.into_iter().collect())
            .await
    }

    /// Whether consumers are to use the service.
    ///
    /// # Errors and cancellation safety
    /// As [`Registration::update`].
    pub async fn set_enabled(&self, enabled: bool) -> Result<(), Error> {
        self.update([(ENABLED.to_owned(), enabled.into())]).await
    }

    /// The service's share of the load.
    ///
    /// # Errors and cancellation safety
    /// As [`Registration::update`].
    pub async fn set_weight(&self, weight: f64) -> Result<(), Error> {
        self.update([(WEIGHT.to_owned(), weight.into())]).await
    }

    async fn change(&self, change: impl FnOnce(&mut Properties)) -> Result<(), Error> {
        let mut revision = 0;
        self.inner.wanted.send_modify(|wanted| {
            change(&mut wanted.properties);
            wanted.revision += 1;
            revision = wanted.revision;
        });
        let mut shown = self.inner.shown.subscribe();
        let done = shown.wait_for(|shown| {
            let is_settled = shown.state != RegistrationState::Pending;
            shown.state == RegistrationState::Closed || shown.revision >= revision && is_settled
        });
        match timeout(self.limit, done).await {
            Err(_) => Err(Error::Unavailable(self.limit)),
            Ok(Err(_)) => Err(Error::Closed),
            Ok(Ok(shown)) => match &shown.state {
                RegistrationState::Closed => Err(Error::Closed),
                RegistrationState::Refused(error) => Err(error.clone()),
                _ => Ok(()),
            },
        }
    }

    /// Tells consumers that the service is about to leave, with the property `draining`, waits for
    /// them to go elsewhere, and closes.
    ///
    /// # Cancellation safety
    /// When the future is dropped, the registration is taken back at once.
    pub async fn drain(self, time: Duration) {
        // It leaves in any case.
        if let Err(error) = self.update([(DRAINING.to_owned(), true.into())]).await {
            tracing::warn!(%error, "cannot mark the service as leaving");
        }
        sleep(time).await;
        self.close().await;
    }

    /// Takes the registration back: its nodes are gone when this returns, unless the server cannot
    /// be reached within the session timeout; then they go with the session.
    ///
    /// # Cancellation safety
    /// It is taken back also when the future is dropped.
    pub async fn close(self) {
        self.inner.closed(self.limit).await;
    }
}
