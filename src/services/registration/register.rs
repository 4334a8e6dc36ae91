//! What a registration is to be, and how it comes about.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::keeper::Keeper;
use super::{
    ENABLED, INSTANCE, Inner, RegisteringServer, Registration, RegistrationState, Shown, WEIGHT,
    Wanted,
};
use crate::model::acl::{Acl, AclEntry, AuthId, Permissions};
use crate::model::path::ZPath;
use crate::model::value::Properties;
use crate::plan::links;
use crate::services::address::Address;
use crate::services::error::Error;
use crate::services::handle::ZooKeeper;
use crate::services::health::HealthCheck;
use crate::services::lock;

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
