//! Values in files that SOPS has encrypted for keys of age.
//!
//! SOPS keeps the names of a file readable and encrypts each value by itself, with AES-256-GCM and a key
//! of the file. That key is in the file once for each recipient. A checksum over all values, encrypted, too,
//! holds them together.

mod cipher;
mod error;
mod json;
mod keys;
mod lines;
mod metadata;
mod node;
#[cfg(test)]
mod tests;
mod yaml;

pub use error::SopsError;
pub(super) use keys::Keys;

use std::path::Path;

use sha2::{Digest as _, Sha256, Sha512};

use cipher::Cipher;
use metadata::Metadata;
use node::Node;

use crate::syntax::spelling::hexadecimal;

/// A file that was decrypted.
pub(super) struct Opened {
    values: Node,
    /// Whether the checksum (MAC) covers the encrypted values only; the others could have been changed.
    only_encrypted: bool,
}

impl Opened {
    /// Decrypts a file, the form of which its name tells, as it does SOPS.
    ///
    /// # Errors
    /// It is not sound, or no key fits.
    pub(super) fn new(name: &Path, contents: &[u8], keys: &Keys) -> Result<Self, SopsError> {
        let text = std::str::from_utf8(contents);
        let text = text.map_err(|_| SopsError::malformed("it is not UTF-8"))?;
        let extension = name.extension().unwrap_or_default();
        let (mut values, metadata) = match extension.to_str() {
            Some("yaml" | "yml") => node::split(yaml::parse(text)?)?,
            Some("env") => lines::dotenv(text)?,
            Some("ini") => lines::ini(text)?,
            // Other files are in JSON as one value named data.
            _ => node::split(json::parse(text)?)?,
        };
        let metadata = Metadata::of(&metadata)?;
        let cipher = Cipher::new(keys.data_key(&metadata)?);
        let mut checksum = Sha512::new();
        let only_encrypted = metadata.only_encrypted;
        if only_encrypted {
            // So it is never that over all values.
            checksum.update(Sha256::digest(b"sops"));
        }
        values.decrypt(&cipher, &mut Vec::new(), &mut |bytes, was_encrypted| {
            if was_encrypted || !only_encrypted {
                checksum.update(bytes);
            }
        })?;
        let expected = cipher.decrypt(&metadata.mac, &metadata.modified);
        let found = hexadecimal(&checksum.finalize()).to_uppercase();
        match expected {
            Some(expected) if expected == found.as_bytes() => Ok(Self {
                values,
                only_encrypted,
            }),
            _ => Err(SopsError::Mac),
        }
    }

    /// The value to which names lead; in a list a number stands for a name.
    pub(super) fn value(&self, key: &[&str]) -> Result<&[u8], SopsError> {
        let name = || key.join(".");
        let mut node = &self.values;
        for part in key {
            let inner = node.inner(part);
            node = inner.ok_or_else(|| SopsError::NoValue(name()))?;
        }
        let not_one = |what| Err(SopsError::NotOne(name(), what));
        match node {
            Node::Decrypted(value) => Ok(value),
            Node::Text(_) | Node::Plain(_) if self.only_encrypted => {
                Err(SopsError::NotEncrypted(name()))
            }
            Node::Text(text) | Node::Plain(text) => Ok(text.as_bytes()),
            Node::Null => not_one("null"),
            Node::List(_) => not_one("a list"),
            Node::Map(_) => not_one("a map"),
        }
    }
}
