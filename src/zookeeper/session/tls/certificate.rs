//! The certificate of an address that this process listens on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::error::TlsError;
use super::files;
use super::material::{identity, named};
use super::options::Tls;
use crate::declare::files::{Content, Reread};

/// The certificate of an address that this process listens on, with its key.
///
/// The files may be PEM, PKCS#12 or a Java key store (JKS), as those of [`Tls`](crate::Tls), without a
/// password. They are read again for a new connection if they have changed since the last; if the new
/// ones are no good, those of before stay.
#[derive(Debug)]
pub struct Certificate(Reread<Files>);

/// The options that name the files.
#[derive(Debug)]
struct Files(Tls);

impl Content for Files {
    type Value = Arc<ServerConfig>;
    type Error = TlsError;

    const NAME: &'static str = "a certificate of this side";

    fn files(&self) -> Vec<PathBuf> {
        named(&self.0).cloned().collect()
    }

    fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        read(&self.0)
    }
}

impl Certificate {
    /// Reads a certificate, behind it in the file those up to its authority, and its key. If a file with
    /// certificates of authorities is given, every client needs a certificate of one of them.
    ///
    /// # Errors
    /// If a file cannot be read, holds something else, or key and certificate do not belong together.
    pub fn load(certificate: &Path, key: &Path, clients: Option<&Path>) -> Result<Self, TlsError> {
        let files = Tls {
            certificate: Some(certificate.to_owned()),
            key: Some(key.to_owned()),
            ca: clients.map(Path::to_owned),
            ..Tls::default()
        };
        Reread::read(Files(files)).map(Self)
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// If the client speaks no TLS, does not trust the certificate, or lacks one of its own.
    ///
    /// # Cancellation safety
    /// The connection ends.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        stream: S,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<S>> {
        TlsAcceptor::from(self.config().await).accept(stream).await
    }

    /// What the next connection is secured with.
    pub(crate) async fn config(&self) -> Arc<ServerConfig> {
        self.0.current().await
    }
}

fn read(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let own = identity(files, None, &provider)?.ok_or(TlsError::KeyAlone)?;
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .expect("ring has ciphers for both versions");
    let config = match &files.ca {
        None => config.with_no_client_auth(),
        Some(file) => {
            let broken = |reason: &dyn std::fmt::Display| TlsError::Broken {
                file: file.clone(),
                reason: format!("a certificate cannot be used: {reason}"),
            };
            let mut roots = RootCertStore::empty();
            for certificate in files::read(file, None)?.authorities(file)? {
                roots.add(certificate).map_err(|error| broken(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().map_err(|error| broken(&error))?)
        }
    };
    Ok(Arc::new(
        config.with_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::generate_simple_self_signed;

    use super::*;

    #[tokio::test]
    async fn files_are_read_again_and_kept_where_they_are_no_use() {
        let dir = tempfile::tempdir().unwrap();
        let [certificate, key, clients] = ["crt", "key", "ca"].map(|name| dir.path().join(name));
        let failure = || {
            let failed = Certificate::load(&certificate, &key, None);
            failed.unwrap_err().to_string()
        };
        assert!(failure().contains("crt: "), "{}", failure());
        let write = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let made = generate_simple_self_signed(names).unwrap();
            fs::write(&certificate, made.cert.pem()).unwrap();
            fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        };
        write(&["a.example"]);
        let good = fs::read(&key).unwrap();
        fs::write(&key, "x").unwrap();
        assert!(failure().contains("key: expected PEM"), "{}", failure());
        write(&["b.example"]);
        fs::write(&key, good).unwrap();
        assert!(failure().contains("is not that of"), "{}", failure());
        write(&["b.example"]);
        fs::write(&clients, "x").unwrap();
        let wrong = Certificate::load(&certificate, &key, Some(&clients));
        assert!(matches!(wrong, Err(TlsError::Format { .. })), "{wrong:?}");
        let used = Certificate::load(&certificate, &key, None).unwrap();
        let first = used.config().await;
        assert!(Arc::ptr_eq(&first, &used.config().await));
        fs::write(&key, "broken").unwrap();
        assert!(Arc::ptr_eq(&first, &used.config().await));
        write(&["c.example"]);
        assert!(!Arc::ptr_eq(&first, &used.config().await));
    }
}
