//! The certificate of the status address.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::tls::choose_cryptography;
use crate::exit::Failure;

/// A certificate with its chain, and its key, both in PEM. The files are read again when they change.
pub(super) struct Certificate {
    files: [PathBuf; 2],
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    stamps: [Stamp; 2],
}

/// What changes when a file does: its size, and when it was written.
type Stamp = Option<(u64, SystemTime)>;

impl Certificate {
    pub(super) fn new(certificate: &Path, key: &Path) -> Result<Self, Failure> {
        choose_cryptography();
        let files = [certificate.to_path_buf(), key.to_path_buf()];
        let stamps = stamps(&files);
        let config = read(&files).map_err(Failure::new)?;
        let current = Mutex::new(Current { config, stamps });
        Ok(Self { files, current })
    }

    /// What the next connection is encrypted with. While new files are no use the last ones hold.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.files);
        if stamps != current.stamps {
            match read(&self.files) {
                Ok(config) => current.config = config,
                Err(reason) => {
                    tracing::warn!("{reason}; the certificate of before is used");
                }
            }
            current.stamps = stamps;
        }
        TlsAcceptor::from(current.config.clone())
    }
}

fn stamps(files: &[PathBuf; 2]) -> [Stamp; 2] {
    files.each_ref().map(|file| {
        let metadata = fs::metadata(file).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    })
}

fn read([certificate, key]: &[PathBuf; 2]) -> Result<Arc<ServerConfig>, String> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| wrong(certificate, "certificate", &error))?;
    if chain.is_empty() {
        let none = pem::Error::NoItemsFound;
        return Err(wrong(certificate, "certificate", &none));
    }
    let key_pair = PrivateKeyDer::from_pem_file(key);
    let key_pair = key_pair.map_err(|error| wrong(key, "private key", &error))?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(chain, key_pair).map_err(|error| {
        let (certificate, key) = (certificate.display(), key.display());
        format!("cannot use {certificate} with {key}: {error}")
    })?;
    Ok(Arc::new(config))
}

fn wrong(file: &Path, what: &str, error: &pem::Error) -> String {
    let file = file.display();
    match error {
        pem::Error::Io(error) => {
            format!("cannot read {file}: {}", zkt::declare::files::reason(error))
        }
        pem::Error::NoItemsFound => format!("{file} holds no {what} in PEM"),
        error => format!("{file} holds no {what} in PEM: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    #[test]
    fn files_are_read_again_and_kept_where_they_are_no_use() {
        let dir = tempfile::tempdir().unwrap();
        let [certificate, key] = ["crt", "key"].map(|name| dir.path().join(name));
        let failure = || {
            let failed = Certificate::new(&certificate, &key).err().unwrap();
            failed.message
        };
        assert!(failure().contains("cannot read"), "{}", failure());
        let write = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let made = generate_simple_self_signed(names).unwrap();
            fs::write(&certificate, made.cert.pem()).unwrap();
            fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        };
        fs::write(&certificate, "x").unwrap();
        fs::write(&key, "x").unwrap();
        assert!(
            failure().contains("crt holds no certificate"),
            "{}",
            failure()
        );
        write(&["a.example"]);
        let good = fs::read(&key).unwrap();
        fs::write(&key, "x").unwrap();
        assert!(
            failure().contains("key holds no private key"),
            "{}",
            failure()
        );
        write(&["b.example"]);
        fs::write(&key, good).unwrap();
        assert!(failure().contains("cannot use"), "{}", failure());
        write(&["b.example"]);
        let used = Certificate::new(&certificate, &key).ok().unwrap();
        let config = || used.acceptor().config().clone();
        let first = config();
        assert!(Arc::ptr_eq(&first, &config()));
        fs::write(&key, "broken").unwrap();
        assert!(Arc::ptr_eq(&first, &config()));
        write(&["longer.c.example"]);
        assert!(!Arc::ptr_eq(&first, &config()));
    }
}
