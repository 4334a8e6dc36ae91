//! The handle: one session at a time, kept by a supervisor.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zookeeper_client::{self as zk, Error as Refusal};

use super::environment;
use super::error::Error;
use super::registration::{self, Hook, Inner};
use super::supervision::{self, Connection, ConnectionState, Line};
use crate::model::path::ZPath;
use crate::zookeeper::session::{
    Client, Credentials, MAX_REQUEST, Options, Session, Wait, is_fatal, is_outcome_unknown,
};

/// How often a read is tried again after its connection was lost.
const READ_ATTEMPTS: usize = 4;

/// How a handle is to connect.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    hosts: Option<String>,
    chroot: Option<String>,
    session_timeout: Duration,
    request_timeout: Option<Duration>,
    max_request: usize,
    wait: Wait,
    credentials: Vec<Credentials>,
    client: Option<zk::Client>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            hosts: None,
            chroot: None,
            session_timeout: Duration::from_secs(10),
            request_timeout: None,
            max_request: MAX_REQUEST,
            wait: Wait::No,
            credentials: Vec::new(),
            client: None,
        }
    }
}

impl Builder {
    /// The servers, `h1:2181,h2:2181/chroot`. Default: the variable `ZC_ZK_CONNECTION_STRING`,
    /// or else `127.0.0.1:2181`.
    pub fn hosts(mut self, hosts: impl Into<String>) -> Self {
        self.hosts = Some(hosts.into());
        self
    }

    /// The node that this handle sees as `/`, below the chroot in the servers' string, if any.
    pub fn chroot(mut self, path: impl Into<String>) -> Self {
        self.chroot = Some(path.into());
        self
    }

    /// The session timeout to ask the server for, which grants 2 to 20 of its ticks as it comes.
    /// Default: 10 s. The longer it is, the longer an outage may last without an expiry, and the
    /// longer a registration stands after its process died.
    pub fn session_timeout(mut self, session_timeout: Duration) -> Self {
        self.session_timeout = session_timeout;
        self
    }

    /// How long a request may wait for its answer. Afterwards it fails, and a write may have happened
    /// or not. Default: the session timeout that the server grants.
    pub fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = Some(request_timeout);
        self
    }

    /// The bytes that a request may have, as the servers' `jute.maxbuffer` says. Default: 1,048,575.
    pub fn max_request(mut self, max_request: usize) -> Self {
        self.max_request = max_request;
        self
    }

    /// What to do while no server can be reached at first. Default: fail.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Whom the session is authenticated as; may be repeated.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials.push(credentials);
        self
    }

    /// A client that is connected already. When its session ends, the handle connects anew with
    /// what else this builder was told.
    pub fn client(mut self, client: zk::Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// Those of [`Session::connect`].
    ///
    /// # Cancellation safety
    /// Dropping the future gives the attempt up.
    pub async fn connect(self) -> Result<ZooKeeper, Error> {
        let mut hosts = self.hosts.unwrap_or_else(environment::hosts);
        if let Some(chroot) = &self.chroot {
            hosts = format!(
                "{}/{}",
                hosts.trim_end_matches('/'),
                chroot.trim_matches('/')
            );
        }
        let options = Options {
            hosts,
            session_timeout: self.session_timeout,
            request_timeout: self.request_timeout,
            max_request: self.max_request,
            wait: self.wait,
            credentials: self.credentials,
        };
        let session = match self.client {
            Some(client) => Session::of_client(client, options.clone()),
            None => Session::connect(&options).await?,
        };
        Ok(ZooKeeper::supervised(session, Some(options)))
    }
}

/// A connection to ZooKeeper that outlives its sessions: what a service depends on.
///
/// When a session expires, a new one is made, all registrations are written again, and all views
/// are read again. Clones share everything; when the last of them, the last view and the last
/// registration is gone, the session ends in the background. [`ZooKeeper::close`] waits for that.
#[derive(Clone)]
pub struct ZooKeeper {
    pub(crate) shared: Arc<Shared>,
}

/// What clones of a handle share.
pub(crate) struct Shared {
    pub(crate) line: Arc<Line>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    /// Called before a registration is written.
    pub(crate) hooks: Mutex<Vec<Arc<Hook>>>,
    pub(crate) registrations: Mutex<Vec<Weak<Inner>>>,
    /// The nodes of all registrations.
    pub(crate) registered: Mutex<HashSet<ZPath>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.line.close();
    }
}

impl fmt::Debug for ZooKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZooKeeper")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl ZooKeeper {
    /// Connects to these servers, `h1:2181,h2:2181/chroot`, with the defaults of [`Builder`].
    ///
    /// # Errors
    /// Those of [`Session::connect`].
    ///
    /// # Cancellation safety
    /// Dropping the future gives the attempt up.
    pub async fn connect(hosts: impl Into<String>) -> Result<Self, Error> {
        Self::builder().hosts(hosts).connect().await
    }

    /// How to connect.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A handle that uses a client whose session somebody else keeps. When that session ends, the
    /// handle has ended, too: [`Builder::client`] makes one that connects anew.
    #[must_use]
    pub fn from_client(client: zk::Client) -> Self {
        let options = Options {
            hosts: "127.0.0.1".to_owned(),
            session_timeout: client.session_timeout(),
            request_timeout: None,
            max_request: MAX_REQUEST,
            wait: Wait::No,
            credentials: Vec::new(),
        };
        Self::supervised(Session::of_client(client, options), None)
    }

    fn supervised(session: Session, options: Option<Options>) -> Self {
        let line = Arc::new(Line::new(session, options));
        let supervisor = tokio::spawn(supervision::supervise(line.clone()));
        Self {
            shared: Arc::new(Shared {
                line,
                supervisor: Mutex::new(Some(supervisor)),
                hooks: Mutex::default(),
                registrations: Mutex::default(),
                registered: Mutex::default(),
            }),
        }
    }

    /// How the connection is now.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        *self.shared.line.state.borrow()
    }

    /// How the connection is, to be watched. What lasts only for moments may not show.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<ConnectionState> {
        self.shared.line.state.subscribe()
    }

    /// The number of the current session; none while there is none.
    #[must_use]
    pub fn session_id(&self) -> Option<i64> {
        let connection = self.shared.line.connection();
        connection.map(|connection| connection.session.id())
    }

    /// Ends the session, and with it all registrations: their nodes are gone when this returns,
    /// unless the server cannot be reached; then they go with the session's timeout. Whatever
    /// happens, it takes a few seconds at most. Later calls do nothing.
    ///
    /// A client that was given to [`ZooKeeper::from_client`] lives on.
    ///
    /// # Cancellation safety
    /// The session ends in the background also when the future is dropped.
    pub async fn close(&self) {
        let connection = self.shared.line.connection();
        if connection.is_some_and(|connection| connection.session.is_borrowed()) {
            let registrations = super::lock(&self.shared.registrations).clone();
            let registrations = registrations.iter().filter_map(Weak::upgrade);
            registration::close_all(registrations.collect()).await;
        }
        self.shared.line.close();
        let supervisor = super::lock(&self.shared.supervisor).take();
        if let Some(supervisor) = supervisor {
            _ = supervisor.await;
        }
        let mut state = self.states();
        let closed = state.wait_for(|state| state.is_over());
        _ = timeout(supervision::CLOSE_LIMIT, closed).await;
    }

    /// The connection as it is now, or as soon as there is one again.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, Error> {
        let line = &self.shared.line;
        let mut link = line.link.subscribe();
        let mut state = line.state.subscribe();
        let limit = line.session_timeout();
        let wait = async {
            loop {
                if let Some(connection) = link.borrow_and_update().clone()
                    && !connection.session.is_dead()
                {
                    return Ok(connection);
                }
                if state.borrow_and_update().is_over() {
                    return Err(Error::Closed);
                }
                tokio::select! {
                    changed = link.changed() => changed.map_err(|_| Error::Closed)?,
                    changed = state.changed() => changed.map_err(|_| Error::Closed)?,
                }
            }
        };
        match timeout(limit, wait).await {
            Ok(result) => result,
            Err(_) => Err(Error::Unavailable(limit)),
        }
    }

    /// Asks something that changes nothing, again where the connection was lost.
    pub(crate) async fn read<T, F>(
        &self,
        path: &ZPath,
        request: impl Fn(Client) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let mut attempt = 0;
        let begun = Instant::now();
        loop {
            let connection = self.connection().await?;
            let client = connection.session.client().clone();
            let limit = client.limit().saturating_mul(2);
            match request(client).await {
                Ok(answer) => return Ok(answer),
                Err(source) if is_outcome_unknown(&source) || is_fatal(&source) => {
                    attempt += 1;
                    if attempt == READ_ATTEMPTS || begun.elapsed() >= limit {
                        let path = path.clone();
                        return Err(Error::Lost { path, source });
                    }
                }
                Err(source) => return Err(Error::of(path, source)),
            }
        }
    }

    /// Writes something, once.
    pub(crate) async fn write<T, F>(
        &self,
        path: &ZPath,
        request: impl FnOnce(Client) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let connection = self.connection().await?;
        let result = request(connection.session.client().clone()).await;
        result.map_err(|source| Error::of_write(path, source))
    }
}
