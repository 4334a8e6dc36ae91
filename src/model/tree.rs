//! A tree of nodes as one sorted sequence.

use std::cmp::Ordering;
use std::hash::BuildHasher as _;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::model::path::ZPath;

/// Nodes keyed by path, ordered by component: parents before children, every subtree contiguous.
///
/// A tree is ancestor-closed below its top: where `/a/b` stands under a tree whose topmost nodes
/// are at `/`, `/a` stands too. Building one does not check that; [`Tree::orphan`] does.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree<N> {
    nodes: Vec<(ZPath, N)>,
}

impl<N> Default for Tree<N> {
    fn default() -> Self {
        Self { nodes: Vec::new() }
    }
}

impl<N> Tree<N> {
    /// The number of nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node at `path`.
    #[must_use]
    pub fn get(&self, path: &ZPath) -> Option<&N> {
        self.place(path).ok().map(|i| &self.nodes[i].1)
    }

    /// An index of the nodes, for many lookups.
    #[must_use]
    #[doc(hidden)]
    pub fn index(&self) -> Index<'_, N> {
        let hasher = RandomState::default();
        let hash = |place: &usize| hasher.hash_one(self.nodes[*place].0.as_str());
        let mut places = HashTable::with_capacity(self.nodes.len());
        for place in 0..self.nodes.len() {
            places.insert_unique(hash(&place), place, hash);
        }
        Index {
            nodes: &self.nodes,
            places,
            hasher,
        }
    }

    /// The node at `path`, to be changed.
    pub fn get_mut(&mut self, path: &ZPath) -> Option<&mut N> {
        self.place(path).ok().map(|i| &mut self.nodes[i].1)
    }

    /// All nodes in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (ZPath, N)> {
        self.nodes.iter()
    }

    /// All nodes in order, to be changed; paths stay as they are.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&ZPath, &mut N)> {
        self.nodes.iter_mut().map(|(path, node)| (&*path, node))
    }

    /// The nodes of both trees in order, each path once.
    #[doc(hidden)]
    pub fn join<'a, 'b, M>(
        &'a self,
        other: &'b Tree<M>,
    ) -> impl Iterator<Item = Side<&'a (ZPath, N), &'b (ZPath, M)>> {
        join_by(self, other, |(a, _), (b, _)| a.cmp(b))
    }

    /// The nodes in order, as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[(ZPath, N)] {
        &self.nodes
    }

    /// The node at `path` and all below it.
    #[must_use]
    pub fn subtree(&self, path: &ZPath) -> &[(ZPath, N)] {
        &self.nodes[self.subtree_range(path)]
    }

    /// The range of the subtree at `path` in the sequence.
    #[must_use]
    #[doc(hidden)]
    pub fn subtree_range(&self, path: &ZPath) -> Range<usize> {
        let start = self.place(path).unwrap_or_else(|at| at);
        start..end_of_subtree(&self.nodes, start, path)
    }

    /// Drops the nodes for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&ZPath, &mut N) -> bool) {
        self.nodes.retain_mut(|(path, node)| keep(path, node));
    }

    /// The first node whose parent is missing, unless it is a child of `top`.
    #[must_use]
    #[doc(hidden)]
    pub fn orphan(&self, top: &ZPath) -> Option<&ZPath> {
        self.nodes.iter().map(|(path, _)| path).find(|path| {
            path.parent()
                .is_some_and(|parent| parent != *top && self.place(&parent).is_err())
        })
    }

    /// Adds nodes, in any order, at paths where there is none.
    #[doc(hidden)]
    pub fn merge(&mut self, nodes: Vec<(ZPath, N)>) {
        /// Up to this number, nodes are inserted one by one.
        const FEW: usize = 8;
        if nodes.len() <= FEW {
            for (path, node) in nodes {
                match self.place(&path) {
                    Ok(at) => self.nodes[at].1 = node,
                    Err(at) => self.nodes.insert(at, (path, node)),
                }
            }
            return;
        }
        let old = std::mem::take(&mut self.nodes);
        *self = old.into_iter().chain(nodes).collect();
    }

    fn place(&self, path: &ZPath) -> Result<usize, usize> {
        self.nodes.binary_search_by(|(p, _)| p.cmp(path))
    }
}

/// The nodes of a tree by path.
#[derive(Debug)]
pub struct Index<'t, N> {
    nodes: &'t [(ZPath, N)],
    places: HashTable<usize>,
    hasher: RandomState,
}

impl<'t, N> Index<'t, N> {
    /// The node at `path`.
    #[must_use]
    pub fn get(&self, path: &ZPath) -> Option<&'t N> {
        self.place(path).map(|place| &self.nodes[place].1)
    }

    /// The position of the node at `path` in the sequence.
    #[must_use]
    pub fn place(&self, path: &ZPath) -> Option<usize> {
        let hash = self.hasher.hash_one(path.as_str());
        self.places
            .find(hash, |place| self.nodes[*place].0 == *path)
            .copied()
    }
}

/// What two sequences hold at one place of their common order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side<L, R> {
    /// Only the first has it.
    Left(L),
    /// Only the second has it.
    Right(R),
    /// Both have it.
    Both(L, R),
}

/// Joins two sequences that are both sorted as `order` says, without duplicates: a merge-join.
pub fn join_by<L, R>(
    left: impl IntoIterator<Item = L>,
    right: impl IntoIterator<Item = R>,
    mut order: impl FnMut(&L, &R) -> Ordering,
) -> impl Iterator<Item = Side<L, R>> {
    let mut left = left.into_iter().peekable();
    let mut right = right.into_iter().peekable();
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) => order(l, r),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => left.next().map(Side::Left),
            Ordering::Greater => right.next().map(Side::Right),
            Ordering::Equal => left.next().zip(right.next()).map(|(l, r)| Side::Both(l, r)),
        }
    })
}

/// The paths that lie within no earlier one. The given paths must be in order.
pub fn tops<'p>(paths: impl IntoIterator<Item = &'p ZPath>) -> impl Iterator<Item = &'p ZPath> {
    let mut last: Option<&ZPath> = None;
    paths.into_iter().filter(move |path| {
        let is_top = !last.is_some_and(|top| path.is_within(top));
        if is_top {
            last = Some(path);
        }
        is_top
    })
}

/// The end of the run of nodes within `top` that starts at `start`.
pub fn end_of_subtree<N>(nodes: &[(ZPath, N)], start: usize, top: &ZPath) -> usize {
    start + nodes[start..].partition_point(|(path, _)| path.is_within(top))
}

impl<N> Tree<N> {
    /// A tree of nodes that are in order, each at a path of its own.
    pub(crate) fn from_sorted(nodes: Vec<(ZPath, N)>) -> Self {
        debug_assert!(nodes.is_sorted_by(|(a, _), (b, _)| a < b));
        Self { nodes }
    }
}

impl<N> FromIterator<(ZPath, N)> for Tree<N> {
    /// Builds a tree from nodes in any order; of two at one path the later one stays.
    fn from_iter<I: IntoIterator<Item = (ZPath, N)>>(nodes: I) -> Self {
        let mut nodes: Vec<_> = nodes.into_iter().collect();
        if !nodes.is_sorted_by(|(a, _), (b, _)| a < b) {
            nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
            nodes.reverse();
            nodes.dedup_by(|(a, _), (b, _)| a == b);
            nodes.reverse();
        }
        Self { nodes }
    }
}

impl<'a, N> IntoIterator for &'a Tree<N> {
    type Item = &'a (ZPath, N);
    type IntoIter = std::slice::Iter<'a, (ZPath, N)>;

    fn into_iter(self) -> Self::IntoIter {
        self.nodes.iter()
    }
}

impl<N> IntoIterator for Tree<N> {
    type Item = (ZPath, N);
    type IntoIter = std::vec::IntoIter<(ZPath, N)>;

    fn into_iter(self) -> Self::IntoIter {
        self.nodes.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree<usize> {
        paths
            .iter()
            .enumerate()
            .map(|(i, p)| (ZPath::parse(p).unwrap(), i))
            .collect()
    }

    #[test]
    fn tops_hold_all_others() {
        let tree = tree(&["/a-", "/a/x", "/a/x/y", "/a/z", "/b/c", "/b/c/d"]);
        let tops: Vec<&str> = tops(tree.iter().map(|(path, _)| path))
            .map(ZPath::as_str)
            .collect();
        assert_eq!(tops, ["/a/x", "/a/z", "/a-", "/b/c"]);
    }

    #[test]
    fn subtrees_are_contiguous() {
        let tree = tree(&["/a-", "/a", "/b", "/a/x", "/a/x/y"]);
        let at = |p: &str| -> Vec<String> {
            let nodes = tree.subtree(&ZPath::parse(p).unwrap());
            nodes.iter().map(|(path, _)| path.to_string()).collect()
        };
        assert_eq!(at("/a"), ["/a", "/a/x", "/a/x/y"]);
        assert_eq!(at("/a-"), ["/a-"]);
        assert_eq!(at("/c"), [""; 0]);
        assert_eq!(at("/").len(), 5);
    }

    #[test]
    fn a_join_has_every_path_once_and_in_order() {
        let (one, other) = (tree(&["/a", "/a/x", "/b"]), tree(&["/a", "/a-", "/a/y"]));
        let joined: Vec<String> = one
            .join(&other)
            .map(|side| match side {
                Side::Left((path, _)) => format!("{path} <"),
                Side::Right((path, _)) => format!("{path} >"),
                Side::Both((path, _), (same, _)) => {
                    assert_eq!(path, same);
                    format!("{path} =")
                }
            })
            .collect();
        assert_eq!(joined, ["/a =", "/a/x <", "/a/y >", "/a- >", "/b <"]);
        assert_eq!(one.join(&Tree::<()>::default()).count(), 3);
        assert_eq!(Tree::<()>::default().join(&one).count(), 3);
    }

    #[test]
    fn the_later_of_two_nodes_at_one_path_stays() {
        let tree = tree(&["/b", "/a", "/b"]);
        assert_eq!(tree.len(), 2);
        assert_eq!(tree.get(&ZPath::parse("/b").unwrap()), Some(&2));
    }

    #[test]
    fn an_orphan_is_found() {
        assert_eq!(tree(&["/a", "/a/b"]).orphan(&ZPath::root()), None);
        let orphan = tree(&["/a", "/b/c"]);
        assert_eq!(
            orphan.orphan(&ZPath::root()).map(ZPath::as_str),
            Some("/b/c")
        );
    }
}
