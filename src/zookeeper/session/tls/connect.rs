//! A connection to a server that speaks TLS.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::material::Material;
use super::meaning::{Asked, of_io};
use super::verifier::Identity;
use crate::zookeeper::session::dial::{addresses, open, words};
use crate::zookeeper::session::hosts::Server;
use crate::zookeeper::session::trouble::{TlsTrouble, Trouble};

/// A connection through TLS, and what is known of its handshake.
#[derive(Debug)]
pub(in super::super) struct Stream {
    pub(in super::super) inner: TlsStream<TcpStream>,
    identity: Arc<Identity>,
}

impl Stream {
    /// Whether the server has asked for a certificate.
    pub(in super::super) fn asked(&self) -> Asked {
        self.identity.asked()
    }
}

/// Connects to a server, to the first of its addresses that speaks TLS; each may take so long, and so may
/// TLS then. The name is looked up each time.
///
/// # Errors
/// What is wrong with the last address, or with the last one that takes connections, if one does.
pub(in super::super) async fn connect(
    server: &Server,
    material: &Arc<Material>,
    limit: Duration,
) -> Result<Stream, Trouble> {
    let name = material.server_name().unwrap_or(&server.host);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| Trouble::Handshake(TlsTrouble::Name(name.to_owned())))?;
    let mut trouble = Trouble::UnknownName;
    for address in addresses(server, limit).await? {
        let stream = match open(address, limit).await {
            Ok(stream) => stream,
            Err(error) if matches!(trouble, Trouble::UnknownName) => {
                trouble = error;
                continue;
            }
            Err(_) => continue,
        };
        match timeout(limit, shake_hands(stream, material, name.clone())).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => trouble = Trouble::Handshake(error),
            Err(_) => trouble = Trouble::Handshake(TlsTrouble::Silent),
        }
    }
    Err(trouble)
}

async fn shake_hands(
    stream: TcpStream,
    material: &Arc<Material>,
    name: ServerName<'static>,
) -> Result<Stream, TlsTrouble> {
    // It only makes small requests wait.
    _ = stream.set_nodelay(true);
    let (config, identity) = material.config().await;
    let connected = TlsConnector::from(config).connect(name, stream).await;
    match connected {
        Ok(inner) => Ok(Stream { inner, identity }),
        Err(error) => {
            let trouble = of_io(&error, identity.asked());
            Err(trouble.unwrap_or_else(|| TlsTrouble::Other(words(&error))))
        }
    }
}
