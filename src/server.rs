//! A ZooKeeper server inside the process, for development and tests.
//!
//! It speaks the wire protocol of ZooKeeper 3.8, and clients see no difference: sessions, ephemeral
//! and sequential nodes, containers, times to live, transactions, watches, access control, and the
//! same errors. It is one server, keeps everything in memory, and is gone when it is dropped.
//! **Production is Apache ZooKeeper.**
//!
//! A test starts one of its own, in milliseconds, on a port that nobody else uses. Its [`Handle`]
//! does what a real server cannot be asked for: it expires sessions, cuts connections, loses the
//! reply of a request that was executed, and shows what there is on the server.
//!
//! ```
//! use std::time::Duration;
//! use zkt::server::{NodeKind, Server};
//! use zookeeper_client::{Acls, Client, CreateMode, SessionState};
//!
//! /// The service to be tested: it registers itself.
//! async fn register(hosts: &str) -> Result<Client, zookeeper_client::Error> {
//!     let client = Client::connector()
//!         .with_session_timeout(Duration::from_secs(10))
//!         .connect(hosts)
//!         .await?;
//!     let options = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
//!     client.create("/service", b"10.0.0.1:80", &options).await?;
//!     Ok(client)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let server = Server::start()?;
//! let client = register(&server.connect_string()).await?;
//!
//! let session = server.sessions()[0].id;
//! let node = server.node("/service").ok_or("the service is not registered")?;
//! assert_eq!(node.data, b"10.0.0.1:80");
//! assert_eq!(node.kind, NodeKind::Ephemeral(session));
//!
//! // After a long pause or a partition, the server expires the session.
//! let mut watcher = client.state_watcher();
//! assert!(server.expire(session));
//! assert!(server.node("/service").is_none());
//! while watcher.changed().await != SessionState::Expired {}
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Dialects
//!
//! [`Builder::dialect`] makes it answer as ClickHouse Keeper does, which most new installations run: what
//! it does otherwise than ZooKeeper is listed by [`Difference`], each with where that is known from.
//!
//! # What it does not do
//!
//! Ensembles and reconfiguration, Kerberos, the identity that a certificate gives a client, quotas, the super user, a limit of connections per
//! address, files. Latencies in `srvr` and `mntr` are all 0. Nodes with a time to live can be
//! created, as in a ZooKeeper with `extendedTypesEnabled`. Where ZooKeeper is odd, so is this: a
//! `check` outside a transaction that holds is never answered.
//!
//! # Modules
//!
//! The server shares nothing with the client half of this crate but the rules for paths, and how files with
//! certificates are read.
//!
//! | module | what it is |
//! | --- | --- |
//! | `dialect` | what ClickHouse Keeper does otherwise |
//! | `wire` | primitives and frames |
//! | `request`, `reply`, `code` | what clients send and get |
//! | `names` | sets of names in ZooKeeper's order |
//! | `node`, `tree` | nodes, their stats, and all of them by path |
//! | `identity`, `sasl`, `acl` | identities of sessions, and permissions |
//! | `change` | from a write to the change that it makes |
//! | `watches` | which clients get an event |
//! | `sessions` | numbers, passwords, timeouts |
//! | `state` | all of these behind one lock, and changes that happen in it |
//! | `handshake`, `processor`, `reads`, `watching`, `transaction` | requests |
//! | `listener`, `connection`, `stream`, `tls`, `outbox` | the thread, and bytes in and out |
//! | `words` | the four-letter words |
//! | `faults`, `modes`, `inspection`, `handle` | what a test can do and see |

mod acl;
mod caller;
mod change;
mod code;
mod connection;
mod dialect;
mod faults;
mod handle;
mod handshake;
mod identity;
mod inspection;
mod listener;
mod modes;
mod names;
mod node;
mod outbox;
mod processor;
mod reads;
mod reply;
mod request;
mod sasl;
mod sessions;
mod state;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod transaction;
mod tree;
mod watches;
mod watching;
mod wire;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use acl::{Acl, permission};
pub use code::ErrorCode;
pub use dialect::{Dialect, Difference};
pub use faults::{Fault, FaultsView, Injection, Matching};
pub use handle::Handle;
pub use inspection::{NodeView, SessionView};
pub use node::{NodeKind, Stat};
pub use request::RequestKind;

#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use crate::zookeeper::session::{Certificate, TlsError};

use faults::LONGEST;
use listener::Service;
use sasl::Users;
use state::State;

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        reason: io::Error,
    },
    /// The server's thread cannot be started.
    #[error("cannot start the server's thread: {0}")]
    Thread(io::Error),
    /// An initial node cannot be created.
    #[error("cannot create {path}: {code}")]
    Node {
        /// Its path.
        path: String,
        /// The error that a client would get.
        code: ErrorCode,
    },
}

/// Settings of a server that has not started yet.
#[derive(Clone)]
pub struct Builder {
    address: SocketAddr,
    tick_time: Duration,
    session_timeouts: Option<(Duration, Duration)>,
    container_check: Duration,
    exists_needs_read: bool,
    dialect: Dialect,
    #[cfg(feature = "tls")]
    certificate: Option<Arc<Certificate>>,
    users: BTreeMap<String, String>,
    requires_sasl: bool,
    nodes: Vec<(String, Vec<u8>, Vec<Acl>)>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("address", &self.address)
            .field("dialect", &self.dialect)
            // Without their passwords.
            .field("users", &self.users.keys())
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            tick_time: Duration::from_secs(2),
            session_timeouts: None,
            container_check: Duration::from_secs(60),
            exists_needs_read: false,
            dialect: Dialect::ZooKeeper,
            #[cfg(feature = "tls")]
            certificate: None,
            users: BTreeMap::new(),
            requires_sasl: false,
            nodes: Vec::new(),
        }
    }
}

impl Builder {
    /// Where to listen; port 0 takes a free port. Default: `127.0.0.1:0`.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// How often sessions are checked: they expire on a tick. Default: 2 s, as in ZooKeeper;
    /// at least 1 ms.
    #[must_use]
    pub fn tick_time(mut self, tick_time: Duration) -> Self {
        self.tick_time = tick_time;
        self
    }

    /// The shortest and the longest session timeout that clients get. Default: 2 and 20 ticks; as
    /// ClickHouse Keeper, 10 s and 100 s.
    #[must_use]
    pub fn session_timeouts(mut self, shortest: Duration, longest: Duration) -> Self {
        self.session_timeouts = Some((shortest, longest));
        self
    }

    /// How often empty containers and nodes whose time to live has passed are deleted. Default:
    /// 60 s, as ZooKeeper's; at least 1 ms.
    #[must_use]
    pub fn container_check(mut self, interval: Duration) -> Self {
        self.container_check = interval;
        self
    }

    /// Whether `exists` of a node needs the right to read it, as on servers from 3.7.3, 3.8.4 and
    /// 3.9.2 on. Default: no.
    #[must_use]
    pub fn exists_needs_read(mut self, needs: bool) -> Self {
        self.exists_needs_read = needs;
        self
    }

    /// Whose ways the server has. Default: those of ZooKeeper.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Speaks TLS 1.2 or 1.3 with this certificate, and nothing else. Default: no TLS.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(Arc::new(certificate));
        self
    }

    /// A user who may authenticate by SASL, with DIGEST-MD5, as in a ZooKeeper with a `DigestLoginModule` and the
    /// `SASLAuthenticationProvider`. ACLs know the user as `sasl:NAME`. ClickHouse Keeper has no SASL. Default:
    /// there are none.
    #[must_use]
    pub fn sasl_user(mut self, name: &str, password: &str) -> Self {
        self.users.insert(name.to_owned(), password.to_owned());
        self
    }

    /// Whether sessions must authenticate by SASL, as with `sessionRequireClientSASLAuth`. Default: no.
    #[must_use]
    pub fn require_sasl(mut self, requires: bool) -> Self {
        self.requires_sasl = requires;
        self
    }

    /// An initial node. Name its parent before it, unless that is `/`.
    #[must_use]
    pub fn node(mut self, path: &str, data: &[u8], acl: &[Acl]) -> Self {
        self.nodes
            .push((path.to_owned(), data.to_vec(), acl.to_vec()));
        self
    }

    /// Starts the server. When this returns, it accepts connections.
    ///
    /// # Errors
    ///
    /// If the address is taken, the thread cannot be started, or a node from
    /// [`Builder::node`] has no parent, is there twice, or has a path or an ACL that ZooKeeper
    /// refuses.
    pub fn start(self) -> Result<Server, Error> {
        let in_bounds = |interval: Duration| interval.clamp(Duration::from_millis(1), LONGEST);
        let tick_time = in_bounds(self.tick_time);
        let by_default = match self.dialect.has(Difference::LongSessions) {
            true => (Duration::from_secs(10), Duration::from_secs(100)),
            false => (tick_time * 2, tick_time * 20),
        };
        let (shortest, longest) = self.session_timeouts.unwrap_or(by_default);
        let tick = u64::try_from(tick_time.as_millis()).unwrap_or(u64::MAX);
        let timeout = |timeout: Duration| i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let mut state = State::of(self.dialect, tick, (timeout(shortest), timeout(longest)));
        state.exists_needs_read = self.exists_needs_read;
        state.users = Users::new(self.users, self.requires_sasl);
        if state.users.are_known() {
            state.tree.know_sasl();
        }
        for (path, data, acl) in &self.nodes {
            state.plant(path, data, acl).map_err(|code| Error::Node {
                path: path.clone(),
                code,
            })?;
        }
        state.initial = self.nodes;
        let service = Service {
            shared: Arc::new(Mutex::new(state)),
            tick_time,
            container_check: in_bounds(self.container_check),
            #[cfg(feature = "tls")]
            certificate: self.certificate,
        };
        let shared = Arc::clone(&service.shared);
        let address = self.address;
        let (started, starting) = std::sync::mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("zkt-server".to_owned())
            .spawn(move || listener::run(address, &service, &started, stopped))
            .map_err(Error::Thread)?;
        let listening = starting
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the server's thread ended at once")));
        match listening {
            Ok(address) => Ok(Server {
                handle: Handle::new(address, shared),
                stop: Some(stop),
                thread: Some(thread),
            }),
            Err(reason) => {
                _ = thread.join();
                Err(Error::Listen { address, reason })
            }
        }
    }
}

/// A running server; dropping it ends it.
///
/// It has a thread and a runtime of its own, so it does not matter in what kind of runtime a test
/// runs, and whether that one's clock is paused: the server's never is. It can do all that its
/// [`Handle`] can.
#[derive(Debug)]
pub struct Server {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server with the defaults of [`Builder`], on a free port of `127.0.0.1`.
    ///
    /// # Errors
    ///
    /// As [`Builder::start`].
    pub fn start() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// The settings of a server.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A handle that can be passed on.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends the server, as dropping it does: when this returns, all connections are closed and
    /// the port is free.
    pub fn stop(self) {
        drop(self);
    }
}

impl Deref for Server {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}
