//! Nodes and their stats.

use std::sync::Arc;

use super::acl;
use super::names::Names;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// It stays until it is deleted.
    Persistent,
    /// It is deleted when the session with this number ends.
    Ephemeral(i64),
    /// It is deleted some time after its last child.
    Container,
    /// It is deleted after it had no child and no write for so many milliseconds.
    Ttl(i64),
}

/// The stat of a node, with ZooKeeper's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stat {
    /// The transaction that created the node.
    pub czxid: i64,
    /// The transaction that last wrote its data.
    pub mzxid: i64,
    /// When it was created, in milliseconds since 1970.
    pub ctime: i64,
    /// When its data was last written, in milliseconds since 1970.
    pub mtime: i64,
    /// How often its data was written.
    pub version: i32,
    /// How often a child was created or deleted; in ClickHouse Keeper, or written.
    pub cversion: i32,
    /// How often its ACL was written.
    pub aversion: i32,
    /// The session that an ephemeral node belongs to, else 0.
    pub ephemeral_owner: i64,
    /// The bytes of its data.
    pub data_length: i32,
    /// The number of its children.
    pub num_children: i32,
    /// The transaction that last created or deleted a child.
    pub pzxid: i64,
}

/// A node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Null data differs from empty data.
    pub(crate) data: Option<Arc<[u8]>>,
    pub(crate) acl: acl::List,
    pub(crate) kind: NodeKind,
    pub(crate) czxid: i64,
    pub(crate) mzxid: i64,
    pub(crate) pzxid: i64,
    pub(crate) ctime: i64,
    pub(crate) mtime: i64,
    pub(crate) version: i32,
    /// How many children were ever created. [`Stat`] counts deletions, too.
    pub(crate) cversion: i32,
    pub(crate) aversion: i32,
    /// What the stat's `cversion` has beyond creations and deletions.
    more_changes: i32,
    /// How many children the stat does not count.
    uncounted: i32,
    /// `None` until the first child.
    children: Option<Box<Names>>,
}

impl Node {
    /// A node that no transaction created.
    pub(crate) fn of_old(acl: acl::List) -> Self {
        Self {
            data: Some([].into()),
            acl,
            kind: NodeKind::Persistent,
            czxid: 0,
            mzxid: 0,
            pzxid: 0,
            ctime: 0,
            mtime: 0,
            version: 0,
            cversion: 0,
            aversion: 0,
            more_changes: 0,
            uncounted: 0,
            children: None,
        }
    }

    /// A new node.
    pub(crate) fn of_new(new: &NewNode, Moment { zxid, time }: Moment) -> Self {
        Self {
            data: new.data.clone(),
            kind: new.kind,
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time,
            mtime: time,
            ..Self::of_old(Arc::clone(&new.acl))
        }
    }

    pub(crate) fn stat(&self) -> Stat {
        let num_children = i32::try_from(self.child_count()).unwrap_or(i32::MAX);
        let num_children = num_children - self.uncounted;
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            ctime: self.ctime,
            mtime: self.mtime,
            version: self.version,
            cversion: (self.cversion.wrapping_mul(2))
                .wrapping_sub(num_children)
                .wrapping_add(self.more_changes),
            aversion: self.aversion,
            ephemeral_owner: match self.kind {
                NodeKind::Ephemeral(session) => session,
                _ => 0,
            },
            data_length: i32::try_from(self.data_length()).unwrap_or(i32::MAX),
            num_children,
            pzxid: self.pzxid,
        }
    }

    pub(crate) fn child_count(&self) -> usize {
        self.children.as_ref().map_or(0, |names| names.len())
    }

    /// As ClickHouse Keeper, does not count a child that is there from the beginning as a change, and those
    /// of its own node not as children.
    pub(crate) fn begin_with(&mut self, is_hidden: bool) {
        match is_hidden {
            true => self.uncounted += 1,
            false => self.more_changes += 1,
        }
    }

    /// As ClickHouse Keeper, counts that a child was written.
    pub(crate) fn note_child_write(&mut self) {
        self.more_changes = self.more_changes.wrapping_add(1);
    }

    /// The names of the children, in ZooKeeper's order.
    pub(crate) fn children(&self) -> impl Iterator<Item = &str> {
        self.children.iter().flat_map(|names| names.iter())
    }

    pub(crate) fn data_length(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.len())
    }

    /// Adds the name of a child. Returns `false` if there is one of that name.
    pub(crate) fn add_child(&mut self, name: &str) -> bool {
        let children = &mut self.children;
        children
            .get_or_insert_with(|| Box::new(Names::with_slots(8)))
            .insert(name)
    }

    /// Removes the name of a child. Returns `false` if there is none.
    pub(crate) fn remove_child(&mut self, name: &str) -> bool {
        let children = &mut self.children;
        children.as_mut().is_some_and(|names| names.remove(name))
    }
}

/// The properties of a node to be created.
#[derive(Debug, Clone)]
pub(crate) struct NewNode {
    pub(crate) data: Option<Arc<[u8]>>,
    pub(crate) acl: acl::List,
    pub(crate) kind: NodeKind,
    /// How the parent's count of children that were ever created changes.
    pub(crate) parent_cversion: i32,
}

/// The transaction that a change is part of, and its time in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) zxid: i64,
    pub(crate) time: i64,
}
