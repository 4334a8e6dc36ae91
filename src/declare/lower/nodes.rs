//! The nodes of one layer, or of the layers so far, in the order in which they were met.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::model::node::{Declared, Standing};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::syntax::place::Span;

/// How deep a tree may be. Each node is stored under its whole path, by zkt as by ZooKeeper, so
/// that a path without a limit would take memory with the square of its length.
pub const MAX_LEVELS: usize = 4096;

/// No node (the parent of top-level nodes), no file or no line.
pub(super) const NONE: u32 = u32::MAX;

/// Where in a file a node is declared: the file, and the line of the node around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) around: u32,
}

/// What is known of a node besides its declaration.
#[derive(Debug)]
struct Standpoint {
    parent: u32,
    depth: u32,
    /// Where it is declared first.
    place: Place,
}

/// Nodes in the order in which they were met, parents before children.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    list: Vec<(ZPath, Declared)>,
    standpoints: Vec<Standpoint>,
    /// Further places where nodes are declared, each with its span.
    more_places: HashMap<u32, Vec<(Place, Span)>>,
    /// The hash of each path with its place in `list`.
    index: HashTable<(u32, u32)>,
    hasher: RandomState,
}

impl Nodes {
    /// Makes room for so many more nodes.
    pub(super) fn reserve(&mut self, nodes: usize) {
        self.list.reserve(nodes);
        self.standpoints.reserve(nodes);
        self.index.reserve(nodes, |(hash, _)| spread(*hash));
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn path(&self, at: u32) -> &ZPath {
        &self.list[at as usize].0
    }

    /// The paths in the order in which they were met.
    pub(super) fn paths(&self) -> impl ExactSizeIterator<Item = &ZPath> {
        self.list.iter().map(|(path, _)| path)
    }

    pub(super) fn node(&mut self, at: u32) -> &mut Declared {
        &mut self.list[at as usize].1
    }

    /// The number of names in a node's path.
    pub(super) fn depth(&self, at: u32) -> usize {
        self.standpoints[at as usize].depth as usize
    }

    /// The nodes, each with the place of its parent.
    pub(super) fn into_nodes(self) -> impl Iterator<Item = (ZPath, Declared, u32)> {
        let parents = self
            .standpoints
            .into_iter()
            .map(|standpoint| standpoint.parent);
        let nodes = self.list.into_iter().zip(parents);
        nodes.map(|((path, node), parent)| (path, node, parent))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The place in the list of the node at `path`, a child of `parent`. A new one is passed
    /// through until it is declared.
    pub(super) fn place(&mut self, path: &str, parent: u32) -> u32 {
        let hash = self.hash(path);
        self.find(hash, path)
            .unwrap_or_else(|| self.add(hash, ZPath::from_valid(path), parent))
    }

    /// As [`Nodes::place`], but takes a path that a new node can keep.
    pub(super) fn place_path(&mut self, path: ZPath, parent: u32) -> u32 {
        let hash = self.hash(path.as_str());
        self.find(hash, path.as_str())
            .unwrap_or_else(|| self.add(hash, path, parent))
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        !self.is_empty() && self.find(self.hash(path), path).is_some()
    }

    /// The upper half of a path's hash. It is stored with the place, so that the table grows
    /// without hashing paths again.
    fn hash(&self, path: &str) -> u32 {
        (self.hasher.hash_one(path) >> 32) as u32
    }

    fn find(&self, hash: u32, path: &str) -> Option<u32> {
        let is_it =
            |&(other, at): &(u32, u32)| other == hash && self.list[at as usize].0.as_str() == path;
        self.index.find(spread(hash), is_it).map(|(_, at)| *at)
    }

    fn add(&mut self, hash: u32, path: ZPath, parent: u32) -> u32 {
        let Self {
            list,
            standpoints,
            index,
            ..
        } = self;
        let at = u32::try_from(list.len()).expect("fewer than 2^32 nodes");
        let depth = match parent {
            NONE => u32::try_from(path.depth()).unwrap_or(u32::MAX),
            parent => standpoints[parent as usize].depth + 1,
        };
        let node = Declared {
            standing: Standing::PassedThrough,
            ..Declared::default()
        };
        list.push((path, node));
        let place = Place {
            file: NONE,
            around: NONE,
        };
        standpoints.push(Standpoint {
            parent,
            depth,
            place,
        });
        index.insert_unique(spread(hash), (hash, at), |(hash, _)| spread(*hash));
        at
    }

    /// Notes that a node is declared at a place. Returns as the error the span of an earlier
    /// declaration at the same place.
    pub(super) fn declare(&mut self, at: u32, place: Place, span: Span) -> Result<(), Span> {
        let node = &mut self.list[at as usize].1;
        let first = &mut self.standpoints[at as usize].place;
        if first.file == NONE {
            *first = place;
            node.standing = Standing::Declared;
            node.origin = Some(span);
            return Ok(());
        }
        if *first == place {
            return Err(node.origin.unwrap_or(span));
        }
        let more = self.more_places.entry(at).or_default();
        if let Some((_, earlier)) = more.iter().find(|(other, _)| *other == place) {
            return Err(*earlier);
        }
        more.push((place, span));
        Ok(())
    }

    /// Returns the tree of these nodes. It sorts the children of each node by themselves, so that
    /// it compares only names.
    pub(super) fn into_tree(self) -> Tree<Declared> {
        let Self {
            mut list,
            standpoints,
            index,
            ..
        } = self;
        drop(index);
        let mut places = places_in_path_order(&list, &standpoints);
        drop(standpoints);
        // Each swap brings a node to its place.
        for at in 0..places.len() {
            while places[at] as usize != at {
                let place = places[at] as usize;
                list.swap(at, place);
                places.swap(at, place);
            }
        }
        Tree::from_sorted(list)
    }
}

/// `HashTable` takes the slot from the low bits of a hash and the tag from the high bits.
fn spread(hash: u32) -> u64 {
    u64::from(hash) | u64::from(hash) << 32
}

/// For each node its place in path order.
fn places_in_path_order(list: &[(ZPath, Declared)], standpoints: &[Standpoint]) -> Vec<u32> {
    // A counting sort by parent: where the children of each node start, those of the top first.
    let slot = |parent: u32| parent.wrapping_add(1) as usize;
    let mut starts = vec![0_u32; list.len() + 2];
    for standpoint in standpoints {
        starts[slot(standpoint.parent) + 1] += 1;
    }
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    let mut ends = starts.clone();
    let mut children = vec![0_u32; list.len()];
    for (at, standpoint) in (0..).zip(standpoints) {
        let end = &mut ends[slot(standpoint.parent)];
        children[*end as usize] = at;
        *end += 1;
    }
    let path = |at: u32| list[at as usize].0.as_str();
    for run in starts.windows(2) {
        let run = &mut children[run[0] as usize..run[1] as usize];
        // The names of all children of one node start at the same place of their paths.
        let start = run
            .first()
            .map_or(0, |at| path(*at).len() - list[*at as usize].0.name().len());
        let name = |at: &u32| &path(*at).as_bytes()[start..];
        if !run.is_sorted_by(|a, b| name(a) < name(b)) {
            run.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        }
    }
    let children_of = |parent: u32| {
        let slot = slot(parent);
        children[starts[slot] as usize..starts[slot + 1] as usize]
            .iter()
            .rev()
    };
    let mut places = vec![0; list.len()];
    let mut next = 0;
    let mut open: Vec<u32> = children_of(NONE).copied().collect();
    while let Some(at) = open.pop() {
        places[at as usize] = next;
        next += 1;
        open.extend(children_of(at));
    }
    places
}
