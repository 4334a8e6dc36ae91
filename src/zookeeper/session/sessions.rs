//! Sessions with the same options, one after another.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::connecting::connect;
use super::hosts::{self, Servers};
use super::means::Means;
use super::{Client, Error, Options, Wait};

/// What sessions with the same options share. What the first one has read from files stays in use for the
/// next ones while the files are no good.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    options: Options,
    /// Clones share it.
    means: Arc<OnceCell<Means>>,
}

impl Sessions {
    /// Reads nothing yet.
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            means: Arc::default(),
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
        let means = self.means(&servers).await?;
        let client = connect(options, &servers, means, checks_chroot).await?;
        Ok((servers, client))
    }

    pub(super) async fn means(&self, servers: &Servers) -> Result<&Means, Error> {
        let read = || Means::of(&self.options, servers);
        self.means.get_or_try_init(read).await
    }
}
