//! The one door to zookeeper-client: connecting, credentials, what an error means, closing.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use zookeeper_client as zk;

use crate::model::acl::{AuthId, Identities};
use crate::model::path::ZPath;

pub(crate) mod acl;
mod client;
mod connecting;
mod credentials;
mod dial;
mod dialect;
mod ending;
mod error;
mod hosts;
#[cfg(feature = "watch")]
mod lookout;
mod means;
mod options;
mod pace;
mod password;
mod probe;
mod sasl;
mod sessions;
mod tls;
mod trouble;
#[cfg(any(feature = "sasl", feature = "tls"))]
mod tunnel;

pub use credentials::Credentials;
pub use dialect::{Abilities, Dialect};
pub use error::Error;
pub use hosts::HostsError;
pub use options::{Options, Wait};
pub use password::Password;
pub use sasl::{Sasl, SaslError, SaslTrouble};
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use tls::Certificate;
pub use tls::{Tls, TlsError};
pub use trouble::{CertificateTrouble, TlsTrouble, Trouble};

/// A line of a log in which zookeeper-client names servers. Behind the ports of this machine that it connects
/// to instead of servers that speak TLS or SASL, these are named.
#[doc(hidden)]
#[must_use]
pub fn named_in_log(line: &str) -> std::borrow::Cow<'_, str> {
    #[cfg(any(feature = "sasl", feature = "tls"))]
    return tunnel::with_names(line);
    #[cfg(not(any(feature = "sasl", feature = "tls")))]
    line.into()
}

/// A client of zookeeper-client, as [`ZooKeeper::from_client`](crate::ZooKeeper::from_client) takes
/// it.
pub use zk::Client as RawClient;
pub use zk::{Error as ClientError, Stat};

pub(crate) use zk::{
    Acl as RawAcl, Acls, AddWatchMode, CreateMode, EventType, MultiWriteError, SessionState,
    WatchedEvent,
};

pub(crate) use client::{Client, MultiWriter, PersistentWatcher, StateWatcher};
pub(crate) use error::{described, is_fatal, is_outcome_unknown};
#[cfg(feature = "watch")]
pub(crate) use lookout::{Lookout, Outlook};
pub(crate) use sessions::Sessions;

use connecting::{LEAST_ATTEMPT, bounded, chroot_exists};
use credentials::digests;
use ending::Ending;
use hosts::Servers;

/// A session with a ZooKeeper ensemble.
#[derive(Debug)]
pub struct Session {
    origin: Box<Sessions>,
    servers: Servers,
    client: Client,
    /// Whether somebody else keeps the session.
    borrowed: bool,
    /// Whether the server has said that it does not know the request for the users of a session.
    hides_users: Mutex<bool>,
}

impl Session {
    /// A session that somebody else keeps; `options` are for those that may come after it.
    pub(crate) fn of_client(client: zk::Client, options: Options) -> Self {
        // Nothing can be asked here.
        let dialect = Dialect::guess(&client);
        let client = bounded(Ending::borrowed(client), &options, dialect);
        let chroot = ZPath::parse(client.path()).unwrap_or_else(|_| ZPath::root());
        let servers = match Servers::parse(&options.hosts) {
            Ok(servers) => Servers { chroot, ..servers },
            Err(_) => Servers {
                list: options.hosts.clone(),
                each: Vec::new(),
                chroot,
            },
        };
        Self {
            origin: Box::new(Sessions::new(options)),
            servers,
            client,
            borrowed: true,
            hides_users: Mutex::default(),
        }
    }

    /// Connects, authenticates and checks that the chroot exists.
    ///
    /// # Errors
    /// Without [`Wait`], [`Error::Unreachable`] comes at once where every server refuses the
    /// connection, otherwise after the session timeout, and with [`Wait::For`] not before that time
    /// has passed. Then each server is asked once more what is wrong with it. Wrong credentials, SASL that a
    /// server refuses or does not have, a wrong host string, wrong options of TLS or SASL and a missing chroot
    /// are errors at once however long the wait.
    ///
    /// # Cancellation safety
    /// Dropping the future gives the attempt up. A session that the server has granted meanwhile ends with
    /// it; through TLS, it ends only after its timeout, as nothing more reaches the server.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        Self::of(&Sessions::new(options.clone())).await
    }

    /// As [`Session::connect`], but whether the chroot exists is left to [`Session::check_chroot`],
    /// for those who have something to ask in the meantime.
    ///
    /// # Errors and cancellation safety
    /// As [`Session::connect`].
    #[doc(hidden)]
    pub async fn open(options: &Options) -> Result<Self, Error> {
        Self::establish(&Sessions::new(options.clone()), false).await
    }

    /// As [`Session::connect`], as another one of these.
    pub(crate) async fn of(sessions: &Sessions) -> Result<Self, Error> {
        Self::establish(sessions, true).await
    }

    async fn establish(sessions: &Sessions, checks_chroot: bool) -> Result<Self, Error> {
        let (servers, client) = sessions.client(checks_chroot).await?;
        Ok(Self {
            origin: Box::new(sessions.clone()),
            servers,
            client,
            borrowed: false,
            hides_users: Mutex::default(),
        })
    }

    /// Whether the chroot exists, without which every node is missing. A lost connection is waited
    /// for, a few times.
    ///
    /// # Errors
    /// [`Error::NoChroot`], or what kept the server from answering.
    #[doc(hidden)]
    pub async fn check_chroot(&self) -> Result<(), Error> {
        // Servers before 3.6 drop the connection on each request that they do not know.
        let mut left = 3;
        loop {
            let until = Instant::now() + self.options().session_timeout.max(LEAST_ATTEMPT);
            match chroot_exists(&self.client, self.options(), &self.servers, until).await {
                Err(Error::Unreachable { reason, .. })
                    if left > 0 && reason != ClientError::Timeout =>
                {
                    left -= 1;
                }
                checked => return checked,
            }
        }
    }

    /// Leaves the old session, which may be dead, and connects anew with the same options.
    ///
    /// # Errors
    /// Those of [`Session::connect`]; the session then stays as it was.
    ///
    /// # Cancellation safety
    /// The session stays as it was, or is the new one; the old one then ends in the background.
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        let old = std::mem::replace(self, self.another(self.options().wait).await?);
        old.close().await;
        Ok(())
    }

    /// A second session with the same options but for the wait.
    pub(crate) async fn another(&self, wait: Wait) -> Result<Self, Error> {
        Self::of(&self.origin.waiting(wait)).await
    }

    fn options(&self) -> &Options {
        self.origin.options()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether somebody else keeps the session.
    pub(crate) fn is_borrowed(&self) -> bool {
        self.borrowed
    }

    /// The number of the session.
    pub(crate) fn id(&self) -> i64 {
        self.client.session_id().0
    }

    /// The servers and the chroot, for people: `127.0.0.1:2181/`.
    #[must_use]
    pub fn hosts(&self) -> String {
        self.servers.to_string()
    }

    /// The node that this session sees as `/`.
    #[must_use]
    pub fn chroot(&self) -> &ZPath {
        &self.servers.chroot
    }

    /// What kind of server it is with.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.client.dialect()
    }

    /// The node that belongs to the server itself. `None` below a chroot, where it is a node like any other.
    pub(crate) fn system(&self) -> Option<ZPath> {
        let is_root = self.servers.chroot.is_root();
        is_root.then(|| ZPath::root().join(self.dialect().system()))
    }

    /// How many bytes the chroot adds to every path in a request.
    pub(crate) fn chroot_len(&self) -> usize {
        if self.servers.chroot.is_root() {
            0
        } else {
            self.servers.chroot.as_str().len()
        }
    }

    /// The bytes that a request may have.
    #[must_use]
    pub fn max_request(&self) -> usize {
        self.options().max_request
    }

    /// How long a request may wait for its answer, where the options say so.
    pub(crate) fn request_timeout(&self) -> Option<Duration> {
        self.options().request_timeout
    }

    /// The session timeout that the server granted.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.client.session_timeout()
    }

    /// Whether the session has ended for good, so that only [`Session::reconnect`] helps.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.client.state().is_terminated()
    }

    /// What an ACL entry `auth::` is stored as when this session sets it.
    ///
    /// # Errors
    /// Those of [`Session::who`].
    ///
    /// # Cancellation safety
    /// Nothing is written.
    pub async fn identities(&self) -> Result<Vec<AuthId>, Error> {
        Ok(self.who().await?.stored)
    }

    /// Returns the identities under which the server knows this session.
    ///
    /// Of a `digest` identity, the server returns only the user, so those are computed from the
    /// credentials, as servers with the default `zookeeper.DigestAuthenticationProvider.digestAlg`
    /// do. Servers before 3.7 return nothing; there the computed ones, and the user of SASL, are all that is
    /// known. ClickHouse Keeper is not asked, as it does not know the request; it has no others but its super
    /// user.
    ///
    /// # Errors
    /// A lost connection or a dead session.
    #[doc(hidden)]
    pub async fn who(&self) -> Result<Identities, Error> {
        // Whoever made the client that a session borrows may have given it credentials.
        let computed = digests(&self.options().credentials);
        let sasl = self.options().sasl.as_ref();
        if !self.dialect().tells_users() {
            return Ok(Identities {
                may_be_more: self.borrowed
                    || credentials::may_be_super(&self.options().credentials),
                sees_hashes: !self.dialect().masks_hashes(),
                ..computed.collect()
            });
        }
        let Some(users) = self.users().await? else {
            let sasl = sasl.and_then(Sasl::identity);
            return Ok(Identities {
                // Without credentials there is nothing but the address.
                may_be_more: self.borrowed || self.options().has_credentials(),
                ..computed.chain(sasl).collect()
            });
        };
        let (digests, others): (Vec<_>, Vec<_>) =
            users.iter().partition(|user| user.scheme() == "digest");
        let others = others.into_iter().map(|user| AuthId {
            scheme: user.scheme().into(),
            id: user.user().into(),
        });
        let mut identities: Identities = computed.chain(others).collect();
        let is_known = |user: &str| identities.users().any(|known| known == user);
        identities.may_be_more = !digests.iter().all(|user| is_known(user.user()));
        Ok(identities)
    }

    /// The users that the server knows this session as. `None` if the server is older than the request.
    async fn users(&self) -> Result<Option<Vec<zk::AuthUser>>, Error> {
        // Whoever asks at the same time waits: such a server drops the connection after its answer, and what is
        // in flight with it.
        let mut hides_users = self.hides_users.lock().await;
        if *hides_users {
            return Ok(None);
        }
        let mut answer = self.client.list_auth_users().await;
        if matches!(&answer, Err(error) if is_outcome_unknown(error) && !is_fatal(error)) {
            answer = self.client.list_auth_users().await;
        }
        match answer {
            Ok(users) => Ok(Some(users)),
            Err(ClientError::Unimplemented) => {
                *hides_users = true;
                self.wait_for_answer().await?;
                Ok(None)
            }
            Err(error) => Err(self.server_error(error)),
        }
    }

    /// Waits until the server answers again after it has dropped the connection.
    async fn wait_for_answer(&self) -> Result<(), Error> {
        let mut left = 3;
        loop {
            match self.client.check_stat("/").await {
                Ok(_) | Err(ClientError::NoAuth) => return Ok(()),
                Err(error) if left > 0 && is_outcome_unknown(&error) && !is_fatal(&error) => {
                    left -= 1;
                }
                Err(error) => return Err(self.server_error(error)),
            }
        }
    }

    /// Whether the connection is up, and news of it that does not borrow the session.
    #[must_use]
    #[doc(hidden)]
    pub fn pulse(&self) -> Pulse {
        Pulse(self.client.state_watcher())
    }

    fn server_error(&self, reason: ClientError) -> Error {
        Error::Server {
            hosts: self.hosts(),
            reason,
        }
    }

    /// Ends the session, and with it its ephemeral nodes, and waits up to two seconds until the
    /// server has confirmed it. Only dropping a session ends it too, but a process that exits
    /// right after leaves it to its timeout.
    ///
    /// # Cancellation safety
    /// The session ends in the background also when the future is dropped.
    pub async fn close(self) {
        let mut states = self.client.state_watcher();
        if self.is_dead() {
            return;
        }
        drop(self);
        let closed = async { while !states.changed().await.is_terminated() {} };
        if timeout(Duration::from_secs(2), closed).await.is_err() {
            tracing::debug!("the session did not close in time");
        }
    }
}

/// Tells of the connection of a session.
#[derive(Debug)]
pub struct Pulse(StateWatcher);

impl Pulse {
    /// Whether the connection is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(
            self.0.peek_state(),
            SessionState::SyncConnected | SessionState::ConnectedReadOnly
        )
    }

    /// Waits until the connection is lost or comes back; after the end of the session, for ever. A
    /// loss that lasts only for a moment may be missed.
    ///
    /// # Cancellation safety
    /// Dropping the future loses no change: the next call returns it.
    pub async fn changed(&mut self) {
        self.0.changed().await;
    }
}
