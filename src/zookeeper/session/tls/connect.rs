//! A connection to a server that speaks TLS.

use std::net::SocketAddr;
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
use crate::zookeeper::session::dial::{addresses, open, to_first, words};
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

/// Connects to a server: to the address that speaks TLS first. `limit` holds for each TCP connect and for each
/// handshake. The name is looked up each time.
///
/// # Errors
/// As those of [`to_first`].
///
/// # Cancellation safety
/// Dropping the future closes the connections that were begun.
pub(in super::super) async fn connect(
    server: &Server,
    material: &Arc<Material>,
    limit: Duration,
) -> Result<Stream, Trouble> {
    // Where an address is valid (fe80::1%eth0) is known to this machine alone.
    let own = server.host.split('%').next().unwrap_or_default();
    let name = material.server_name().unwrap_or(own);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| Trouble::Handshake(TlsTrouble::Name(name.to_owned())))?;
    let addresses = addresses(server, limit).await?;
    connect_to_first(addresses, material, name, limit).await
}

async fn connect_to_first(
    addresses: Vec<SocketAddr>,
    material: &Arc<Material>,
    name: ServerName<'static>,
    limit: Duration,
) -> Result<Stream, Trouble> {
    let attempt = |address| connect_to(address, material.clone(), name.clone(), limit);
    to_first(addresses, attempt).await
}

async fn connect_to(
    address: SocketAddr,
    material: Arc<Material>,
    name: ServerName<'static>,
    limit: Duration,
) -> Result<Stream, Trouble> {
    let stream = open(address, limit).await?;
    match timeout(limit, shake_hands(stream, &material, name)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(trouble)) => Err(Trouble::Handshake(trouble)),
        Err(_) => Err(Trouble::Handshake(TlsTrouble::Silent)),
    }
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

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::crypto::ring;
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::zookeeper::session::tls::Tls;

    /// A server that speaks TLS, once, and the file with its certificate.
    async fn server() -> (SocketAddr, Arc<Material>) {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            acceptor.accept(stream).await
        });
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, own.cert.pem()).unwrap();
        let tls = Tls {
            ca: Some(ca),
            ..Tls::default()
        };
        (address, Arc::new(Material::load(tls).await.unwrap()))
    }

    async fn connected(
        addresses: Vec<SocketAddr>,
        material: &Arc<Material>,
        limit: Duration,
    ) -> Result<SocketAddr, Trouble> {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connect_to_first(addresses, material, name, limit).await?;
        Ok(stream.inner.get_ref().0.peer_addr().unwrap())
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_keeps_nobody_from_the_next_one() {
        let (good, material) = server().await;
        // The system takes connections for it, and nobody says a word.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = (silent.local_addr().unwrap(), silent);
        let day = Duration::from_secs(86_400);
        let found = connected(vec![silent.0, good], &material, day);
        let found = timeout(Duration::from_secs(60), found).await;
        assert_eq!(found.expect("it waits for the first address"), Ok(good));
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_of_one_that_takes_connections() {
        let (_, material) = server().await;
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refusing = closed.local_addr().unwrap();
        drop(closed);
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = silent.local_addr().unwrap();
        let limit = Duration::from_millis(300);
        let silence = Err(Trouble::Handshake(TlsTrouble::Silent));
        for addresses in [vec![here, refusing], vec![refusing, here]] {
            assert_eq!(connected(addresses, &material, limit).await, silence);
        }
        let refused = connected(vec![refusing], &material, limit).await;
        assert_eq!(refused, Err(Trouble::Refused));
        let none = connected(Vec::new(), &material, limit).await;
        assert_eq!(none, Err(Trouble::UnknownName));
    }
}
