//! Reads certificates and keys from files. Their format is recognised by their contents.

use std::fmt;
use std::io;
use std::path::Path;

use rustls::pki_types::CertificateDer;

use super::error::TlsError;
use crate::declare::files::{open_regular, read_bounded};
use crate::zookeeper::session::password::{NoPassword, first_line};

mod jks;
mod pem;
#[cfg(feature = "keystores")]
mod pkcs12;
mod store;

pub(super) use store::Store;

/// The largest file, in bytes. All authorities of a system have half a mebibyte.
const LARGEST: u64 = 16 << 20;

/// A password.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Reads a file.
pub(super) fn read(file: &Path, password: Option<&Secret>) -> Result<Store, TlsError> {
    let bytes = bytes(file)?;
    parse(file, &bytes, password.map(|secret| secret.0.as_str()))
}

fn parse(file: &Path, bytes: &[u8], password: Option<&str>) -> Result<Store, TlsError> {
    let wrong = |found| {
        let file = file.to_owned();
        Err(TlsError::Format { file, found })
    };
    match bytes {
        [] => wrong("an empty file"),
        [0xfe, 0xed, 0xfe, 0xed, ..] => jks::parse(file, bytes, password),
        [0xce, 0xce, 0xce, 0xce, ..] => {
            let file = file.to_owned();
            Err(TlsError::Jceks { file })
        }
        _ if pem::is_pem(bytes) => pem::parse(file, bytes, password),
        // A sequence that begins with a version, and that is 3.
        [0x30, rest @ ..] => match behind_length(rest) {
            Some([2, 1, 3, ..]) => pkcs12(file, bytes, password),
            // In it, the signed part is a sequence, too.
            Some([0x30, ..]) => Ok(Store {
                chain: vec![CertificateDer::from(bytes.to_vec())],
                others: Vec::new(),
                key: Ok(None),
            }),
            Some([2, 1, 0, ..]) => wrong("a key in DER"),
            _ => wrong("something else in DER"),
        },
        _ => wrong("something else"),
    }
}

/// What stands behind the length of a value in DER.
fn behind_length(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    match first & 0x80 {
        0 => Some(rest),
        _ => rest.get(usize::from(first & 0x7f)..),
    }
}

#[cfg(feature = "keystores")]
use pkcs12::parse as pkcs12;

#[cfg(not(feature = "keystores"))]
fn pkcs12(file: &Path, _: &[u8], _: Option<&str>) -> Result<Store, TlsError> {
    let file = file.to_owned();
    let what = "PKCS#12";
    Err(TlsError::Unsupported { file, what })
}

/// The password in a file.
pub(super) fn password(file: &Path) -> Result<Secret, TlsError> {
    let line = first_line(file, LARGEST).map_err(|error| match error {
        NoPassword::Unreadable(error) => unreadable(file, &error),
        NoPassword::Unusable(reason) => TlsError::Broken {
            file: file.to_owned(),
            reason: reason.to_owned(),
        },
    })?;
    Ok(Secret(line))
}

fn bytes(file: &Path) -> Result<Vec<u8>, TlsError> {
    let read = open_regular(file).and_then(|opened| read_bounded(opened, LARGEST));
    read.map_err(|error| unreadable(file, &error))
}

/// What the system says, without the number of its error.
fn unreadable(file: &Path, error: &io::Error) -> TlsError {
    TlsError::Unreadable {
        file: file.to_owned(),
        reason: crate::declare::files::reason(error),
    }
}

#[cfg(test)]
mod tests;
