//! A door with TLS in front of a server, and authorities whose certificates it has.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{
    DEFAULT_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion,
};

/// An authority with a certificate of its own.
pub(crate) struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub(crate) struct Own {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Own {
    /// Signed by itself, as `openssl req -x509` makes it.
    pub(crate) fn of_itself(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { certificate, key }
    }

    /// A server that has it.
    pub(crate) fn server(&self) -> ServerConfig {
        config(self, None, DEFAULT_VERSIONS)
    }

    pub(crate) fn certificate(&self) -> String {
        self.certificate.pem()
    }

    pub(crate) fn key(&self) -> String {
        self.key.serialize_pem()
    }

    /// Certificate and key in one text.
    pub(crate) fn both(&self) -> String {
        self.certificate() + &self.key()
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for these names.
    pub(crate) fn certify(&self, names: &[&str]) -> Own {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.certify_with(&CertificateParams::new(names).unwrap())
    }

    fn certify_with(&self, params: &CertificateParams) -> Own {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Own { certificate, key }
    }

    /// A server with these names, which demands certificates of an authority from its clients if there is
    /// one.
    pub(crate) fn server(&self, names: &[&str], clients: Option<&Self>) -> ServerConfig {
        self.server_of(names, clients, DEFAULT_VERSIONS)
    }

    pub(crate) fn server_of(
        &self,
        names: &[&str],
        clients: Option<&Self>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        config(&self.certify(names), clients, versions)
    }

    pub(crate) fn server_with(&self, params: &CertificateParams) -> ServerConfig {
        config(&self.certify_with(params), None, DEFAULT_VERSIONS)
    }
}

fn config(
    own: &Own,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let key = PrivatePkcs8KeyDer::from(own.key.serialize_der());
    let chain = vec![own.certificate.der().clone()];
    builder.with_single_cert(chain, key.into()).unwrap()
}

/// A door with TLS; it ends when it is dropped.
pub(crate) struct Door {
    address: String,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    cuts: watch::Sender<u64>,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Door {
    /// In front of a port on this machine.
    pub(crate) async fn open(target: u16, config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let config = Arc::new(Mutex::new(Arc::new(config)));
        let cuts = watch::Sender::new(0);
        let connections = Arc::new(AtomicUsize::new(0));
        let (presented, cut, counted) = (config.clone(), cuts.clone(), connections.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = TlsAcceptor::from(presented.lock().unwrap().clone());
                let (mut cuts, counted) = (cut.subscribe(), counted.clone());
                tokio::spawn(async move {
                    let passed = async {
                        let mut stream = acceptor.accept(stream).await.ok()?;
                        let server = TcpStream::connect(("127.0.0.1", target)).await;
                        counted.fetch_add(1, Ordering::SeqCst);
                        copy_bidirectional(&mut stream, &mut server.ok()?)
                            .await
                            .ok()
                    };
                    tokio::select! {
                        _ = passed => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self {
            address,
            config,
            cuts,
            connections,
            accepting,
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// From the next connection on.
    pub(crate) fn present(&self, config: ServerConfig) {
        *self.config.lock().unwrap() = Arc::new(config);
    }

    /// Closes all connections.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections there were that spoke TLS.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// A port where everybody gets the same answer to what they say first.
pub(crate) async fn answers(text: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                _ = stream.read(&mut [0; 4096]).await;
                _ = stream.write_all(text).await;
                // What else comes is read, so that the answer is not lost to a reset.
                _ = stream.shutdown().await;
                _ = stream.read_to_end(&mut Vec::new()).await;
            });
        }
    });
    port
}
