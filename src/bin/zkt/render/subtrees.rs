//! What a plan does to whole subtrees: moves, and trims with all below.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use zkt::model::path::ZPath;
use zkt::model::plan::{Action, MovesFrom, Plan};

use super::list::count;

/// Whether an action adds a node that is moved.
pub(super) fn is_moved(action: &Action, moved: &BTreeMap<ZPath, &ZPath>) -> bool {
    matches!(action, Action::Add(add) if moved.contains_key(&add.path))
}

/// How many nodes each move is about, by its old place.
pub(super) fn moved_by<'a>(
    plan: &'a Plan,
    nodes: &BTreeMap<ZPath, &ZPath>,
) -> HashMap<&'a ZPath, usize> {
    let moves = MovesFrom::new(plan);
    let mut counts = HashMap::new();
    for moved in nodes.values().filter_map(|old| moves.of(old)) {
        *counts.entry(&moved.from).or_default() += 1;
    }
    counts
}

/// The trimmed nodes whose parent stays, by path, each with the number of nodes that go. Moved ones do
/// not count.
pub(super) fn topmost_trims(plan: &Plan) -> Vec<(&ZPath, usize)> {
    let trims = plan
        .actions
        .iter()
        .filter(|action| matches!(action, Action::Trim(_)));
    let moved = plan.moved_nodes();
    let moved: BTreeSet<&ZPath> = moved.into_values().collect();
    let trims = trims.map(Action::path);
    topmost(trims.filter(|path| !moved.contains(path)))
}

/// The topmost of some nodes, by path, each with how many of them are at and below it.
pub(super) fn topmost<'p>(nodes: impl Iterator<Item = &'p ZPath>) -> Vec<(&'p ZPath, usize)> {
    let mut paths: Vec<&ZPath> = nodes.collect();
    paths.sort();
    let mut tops: Vec<(&ZPath, usize)> = Vec::new();
    for path in paths {
        match tops.last_mut() {
            Some((top, nodes)) if path.is_within(top) => *nodes += 1,
            _ => tops.push((path, 1)),
        }
    }
    tops
}

pub(super) fn node_count(nodes: usize) -> String {
    format!("({})", count(nodes, "node"))
}
