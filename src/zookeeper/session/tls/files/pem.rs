//! PEM.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::store::Store;
use crate::zookeeper::session::tls::error::TlsError;

const BEGIN: &[u8] = b"-----BEGIN ";
const ENCRYPTED_BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_END: &str = "-----END ENCRYPTED PRIVATE KEY-----";

pub(super) fn is_pem(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, BEGIN).is_some()
}

pub(super) fn parse(file: &Path, bytes: &[u8], password: Option<&str>) -> Result<Store, TlsError> {
    let broken = |reason: String| TlsError::Broken {
        file: file.to_owned(),
        reason,
    };
    let text = String::from_utf8_lossy(bytes);
    let mut store = Store {
        chain: Vec::new(),
        others: Vec::new(),
        key: encrypted(file, &text, password),
    };
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        let file = file.to_owned();
        store.key = Err(TlsError::OldEncryption { file });
    }
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let (kind, der) = match section {
            Ok(section) => section,
            // The headers of such a key are no base 64.
            Err(_) if matches!(store.key, Err(TlsError::OldEncryption { .. })) => continue,
            Err(error) => return Err(broken(format!("it is no valid PEM: {error}"))),
        };
        match kind {
            SectionKind::Certificate => store.chain.push(CertificateDer::from(der)),
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
                if matches!(store.key, Ok(None)) {
                    store.key = match kind {
                        SectionKind::PrivateKey => Ok(Some(PrivateKeyDer::Pkcs8(der.into()))),
                        SectionKind::RsaPrivateKey => Ok(Some(PrivateKeyDer::Pkcs1(der.into()))),
                        _ => Ok(Some(PrivateKeyDer::Sec1(der.into()))),
                    };
                }
            }
            _ => {}
        }
    }
    Ok(store)
}

/// The key with a password, if there is one.
fn encrypted(
    file: &Path,
    text: &str,
    password: Option<&str>,
) -> Result<Option<PrivateKeyDer<'static>>, TlsError> {
    let Some((_, rest)) = text.split_once(ENCRYPTED_BEGIN) else {
        return Ok(None);
    };
    let file = file.to_owned();
    let body = rest.split_once(ENCRYPTED_END).map(|(body, _)| body);
    let body: Option<String> = body.map(|body| body.split_whitespace().collect());
    let Some(der) = body.and_then(|body| BASE64.decode(body).ok()) else {
        let reason = "its encrypted key is no valid PEM".to_owned();
        return Err(TlsError::Broken { file, reason });
    };
    match password {
        None => Err(TlsError::NoPassword { file }),
        Some(password) => decrypt(file, &der, password).map(Some),
    }
}

#[cfg(feature = "keystores")]
fn decrypt(
    file: std::path::PathBuf,
    der: &[u8],
    password: &str,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    use pkcs8::EncryptedPrivateKeyInfoRef;
    use pkcs8::der::ErrorKind;

    let info = match EncryptedPrivateKeyInfoRef::try_from(der) {
        Ok(info) => info,
        Err(pkcs8::Error::Asn1(error)) if matches!(error.kind(), ErrorKind::OidUnknown { .. }) => {
            return Err(TlsError::KeyCipher { file });
        }
        Err(_) => {
            let reason = "its encrypted key is broken".to_owned();
            return Err(TlsError::Broken { file, reason });
        }
    };
    match info.decrypt(password) {
        Ok(key) => Ok(PrivateKeyDer::Pkcs8(key.as_bytes().to_vec().into())),
        Err(pkcs8::Error::EncryptedPrivateKey(error)) if is_unsupported(error) => {
            Err(TlsError::KeyCipher { file })
        }
        Err(_) => Err(TlsError::WrongPassword { file }),
    }
}

#[cfg(feature = "keystores")]
fn is_unsupported(error: pkcs8::pkcs5::Error) -> bool {
    use pkcs8::pkcs5::Error;
    matches!(
        error,
        Error::NoPbes1CryptSupport
            | Error::UnsupportedAlgorithm { .. }
            | Error::AlgorithmParametersInvalid { .. }
    )
}

#[cfg(not(feature = "keystores"))]
fn decrypt(
    file: std::path::PathBuf,
    _: &[u8],
    _: &str,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let what = "a key with a password";
    Err(TlsError::Unsupported { file, what })
}
