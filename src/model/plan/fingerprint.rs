//! Fingerprints of secret values: reviewers see that one changed, and not what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::model::path::ZPath;
use crate::syntax::spelling::hexadecimal;

/// How many bytes of a code are shown.
const SHOWN: usize = 6;

/// How many bytes a key must have: who can guess it can try guesses of secrets, too.
const SHORTEST: usize = 16;

/// A key for fingerprints of secret values.
#[derive(Clone, PartialEq, Eq)]
pub struct FingerprintKey(Arc<[u8]>);

/// Why a text is no key for fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key for fingerprints has at least {SHORTEST} bytes, so that nobody guesses it")]
pub struct KeyTooShort;

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey")
    }
}

impl FingerprintKey {
    /// A key.
    ///
    /// # Errors
    /// It has fewer than 16 bytes.
    pub fn new(key: &[u8]) -> Result<Self, KeyTooShort> {
        match key.len() < SHORTEST {
            true => Err(KeyTooShort),
            false => Ok(Self(key.into())),
        }
    }

    /// A code of fields, each with its length, so that no two lists of them have the same bytes.
    fn code(&self, fields: &[&[u8]]) -> String {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).expect("keys may have any length");
        for field in fields {
            code.update(&(field.len() as u64).to_be_bytes());
            code.update(field);
        }
        hexadecimal(&code.finalize().into_bytes()[..SHOWN])
    }

    /// Tells keys apart.
    pub(super) fn id(&self) -> String {
        self.code(&[b"key"])
    }

    /// The fingerprint of a value of some kind at one place. Equal values at two places have different ones.
    pub(super) fn of(&self, (path, name): (&ZPath, &str), kind: &str, value: &[u8]) -> String {
        let (path, name) = (path.as_str().as_bytes(), name.as_bytes());
        self.code(&[kind.as_bytes(), path, name, value])
    }
}

/// The fingerprints of a secret value that changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprint {
    /// Of the old value. `None` if it is new.
    pub old: Option<String>,
    /// Of the new value. `None` if it is removed.
    pub new: Option<String>,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{old} -> {new}"),
            (None, Some(new)) => f.write_str(new),
            (old, None) => write!(f, "{} -> nothing", old.as_deref().unwrap_or_default()),
        }
    }
}

/// The fingerprints of the secret values that a plan writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fingerprints {
    /// Tells keys apart: fingerprints of different keys cannot be compared.
    pub key: String,
    /// By node and property, raw data under `@data`.
    pub values: BTreeMap<(ZPath, String), Fingerprint>,
}

impl Fingerprints {
    /// The nodes that get a value.
    pub(crate) fn new_at(&self) -> BTreeSet<&ZPath> {
        let values = self.values.iter().filter(|(_, one)| one.new.is_some());
        values.map(|((path, _), _)| path).collect()
    }

    /// The nodes of which the other ones, with the same key, say that a new value is another one, as far as that can be told.
    pub(crate) fn contradicted<'f>(&'f self, other: &'f Self) -> BTreeSet<&'f ZPath> {
        let values = self.values.iter().filter(|(place, one)| {
            let new = other
                .values
                .get(*place)
                .and_then(|other| other.new.as_ref());
            new.is_some() && one.new.is_some() && new != one.new.as_ref()
        });
        values.map(|((path, _), _)| path).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_fingerprint_is_of_a_key_a_place_and_a_value() {
        let key = |text: &str| FingerprintKey::new(text.as_bytes()).unwrap();
        let of = |key: &FingerprintKey, path: &str, name: &str, value: Value| {
            let path = ZPath::parse(path).unwrap();
            key.of((&path, name), "value", value.to_string().as_bytes())
        };
        let one = key("0123456789abcdef");
        let found = of(&one, "/a", "x", json!("secret"));
        assert_eq!(found.len(), 12);
        assert_eq!(found, of(&one, "/a", "x", json!("secret")));
        for other in [
            of(&key("0123456789abcdeg"), "/a", "x", json!("secret")),
            of(&one, "/b", "x", json!("secret")),
            of(&one, "/a", "y", json!("secret")),
            of(&one, "/ax", "", json!("secret")),
            of(&one, "/a", "x", json!("secreu")),
            of(&one, "/a", "x", json!(["secret"])),
            one.of((&ZPath::parse("/a").unwrap(), "x"), "data", b"\"secret\""),
        ] {
            assert_ne!(found, other);
        }
        assert_eq!(FingerprintKey::new(b"short"), Err(KeyTooShort));
        assert_eq!(format!("{one:?}"), "FingerprintKey");
    }
}
