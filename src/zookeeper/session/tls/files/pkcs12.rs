//! PKCS#12.

use std::path::Path;

use p12_keystore::error::Error;
use p12_keystore::{CertificateBag, Pkcs12Archive, PrivateKeyBag};
use pkcs8::der::ErrorKind;
use pkcs8::pkcs5::Error::DecryptFailed;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::store::Store;
use crate::zookeeper::session::tls::error::TlsError;

pub(super) fn parse(file: &Path, bytes: &[u8], password: Option<&str>) -> Result<Store, TlsError> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password.unwrap_or_default());
    let archive = archive.map_err(|error| wrong(file, &error, password.is_some()))?;
    let key = archive.keys.first();
    let chain = key.map_or(Vec::new(), |key| chain(key, &archive.certs));
    let der = |bag: &&CertificateBag| CertificateDer::from(bag.cert.as_der().to_vec());
    let is_other = |bag: &&CertificateBag| !chain.contains(bag);
    Ok(Store {
        others: archive
            .certs
            .iter()
            .filter(is_other)
            .map(|bag| der(&bag))
            .collect(),
        chain: chain.iter().map(der).collect(),
        key: Ok(key.map(|key| PrivateKeyDer::Pkcs8(key.key.as_der().to_vec().into()))),
    })
}

/// The certificate of a key, and behind it those up to its authority.
fn chain<'b>(key: &PrivateKeyBag, bags: &'b [CertificateBag]) -> Vec<&'b CertificateBag> {
    let id = key.local_key_id.as_ref().map(|id| id.0.as_slice());
    let is_own = |bag: &&CertificateBag| id.is_some() && bag.local_key_id.as_deref() == id;
    let own = bags.iter().find(is_own).or_else(|| bags.first());
    let mut chain: Vec<&CertificateBag> = own.into_iter().collect();
    while let Some(last) = chain.last() {
        let issuer = last.cert.issuer();
        let next = bags
            .iter()
            .find(|bag| bag.cert.subject() == issuer && !chain.contains(bag));
        match next {
            Some(next) => chain.push(next),
            None => break,
        }
    }
    chain
}

fn wrong(file: &Path, error: &Error, has_password: bool) -> TlsError {
    let file = file.to_owned();
    match error {
        // It is the text of an error of `pkcs5`.
        Error::Pkcs5Error(reason) if *reason != DecryptFailed.to_string() => {
            TlsError::Pkcs12Cipher { file }
        }
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
            TlsError::Pkcs12Cipher { file }
        }
        Error::DerError(error) if matches!(error.kind(), ErrorKind::OidUnknown { .. }) => {
            TlsError::Pkcs12Cipher { file }
        }
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => match has_password {
            true => TlsError::WrongPassword { file },
            false => TlsError::NoPassword { file },
        },
        error => TlsError::Pkcs12 {
            file,
            reason: error.to_string(),
        },
    }
}
