//! What the new nodes of a plan stand on: by that a plan which only creates nodes knows its ensemble.
//!
//! The nodes above them belong to one ensemble, except the `/` of the servers, which is the same
//! everywhere. A plan that only creates top-level nodes goes by a landmark: the oldest node beside them.
//! Two ensembles without any node cannot be told apart.

use std::collections::BTreeSet;

use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};
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
