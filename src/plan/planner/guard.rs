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
    let (tops, below) = touched(trims, declared);
    let nodes = tops
        .iter()
        .map(|top| nodes_below(top, declared, live))
        .sum();
    if !tops.is_empty() && below * 2 > nodes {
        let trims = below;
        return Some(Refusal::MostTrimmed { trims, nodes, tops });
    }
    whole(trims, declared, live)
}

/// Fewer nodes may go with whole top-level nodes however small the tree is: people rename them.
const FEWEST: usize = 3;

/// The refusal, if what goes with whole top-level nodes is most of what is live at and below those and the
/// declared ones. What is declared and missing does not count: files of another environment declare much.
fn whole(trims: &[Action], declared: &Tree<Declared>, live: &Tree<Live>) -> Option<Refusal> {
    // What a move leaves behind is judged with what is around it.
    let is_loose = |path: &&ZPath| {
        live.get(path).is_some() && !path.prefixes().any(|path| is_top(&path, declared))
    };
    let undeclared = trims.iter().map(Action::path).filter(is_loose);
    let undeclared: Vec<&ZPath> = undeclared.collect();
    let going = topmost(undeclared.iter().map(|path| (*path).clone()));
    if going.is_empty() {
        return None;
    }
    let tops = declared.iter().map(|(path, _)| path);
    let tops = tops.filter(|path| is_top(path, declared)).cloned();
    let mut tops: Vec<ZPath> = tops.chain(going.iter().cloned()).collect();
    tops.sort();
    let all = topmost(tops.into_iter());
    let nodes = all.iter().map(|top| live.subtree(top).len()).sum();
    let trims = undeclared.len();
    if trims < FEWEST {
        return None;
    }
    let others = all.into_iter().filter(|top| !going.contains(top));
    let tops = going.iter().cloned().chain(others).collect();
    (trims * 2 > nodes).then_some(Refusal::MostTrimmed { trims, nodes, tops })
}

/// Of paths in path order those that are below no other.
fn topmost(paths: impl Iterator<Item = ZPath>) -> Vec<ZPath> {
    let mut tops: Vec<ZPath> = Vec::new();
    for path in paths {
        if !tops.last().is_some_and(|top| path.is_within(top)) {
            tops.push(path);
        }
    }
    tops
}

/// Whether a node is declared, and not only passed through.
fn is_top(path: &ZPath, declared: &Tree<Declared>) -> bool {
    let node = declared.get(path);
    node.is_some_and(|node| !node.is_passed_through())
}

/// The topmost declared nodes below which something is trimmed, and how many trims that are; `trims` are in
/// path order.
fn touched(trims: &[Action], declared: &Tree<Declared>) -> (Vec<ZPath>, usize) {
    let mut tops: Vec<ZPath> = Vec::new();
    let mut below = 0;
    for path in trims.iter().map(Action::path) {
        if !tops.last().is_some_and(|top| path.is_within(top)) {
            tops.extend(path.prefixes().find(|path| is_top(path, declared)));
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
