//! The guard against unintended trims.

use crate::model::node::{Declared, Live, Standing};
use crate::model::path::ZPath;
use crate::model::plan::{Action, MaxTrim, Refusal};
use crate::model::tree::Tree;

/// The refusal, if there are too many trims.
pub(super) fn judge(
    trims: &[Action],
    examined: usize,
    limit: MaxTrim,
    declared: &Tree<Declared>,
    live: &Tree<Live>,
) -> Option<Refusal> {
    if !limit.allows(trims.len(), examined) {
        return Some(Refusal::TooManyTrims {
            trims: trims.len(),
            examined,
            limit,
        });
    }
    if limit != MaxTrim::Default {
        return None;
    }
    let (tops, trims) = touched(trims, declared);
    let nodes = tops
        .iter()
        .map(|top| nodes_below(top, declared, live))
        .sum();
    let are_most = !tops.is_empty() && trims * 2 > nodes;
    are_most.then_some(Refusal::MostTrimmed { trims, nodes, tops })
}

/// The topmost declared nodes below which something is trimmed, and how many trims that are; `trims` are in
/// path order.
fn touched(trims: &[Action], declared: &Tree<Declared>) -> (Vec<ZPath>, usize) {
    let is_top = |path: &ZPath| {
        let node = declared.get(path);
        node.is_some_and(|node| !node.is_passed_through())
    };
    let mut tops: Vec<ZPath> = Vec::new();
    let mut below = 0;
    for path in trims.iter().map(Action::path) {
        if !tops.last().is_some_and(|top| path.is_within(top)) {
            tops.extend(path.prefixes().find(is_top));
        }
        below += usize::from(tops.last().is_some_and(|top| path.is_within(top)));
    }
    (tops, below)
}

/// How many nodes are declared or live at and below a node.
fn nodes_below(top: &ZPath, declared: &Tree<Declared>, live: &Tree<Live>) -> usize {
    let is_missing = |(path, node): &&(ZPath, Declared)| {
        !matches!(node.standing, Standing::Outside { .. }) && live.get(path).is_none()
    };
    let missing = declared.subtree(top).iter().filter(is_missing);
    live.subtree(top).len() + missing.count()
}
