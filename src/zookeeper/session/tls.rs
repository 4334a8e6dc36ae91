//! Whether servers speak TLS, and what that needs.

#[cfg(feature = "tls")]
use std::sync::Arc;

use super::hosts::{Scheme, Server, Servers};

mod error;
mod options;

#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "tls")]
mod connect;
#[cfg(feature = "tls")]
mod der;
#[cfg(feature = "tls")]
mod files;
#[cfg(feature = "tls")]
mod material;
#[cfg(feature = "tls")]
mod meaning;
#[cfg(feature = "tls")]
mod verifier;

#[cfg(feature = "tls")]
pub use certificate::Certificate;
pub use error::TlsError;
pub use options::Tls;

#[cfg(feature = "tls")]
pub(super) use connect::connect;
#[cfg(feature = "tls")]
pub(super) use material::Material;
#[cfg(feature = "tls")]
pub(super) use meaning::{closed, of_io};

/// What connections to servers are secured with.
#[derive(Debug, Clone)]
pub(super) struct Security {
    #[cfg(feature = "tls")]
    on: bool,
    #[cfg(feature = "tls")]
    material: Option<Arc<Material>>,
}

impl Security {
    /// Reads the files, if a server speaks TLS.
    ///
    /// # Cancellation safety
    /// Files are only read.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unused_async, reason = "with TLS it reads files")
    )]
    pub(super) async fn of(tls: &Tls, servers: &Servers) -> Result<Self, TlsError> {
        let speaks = |server: &Server| speaks_tls(server, tls.on);
        if !servers.each.iter().any(speaks) {
            let is_meant = |server: &Server| server.scheme == Scheme::Plain;
            if tls.says_how() && !servers.each.iter().all(is_meant) {
                return Err(TlsError::NoEffect);
            }
            return Ok(Self::none());
        }
        #[cfg(feature = "tls")]
        return Ok(Self {
            on: tls.on,
            material: Some(Arc::new(Material::load(tls.clone()).await?)),
        });
        #[cfg(not(feature = "tls"))]
        Err(TlsError::NotBuilt)
    }

    fn none() -> Self {
        Self {
            #[cfg(feature = "tls")]
            on: false,
            #[cfg(feature = "tls")]
            material: None,
        }
    }

    /// What the connection to a server is secured with; `None` if it is not.
    #[cfg(feature = "tls")]
    pub(super) fn for_server(&self, server: &Server) -> Option<&Arc<Material>> {
        self.material
            .as_ref()
            .filter(|_| speaks_tls(server, self.on))
    }
}

fn speaks_tls(server: &Server, on: bool) -> bool {
    server.scheme == Scheme::Tls || on && server.scheme == Scheme::None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_would_have_no_effect_is_refused() {
        let ca = Tls {
            ca: Some("nosuch.pem".into()),
            ..Tls::default()
        };
        let of = async |tls: &Tls, hosts: &str| {
            let servers = Servers::parse(hosts).unwrap();
            Security::of(tls, &servers).await.map(drop)
        };
        assert_eq!(of(&Tls::default(), "h:1").await, Ok(()));
        assert_eq!(of(&ca, "tcp://h:1,i:1").await, Err(TlsError::NoEffect));
        // That is meant.
        assert_eq!(of(&ca, "tcp://h:1").await, Ok(()));
        let read = of(&ca, "tcp+tls://h:1,i").await.unwrap_err();
        assert_ne!(read, TlsError::NoEffect);
    }
}
