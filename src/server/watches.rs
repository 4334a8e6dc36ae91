//! Watches: which connections watch which paths, and which of them an event goes to.
//!
//! ZooKeeper keeps two tables, one for changes of nodes and one for changes of their children; a
//! persistent watch is in both. A session has at most one watch of a path in one table, so a
//! one-shot watch takes the place of a persistent one (ZOOKEEPER-4466). That is visible, and kept.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use foldhash::fast::RandomState;

/// The number of a connection: watches belong to connections, and go with them.
pub(crate) type ConnectionId = u64;

/// What happened, by the numbers of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeEvent {
    Created = 1,
    Deleted = 2,
    DataChanged = 3,
    ChildrenChanged = 4,
}

/// How long a watch lasts, and what it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    OneShot,
    Persistent,
    PersistentRecursive,
}

/// Which watches an event reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of its path that are not recursive.
    Here,
    /// Those of its path, and the recursive ones above it.
    Above,
}

/// One table of watches.
#[derive(Debug, Default)]
pub(crate) struct Table {
    by_path: HashMap<Box<str>, BTreeMap<ConnectionId, Mode>, RandomState>,
    by_connection: HashMap<ConnectionId, HashSet<Box<str>>>,
    /// If there is none, the parents of a changed path are not looked up.
    recursive: usize,
}

impl Table {
    pub(crate) fn add(&mut self, path: &str, connection: ConnectionId, mode: Mode) {
        let watchers = match self.by_path.get_mut(path) {
            Some(watchers) => watchers,
            None => self.by_path.entry(path.into()).or_default(),
        };
        let old = watchers.insert(connection, mode);
        self.recursive += usize::from(mode == Mode::PersistentRecursive);
        self.recursive -= usize::from(old == Some(Mode::PersistentRecursive));
        if old.is_none() {
            let paths = self.by_connection.entry(connection).or_default();
            paths.insert(path.into());
        }
    }

    /// The connections that get an event at `path`. Removes their one-shot watches.
    pub(crate) fn trigger(
        &mut self,
        path: &str,
        event: NodeEvent,
        reach: Reach,
    ) -> BTreeSet<ConnectionId> {
        let mut connections = BTreeSet::new();
        if self.by_path.is_empty() {
            return connections;
        }
        if let Some(watchers) = self.by_path.get_mut(path) {
            let mut spent = Vec::new();
            for (&connection, &mode) in &*watchers {
                match mode {
                    Mode::PersistentRecursive if event == NodeEvent::ChildrenChanged => continue,
                    Mode::PersistentRecursive if reach == Reach::Here => continue,
                    Mode::OneShot => spent.push(connection),
                    _ => {}
                }
                connections.insert(connection);
            }
            for connection in spent {
                self.remove(path, connection);
            }
        }
        if self.recursive > 0 && event != NodeEvent::ChildrenChanged && reach == Reach::Above {
            for above in paths_above(path) {
                let watchers = self.by_path.get(above).into_iter().flatten();
                connections.extend(
                    watchers
                        .filter(|(_, mode)| **mode == Mode::PersistentRecursive)
                        .map(|(connection, _)| *connection),
                );
            }
        }
        connections
    }

    /// The recursive watches of a path and above it, from the bottom up, each with its own path.
    pub(crate) fn recursive(&self, path: &str) -> Vec<(Box<str>, ConnectionId)> {
        if self.recursive == 0 {
            return Vec::new();
        }
        let places = [path].into_iter().chain(paths_above(path));
        let found = places.filter_map(|place| self.by_path.get_key_value(place));
        let found = found.flat_map(|(place, watchers)| {
            let recursive = watchers
                .iter()
                .filter(|(_, mode)| **mode == Mode::PersistentRecursive);
            recursive.map(move |(connection, _)| (place.clone(), *connection))
        });
        found.collect()
    }

    /// Removes one watch. Returns `false` if there is none.
    pub(crate) fn remove(&mut self, path: &str, connection: ConnectionId) -> bool {
        let Some(watchers) = self.by_path.get_mut(path) else {
            return false;
        };
        let Some(mode) = watchers.remove(&connection) else {
            return false;
        };
        if watchers.is_empty() {
            self.by_path.remove(path);
        }
        self.recursive -= usize::from(mode == Mode::PersistentRecursive);
        if let Some(paths) = self.by_connection.get_mut(&connection) {
            paths.remove(path);
            if paths.is_empty() {
                self.by_connection.remove(&connection);
            }
        }
        true
    }

    /// Removes all watches of a connection.
    pub(crate) fn remove_connection(&mut self, connection: ConnectionId) {
        let paths = self.by_connection.get(&connection).cloned();
        for path in paths.into_iter().flatten() {
            self.remove(&path, connection);
        }
    }

    /// Whether any connection watches this path. ZooKeeper does not check which one.
    pub(crate) fn has_any(&self, path: &str) -> bool {
        self.by_path.contains_key(path)
    }

    /// How many watches there are.
    pub(crate) fn len(&self) -> usize {
        self.by_path.values().map(BTreeMap::len).sum()
    }
}

/// The paths above a path, from the bottom up, with the root.
fn paths_above(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.rmatch_indices('/').map(|(end, _)| end);
    ends.filter(move |_| path != "/")
        .map(move |end| if end == 0 { "/" } else { &path[..end] })
}

/// Both tables.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    pub(crate) data: Table,
    pub(crate) children: Table,
}

/// The meaning of the type in a request about watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Children,
    Data,
    Any,
}

impl Kind {
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Children),
            2 => Some(Self::Data),
            3 => Some(Self::Any),
            _ => None,
        }
    }
}

impl Watches {
    pub(crate) fn add_persistent(&mut self, path: &str, connection: ConnectionId, mode: Mode) {
        self.data.add(path, connection, mode);
        self.children.add(path, connection, mode);
    }

    pub(crate) fn has_any(&self, path: &str, kind: Kind) -> bool {
        kind != Kind::Data && self.children.has_any(path)
            || kind != Kind::Children && self.data.has_any(path)
    }

    pub(crate) fn remove(&mut self, path: &str, kind: Kind, connection: ConnectionId) -> bool {
        let children = kind != Kind::Data && self.children.remove(path, connection);
        let data = kind != Kind::Children && self.data.remove(path, connection);
        children || data
    }

    pub(crate) fn remove_connection(&mut self, connection: ConnectionId) {
        self.data.remove_connection(connection);
        self.children.remove_connection(connection);
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len() + self.children.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triggered(table: &mut Table, path: &str, event: NodeEvent) -> Vec<ConnectionId> {
        table
            .trigger(path, event, Reach::Above)
            .into_iter()
            .collect()
    }

    #[test]
    fn a_one_shot_watch_fires_once() {
        let mut table = Table::default();
        table.add("/a", 1, Mode::OneShot);
        table.add("/a", 2, Mode::OneShot);
        assert_eq!(triggered(&mut table, "/a/b", NodeEvent::Created), [0; 0]);
        assert_eq!(triggered(&mut table, "/a", NodeEvent::DataChanged), [1, 2]);
        assert_eq!(triggered(&mut table, "/a", NodeEvent::DataChanged), [0; 0]);
        assert_eq!(table.len(), 0);
        assert!(table.by_connection.is_empty());
    }

    #[test]
    fn recursive_watches_hear_of_everything_below() {
        let mut table = Table::default();
        table.add("/", 1, Mode::PersistentRecursive);
        table.add("/a", 2, Mode::PersistentRecursive);
        table.add("/a", 3, Mode::Persistent);
        for _ in 0..2 {
            assert_eq!(triggered(&mut table, "/a/b/c", NodeEvent::Created), [1, 2]);
            assert_eq!(
                triggered(&mut table, "/a", NodeEvent::DataChanged),
                [1, 2, 3]
            );
            assert_eq!(triggered(&mut table, "/a", NodeEvent::ChildrenChanged), [3]);
            assert_eq!(triggered(&mut table, "/ab", NodeEvent::Deleted), [1]);
            assert_eq!(triggered(&mut table, "/", NodeEvent::DataChanged), [1]);
        }
    }

    #[test]
    fn recursive_watches_are_found_with_their_own_paths() {
        let mut table = Table::default();
        table.add("/", 1, Mode::PersistentRecursive);
        table.add("/a", 2, Mode::PersistentRecursive);
        table.add("/a", 3, Mode::Persistent);
        table.add("/a/b", 1, Mode::PersistentRecursive);
        let found: Vec<_> = table.recursive("/a/b").into_iter().collect();
        let shown: Vec<_> = found.iter().map(|(path, id)| (&**path, *id)).collect();
        assert_eq!(shown, [("/a/b", 1), ("/a", 2), ("/", 1)]);
        let here = table.trigger("/a", NodeEvent::DataChanged, Reach::Here);
        assert_eq!(here.into_iter().collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_one_shot_watch_replaces_a_persistent_one() {
        let mut table = Table::default();
        table.add("/a", 1, Mode::PersistentRecursive);
        table.add("/a", 1, Mode::OneShot);
        assert_eq!(table.recursive, 0);
        assert_eq!(triggered(&mut table, "/a/b", NodeEvent::Created), [0; 0]);
        assert_eq!(triggered(&mut table, "/a", NodeEvent::DataChanged), [1]);
        assert_eq!(triggered(&mut table, "/a", NodeEvent::DataChanged), [0; 0]);
    }

    #[test]
    fn watches_are_removed_by_kind_and_by_connection() {
        let mut watches = Watches::default();
        watches.add_persistent("/a", 1, Mode::PersistentRecursive);
        watches.data.add("/b", 2, Mode::OneShot);
        assert!(watches.has_any("/a", Kind::Any));
        assert!(watches.remove("/a", Kind::Children, 1));
        assert!(!watches.has_any("/a", Kind::Children));
        assert!(watches.has_any("/a", Kind::Data));
        assert!(!watches.remove("/a", Kind::Any, 2));
        watches.remove_connection(1);
        assert!(!watches.has_any("/a", Kind::Any));
        assert_eq!((watches.len(), watches.data.recursive), (1, 0));
        watches.remove_connection(2);
        assert_eq!(watches.len(), 0);
    }

    #[test]
    fn the_paths_above_a_path() {
        let above = |path| paths_above(path).collect::<Vec<_>>();
        assert_eq!(above("/a/b/c"), ["/a/b", "/a", "/"]);
        assert_eq!(above("/a"), ["/"]);
        assert_eq!(above("/"), [""; 0]);
        assert_eq!(above(""), [""; 0]);
    }
}
