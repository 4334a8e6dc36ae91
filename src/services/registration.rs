//! Registering a service: nodes that stand as long as the service does, whatever happens to sessions.

mod keeper;
mod node;
mod register;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::error::Error;
use super::handle::ZooKeeper;
use super::lock;
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

/// How a registration is.
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

impl ZooKeeper {
    /// All registrations of this handle that are not over.
    #[must_use]
    pub fn registrations(&self) -> Vec<RegistrationView> {
        let mut registrations = lock(&self.shared.registrations);
        registrations.retain(|one| one.strong_count() > 0);
        let live = registrations.iter().filter_map(std::sync::Weak::upgrade);
        live.map(|one| one.view()).collect()
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
pub(crate) struct Inner {
    path: String,
    names: Vec<String>,
    wanted: watch::Sender<Wanted>,
    shown: watch::Sender<Shown>,
}

impl Inner {
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

/// Takes back all registrations of a session that somebody else keeps.
pub(crate) async fn close_all(registrations: Vec<Arc<Inner>>) {
    for registration in &registrations {
        registration.close();
    }
    for registration in registrations {
        registration.closed(Duration::from_secs(1)).await;
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
    /// Its nodes, links followed; none before it was first written.
    pub nodes: Vec<ZPath>,
    /// What the nodes hold, or are to hold.
    pub properties: Properties,
    /// How it is.
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
    /// How it is now.
    #[must_use]
    pub fn state(&self) -> RegistrationState {
        self.inner.shown.borrow().state.clone()
    }

    /// Waits until it is another way than `state`, and tells which.
    ///
    /// # Cancellation safety
    /// Dropping the future has no effect.
    pub async fn changed_from(&self, state: &RegistrationState) -> RegistrationState {
        let mut shown = self.inner.shown.subscribe();
        let changed = shown.wait_for(|shown| shown.state != *state).await;
        changed.map_or(RegistrationState::Closed, |shown| shown.state.clone())
    }

    /// All there is to know of it.
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
            tracing::warn!(%error, "cannot tell that the service is leaving");
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
