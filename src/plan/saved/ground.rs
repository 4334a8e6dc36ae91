//! What the new nodes of a plan stand on: by that a plan which only creates nodes knows its ensemble.
//!
//! The nodes above them belong to one ensemble, except the `/` of the servers, which is the same
//! everywhere. A plan that only creates top-level nodes goes by a landmark: the oldest node beside them.
//! Two ensembles without any node cannot be told apart.

use std::collections::BTreeSet;

use crate::model::node::Live;
use crate::model::path::{ZPath, is_within};
use crate::model::plan::{Action, Plan};
use crate::model::record;
use crate::model::tree::Tree;

/// The nodes that a plan creates others below and does not create itself.
#[must_use]
pub fn grounds(plan: &Plan) -> BTreeSet<ZPath> {
    let added = added(plan);
    let parents = added.iter().filter_map(|path| path.parent());
    parents.filter(|path| !added.contains(path)).collect()
}

/// Whether nothing but another top-level node tells a plan's ensemble, where `live` has its [`grounds`].
#[must_use]
pub fn needs_landmark(plan: &Plan, live: &Tree<Live>) -> bool {
    let is_of_every_ensemble = |path: &ZPath| {
        let node = live.get(path).and_then(Live::node);
        node.is_none_or(|node| node.czxid == 0)
    };
    only_creates(plan) && grounds(plan).iter().all(is_of_every_ensemble)
}

/// The oldest top-level node that a plan leaves alone, where nothing else tells its ensemble.
#[must_use]
pub(super) fn landmark<'l>(plan: &Plan, live: &'l Tree<Live>) -> Option<&'l ZPath> {
    if !needs_landmark(plan, live) {
        return None;
    }
    let added = added(plan);
    let nodes = live.iter().filter_map(|(path, live)| {
        let node = live.node().filter(|node| node.czxid != 0)?;
        let is_beside = path.depth() == 1 && !added.contains(path);
        // An ephemeral node goes with its session.
        is_beside.then_some(((node.ephemeral, node.czxid), path))
    });
    nodes.min().map(|(_, path)| path)
}

/// Whether the listing of the servers had no top-level node besides those of the plan and the place of
/// records. One that may not be read is there all the same.
pub(super) fn is_alone(plan: &Plan, live: &Tree<Live>, records: Option<&str>) -> bool {
    let added = added(plan);
    let others = live.iter().map(|(path, _)| path);
    let mut others = others.filter(|path| !added.contains(path) && is_beside(path, records));
    others.next().is_none()
}

/// Whether a path is that of a top-level node which holds no records.
pub(super) fn is_beside(path: &ZPath, records: Option<&str>) -> bool {
    let holds_records = |place: &str| is_within(place, path.as_str());
    path.depth() == 1 && !holds_records(record::PLACE) && !records.is_some_and(holds_records)
}

/// The nodes that a plan creates.
pub(super) fn added(plan: &Plan) -> BTreeSet<&ZPath> {
    let adds = plan.actions.iter().filter_map(|action| match action {
        Action::Add(add) => Some(&add.path),
        Action::Update(_) | Action::Link(_) | Action::Trim(_) => None,
    });
    adds.collect()
}

/// Whether a plan changes and removes nothing.
pub(super) fn only_creates(plan: &Plan) -> bool {
    plan.actions.iter().all(|action| match action {
        Action::Add(_) => true,
        Action::Link(link) => link.expected_version.is_none(),
        Action::Update(_) | Action::Trim(_) => false,
    })
}
