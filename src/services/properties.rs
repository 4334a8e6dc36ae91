//! A live view of a node's properties, read through links.

mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;

use super::board::{Numbered, Snapshot};
use super::error::{Error, typed};
use super::hub::Signal;
use super::resolving::Asked;
use super::supervision::Connected;
use super::view::{Reading, Subject};
use crate::model::path::ZPath;
use crate::model::value::Properties;
use crate::plan::links;
use crate::syntax::names::{LinkKind, split_link};

pub use view::PropertiesView;

/// What a property holds: a value, or a link that leads nowhere.
pub type Property = Result<Value, links::Error>;

/// The properties of a node at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeProperties {
    sequence: u64,
    real_path: Option<ZPath>,
    /// Whether the session may read the node.
    readable: bool,
    mzxid: i64,
    stored: Properties,
    /// What stands behind property links, by the name without the operator.
    linked: BTreeMap<String, Property>,
}

impl NodeProperties {
    /// The value of a property: the stored one, or what a property link of this name leads to.
    /// Returns `None` if there is none, or if the link leads nowhere.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.look(name)?.ok()
    }

    /// As [`NodeProperties::get`], with what is wrong where a link leads nowhere. Returns `None` if
    /// there is no such property.
    #[must_use]
    pub fn look(&self, name: &str) -> Option<Result<&Value, &links::Error>> {
        match self.stored.get(name) {
            Some(value) => Some(Ok(value)),
            None => self.linked.get(name).map(Result::as_ref),
        }
    }

    /// A property as a type of the caller's. Returns `None` if there is no such property.
    ///
    /// # Errors
    /// [`Error::Type`], and [`Error::Link`] where a link leads nowhere.
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Option<Result<T, Error>> {
        Some(match self.look(name)? {
            Ok(value) => typed(name, value.clone()),
            Err(error) => Err(Error::Link(error.clone())),
        })
    }

    /// All properties, links read through and left out themselves, as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Type`]; a property whose link leads nowhere counts as missing.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let values = self
            .iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.ok()?.clone())));
        typed("properties", Value::Object(values.collect()))
    }

    /// The properties by name, property links read through; symbolic links are left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Result<&Value, &links::Error>)> {
        let stored = self.stored.iter();
        let plain = stored.filter(|(name, _)| split_link(name).is_none());
        let plain = plain.map(|(name, value)| (name.as_str(), Ok(value)));
        let linked = self.linked.iter();
        let linked = linked.filter(|(name, _)| !self.stored.contains_key(*name));
        let mut all: Vec<_> = plain
            .chain(linked.map(|(name, value)| (name.as_str(), value.as_ref())))
            .collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all.into_iter()
    }

    /// The properties as they are stored, links as `"x ->"` and `"x =>"`.
    #[must_use]
    pub fn stored(&self) -> &Properties {
        &self.stored
    }

    /// How many are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Whether none is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// The node behind all links. `None` if there is no such node.
    #[must_use]
    pub fn real_path(&self) -> Option<&ZPath> {
        self.real_path.as_ref()
    }

    /// Whether there is no such node any more, and no link leads elsewhere.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.real_path.is_none()
    }

    /// Everything by name, as it is compared.
    fn all(&self) -> BTreeMap<&str, Result<&Value, &links::Error>> {
        let stored = self.stored.iter();
        let mut all: BTreeMap<_, _> = self
            .linked
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
            .collect();
        all.extend(stored.map(|(name, value)| (name.as_str(), Ok(value))));
        all
    }
}

impl Snapshot for NodeProperties {
    type Change = PropertiesChange;

    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Numbered for NodeProperties {
    fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    fn change_to(&self, new: &Arc<Self>) -> Option<Self::Change> {
        let (old, now) = (self.all(), new.all());
        let names = |names: Vec<&&str>| names.into_iter().map(|name| (*name).to_owned()).collect();
        let change = PropertiesChange {
            added: names(now.keys().filter(|name| !old.contains_key(*name)).collect()),
            removed: names(old.keys().filter(|name| !now.contains_key(*name)).collect()),
            updated: names(
                now.iter()
                    .filter(|(name, value)| old.get(*name).is_some_and(|old| old != *value))
                    .map(|(name, _)| name)
                    .collect(),
            ),
            snapshot: new.clone(),
        };
        let is_same = change.added.is_empty()
            && change.removed.is_empty()
            && change.updated.is_empty()
            && self.real_path == new.real_path;
        (!is_same).then_some(change)
    }

    fn is_older_than(&self, new: &Self) -> bool {
        self.mzxid != new.mzxid
    }
}

/// What differs from one snapshot to the next, by name: stored properties, and those read through
/// property links.
#[derive(Debug, Clone)]
pub struct PropertiesChange {
    /// Properties that were not there before.
    pub added: Vec<String>,
    /// Properties that are not there any more.
    pub removed: Vec<String>,
    /// Properties that have another value.
    pub updated: Vec<String>,
    /// All there is now.
    pub snapshot: Arc<NodeProperties>,
}

/// Properties are read with the links that lead to them.
struct Reader;

impl Subject for Reader {
    type Snapshot = NodeProperties;
    type Found = NodeProperties;

    fn nothing() -> NodeProperties {
        NodeProperties {
            sequence: 0,
            real_path: None,
            readable: true,
            mzxid: 0,
            stored: Properties::new(),
            linked: BTreeMap::new(),
        }
    }

    fn find(nodes: &Asked<'_>, path: &ZPath) -> Result<NodeProperties, links::Error> {
        read_all(nodes, path)
    }

    /// A node that the session may not read would look like one without properties.
    fn check(properties: &NodeProperties) -> Result<(), Error> {
        match &properties.real_path {
            Some(path) if !properties.readable => Err(Error::NoPermission(path.clone())),
            _ => Ok(()),
        }
    }

    fn new(_: mpsc::UnboundedSender<Signal>) -> Self {
        Self
    }

    async fn read(
        &mut self,
        _: &Connected,
        found: &NodeProperties,
        _: &NodeProperties,
    ) -> Result<Reading<NodeProperties>, Error> {
        Ok(Reading::New(found.clone()))
    }
}

/// All properties of the node at a path.
fn read_all(nodes: &Asked<'_>, path: &ZPath) -> Result<NodeProperties, links::Error> {
    let real = links::resolve(nodes, path)?;
    let node = nodes.touch(&real)?;
    let mut linked = BTreeMap::new();
    let mut unknown = Vec::new();
    for stored in node.properties.keys() {
        let Some((name, LinkKind::Property)) = split_link(stored) else {
            continue;
        };
        match links::property(nodes, &real, name) {
            Err(links::Error::Unknown(paths)) => unknown.extend(paths),
            property => _ = linked.insert(name.to_owned(), property),
        }
    }
    if !unknown.is_empty() {
        return Err(links::Error::Unknown(unknown));
    }
    Ok(NodeProperties {
        sequence: 0,
        real_path: Some(real),
        readable: node.is_readable(),
        mzxid: node.mzxid,
        stored: node.properties.clone(),
        linked,
    })
}
