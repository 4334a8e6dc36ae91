//! The certificate of the status address.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;
use zkt::declare::files::{Content, Reread};
use zkt::error::TlsError;
use zkt::zookeeper::session::server_config;

use crate::exit::Failure;
use crate::hints::decrypts;

/// A certificate with its chain, and its key. The files are read again when they change.
pub(super) struct Certificate(Reread<Pair>);

/// The files.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

impl Content for Pair {
    type Value = Arc<ServerConfig>;
    type Error = TlsError;

    const NAME: &'static str = "the certificate of the status address";

    fn files(&self) -> Vec<PathBuf> {
        vec![self.certificate.clone(), self.key.clone()]
    }

    fn read(&self) -> Result<Arc<ServerConfig>, TlsError> {
        server_config(&self.certificate, &self.key).map(Arc::new)
    }
}

impl Certificate {
    pub(super) fn new(certificate: &Path, key: &Path) -> Result<Self, Failure> {
        let pair = Pair {
            certificate: certificate.to_path_buf(),
            key: key.to_path_buf(),
        };
        let read = Reread::read(pair);
        let read = read.map_err(|error| {
            let failure = Failure::new(format!("TLS of the status address: {error}"));
            match &error {
                TlsError::NoPassword { file } => failure.hint(decrypts(file)),
                _ => failure,
            }
        });
        Ok(Self(read?))
    }

    /// What the next connection is encrypted with. While new files are no use the last ones hold.
    pub(super) async fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.current().await)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::generate_simple_self_signed;

    use super::*;

    #[tokio::test]
    async fn files_are_read_again_and_kept_where_they_are_no_use() {
        let dir = tempfile::tempdir().unwrap();
        let [certificate, key] = ["crt", "key"].map(|name| dir.path().join(name));
        let failure = || {
            let failed = Certificate::new(&certificate, &key).err().unwrap();
            failed.message
        };
        let missing = "TLS of the status address: ";
        assert!(failure().starts_with(missing), "{}", failure());
        let write = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let made = generate_simple_self_signed(names).unwrap();
            fs::write(&certificate, made.cert.pem()).unwrap();
            fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        };
        fs::write(&certificate, "x").unwrap();
        fs::write(&key, "x").unwrap();
        assert!(failure().contains("crt: expected PEM"), "{}", failure());
        write(&["a.example"]);
        let good = fs::read(&key).unwrap();
        fs::write(&key, "x").unwrap();
        assert!(failure().contains("key: expected PEM"), "{}", failure());
        write(&["b.example"]);
        fs::write(&key, good).unwrap();
        let mismatch = "is not that of the certificate of";
        assert!(failure().contains(mismatch), "{}", failure());
        write(&["b.example"]);
        let used = Certificate::new(&certificate, &key).ok().unwrap();
        let config = async || used.acceptor().await.config().clone();
        let first = config().await;
        assert!(Arc::ptr_eq(&first, &config().await));
        fs::write(&key, "broken").unwrap();
        assert!(Arc::ptr_eq(&first, &config().await));
        write(&["c.example"]);
        assert!(!Arc::ptr_eq(&first, &config().await));
    }
}
