//! Moves of whole parents: where most children of a node have their pair below one other node, it was the
//! node that moved, and some of what is below it changed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::node::Node;
use crate::model::path::ZPath;

/// A subtree that changed its place.
pub(super) struct Pair {
    pub(super) from: ZPath,
    pub(super) to: ZPath,
    /// What of the old subtree is not in the new one, or is changed there.
    pub(super) dropped: BTreeSet<ZPath>,
}

/// By parents, old and new, the deepest first: the children of theirs that moved.
type Groups = BTreeMap<(Reverse<usize>, ZPath, ZPath), usize>;

/// Takes pairs of equal subtrees together, so that a rename is one move though a node in it changed, too.
///
/// Parents are joined if they are equal themselves and more than half of the children of each have their
/// pair below the other, under the same name.
pub(super) fn join(pairs: Vec<(ZPath, ZPath)>, new: &[Node<'_>], old: &[Node<'_>]) -> Vec<Pair> {
    let (added, gone) = (Side::of(new), Side::of(old));
    let mut groups = Groups::new();
    let note = |groups: &mut Groups, from: &ZPath, to: &ZPath| {
        if let (Some(old), Some(new)) = (from.parent(), to.parent())
            && from.name() == to.name()
        {
            *groups.entry((Reverse(old.depth()), old, new)).or_default() += 1;
        }
    };
    for (from, to) in &pairs {
        note(&mut groups, from, to);
    }
    let mut joined: HashMap<ZPath, ZPath> = HashMap::new();
    while let Some(((_, from, to), alike)) = groups.pop_first() {
        let most = |side: &Side<'_>, parent| alike * 2 > side.children(parent);
        let is_whole = most(&gone, &from) && most(&added, &to);
        if is_whole && gone.is_like(&from, &added, &to) {
            note(&mut groups, &from, &to);
            joined.insert(from, to);
        }
    }
    whole(pairs, &joined, old)
}

/// The pairs without those that are parts of others.
fn whole(
    pairs: Vec<(ZPath, ZPath)>,
    joined: &HashMap<ZPath, ZPath>,
    old: &[Node<'_>],
) -> Vec<Pair> {
    // Where a node goes with the nearest joined parent above it.
    let with_parent = |from: &ZPath| {
        let above = from.parent()?;
        let near = above.prefixes().filter(|path| joined.contains_key(path));
        let near = near.last()?;
        Some(from.moved(&near, &joined[&near]))
    };
    let is_part = |from: &ZPath, to: &ZPath| with_parent(from).as_ref() == Some(to);
    let mut moved: HashSet<ZPath> = joined.keys().cloned().collect();
    let mut tops: BTreeMap<ZPath, Pair> = BTreeMap::new();
    let equal: HashSet<ZPath> = pairs.iter().map(|(from, _)| from.clone()).collect();
    let parents = joined.iter().map(|(from, to)| (from.clone(), to.clone()));
    for (from, to) in pairs.into_iter().chain(parents) {
        if !is_part(&from, &to) {
            let dropped = BTreeSet::new();
            tops.insert(from.clone(), Pair { from, to, dropped });
        }
    }
    let of_pair = |node: &&Node<'_>| node.path.prefixes().any(|path| equal.contains(&path));
    moved.extend(old.iter().filter(of_pair).map(|node| node.path.clone()));
    for node in old.iter().filter(|node| !moved.contains(node.path)) {
        let top = node.path.prefixes().filter(|path| tops.contains_key(path));
        if let Some(top) = top.last().and_then(|top| tops.get_mut(&top)) {
            top.dropped.insert(node.path.clone());
        }
    }
    let mut found: Vec<Pair> = tops.into_values().collect();
    found.sort_by(|one, other| one.to.cmp(&other.to));
    found
}

/// The nodes that come, or those that go.
struct Side<'n> {
    nodes: HashMap<&'n ZPath, &'n Node<'n>>,
    children: HashMap<ZPath, usize>,
}

impl<'n> Side<'n> {
    fn of(nodes: &'n [Node<'n>]) -> Self {
        let mut children = HashMap::new();
        for parent in nodes.iter().filter_map(|node| node.path.parent()) {
            *children.entry(parent).or_default() += 1;
        }
        Self {
            nodes: nodes.iter().map(|node| (node.path, node)).collect(),
            children,
        }
    }

    fn children(&self, parent: &ZPath) -> usize {
        self.children.get(parent).copied().unwrap_or_default()
    }

    /// Whether both sides have these nodes, and they are the same. Those that may be secret are not compared.
    fn is_like(&self, path: &ZPath, other: &Side<'_>, other_path: &ZPath) -> bool {
        let nodes = self.nodes.get(path).zip(other.nodes.get(other_path));
        nodes.is_some_and(|(one, other)| {
            !one.may_be_secret && !other.may_be_secret && one.is_like(path, other, other_path)
        })
    }
}
