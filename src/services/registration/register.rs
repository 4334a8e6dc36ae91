//! What a registration is to be, and how it comes about.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::task::RegistrationTask;
use super::{
    ENABLED, INSTANCE, Inner, RegisteringServer, Registration, RegistrationState, Registrations,
    Shown, WEIGHT,
};
use crate::model::acl::{Acl, AclEntry, AuthId, Permissions};
use crate::model::path::ZPath;
use crate::model::value::Properties;
use crate::plan::links;
use crate::services::address::Address;
use crate::services::core::Core;
use crate::services::error::Error;
use crate::services::health::HealthCheck;
use crate::services::lock::lock;

/// What a registration is to be; awaited, it registers.
///
/// # Errors
/// [`Error::Address`]; [`Error::NoNode`] and [`Error::NoPermission`] of the service's node;
/// [`Error::Persistent`] where a node that is not ephemeral stands in its place; [`Error::Taken`] where another session's node, or another one of this handle, stands longer than
/// [`Register::patience`]; and those of the connection.
///
/// # Cancellation safety
/// When the future is dropped, what has been written is taken back in the background.
#[must_use = "nothing is registered before it is awaited"]
pub struct Register {
    core: Core,
    registrations: Arc<Registrations>,
    path: String,
    address: Address,
    properties: Properties,
    acl: Acl,
    pid: bool,
    ipv6: bool,
    health: Option<HealthCheck>,
    patience: Option<Duration>,
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register")
            .field("path", &self.path)
            .field("address", &self.address)
            .field("properties", &self.properties)
            .finish_non_exhaustive()
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
    pub(crate) fn new(
        core: Core,
        registrations: Arc<Registrations>,
        path: String,
        address: Address,
    ) -> Self {
        Self {
            core,
            registrations,
            path,
            address,
            properties: Properties::new(),
            acl: readable(),
            pid: true,
            ipv6: false,
            health: None,
            patience: None,
        }
    }

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

    /// Identifies this instance of the service across restarts; stored as the property `instance`. A
    /// node of an older session with the same id is replaced at once. Without an id, only a node of an
    /// older session of this very handle is; the registration waits until others are gone.
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
        let names = self.address.names(self.ipv6).await?;
        let path = links::join(&ZPath::root(), &self.path)?;
        if self.pid {
            let pid = std::process::id();
            self.properties
                .entry("pid".to_owned())
                .or_insert_with(|| pid.into());
        }
        let hooks = lock(&self.registrations.hooks).clone();
        for hook in &hooks {
            hook(&mut RegisteringServer {
                path: &self.path,
                names: &names,
                properties: &mut self.properties,
            });
        }
        let limit = self.core.session_timeout();
        let patience = self.patience.unwrap_or(limit * 3);
        let inner = Arc::new(Inner::new(self.path, names, self.properties));
        lock(&self.registrations.all).push(Arc::downgrade(&inner));
        let registration = Registration {
            inner: inner.clone(),
            limit,
        };
        let task = RegistrationTask::new(self.core, self.registrations, inner, path, self.acl);
        tokio::spawn(task.run(self.health));
        registration.settled(patience).await?;
        Ok(registration)
    }
}

impl Registration {
    /// Waits until it is registered, or withheld, for as long as another session's node may be there.
    async fn settled(&self, patience: Duration) -> Result<(), Error> {
        let mut shown = self.inner.shown.subscribe();
        let unavailable = Error::Unavailable(self.limit);
        let is_known = |shown: &Shown| shown.state != RegistrationState::Pending;
        match timeout(self.limit, shown.wait_for(is_known)).await {
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
                _ => Ok(()),
            },
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => {
                let shown = self.inner.shown.borrow();
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
