//! Whether a saved plan does only what a plan of its terms could do. A file may say more.

use std::collections::BTreeSet;

use super::file::{Origin, Terms};
use crate::model::path::{ZPath, is_within};
use crate::model::plan::{Action, Plan};
use crate::model::record;
use crate::plan::scope::Filter;

/// Whether each action lies where the terms let a plan act, and no action where no plan acts.
pub(super) fn require_within(plan: &Plan, origin: &Origin, terms: &Terms) -> Result<(), String> {
    if plan.path != terms.path {
        return Err(format!(
            "its nodes go to {}, and its plan is about {}",
            terms.path, plan.path
        ));
    }
    let filter = Filter::new(&terms.target, &terms.exclude).map_err(|error| error.to_string())?;
    let allowed = Allowed {
        terms,
        below_chroot: is_below_chroot(&origin.server),
        needed: needed(plan, &filter),
        filter,
    };
    let mut problems = plan.actions.iter().filter_map(|action| {
        let problem = allowed.problem(action)?;
        Some(format!("{} {}: {problem}", action.name(), action.path()))
    });
    problems.next().map_or(Ok(()), Err)
}

struct Allowed<'a> {
    terms: &'a Terms,
    filter: Filter,
    below_chroot: bool,
    /// What stands above the new nodes that the plan is about.
    needed: BTreeSet<ZPath>,
}

impl Allowed<'_> {
    /// Why no plan of these terms has this action.
    fn problem(&self, action: &Action) -> Option<String> {
        let path = action.path();
        let is_below = |place: &str| is_within(path.as_str(), place);
        let owner = self.terms.owner.as_ref();
        if is_below(record::PLACE) || owner.is_some_and(|owner| is_below(&owner.path)) {
            return Some("owners keep their records there".to_owned());
        }
        if !self.below_chroot && is_below("/zookeeper") {
            return Some("/zookeeper belongs to ZooKeeper itself".to_owned());
        }
        if !path.is_within(&self.terms.path) {
            return Some(format!(
                "it is outside of {}, the place of the tree",
                self.terms.path
            ));
        }
        let is_outside =
            !self.filter.covers(path) && !(creates(action) && self.needed.contains(path));
        is_outside.then(|| "it is outside of the plan's targets, or excluded".to_owned())
    }
}

/// Whether an action is part of the creation of a node.
fn creates(action: &Action) -> bool {
    match action {
        Action::Add(_) => true,
        Action::Link(link) => link.expected_version.is_none(),
        Action::Update(_) | Action::Trim(_) => false,
    }
}

/// The paths above what a plan creates within its targets. A node outside is created where one inside
/// needs it.
fn needed(plan: &Plan, filter: &Filter) -> BTreeSet<ZPath> {
    if filter.is_everything() {
        return BTreeSet::new();
    }
    let covered = plan
        .actions
        .iter()
        .filter(|action| filter.covers(action.path()));
    covered
        .flat_map(|action| action.path().prefixes())
        .collect()
}

fn is_below_chroot(server: &str) -> bool {
    let chroot = server.split_once('/');
    chroot.is_some_and(|(_, chroot)| !chroot.is_empty())
}
