//! The nodes of one layer, or of the layers so far, before they are finished.

use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::acl::Acl;
use crate::node::{Content, Declared, DeclaredProperties, Globs, Secret, Standing};
use crate::path::ZPath;
use crate::source::Span;
use crate::tree::Tree;

/// Stands for no node: the parent of those at the top.
pub(super) const NONE: u32 = u32::MAX;

/// A place where a node is declared: the file, the line of the node around it, and its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) file: u32,
    pub(super) around: u32,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct Building {
    pub(super) path: ZPath,
    pub(super) parent: u32,
    pub(super) depth: u32,
    pub(super) standing: Standing,
    pub(super) origin: Option<Span>,
    pub(super) properties: DeclaredProperties,
    /// Where it is declared first.
    pub(super) place: Option<Place>,
    /// What few nodes have.
    pub(super) extra: Option<Box<Extra>>,
}

/// What the directives of a node say, and where else it is declared.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) more_places: Vec<Place>,
    pub(super) directives: BTreeMap<&'static str, Span>,
    pub(super) keep_children: bool,
    pub(super) keep_properties: bool,
    pub(super) ignore: Globs,
    pub(super) protect: bool,
    pub(super) secret: Secret,
    pub(super) acl: Option<Arc<Acl>>,
    pub(super) raw: Option<(Arc<[u8]>, Span)>,
}

impl Building {
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        let more = self.extra.iter().flat_map(|extra| &extra.more_places);
        self.place.iter().chain(more)
    }

    pub(super) fn declare_at(&mut self, place: Place) {
        match self.place {
            None => self.place = Some(place),
            Some(_) => {
                let extra = self.extra.get_or_insert_default();
                extra.more_places.push(place);
            }
        }
    }

    pub(super) fn raw(&self) -> Option<&(Arc<[u8]>, Span)> {
        self.extra.as_ref()?.raw.as_ref()
    }

    fn finish(self) -> (ZPath, Declared) {
        let extra = self.extra.map_or_else(Extra::default, |boxed| *boxed);
        let content = match extra.raw {
            Some((bytes, origin)) => Content::Raw {
                bytes,
                origin: Some(origin),
            },
            None => Content::Properties(self.properties),
        };
        let node = Declared {
            standing: self.standing,
            content,
            keep_children: extra.keep_children,
            keep_properties: extra.keep_properties,
            ignore: extra.ignore,
            protect: extra.protect,
            secret: extra.secret,
            acl: extra.acl,
            origin: self.origin,
            directives: extra.directives,
        };
        (self.path, node)
    }
}

/// Nodes in the order in which they were met, parents before children.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub(super) list: Vec<Building>,
    index: HashTable<u32>,
    hasher: RandomState,
}

impl Nodes {
    /// The place in the list of the node at `path`, a child of `parent`. A new one is passed
    /// through until it is declared.
    pub(super) fn place(&mut self, path: &str, parent: u32) -> u32 {
        let Self {
            list,
            index,
            hasher,
        } = self;
        let hash = hasher.hash_one(path);
        let is_it = |at: &u32| list[*at as usize].path.as_str() == path;
        if let Some(at) = index.find(hash, is_it) {
            return *at;
        }
        let at = u32::try_from(list.len()).expect("fewer than 2^32 nodes");
        let depth = match parent {
            NONE => path.bytes().filter(|byte| *byte == b'/').count() as u32,
            parent => list[parent as usize].depth + 1,
        };
        list.push(Building {
            path: ZPath::from_valid(path),
            parent,
            depth,
            standing: Standing::PassedThrough,
            origin: None,
            properties: DeclaredProperties::default(),
            place: None,
            extra: None,
        });
        index.insert_unique(hash, at, |at| {
            hasher.hash_one(list[*at as usize].path.as_str())
        });
        at
    }

    /// The tree of these nodes: each level is put in order by itself, so that only names are
    /// compared.
    pub(super) fn into_tree(self) -> Tree<Declared> {
        let Self { list, index, .. } = self;
        drop(index);
        let order = in_path_order(&list);
        let mut list: Vec<Option<Building>> = list.into_iter().map(Some).collect();
        let mut nodes = Vec::with_capacity(order.len());
        let finished = order.into_iter().filter_map(|at| list[at as usize].take());
        nodes.extend(finished.map(Building::finish));
        Tree::from_sorted(nodes)
    }
}

fn in_path_order(list: &[Building]) -> Vec<u32> {
    // Where the children of each node start, the top's first: counted, added up, filled.
    let slot = |parent: u32| parent.wrapping_add(1) as usize;
    let mut starts = vec![0_u32; list.len() + 2];
    for building in list {
        starts[slot(building.parent) + 1] += 1;
    }
    for i in 1..starts.len() {
        starts[i] += starts[i - 1];
    }
    let mut ends = starts.clone();
    let mut children = vec![0_u32; list.len()];
    for (at, building) in list.iter().enumerate() {
        let end = &mut ends[slot(building.parent)];
        children[*end as usize] = at as u32;
        *end += 1;
    }
    let name = |at: &u32| list[*at as usize].path.name();
    for run in starts.windows(2) {
        let run = &mut children[run[0] as usize..run[1] as usize];
        if !run.is_sorted_by(|a, b| name(a) < name(b)) {
            run.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        }
    }
    let mut order = Vec::with_capacity(list.len());
    let children_of = |parent: u32| {
        let slot = slot(parent);
        children[starts[slot] as usize..starts[slot + 1] as usize]
            .iter()
            .rev()
    };
    let mut open: Vec<u32> = children_of(NONE).copied().collect();
    while let Some(at) = open.pop() {
        order.push(at);
        open.extend(children_of(at));
    }
    order
}
