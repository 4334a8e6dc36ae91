//! Registering a service: nodes that stand as long as the service does, whatever happens to sessions.

mod keeper;
mod node;

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::error::Error;
use super::handle::ZooKeeper;
use super::health::HealthCheck;
use super::lock;
use crate::acl::{Acl, AclEntry, AuthId, Permissions};
use crate::links;
use crate::path::ZPath;
use crate::value::Properties;

use keeper::Keeper;

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
    /// A node is there that belongs to another session, or, with the owner 0, to none. It is
    /// registered as soon as that is gone.
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

/// What a registration is to be; awaited, it registers.
///
/// # Errors
/// [`Error::Address`]; [`Error::NoNode`] and [`Error::NoPermission`] of the service's node; [`Error::Taken`]
/// where another session's node, or another one of this handle, stands longer than
/// [`Register::patience`]; and those of the connection.
///
/// # Cancellation safety
/// When the future is dropped, what has been written is taken back in the background.
#[must_use = "nothing is registered before it is awaited"]
#[derive(Debug)]
pub struct Register {
    zookeeper: ZooKeeper,
    path: String,
    address: Address,
    properties: Properties,
    acl: Acl,
    pid: bool,
    ipv6: bool,
    health: Option<HealthCheck>,
    patience: Option<Duration>,
}

impl ZooKeeper {
    /// Registers a service at the node of its providers, to which links may lead: an ephemeral node
    /// named for the address. By default it holds the process id as `pid`, and anyone may read it and
    /// nobody write it, as zc.zk has it.
    ///
    /// The registration stands until it is closed or dropped. When a session expires it is written
    /// again with its newest properties. It never takes a node of another session for its own.
    pub fn register(&self, path: impl Into<String>, address: impl Into<Address>) -> Register {
        Register {
            zookeeper: self.clone(),
            path: path.into(),
            address: address.into(),
            properties: Properties::new(),
            acl: readable(),
            pid: true,
            ipv6: false,
            health: None,
            patience: None,
        }
    }

    /// Calls a function before each registration from now on is written for the first time.
    pub fn on_register(
        &self,
        hook: impl Fn(&mut RegisteringServer<'_>) + Send + Sync + 'static,
    ) -> &Self {
        lock(&self.shared.hooks).push(Arc::new(hook));
        self
    }

    /// All registrations of this handle that are not over.
    #[must_use]
    pub fn registrations(&self) -> Vec<RegistrationView> {
        let mut registrations = lock(&self.shared.registrations);
        registrations.retain(|one| one.strong_count() > 0);
        let live = registrations.iter().filter_map(std::sync::Weak::upgrade);
        live.map(|one| one.view()).collect()
    }
}

/// `world:anyone:r`.
fn readable() -> Acl {
    let who = AuthId {
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    };
    let permissions = Permissions::from_bits(1);
    Acl {
        entries: vec![AclEntry { who, permissions }],
    }
}

impl Register {
    /// Another property.
    pub fn property(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.properties.insert(name.into(), value.into());
        self
    }

    /// Other properties.
    pub fn properties(mut self, properties: impl IntoIterator<Item = (String, Value)>) -> Self {
        self.properties.extend(properties);
        self
    }

    /// Who may do what with the nodes. Default: `world:anyone:r`.
    pub fn acl(mut self, acl: Acl) -> Self {
        self.acl = acl;
        self
    }

    /// Whether the process id is the property `pid`, where no other one is given. Default: yes.
    pub fn pid(mut self, pid: bool) -> Self {
        self.pid = pid;
        self
    }

    /// What tells this instance of the service from all others, across restarts; stored as the
    /// property `instance`. A node of an older session with the same id is replaced at once; without
    /// an id only one of an older session of this very handle is, and others are waited for.
    pub fn instance(self, id: impl Into<String>) -> Self {
        self.property(INSTANCE, id.into())
    }

    /// Whether IPv6 addresses are registered, too, where the host is empty. Default: no.
    pub fn ipv6(mut self, ipv6: bool) -> Self {
        self.ipv6 = ipv6;
        self
    }

    /// Registers only while a check passes. Default: always.
    pub fn health(mut self, check: HealthCheck) -> Self {
        self.health = Some(check);
        self
    }

    /// The share of the load, stored as the property `weight`.
    pub fn weight(self, weight: f64) -> Self {
        self.property(WEIGHT, weight)
    }

    /// Whether the service is to be used, stored as the property `enabled`.
    pub fn enabled(self, enabled: bool) -> Self {
        self.property(ENABLED, enabled)
    }

    /// How long to wait at first for another session's node to go, before it is an error.
    /// Default: three session timeouts, so that the node of a process that died is outlasted.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    async fn run(mut self) -> Result<Registration, Error> {
        let zookeeper = &self.zookeeper;
        let names = self.address.names(self.ipv6).await?;
        let path = links::join(&ZPath::root(), &self.path)?;
        if self.pid {
            let pid = std::process::id();
            self.properties
                .entry("pid".to_owned())
                .or_insert_with(|| pid.into());
        }
        let hooks = lock(&zookeeper.shared.hooks).clone();
        for hook in &hooks {
            hook(&mut RegisteringServer {
                path: &self.path,
                names: &names,
                properties: &mut self.properties,
            });
        }
        let session_timeout = zookeeper.shared.line.session_timeout();
        let patience = self.patience.unwrap_or(session_timeout * 3);
        let inner = Arc::new(Inner {
            path: self.path.clone(),
            names: names.clone(),
            wanted: watch::Sender::new(Wanted {
                properties: self.properties,
                closing: false,
                revision: 0,
            }),
            shown: watch::Sender::new(Shown::default()),
        });
        lock(&zookeeper.shared.registrations).push(Arc::downgrade(&inner));
        let keeper = Keeper::new(zookeeper.clone(), inner.clone(), path, self.acl);
        let registration = Registration {
            inner: inner.clone(),
            limit: session_timeout,
        };
        tokio::spawn(keeper.run(self.health));
        let mut shown = inner.shown.subscribe();
        let unavailable = Error::Unavailable(session_timeout);
        let is_known = |shown: &Shown| shown.state != RegistrationState::Pending;
        match timeout(session_timeout, shown.wait_for(is_known)).await {
            Err(_) => return Err(unavailable),
            Ok(known) => _ = known.map_err(|_| Error::Closed)?,
        }
        let is_settled = |shown: &Shown| {
            let state = &shown.state;
            !matches!(
                state,
                RegistrationState::Pending | RegistrationState::Waiting { .. }
            )
        };
        match timeout(patience, shown.wait_for(is_settled)).await {
            Ok(Ok(shown)) => match &shown.state {
                RegistrationState::Refused(error) => Err(error.clone()),
                RegistrationState::Closed => Err(Error::Closed),
                _ => Ok(registration),
            },
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => {
                let shown = inner.shown.borrow();
                Err(match (&shown.state, shown.taken()) {
                    (RegistrationState::Waiting { owner }, Some(path)) => {
                        let owner = *owner;
                        Error::Taken { path, owner }
                    }
                    _ => unavailable,
                })
            }
        }
    }
}

impl IntoFuture for Register {
    type Output = Result<Registration, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
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
