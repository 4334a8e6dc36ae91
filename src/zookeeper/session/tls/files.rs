//! Reads certificates and keys from files. Their format is recognised by their contents.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;

use rustls::pki_types::CertificateDer;

use super::error::TlsError;
use crate::declare::files::open_regular;

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

/// The first line of a file.
pub(super) fn first_line(file: &Path) -> Result<Secret, TlsError> {
    let broken = |reason: &str| TlsError::Broken {
        file: file.to_owned(),
        reason: reason.to_owned(),
    };
    let text = String::from_utf8(bytes(file)?).map_err(|_| broken("it is not UTF-8"))?;
    match text.lines().next() {
        None | Some("") => Err(broken("its first line has no password")),
        Some(line) => Ok(Secret(line.to_owned())),
    }
}

fn bytes(file: &Path) -> Result<Vec<u8>, TlsError> {
    let read = || {
        let mut bytes = Vec::new();
        let opened = open_regular(file)?;
        opened.take(LARGEST + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > LARGEST {
            true => Err(io::Error::other("it has more than 16 MiB")),
            false => Ok(bytes),
        }
    };
    read().map_err(|error| unreadable(file, &error))
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
