//! The children of a node at one time, and what differs from then on.

use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::tree::{Side, join_by};
use crate::model::value::{Data, Properties};
use crate::services::board::{Numbered, Snapshot};
use crate::services::error::{Error, typed};
use crate::zookeeper::session::Stat;

/// A child of a node.
#[derive(Debug)]
pub struct Child {
    name: String,
    data: Vec<u8>,
    version: i32,
    mzxid: i64,
    ephemeral: bool,
    readable: bool,
    properties: OnceLock<Properties>,
}

impl Child {
    pub(super) fn read(name: &str, data: Vec<u8>, stat: &Stat) -> Self {
        Self {
            name: name.to_owned(),
            data,
            version: stat.version,
            mzxid: stat.mzxid,
            ephemeral: stat.ephemeral_owner != 0,
            readable: true,
            properties: OnceLock::new(),
        }
    }

    pub(super) fn of_live(name: &str, live: Live) -> Self {
        match live {
            Live::Read(node) => Self {
                name: name.to_owned(),
                version: node.version.get(),
                mzxid: node.mzxid,
                ephemeral: node.ephemeral,
                data: node.data,
                readable: true,
                properties: OnceLock::new(),
            },
            Live::Listed | Live::Unreadable | Live::WithoutData(_) | Live::Unlisted(_) => {
                Self::unreadable(name)
            }
        }
    }

    pub(super) fn unreadable(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            data: Vec::new(),
            version: -1,
            mzxid: 0,
            ephemeral: false,
            readable: false,
            properties: OnceLock::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data, empty where it may not be read.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The version of its data, -1 where it may not be read.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.version
    }

    /// The number of the transaction that wrote it last.
    #[must_use]
    pub fn mzxid(&self) -> i64 {
        self.mzxid
    }

    /// Whether it is ephemeral.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// Whether it may be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Its properties as they are stored; decoded when they are first asked for.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        self.properties
            .get_or_init(|| Data::decode(&self.data).into_properties())
    }

    /// Its properties as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Type`].
    pub fn get_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let object = Value::Object(self.properties().clone().into_iter().collect());
        typed(&self.name, object)
    }
}

/// The children of a node at one time.
#[derive(Debug, Clone)]
pub struct Children {
    pub(super) sequence: u64,
    pub(super) real_path: Option<ZPath>,
    /// Sorted by name.
    pub(super) children: Vec<Arc<Child>>,
}

impl Children {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// The children by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Child>> {
        self.children.iter()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.children.iter().map(|child| child.name())
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Child>> {
        let place = self
            .children
            .binary_search_by(|child| child.name().cmp(name));
        place.ok().map(|place| &self.children[place])
    }

    /// The node they are children of, behind all links. `None` if there is no such node.
    #[must_use]
    pub fn real_path(&self) -> Option<&ZPath> {
        self.real_path.as_ref()
    }

    /// Whether there is no such node any more, and no link leads elsewhere.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.real_path.is_none()
    }
}

impl Snapshot for Children {
    type Change = ChildrenChange;

    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Numbered for Children {
    fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    fn change_to(&self, new: &Arc<Self>) -> Option<Self::Change> {
        let mut change = ChildrenChange {
            added: Vec::new(),
            removed: Vec::new(),
            updated: Vec::new(),
            snapshot: new.clone(),
        };
        for side in join_by(&self.children, &new.children, |a, b| a.name.cmp(&b.name)) {
            match side {
                Side::Left(gone) => change.removed.push(Arc::clone(gone)),
                Side::Right(come) => change.added.push(Arc::clone(come)),
                Side::Both(before, after) if before.mzxid != after.mzxid => {
                    change.updated.push(Arc::clone(after));
                }
                Side::Both(..) => {}
            }
        }
        let is_same = change.added.is_empty()
            && change.removed.is_empty()
            && change.updated.is_empty()
            && self.real_path == new.real_path;
        (!is_same).then_some(change)
    }
}

/// What differs from one snapshot to the next.
#[derive(Debug, Clone)]
pub struct ChildrenChange {
    /// Children that were not there before.
    pub added: Vec<Arc<Child>>,
    /// Children that are not there any more, as they were.
    pub removed: Vec<Arc<Child>>,
    /// Children that were written, or made anew, since.
    pub updated: Vec<Arc<Child>>,
    /// All there is now.
    pub snapshot: Arc<Children>,
}
