//! Declared properties.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::Value;

use crate::model::value::{self, Data, Encoded, Names, Properties, STRING_VALUE, entries};
use crate::syntax::names::split_link;
use crate::syntax::place::Span;

/// The declared properties of a node, held as the bytes that store them: most nodes are only ever
/// compared by these.
#[derive(Debug, Clone)]
pub struct DeclaredProperties {
    pub(super) encoded: Encoded,
    /// Where each is declared, by name. `None` if they come from no file.
    pub(super) origins: Box<[Span]>,
    count: u32,
    has_links: bool,
}

impl Default for DeclaredProperties {
    fn default() -> Self {
        /// Shared by all nodes without properties.
        static NONE: LazyLock<Encoded> = LazyLock::new(|| Data::of(Properties::new()).into());
        Self {
            encoded: NONE.clone(),
            origins: Box::default(),
            count: 0,
            has_links: false,
        }
    }
}

impl From<Properties> for DeclaredProperties {
    /// Properties that are not declared in a file.
    fn from(properties: Properties) -> Self {
        Self {
            origins: Box::default(),
            count: u32::try_from(properties.len()).expect("a node holds less than 4 GiB"),
            has_links: properties.keys().any(|name| split_link(name).is_some()),
            encoded: Data::of(properties).into(),
        }
    }
}

/// Links by their stored names, each with its target. `None` if the target is no text.
pub(crate) type Targets<'a> = Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>;

/// The links among properties.
pub(crate) fn targets_of(properties: Properties) -> Targets<'static> {
    let text = |value| match value {
        Value::String(text) => Some(text.into()),
        _ => None,
    };
    let links = properties.into_iter();
    let links = links.filter(|(name, _)| split_link(name).is_some());
    links
        .map(|(name, value)| (name.into(), text(value)))
        .collect()
}

impl DeclaredProperties {
    /// The properties of live data. Returns `None` unless they are stored as an object and would
    /// be declared as one.
    pub(crate) fn stored(data: &[u8]) -> Option<Self> {
        let (object, names) = Self::stored_object(data)?;
        Some(Self {
            origins: Box::default(),
            count: u32::try_from(names.count).ok()?,
            has_links: names.has_links,
            encoded: Encoded::object(object),
        })
    }

    /// The object that [`DeclaredProperties::stored`] holds.
    pub(crate) fn stored_object(data: &[u8]) -> Option<(&[u8], Names)> {
        let (object, names) = value::stored_object(data)?;
        let is_bare = names.count == 0 || names.count == 1 && names.has_string_value;
        (!is_bare).then_some((object, names))
    }

    /// Properties as they are stored, with the place of each by name.
    pub(crate) fn new(encoded: Encoded, origins: &[Span], has_links: bool) -> Self {
        Self {
            encoded,
            origins: origins.into(),
            count: u32::try_from(origins.len()).expect("a node holds less than 4 GiB"),
            has_links,
        }
    }

    /// The bytes that store them.
    #[must_use]
    pub fn encoded(&self) -> &Encoded {
        &self.encoded
    }

    /// Where each is declared, by name.
    pub(crate) fn origins(&self) -> &[Span] {
        &self.origins
    }

    /// The value of one of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        self.encoded.get(name)
    }

    /// Those that are links.
    #[must_use]
    pub fn links(&self) -> Properties {
        if !self.has_links {
            return Properties::new();
        }
        self.encoded.select(|name| split_link(name).is_some())
    }

    /// As [`DeclaredProperties::links`]; decodes nothing but the links.
    pub(crate) fn targets(&self) -> Targets<'_> {
        if !self.has_links {
            return Vec::new();
        }
        let entries = entries(self.encoded.as_bytes());
        let links = entries.filter(|entry| split_link(&entry.name).is_some());
        let targets = links.map(|entry| (entry.name, serde_json::from_str(entry.value).ok()));
        let targets: Vec<_> = targets.collect();
        if targets.is_sorted_by(|(a, _), (b, _)| a < b) {
            return targets;
        }
        targets_of(self.links())
    }

    /// Whether there is a property of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.encoded.contains(name)
    }

    /// The data that stores all but the links.
    pub(crate) fn without_links(&self) -> Encoded {
        if !self.has_links {
            return self.encoded.clone();
        }
        let is_plain = |name: &str| split_link(name).is_none();
        let mut object = vec![b'{'];
        for entry in entries(self.encoded.as_bytes()).filter(|entry| is_plain(&entry.name)) {
            if entry.name == STRING_VALUE {
                // A single `string_value` is stored as bare text.
                return Data::of(self.encoded.select(is_plain)).into();
            }
            if object.len() > 1 {
                object.push(b',');
            }
            object.extend_from_slice(entry.text.as_bytes());
        }
        object.push(b'}');
        Encoded::object(&object)
    }

    /// The properties by name.
    #[must_use]
    pub fn decode(&self) -> Properties {
        self.encoded.decode().into_properties()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether any of them is a link.
    #[must_use]
    pub fn has_links(&self) -> bool {
        self.has_links
    }

    /// Where a property is declared.
    #[must_use]
    pub fn origin_of(&self, name: &str) -> Option<Span> {
        if self.origins.is_empty() {
            return None;
        }
        // Properties that are declared in a file are sorted by name.
        let object = self.encoded.to_object();
        let at = entries(&object).position(|entry| entry.name == name)?;
        self.origins.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_links_with_one_name_the_later_one_counts() {
        let stored = br#"{"b ->":"/x","a =>":1,"x":"b ->","b ->":"/y"}"#;
        let properties = DeclaredProperties::stored(stored).unwrap();
        let targets = properties.targets();
        let targets: Vec<_> = targets
            .iter()
            .map(|(name, target)| (&**name, target.as_deref()))
            .collect();
        assert_eq!(targets, [("a =>", None), ("b ->", Some("/y"))]);
        assert!(properties.contains("x") && !properties.contains("a"));
    }
}
