//! How to connect, and as whom.

use std::time::Duration;

use super::credentials::Credentials;
use super::hosts::{Scheme, Server, Servers};
use super::sasl::Sasl;
use super::tls::Tls;
use crate::model::path::ZPath;
use crate::model::request::MAX_REQUEST;

/// How to connect, and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// `h1:2181,h2:2181/chroot`; port and chroot may be left out. `tcp+tls://` before a server says that it
    /// speaks TLS, `tcp://` that it does not.
    pub hosts: String,
    /// The session timeout to ask for; the server may grant another one.
    pub session_timeout: Duration,
    /// How long a request may wait for its answer, and an attempt to connect for its own; afterwards
    /// it fails, and a write may have happened or not. `None` means the session timeout: to connect,
    /// the one that is asked for, and then the one that the server grants.
    pub request_timeout: Option<Duration>,
    /// The bytes that a request may have, as the servers' `jute.maxbuffer` says: they drop the
    /// connection on a larger one. As they come it is [`MAX_REQUEST`].
    pub max_request: usize,
    /// What to do while no server can be reached.
    pub wait: Wait,
    /// Whom the session is authenticated as.
    pub credentials: Vec<Credentials>,
    /// As whom the session authenticates by SASL, if it does.
    pub sasl: Option<Sasl>,
    /// Which servers speak TLS, and what that needs.
    pub tls: Tls,
}

impl Options {
    /// To these servers, with a session timeout of 10 seconds and nobody's credentials, without a wait.
    #[must_use]
    pub fn new(hosts: impl Into<String>) -> Self {
        Self {
            hosts: hosts.into(),
            session_timeout: Duration::from_secs(10),
            request_timeout: None,
            max_request: MAX_REQUEST,
            wait: Wait::No,
            credentials: Vec::new(),
            sasl: None,
            tls: Tls::default(),
        }
    }

    /// The chroot in which the hosts end; `/` without one. `None` if the hosts are not well formed.
    #[must_use]
    pub fn chroot(&self) -> Option<ZPath> {
        Servers::parse(&self.hosts)
            .ok()
            .map(|servers| servers.chroot)
    }

    /// Whether the server may know the session as somebody: by credentials, or by the certificate of its
    /// connection.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        !self.credentials.is_empty() || self.sasl.is_some() || self.tls.certificate.is_some()
    }

    /// Whether no server can speak TLS, whatever the options are: `tcp://` stands before each.
    #[doc(hidden)]
    #[must_use]
    pub fn speaks_no_tls(&self) -> bool {
        let is_plain = |server: &Server| server.scheme == Scheme::Plain;
        Servers::parse(&self.hosts).is_ok_and(|servers| servers.each.iter().all(is_plain))
    }

    /// Whether the hosts end in a chroot, below which `/zookeeper` is a node like any.
    #[must_use]
    pub fn has_chroot(&self) -> bool {
        self.chroot().is_some_and(|chroot| !chroot.is_root())
    }
}

/// What to do while no server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Give up.
    #[default]
    No,
    /// Try again for this time; zero is as [`Wait::No`].
    For(Duration),
    /// Try again for ever.
    Forever,
}
