//! What a plan of the loop needs beyond the planner.

use super::error::Error;
use crate::node::{Declared, Live, Standing};
use crate::path::ZPath;
use crate::plan::Plan;
use crate::tree::Tree;

/// The topmost nodes that are more than passed through.
pub(super) fn roots(tree: &Tree<Declared>) -> Vec<ZPath> {
    let mut roots: Vec<ZPath> = Vec::new();
    for (path, node) in tree {
        let covered = roots.last().is_some_and(|root| path.is_within(root));
        if node.standing != Standing::PassedThrough && !covered {
            roots.push(path.clone());
        }
    }
    roots
}

/// What is declared must be readable: otherwise nobody can say whether it is as declared.
pub(super) fn require_readable(declared: &Tree<Declared>, live: &Tree<Live>) -> Result<(), Error> {
    let mut unreadable = live.iter().filter(|(path, live)| {
        *live == Live::Unreadable
            && declared
                .get(path)
                .is_some_and(|node| node.standing == Standing::Declared)
    });
    match unreadable.next() {
        None => Ok(()),
        Some((first, _)) => Err(Error::Unreadable {
            first: first.clone(),
            more: unreadable.count(),
        }),
    }
}

/// Why guards refuse a plan, in one line.
pub(super) fn refusals(plan: &Plan) -> String {
    let refusals: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
    refusals.join("; ")
}
