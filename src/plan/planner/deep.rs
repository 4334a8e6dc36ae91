//! `@acl deep`: undeclared nodes are held to the ACL of the declared one above them.

use std::collections::HashSet;
use std::sync::Arc;

use super::compare;
use super::policy::Policy;
use super::rights;
use super::stages::Stages;
use crate::model::acl::{Acl, Agreement};
use crate::model::node::{Content, Declared, Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Update};
use crate::model::record;
use crate::model::tree::Tree;
use crate::plan::scope;

/// What is declared of an undeclared node that is held to an ACL: that it has this ACL, and otherwise stays
/// as it is. Returns `None` if it is not held to any.
pub(crate) fn held(declared: &Tree<Declared>, path: &ZPath, live: &LiveNode) -> Option<Declared> {
    let holder = scope::holder(declared, path)?;
    let directive = rights::directive(path, declared);
    Some(Declared {
        content: Content::Raw {
            bytes: live.data.as_slice().into(),
            origin: None,
        },
        acl: holder.acl.clone(),
        acl_is_deep: true,
        origin: directive,
        directives: directive.map(|span| ("@acl", span)).into_iter().collect(),
        ..Declared::default()
    })
}

/// What was found of the ACLs of an undeclared subtree.
#[derive(Default)]
pub(super) struct Found {
    /// What makes them as they are to be.
    pub(super) updates: Vec<Update>,
    /// Those that were read.
    pub(super) live: Vec<(ZPath, Arc<Acl>)>,
    /// Nodes whose ACL could not be compared.
    pub(super) unseen: Vec<ZPath>,
    /// Nodes whose children could not be listed.
    pub(super) unlisted: Vec<ZPath>,
}

/// Compares the ACLs of an undeclared subtree, its topmost node first, where it is held to one.
/// Ephemeral nodes and the records of owners are left alone.
pub(super) fn compare(
    nodes: &[(ZPath, Live)],
    declared: &Tree<Declared>,
    policy: &Policy<'_>,
) -> Found {
    let mut found = Found::default();
    let Some((top, _)) = nodes.first() else {
        return found;
    };
    let is_left = policy.is_of_server(top) || record::is_reserved(top);
    let holder = scope::holder(declared, top).filter(|_| !is_left);
    let Some(acl) = holder.and_then(|holder| holder.acl.as_ref()) else {
        return found;
    };
    // The last one that is left alone with all below it.
    let mut left: Option<&ZPath> = None;
    for (path, live) in nodes {
        if left.is_some_and(|left| path.is_within(left)) {
            continue;
        }
        if record::is_head_node(live) || policy.filter.excludes(path) {
            left = Some(path);
            continue;
        }
        if !policy.filter.covers(path) {
            continue;
        }
        let Some(node) = live.outline() else {
            found.unseen.push(path.clone());
            continue;
        };
        if node.ephemeral {
            continue;
        }
        if matches!(live, Live::Unlisted(_)) {
            found.unlisted.push(path.clone());
        }
        let live = node.acl.iter();
        found
            .live
            .extend(live.map(|acl| (path.clone(), acl.clone())));
        match compare::agreement(acl, node, policy) {
            Agreement::Same => {}
            Agreement::Unknown => found.unseen.push(path.clone()),
            Agreement::Different => {
                if let Some(wanted) = held(declared, path, node) {
                    let acl = Some(acl.clone());
                    let compared = compare::compare(path, &wanted, node, acl, policy);
                    found.updates.extend(compared.update);
                }
            }
        }
    }
    found
}

/// Puts the updates of undeclared nodes among the others, but for those of nodes that go.
pub(super) fn settle(held: Vec<Update>, stages: &mut Stages) {
    if held.is_empty() {
        return;
    }
    let gone: HashSet<&ZPath> = stages.trims.iter().map(Action::path).collect();
    let stay = held
        .into_iter()
        .filter(|update| !gone.contains(&update.path));
    stages.updates.extend(stay.map(Action::Update));
    stages.updates.sort_by(|a, b| a.path().cmp(b.path()));
}
