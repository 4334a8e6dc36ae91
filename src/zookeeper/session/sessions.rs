//! Sessions with the same options, one after another.

use std::sync::Arc;

use tokio::sync::OnceCell;

#[cfg(feature = "watch")]
use super::connecting::PROBE_LIMIT;
use super::connecting::connect;
use super::hosts::{self, Servers};
#[cfg(feature = "watch")]
use super::probe::{Outlook, outlook};
use super::tls::Security;
use super::{Client, Error, Options, Wait};

/// What sessions with the same options share. What the first one has read from files stays in use for the
/// next ones while the files are no good.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    options: Options,
    /// Clones share it.
    security: Arc<OnceCell<Security>>,
}

impl Sessions {
    /// Reads nothing yet.
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            security: Arc::default(),
        }
    }

    /// The same, with another wait.
    pub(crate) fn waiting(&self, wait: Wait) -> Self {
        let mut this = self.clone();
        this.options.wait = wait;
        this
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Connects and authenticates, and checks that the chroot exists, if that is asked for.
    pub(super) async fn client(&self, checks_chroot: bool) -> Result<(Servers, Client), Error> {
        let options = &self.options;
        let servers = Servers::parse(&options.hosts).map_err(|reason| Error::Hosts {
            hosts: hosts::shown(&options.hosts),
            reason,
        })?;
        let security = self.security(&servers).await?;
        let client = connect(options, &servers, security, checks_chroot).await?;
        Ok((servers, client))
    }

    /// Whether one of the servers would make a session now, so that it is worth to connect.
    #[cfg(feature = "watch")]
    pub(crate) async fn outlook(&self) -> Outlook {
        let servers = match Servers::parse(&self.options.hosts) {
            Ok(servers) => servers,
            Err(error) => return Outlook::Bad(error.to_string()),
        };
        match self.security(&servers).await {
            Ok(security) => outlook(&servers, security, PROBE_LIMIT / 2).await,
            // To connect says what is wrong.
            Err(_) => Outlook::Good,
        }
    }

    async fn security(&self, servers: &Servers) -> Result<&Security, Error> {
        let read = || Security::of(&self.options.tls, servers);
        Ok(self.security.get_or_try_init(read).await?)
    }
}
