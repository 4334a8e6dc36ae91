//! The live nodes that a saved plan depends on.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};
use crate::model::record::Entry;
use crate::plan::scope::{Children, Want};

/// The live nodes that show what is left of a plan: those that it writes, the parents of those that it
/// creates, and the new places of what it moves.
pub(super) fn wants(plan: &Plan) -> Vec<Want> {
    listed(paths(plan))
}

/// The same, and the nodes that the owner adopts.
pub(super) fn wants_with_claims(plan: &Plan) -> Vec<Want> {
    let mut wants = paths(plan);
    for path in adopted(plan).into_keys() {
        wants.entry(path.clone()).or_default();
    }
    listed(wants)
}

/// The nodes that the owner adopts as they were seen, with the record's entries.
pub(super) fn adopted(plan: &Plan) -> BTreeMap<&ZPath, Entry> {
    let told = plan.claims.adopted.iter().map(|adopted| &adopted.path);
    let new: BTreeSet<&ZPath> = told.chain(&plan.claims.equal).collect();
    let taken = plan.record.take.iter();
    let taken = taken.filter(|(path, _)| new.contains(path));
    taken.map(|(path, entry)| (path, *entry)).collect()
}

fn paths(plan: &Plan) -> BTreeMap<ZPath, bool> {
    let mut wants: BTreeMap<ZPath, bool> = BTreeMap::new();
    for action in &plan.actions {
        let acl = match action {
            Action::Add(add) => add.acl.is_some(),
            Action::Update(update) => update.acl.is_some(),
            Action::Link(_) | Action::Trim(_) => false,
        };
        *wants.entry(action.path().clone()).or_default() |= acl;
        if let (Action::Add(_), Some(parent)) = (action, action.path().parent()) {
            wants.entry(parent).or_default();
        }
    }
    for (new, trim) in plan.moved_trims() {
        wants.entry(new).or_default();
        // What is moved keeps its ACL.
        wants.insert(trim.path.clone(), true);
    }
    wants
}

fn listed(wants: BTreeMap<ZPath, bool>) -> Vec<Want> {
    let want = |(path, acl)| Want {
        path,
        children: Children::Skip,
        acl,
    };
    wants.into_iter().map(want).collect()
}
