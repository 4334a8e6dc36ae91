//! The handle: what services use, in front of everything else.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::address::Address;
use super::children::ChildrenView;
use super::core::Core;
use super::discover::Discovery;
use super::environment;
use super::error::Error;
use super::properties::PropertiesView;
use super::registration::{Register, RegisteringServer, RegistrationView, Registrations};
use super::supervision::{Connected, ConnectionState};
use crate::model::request::MAX_REQUEST;
use crate::zookeeper::session::{
    Credentials, Options, RawClient, Sasl, Session, Sessions, Tls, Wait,
};

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
    sasl: Option<Sasl>,
    tls: Tls,
    client: Option<RawClient>,
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
            sasl: None,
            tls: Tls::default(),
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

    /// As whom the session authenticates by SASL. Default: as nobody.
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.sasl = Some(sasl);
        self
    }

    /// Which servers speak TLS, and what that needs. Default: those with `tcp+tls://` before them, with the
    /// authorities that the system trusts, and no certificate for this side.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Uses a client that is connected already. When its session ends, the handle connects anew, with
    /// the other options of this builder.
    pub fn client(mut self, client: RawClient) -> Self {
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
            sasl: self.sasl,
            tls: self.tls,
        };
        let sessions = Sessions::new(options.clone());
        let session = match self.client {
            Some(client) => Session::of_client(client, options),
            None => Session::of(&sessions).await?,
        };
        Ok(ZooKeeper::supervised(session, Some(sessions)))
    }
}

/// A connection to ZooKeeper that outlives its sessions: what a service depends on.
///
/// When a session expires, a new one is made, all registrations are written again, and all views
/// are read again. Clones share everything; when the last of them, the last view and the last
/// registration is gone, the session ends in the background. [`ZooKeeper::close`] waits for that.
#[derive(Clone)]
pub struct ZooKeeper {
    pub(super) core: Core,
    registrations: Arc<Registrations>,
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
    pub fn from_client(client: RawClient) -> Self {
        let options = Options {
            hosts: "127.0.0.1".to_owned(),
            session_timeout: client.session_timeout(),
            request_timeout: None,
            max_request: MAX_REQUEST,
            wait: Wait::No,
            credentials: Vec::new(),
            sasl: None,
            tls: Tls::default(),
        };
        Self::supervised(Session::of_client(client, options), None)
    }

    fn supervised(session: Session, sessions: Option<Sessions>) -> Self {
        Self {
            core: Core::supervised(session, sessions),
            registrations: Arc::default(),
        }
    }

    /// How the connection is now.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.core.state()
    }

    /// How the connection is, to be watched. What lasts only for moments may not show.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<ConnectionState> {
        self.core.states()
    }

    /// The number of the current session. `None` while there is none.
    #[must_use]
    pub fn session_id(&self) -> Option<i64> {
        self.core.session_id()
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
        if self.core.keeps_nodes() {
            self.registrations.close().await;
        }
        self.core.close().await;
    }

    /// The connection as it is now, or as soon as there is one again.
    pub(super) async fn connection(&self) -> Result<Arc<Connected>, Error> {
        self.core.connection().await
    }
}

/// # Services
impl ZooKeeper {
    /// Registers a service at the node of its providers, to which links may lead: an ephemeral node
    /// named for the address. By default it holds the process id as `pid`, and anyone may read it and
    /// nobody write it, as zc.zk has it.
    ///
    /// The registration stands until it is closed or dropped. When a session expires it is written
    /// again with its newest properties. It never takes a node of another session for its own.
    pub fn register(&self, path: impl Into<String>, address: impl Into<Address>) -> Register {
        let (core, registrations) = (self.core.clone(), self.registrations.clone());
        Register::new(core, registrations, path.into(), address.into())
    }

    /// Calls a function before each registration from now on is written for the first time.
    pub fn on_register(
        &self,
        hook: impl Fn(&mut RegisteringServer<'_>) + Send + Sync + 'static,
    ) -> &Self {
        self.registrations.add_hook(Arc::new(hook));
        self
    }

    /// All registrations of this handle that are not over.
    #[must_use]
    pub fn registrations(&self) -> Vec<RegistrationView> {
        self.registrations.views()
    }

    /// The addresses of the service whose providers register at `path`, to which links may lead.
    /// Children whose names are no addresses are left out:
    /// [`Endpoints::left_out`](super::Endpoints::left_out) has them.
    ///
    /// If all of them vanish at once, the snapshot keeps the last ones for the time `stabilise`, and
    /// says so in [`Endpoints::held`](super::Endpoints::held); with zero, it is empty at once.
    ///
    /// # Errors and cancellation safety
    /// As [`ZooKeeper::children`].
    pub async fn discover(&self, path: &str, stabilise: Duration) -> Result<Discovery, Error> {
        Discovery::open(&self.core, path, stabilise).await
    }
}

/// # Live views
impl ZooKeeper {
    /// A live view of the children of the node at `path`, to which links may lead. The data of each
    /// child is read when it is new or was written.
    ///
    /// # Errors
    /// [`Error::NoNode`] where there is no such node, [`Error::Link`], and those of the connection.
    ///
    /// # Cancellation safety
    /// When the future is dropped there is no view.
    pub async fn children(&self, path: &str) -> Result<ChildrenView, Error> {
        ChildrenView::open(&self.core, path).await
    }

    /// A live view of the properties of the node at `path`, to which links may lead.
    ///
    /// # Errors
    /// [`Error::NoNode`] where there is no such node, [`Error::Link`], and those of the connection.
    ///
    /// # Cancellation safety
    /// When the future is dropped there is no view.
    pub async fn properties(&self, path: &str) -> Result<PropertiesView, Error> {
        PropertiesView::open(&self.core, path).await
    }

    /// The properties of the node at `path` as they are now, without watching: they change only
    /// by updates through the view itself.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::properties`].
    ///
    /// # Cancellation safety
    /// When the future is dropped there is no view.
    pub async fn properties_once(&self, path: &str) -> Result<PropertiesView, Error> {
        PropertiesView::once(&self.core, path).await
    }
}
