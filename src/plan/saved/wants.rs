//! The live nodes that a saved plan depends on.

use std::collections::BTreeMap;

use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};
use crate::plan::scope::{Children, Want};

/// The live nodes that show what is left of a plan: those that it writes, and the parents of those
/// that it creates.
pub(super) fn wants(plan: &Plan) -> Vec<Want> {
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
    let want = |(path, acl)| Want {
        path,
        children: Children::Skip,
        acl,
    };
    wants.into_iter().map(want).collect()
}
