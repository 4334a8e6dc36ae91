//! What a plan of the loop needs beyond the planner.

use crate::model::node::{Declared, Standing};
use crate::model::path::ZPath;
use crate::model::plan::Plan;
use crate::model::tree::Tree;

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

/// Why guards refuse a plan, in one line.
pub(super) fn refusals(plan: &Plan) -> String {
    let refusals: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
    refusals.join("; ")
}
