//! Whether a saved plan does only what a plan of its terms could do. A file may say more.

use std::collections::BTreeSet;

use crate::model::path::{ZPath, is_of_zookeeper, is_within};
use crate::model::plan::{Action, Plan};
use crate::model::record;
use crate::plan::scope::Filter;

/// Whether each action lies where the terms let a plan act, and no action where no plan acts.
pub(super) fn require_within(plan: &Plan, bounds: &Bounds<'_>) -> Result<(), String> {
    let place = bounds.place;
    if plan.path != *place {
        return Err(format!(
            "its nodes go to {place}, and its plan is about {}",
            plan.path
        ));
    }
    let filter = Filter::new(bounds.target, bounds.exclude).map_err(|error| error.to_string())?;
    let moved = plan.moved_nodes().into_values().collect();
    let allowed = Allowed {
        bounds,
        moved,
        below_chroot: is_below_chroot(bounds.server),
        needed: needed(plan, &filter),
        filter,
    };
    let mut problems = plan.actions.iter().filter_map(|action| {
        let problem = allowed.problem(action)?;
        Some(format!("{} {}: {problem}", action.name(), action.path()))
    });
    problems.next().map_or(Ok(()), Err)
}

/// Where the terms of a plan let it act.
pub(super) struct Bounds<'a> {
    /// The servers and the chroot.
    pub(super) server: &'a str,
    /// Where the top-level nodes go.
    pub(super) place: &'a ZPath,
    pub(super) target: &'a [String],
    pub(super) exclude: &'a [String],
    /// Where the owner keeps records, if it is for one.
    pub(super) records: Option<&'a str>,
    /// Whether it removes anything but what it moves.
    pub(super) trims: bool,
}

struct Allowed<'a> {
    bounds: &'a Bounds<'a>,
    /// The old places of the nodes that are moved.
    moved: BTreeSet<&'a ZPath>,
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
        if is_below(record::PLACE) || self.bounds.records.is_some_and(is_below) {
            return Some("owners keep their records there".to_owned());
        }
        if is_of_zookeeper(path, self.below_chroot) {
            return Some("/zookeeper belongs to ZooKeeper itself".to_owned());
        }
        if matches!(action, Action::Trim(_)) && !self.bounds.trims && !self.moved.contains(path) {
            return Some("its terms remove nothing".to_owned());
        }
        let place = self.bounds.place;
        if !path.is_within(place) {
            return Some(format!("it is outside of {place}, the place of the tree"));
        }
        let is_needed = || creates(action) && self.needed.contains(path);
        let is_inside = self.filter.covers(path) || is_needed();
        (!is_inside).then(|| "it is outside of the plan's targets, or excluded".to_owned())
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
