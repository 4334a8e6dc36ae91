//! The checksum of what a plan would do.

use serde::Serialize;

use super::digest::{declared_digest, sha256, to_json};
use super::form::PlanForm;
use super::ground::{grounds, landmark};
use super::hidden::hide;
use super::made_of::MadeOf;
use super::seen::{Seen, SeenNodes};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};

/// For whom a plan is, and what it may remove: part of what its checksum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mandate<'a> {
    /// The owner, and the node below which its record is, where it is for one.
    pub owner: Option<(&'a str, &'a str)>,
    /// Whether undeclared nodes are removed.
    pub trim: bool,
    /// Whether the owner's nodes are removed that are not declared.
    pub trim_owned: bool,
}

/// The checksum of what a plan would do, 64 hexadecimal digits: its actions and moves with the versions and
/// times that they must find, what it changes in what the owner has, for whom it is, and the declared tree.
/// Where it is shown, it tells no more of a secret than [`declared_digest`] does.
#[must_use]
pub fn checksum_of(plan: &Plan, made_of: &MadeOf<'_>, mandate: Mandate<'_>) -> String {
    let secret_names = made_of.texts.secret_names();
    let (shown, _) = hide(plan.clone(), made_of.declared, secret_names);
    let times = times(&shown, made_of);
    checksum(&shown, &times, mandate, &declared_digest(made_of.declared))
}

/// Checksum of a plan whose secrets are hidden. Places in files do not count: a comment above moves them.
pub(super) fn checksum(
    shown: &Plan,
    times: &[(i64, i64)],
    mandate: Mandate<'_>,
    declared: &str,
) -> String {
    let essence = PlanForm::essence(shown);
    sha256(&to_json(&(declared, times, mandate, essence)))
}

/// The times at which the nodes that a plan changes were created and last written, and the transactions and
/// times that created those on which its new nodes stand: they tell ensembles apart that count their
/// transactions alike.
pub(super) fn times(plan: &Plan, made_of: &MadeOf<'_>) -> Vec<(i64, i64)> {
    let live = made_of.live;
    let changed = changed(plan).filter_map(|path| live.get(path)?.outline());
    let times = changed.map(|node| (node.ctime, node.mtime));
    let grounds = grounds(plan).into_iter();
    let grounds = grounds.chain(landmark(plan, live).cloned());
    let grounds = grounds.filter_map(|path| live.get(&path)?.node());
    let births = grounds.map(|node| (node.czxid, node.ctime));
    times.chain(births).collect()
}

/// The same of a plan that was saved.
pub(super) fn saved_times(
    plan: &Plan,
    seen_nodes: &SeenNodes,
    landmark: Option<&ZPath>,
) -> Vec<(i64, i64)> {
    let changed = changed(plan).filter_map(|path| seen_nodes.get(path));
    let times = changed.map(Seen::times);
    let grounds = grounds(plan).into_iter().chain(landmark.cloned());
    let births = grounds.filter_map(|path| seen_nodes.get(&path).map(Seen::birth));
    times.chain(births).collect()
}

/// The node of each action at a node that was there.
fn changed(plan: &Plan) -> impl Iterator<Item = &ZPath> {
    let actions = plan.actions.iter();
    let changed = actions.filter(|action| !matches!(action, Action::Add(_)));
    changed.map(Action::path)
}
