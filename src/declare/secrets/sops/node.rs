//! The values of a file, in the order in which they stand.

use std::collections::HashSet;

use super::cipher::{Cipher, is_encrypted};
use super::error::SopsError;

/// How deep values may be nested.
pub(super) const MAX_DEPTH: usize = 100;

/// A value, or several.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    Null,
    /// A string, perhaps encrypted.
    Text(String),
    /// A number or a truth value, as a checksum counts it.
    Plain(String),
    /// What was encrypted.
    Decrypted(Vec<u8>),
    List(Vec<Node>),
    /// By name, each once.
    Map(Vec<(String, Node)>),
}

/// The name under which a file says for whom it is.
const METADATA: &str = "sops";

/// The values of a file, and what it says of itself.
pub(super) fn split(file: Node) -> Result<(Node, Node), SopsError> {
    let Node::Map(mut entries) = file else {
        return Err(SopsError::malformed("it is no map"));
    };
    let at = entries.iter().position(|(name, _)| name == METADATA);
    let at = at.ok_or_else(|| SopsError::malformed("it has no entry sops"))?;
    let (_, metadata) = entries.remove(at);
    Ok((Node::Map(entries), metadata))
}

impl Node {
    /// A truth value as SOPS spells it.
    pub(super) fn truth(value: bool) -> Self {
        Self::Plain(if value { "True" } else { "False" }.to_owned())
    }

    /// A number as SOPS spells it.
    pub(super) fn number(text: &str) -> Self {
        let number = match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _) => number.to_string(),
            (Err(_), Ok(number)) => number.to_string(),
            (Err(_), Err(_)) => text.to_owned(),
        };
        Self::Plain(number)
    }

    /// A map; a name that stands twice is an error.
    pub(super) fn map(entries: Vec<(String, Self)>) -> Result<Self, SopsError> {
        let mut names = HashSet::with_capacity(entries.len());
        let is_new = |(name, _): &(String, Self)| names.insert(name.clone());
        match entries.iter().all(is_new) {
            true => Ok(Self::Map(entries)),
            false => Err(SopsError::malformed("a name stands twice in it")),
        }
    }

    /// The value of a name in a map, or at a number in a list.
    pub(super) fn inner(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                let entry = entries.iter().find(|(other, _)| other == name);
                entry.map(|(_, node)| node)
            }
            Self::List(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The text of a name in a map.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        match self.inner(name)? {
            Self::Text(text) | Self::Plain(text) => Some(text),
            _ => None,
        }
    }

    /// Decrypts all values in their order, and counts each with whether it was encrypted. The place of a
    /// value are the names of the maps around it.
    pub(super) fn decrypt(
        &mut self,
        cipher: &Cipher,
        place: &mut Vec<String>,
        count: &mut dyn FnMut(&[u8], bool),
    ) -> Result<(), SopsError> {
        match self {
            Self::Null | Self::Decrypted(_) => {}
            Self::Plain(text) => count(text.as_bytes(), false),
            Self::Text(text) if is_encrypted(text) => {
                let around = place.iter().map(|name| format!("{name}:"));
                let value = cipher.decrypt(text, &around.collect::<String>());
                let value = value.ok_or(SopsError::Changed)?;
                count(&value, true);
                *self = Self::Decrypted(value);
            }
            Self::Text(text) => count(text.as_bytes(), false),
            Self::List(items) => {
                for item in items {
                    item.decrypt(cipher, place, count)?;
                }
            }
            Self::Map(entries) => {
                for (name, node) in entries {
                    place.push(name.clone());
                    node.decrypt(cipher, place, count)?;
                    place.pop();
                }
            }
        }
        Ok(())
    }
}
