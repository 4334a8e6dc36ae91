//! The data tree: nodes by path, and who owns them. No I/O, no watches, no clock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::acl::{self, Acl, permission};
use super::dialect::{Dialect, Difference, KEEPER};
use super::names::Names;
use super::node::{Moment, NewNode, Node, NodeKind, Stat};

/// All nodes.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: HashMap<Box<str>, Node, RandomState>,
    ephemerals: HashMap<i64, Names>,
    /// Containers and nodes with a time to live.
    mortal: BTreeSet<Box<str>>,
    data_size: u64,
    open: acl::List,
    dialect: Dialect,
    knows_sasl: bool,
}

impl Tree {
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self::of(Dialect::ZooKeeper)
    }

    /// The tree of a new server.
    pub(crate) fn of(dialect: Dialect) -> Self {
        let open: acl::List = [Acl::open()].into();
        let mut tree = Self {
            nodes: HashMap::default(),
            ephemerals: HashMap::new(),
            mortal: BTreeSet::new(),
            data_size: 0,
            open: Arc::clone(&open),
            dialect,
            knows_sasl: false,
        };
        for &(path, data) in dialect.own_nodes() {
            let mut node = Node::of_old(Arc::clone(&open));
            node.data = Some(data.into());
            if path == "/zookeeper/config" {
                node.acl = [Acl::new(permission::READ, "world", "anyone")].into();
                node.aversion = -1;
            }
            tree.nodes.insert(path.into(), node);
            tree.data_size += java_length(path) + data.len() as u64;
            if path != "/" {
                let (parent, name) = split(path);
                if let Some(parent) = tree.nodes.get_mut(key(parent)) {
                    parent.add_child(name);
                    if dialect.has(Difference::OwnNodes) {
                        parent.begin_with(path != KEEPER);
                    }
                }
            }
        }
        tree
    }

    /// The ACL that gives everybody all permissions.
    pub(crate) fn open_acl(&self) -> &acl::List {
        &self.open
    }

    /// Whether ACLs may name users of SASL.
    pub(crate) fn knows_sasl(&self) -> bool {
        self.knows_sasl
    }

    pub(crate) fn know_sasl(&mut self) {
        self.knows_sasl = true;
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Whether a path may not be deleted.
    pub(crate) fn is_reserved(&self, path: &str) -> bool {
        let own = self.dialect.own_nodes();
        own.iter().any(|(reserved, _)| *reserved == path)
    }

    /// The node at a path as it came; the empty path is the root's, too.
    pub(crate) fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(key(path))
    }

    /// How many nodes ZooKeeper says there are: it counts the root twice.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len() + 1
    }

    /// The characters of all paths and the bytes of all data.
    pub(crate) fn data_size(&self) -> u64 {
        self.data_size
    }

    /// All paths with their nodes, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (&**path, node))
    }

    /// How many nodes there are below a node.
    pub(crate) fn count_below(&self, path: &str) -> usize {
        match path {
            "/" => self.nodes.len() - 1,
            // Every path but the empty one starts with a slash.
            "" => self.nodes.len(),
            _ => {
                let mut count = 0;
                let mut paths = vec![path.to_owned()];
                while let Some(path) = paths.pop() {
                    let Some(node) = self.get(&path) else {
                        continue;
                    };
                    count += node.child_count();
                    paths.extend(node.children().map(|name| format!("{path}/{name}")));
                }
                count
            }
        }
    }

    /// Creates a node. Returns its stat and the parent's ACL, or `None` if the parent is missing or
    /// the node exists.
    pub(crate) fn create(
        &mut self,
        path: &str,
        new: &NewNode,
        moment: Moment,
    ) -> Option<(Stat, acl::List)> {
        let (parent_path, name) = split(path);
        let parent = self.nodes.get_mut(key(parent_path))?;
        if !parent.add_child(name) {
            return None;
        }
        let cversion = match new.parent_cversion {
            -1 => parent.cversion.wrapping_add(1),
            cversion => cversion,
        };
        if cversion > parent.cversion {
            parent.cversion = cversion;
            parent.pzxid = moment.zxid;
        }
        let parent_acl = Arc::clone(&parent.acl);
        let node = Node::of_new(new, moment);
        let stat = node.stat();
        self.data_size += java_length(path) + node.data_length() as u64;
        match new.kind {
            NodeKind::Persistent => {}
            NodeKind::Ephemeral(session) => {
                let paths = self.ephemerals.entry(session);
                paths.or_insert_with(|| Names::with_slots(16)).insert(path);
            }
            NodeKind::Container | NodeKind::Ttl(_) => {
                self.mortal.insert(path.into());
            }
        }
        self.nodes.insert(path.into(), node);
        Some((stat, parent_acl))
    }

    /// Removes a node without children. Returns its ACL and its parent's, or `None` if there is no
    /// node.
    pub(crate) fn delete(&mut self, path: &str, zxid: i64) -> Option<(acl::List, acl::List)> {
        let node = self.nodes.remove(path)?;
        let (parent_path, name) = split(path);
        let parent = self.nodes.get_mut(key(parent_path))?;
        parent.remove_child(name);
        if !self.dialect.has(Difference::ForgetsDeletions) {
            parent.pzxid = parent.pzxid.max(zxid);
        }
        let parent_acl = Arc::clone(&parent.acl);
        self.data_size -= java_length(path) + node.data_length() as u64;
        match node.kind {
            NodeKind::Persistent => {}
            NodeKind::Ephemeral(session) => {
                if let Some(paths) = self.ephemerals.get_mut(&session) {
                    paths.remove(path);
                }
            }
            NodeKind::Container | NodeKind::Ttl(_) => {
                self.mortal.remove(path);
            }
        }
        Some((node.acl, parent_acl))
    }

    /// Writes a node's data. Returns its stat and its ACL, or `None` if there is no node.
    pub(crate) fn set_data(
        &mut self,
        path: &str,
        data: Option<Arc<[u8]>>,
        version: i32,
        moment: Moment,
    ) -> Option<(Stat, acl::List)> {
        let node = self.nodes.get_mut(key(path))?;
        self.data_size -= node.data_length() as u64;
        node.data = data;
        node.version = version;
        node.mzxid = moment.zxid;
        node.mtime = moment.time;
        self.data_size += node.data_length() as u64;
        let written = (node.stat(), Arc::clone(&node.acl));
        if self.dialect.has(Difference::CountsWrites)
            && !matches!(path, "" | "/")
            && let Some(parent) = self.nodes.get_mut(key(split(path).0))
        {
            parent.note_child_write();
        }
        Some(written)
    }

    /// Writes a node's ACL. Returns its stat, or `None` if there is no node.
    pub(crate) fn set_acl(&mut self, path: &str, acl: acl::List, version: i32) -> Option<Stat> {
        let node = self.nodes.get_mut(key(path))?;
        node.acl = acl;
        node.aversion = version;
        Some(node.stat())
    }

    /// The ephemeral nodes of a session, in the order in which ZooKeeper lists and deletes them.
    pub(crate) fn ephemerals_of(&self, session: i64) -> Vec<String> {
        let paths = self.ephemerals.get(&session).map(Names::copied);
        paths
            .iter()
            .flat_map(|paths| paths.iter().map(str::to_owned))
            .collect()
    }

    /// Forgets a session whose nodes are deleted.
    pub(crate) fn forget_session(&mut self, session: i64) {
        self.ephemerals.remove(&session);
    }

    /// How many ephemeral nodes there are.
    pub(crate) fn ephemeral_count(&self) -> usize {
        self.ephemerals.values().map(Names::len).sum()
    }

    /// Empty containers that had children, and nodes whose time to live has passed.
    pub(crate) fn dead(&self, time: i64) -> Vec<String> {
        let is_dead = |node: &Node| match node.kind {
            _ if node.child_count() > 0 => false,
            NodeKind::Container => node.cversion > 0,
            NodeKind::Ttl(ttl) => ttl > 0 && time - node.mtime > ttl,
            _ => false,
        };
        self.mortal
            .iter()
            .filter(|path| self.get(path).is_some_and(is_dead))
            .map(|path| path.clone().into_string())
            .collect()
    }
}

/// The parent's path, empty for the root, and the name; a path without a slash is all name.
pub(crate) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn java_length(text: &str) -> u64 {
    let length = if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    };
    length as u64
}

fn key(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(zxid: i64) -> Moment {
        Moment {
            zxid,
            time: 1000 + zxid,
        }
    }

    fn new(tree: &Tree, parent_cversion: i32, kind: NodeKind) -> NewNode {
        NewNode {
            data: Some(b"ab"[..].into()),
            acl: Arc::clone(tree.open_acl()),
            kind,
            parent_cversion,
        }
    }

    fn grown(paths: &[(&str, NodeKind)]) -> Tree {
        let mut tree = Tree::new();
        for (i, (path, kind)) in paths.iter().enumerate() {
            let new = new(&tree, -1, *kind);
            let moment = at(i64::try_from(i).unwrap() + 1);
            assert!(tree.create(path, &new, moment).is_some(), "{path}");
        }
        tree
    }

    #[test]
    fn a_new_tree_is_as_zookeepers() {
        let tree = Tree::new();
        assert_eq!(tree.node_count(), 5);
        assert_eq!(tree.count_below("/"), 3);
        assert_eq!(tree.count_below(""), 4);
        assert_eq!(tree.count_below("/zookeeper"), 2);
        let stat = |path| tree.get(path).unwrap().stat();
        assert_eq!((stat("/").cversion, stat("/").num_children), (-1, 1));
        assert_eq!(stat(""), stat("/"));
        assert_eq!(stat("/zookeeper").cversion, -2);
        assert_eq!(stat("/zookeeper/config").aversion, -1);
        let names: Vec<&str> = tree.get("/zookeeper").unwrap().children().collect();
        assert_eq!(names, ["config", "quota"]);
    }

    #[test]
    fn creating_and_deleting_shows_in_both_stats() {
        let mut tree = grown(&[("/a", NodeKind::Persistent)]);
        let child = new(&tree, 1, NodeKind::Persistent);
        let (stat, _) = tree.create("/a/b", &child, at(5)).unwrap();
        assert_eq!((stat.czxid, stat.mzxid, stat.pzxid), (5, 5, 5));
        assert_eq!((stat.ctime, stat.data_length, stat.version), (1005, 2, 0));
        let stat = tree.get("/a").unwrap().stat();
        assert_eq!((stat.cversion, stat.pzxid, stat.num_children), (1, 5, 1));
        assert!(tree.create("/a/b", &child, at(6)).is_none());
        assert!(tree.create("/no/b", &child, at(6)).is_none());

        assert!(tree.delete("/a/b", 7).is_some());
        assert!(tree.delete("/a/b", 8).is_none());
        let stat = tree.get("/a").unwrap().stat();
        assert_eq!((stat.cversion, stat.pzxid, stat.num_children), (2, 7, 0));
        assert_eq!((stat.mzxid, stat.version), (1, 0));
    }

    #[test]
    fn the_count_of_children_wraps_as_zookeepers_does() {
        let mut tree = grown(&[("/a", NodeKind::Persistent)]);
        for (name, given, cversion, pzxid) in [
            ("/a/x", i32::MAX, i32::MAX, 2),
            // A number that is not greater is ignored, and the transaction stays as it was.
            ("/a/y", i32::MIN, i32::MAX, 2),
            ("/a/z", 5, i32::MAX, 2),
        ] {
            let child = new(&tree, given, NodeKind::Persistent);
            tree.create(name, &child, at(2)).unwrap();
            let node = tree.get("/a").unwrap();
            assert_eq!((node.cversion, node.pzxid), (cversion, pzxid), "{name}");
        }
        assert_eq!(tree.get("/a").unwrap().stat().cversion, -5);
    }

    #[test]
    fn data_may_be_null() {
        let mut tree = grown(&[("/a", NodeKind::Persistent)]);
        let size = tree.data_size();
        let (stat, _) = tree.set_data("/a", None, 7, at(9)).unwrap();
        assert_eq!((stat.version, stat.data_length), (7, 0));
        assert_eq!((stat.mzxid, stat.mtime, stat.pzxid), (9, 1009, 1));
        assert_eq!(tree.data_size(), size - 2);
        assert!(tree.set_data("/b", None, 0, at(10)).is_none());
    }

    #[test]
    fn ephemeral_nodes_are_known_by_their_session() {
        let owner = NodeKind::Ephemeral(77);
        let mut tree = grown(&[
            ("/q", owner),
            ("/a", owner),
            ("/b", NodeKind::Ephemeral(78)),
        ]);
        assert_eq!(tree.get("/q").unwrap().stat().ephemeral_owner, 77);
        assert_eq!(tree.ephemeral_count(), 3);
        // Both hash to one slot, so they are in the order of their creation.
        assert_eq!(tree.ephemerals_of(77), ["/q", "/a"]);
        tree.delete("/q", 9);
        assert_eq!(tree.ephemerals_of(77), ["/a"]);
        assert_eq!(tree.ephemerals_of(1), [""; 0]);
    }

    #[test]
    fn containers_and_nodes_with_a_time_to_live_die() {
        let mut tree = grown(&[
            ("/never", NodeKind::Container),
            ("/empty", NodeKind::Container),
            ("/empty/x", NodeKind::Persistent),
            ("/full", NodeKind::Container),
            ("/full/x", NodeKind::Persistent),
            ("/ttl", NodeKind::Ttl(100)),
        ]);
        assert_eq!(tree.get("/ttl").unwrap().stat().ephemeral_owner, 0);
        assert_eq!(tree.dead(1000), [""; 0]);
        tree.delete("/empty/x", 9);
        assert_eq!(tree.dead(1106), ["/empty"]);
        assert_eq!(tree.dead(1107), ["/empty", "/ttl"]);
        tree.set_data("/ttl", None, 1, at(100));
        assert_eq!(tree.dead(1107), ["/empty"]);
    }
}
