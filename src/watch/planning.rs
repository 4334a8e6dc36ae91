//! What a plan of the loop needs beyond the planner: links, permissions, and how far it was carried
//! out.

use super::error::Error;
use super::source::Source;
use crate::executor::Fate;
use crate::links::{self, LookedUp};
use crate::live;
use crate::node::{Declared, Live, Standing};
use crate::path::ZPath;
use crate::plan::{Plan, Summary};
use crate::session::Session;
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

/// Warns of links that lead nowhere; nodes outside of what was read are looked up.
pub(super) async fn check_links(
    session: &Session,
    source: &Source,
    live: &Tree<Live>,
    plan: &mut Plan,
) -> Result<(), Error> {
    let mut looked_up = LookedUp::default();
    loop {
        let checked = links::check(&source.tree, live, plan, Some(&looked_up), &source.sources);
        let new: Vec<ZPath> = checked
            .unknown
            .difference(&looked_up.asked)
            .cloned()
            .collect();
        if new.is_empty() {
            plan.warnings.extend(checked.warnings);
            return Ok(());
        }
        let found = live::lookup(session, &new).await?;
        looked_up.nodes = std::mem::take(&mut looked_up.nodes)
            .into_iter()
            .chain(found)
            .collect();
        looked_up.asked.extend(new);
    }
}

/// Why guards refuse a plan, in one line.
pub(super) fn refusals(plan: &Plan) -> String {
    let refusals: Vec<String> = plan.refusals.iter().map(ToString::to_string).collect();
    refusals.join("; ")
}

/// How many actions of each kind stand.
pub(super) fn done(plan: &Plan, fates: &[Fate]) -> Summary {
    let mut standing = Plan::empty(plan.path.clone());
    let actions = plan.actions.iter().zip(fates);
    standing.actions = actions
        .filter(|(_, fate)| **fate == Fate::Done)
        .map(|(action, _)| action.clone())
        .collect();
    standing.summary()
}
