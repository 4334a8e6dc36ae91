//! What the files of the options hold, read again when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{ClientConfig, RootCertStore};

use super::der::with_public_key;
use super::error::TlsError;
use super::files::{self, Secret};
use super::meaning::of_use;
use super::options::Tls;
use super::verifier::{Identity, Unverified, Verifier};
use crate::declare::files::{Content, Reread};
use crate::zookeeper::session::password::Password;

/// How long the authorities of the system count before they are read again: no file says that they have changed.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What may be wrong with a key that ring does not take: it does not say which.
const KEYS: &str = "it cannot be read, or is of a kind that is not taken (RSA with 2048 to 4096 bits, ECDSA with P-256 or P-384, and \
     Ed25519 are)";

/// What the files hold.
#[derive(Debug)]
pub(in super::super) struct Material(Reread<Files>);

/// The options that name the files.
#[derive(Debug)]
struct Files {
    tls: Tls,
    provider: Arc<CryptoProvider>,
}

/// What was read.
#[derive(Debug, Clone)]
struct Read {
    verifier: Arc<dyn ServerCertVerifier>,
    key: Option<Arc<CertifiedKey>>,
}

impl Content for Files {
    type Value = Read;
    type Error = TlsError;

    const NAME: &'static str = "TLS";

    fn files(&self) -> Vec<PathBuf> {
        named(&self.tls).cloned().collect()
    }

    fn read(&self) -> Result<Read, TlsError> {
        read(&self.tls, &self.provider)
    }

    fn lasts(&self) -> Option<Duration> {
        let is_of_system = self.tls.ca.is_none() && !self.tls.insecure_skip_verify;
        is_of_system.then_some(DAY)
    }
}

impl Material {
    /// Reads the files.
    ///
    /// # Cancellation safety
    /// Files are only read.
    pub(in super::super) async fn load(tls: Tls) -> Result<Self, TlsError> {
        if let Some(name) = &tls.server_name {
            ServerName::try_from(name.as_str()).map_err(|_| TlsError::ServerName(name.clone()))?;
        }
        let provider = Arc::new(ring::default_provider());
        Reread::load(Files { tls, provider }).await.map(Self)
    }

    /// The name to expect of each server, if it is not its own.
    pub(in super::super) fn server_name(&self) -> Option<&str> {
        self.0.content().tls.server_name.as_deref()
    }

    /// What a new connection uses, and the part of it that tells whether a certificate was asked for.
    pub(super) async fn config(&self) -> (Arc<ClientConfig>, Arc<Identity>) {
        let read = self.0.current().await;
        let identity = Arc::new(Identity::new(read.key));
        let provider = self.0.content().provider.clone();
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .expect("ring has ciphers for both versions")
            .dangerous()
            .with_custom_certificate_verifier(read.verifier)
            .with_client_cert_resolver(identity.clone());
        // A resumed connection would not look at certificates.
        config.resumption = Resumption::disabled();
        (Arc::new(config), identity)
    }
}

/// The files that options name.
pub(super) fn named(tls: &Tls) -> impl Iterator<Item = &PathBuf> {
    let passwords = [&tls.password, &tls.ca_password].into_iter().flatten();
    let passwords = passwords.filter_map(|password| match password {
        Password::File(file) => Some(file),
        Password::Text(_) => None,
    });
    [&tls.ca, &tls.certificate, &tls.key]
        .into_iter()
        .flatten()
        .chain(passwords)
}

fn read(tls: &Tls, provider: &Arc<CryptoProvider>) -> Result<Read, TlsError> {
    let secret = |password: &Option<Password>| {
        Ok(match password {
            None => None,
            Some(Password::Text(text)) => Some(Secret::new(text.clone())),
            Some(Password::File(file)) => Some(files::password(file)?),
        })
    };
    let (password, ca_password) = (secret(&tls.password)?, secret(&tls.ca_password)?);
    let of_ca = ca_password.as_ref().or(password.as_ref());
    Ok(Read {
        verifier: verifier(tls, of_ca, provider)?,
        key: identity(tls, password.as_ref(), provider)?.map(Arc::new),
    })
}

fn verifier(
    tls: &Tls,
    password: Option<&Secret>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let trusted = match &tls.ca {
        Some(file) => Some((file, files::read(file, password)?.authorities(file)?)),
        None => None,
    };
    if tls.insecure_skip_verify {
        return Ok(Arc::new(Unverified(provider.clone())));
    }
    let mut roots = RootCertStore::empty();
    let own = match trusted {
        Some((file, trusted)) => {
            for certificate in &trusted {
                let added = roots.add(certificate.clone());
                added.map_err(|error| TlsError::Broken {
                    file: file.clone(),
                    reason: format!("a certificate cannot be used: {}", of_use(&error)),
                })?;
            }
            trusted
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Vec::<CertificateDer<'static>>::new()
        }
    };
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let inner = inner.build().map_err(|_| TlsError::NoRoots)?;
    Ok(Arc::new(Verifier::new(inner, own)))
}

/// Who this side is; `None` if nothing says so.
pub(super) fn identity(
    tls: &Tls,
    password: Option<&Secret>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<CertifiedKey>, TlsError> {
    let Some(file) = &tls.certificate else {
        return match &tls.key {
            Some(_) => Err(TlsError::KeyAlone),
            None => Ok(None),
        };
    };
    let mut store = files::read(file, password)?;
    let key_file = tls.key.as_ref().unwrap_or(file);
    let key = match &tls.key {
        Some(file) => files::read(file, password)?.take_key()?,
        None => store.take_key()?,
    };
    let key = key.ok_or_else(|| TlsError::NoKey {
        file: key_file.clone(),
    })?;
    let chain = store.chain(file)?;
    let key = load(&key, &chain, provider).map_err(|error| {
        tracing::debug!(%error, "{}: the key cannot be used", key_file.display());
        TlsError::Broken {
            file: key_file.clone(),
            reason: format!("the key cannot be used: {KEYS}"),
        }
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
            Ok(Some(certified))
        }
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::KeyMismatch {
            key: key_file.clone(),
            certificate: file.clone(),
        }),
        Err(error) => Err(TlsError::Broken {
            file: file.clone(),
            reason: format!("the certificate cannot be used: {}", of_use(&error)),
        }),
    }
}

fn load(
    key: &PrivateKeyDer<'static>,
    chain: &[CertificateDer<'static>],
    provider: &CryptoProvider,
) -> Result<Arc<dyn SigningKey>, rustls::Error> {
    let load = |key| provider.key_provider.load_private_key(key);
    let error = match load(key.clone_key()) {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    let whole = || {
        let PrivateKeyDer::Pkcs8(key) = key else {
            return None;
        };
        let certificate = ParsedCertificate::try_from(chain.first()?).ok()?;
        let public = certificate.subject_public_key_info();
        with_public_key(key.secret_pkcs8_der(), &public)
    };
    match whole() {
        Some(whole) => load(PrivateKeyDer::Pkcs8(whole.into())),
        None => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "keystores")]
    use p12_keystore::{
        Certificate, KeyStore, KeyStoreEntry, LocalKeyId, PrivateKey, PrivateKeyChain,
    };

    use super::*;

    #[tokio::test]
    async fn an_authority_that_cannot_be_used_is_told() {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        let words = "CERTIFICATE-----";
        let broken = format!("-----BEGIN {words}\nAAAA\n-----END {words}\n");
        std::fs::write(&ca, own.cert.pem() + &broken).unwrap();
        let tls = Tls {
            ca: Some(ca.clone()),
            ..Tls::default()
        };
        let error = Material::load(tls).await.err().unwrap().to_string();
        let said = format!("{}: a certificate cannot be used: ", ca.display());
        assert!(error.starts_with(&said), "{error}");
    }

    #[cfg(feature = "keystores")]
    #[tokio::test]
    async fn the_authorities_may_have_a_password_of_their_own() {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = || Certificate::from_der(own.cert.der()).unwrap();
        let key = PrivateKey::from_der(&own.signing_key.serialize_der()).unwrap();
        let chain = PrivateKeyChain::new(LocalKeyId(b"1".to_vec()), key, [certificate()]);
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, entry: KeyStoreEntry, password: &str| {
            let mut store = KeyStore::new();
            store.add_entry("one", entry);
            let path = folder.path().join(name);
            std::fs::write(&path, store.writer(password).write().unwrap()).unwrap();
            Some(path)
        };
        let trusted = KeyStoreEntry::Certificate(certificate());
        let text = |text: &str| Some(Password::Text(text.to_owned()));
        let password = folder.path().join("password");
        std::fs::write(&password, "open\n").unwrap();
        let tls = Tls {
            ca: write("trust.p12", trusted, "open"),
            certificate: write("own.p12", KeyStoreEntry::PrivateKeyChain(chain), "sesame"),
            password: text("sesame"),
            ca_password: Some(Password::File(password.clone())),
            ..Tls::default()
        };
        let material = Material::load(tls.clone()).await.unwrap();
        assert!(material.0.content().files().contains(&password));
        let ca = tls.ca.clone().unwrap();
        for ca_password in [None, text("sesame")] {
            let tls = Tls {
                ca_password,
                ..tls.clone()
            };
            let wrong = TlsError::WrongPassword { file: ca.clone() };
            assert_eq!(Material::load(tls).await.err(), Some(wrong));
        }
        let alone = Tls {
            certificate: None,
            password: None,
            ..tls
        };
        Material::load(alone).await.unwrap();
    }
}
