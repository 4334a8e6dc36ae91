//! Values that a plan removes, and that may have been secret.

use std::collections::BTreeMap;

use super::Stages;
use crate::node::{Declared, Secret, looks_secret};
use crate::plan::{Action, Change, ChangeValue};
use crate::tree::Tree;

/// Hides values that are removed under the names of secrets: their `@secret` line may have gone
/// with them.
pub(super) fn hide(stages: &mut Stages, declared: &Tree<Declared>) {
    let mut secrets: Option<BTreeMap<&[String], &Secret>> = None;
    let by_patterns = || {
        let secrets = declared.iter().filter_map(|(_, node)| match &node.secret {
            Secret::Properties(globs) => Some((globs.patterns(), &node.secret)),
            Secret::Nothing | Secret::Everything => None,
        });
        secrets.collect()
    };
    for action in stages.updates.iter_mut().chain(&mut stages.links) {
        let changes = match action {
            Action::Update(update) => &mut update.changes,
            Action::Link(link) => &mut link.changes,
            Action::Add(_) | Action::Trim(_) => continue,
        };
        let removed = |change: &&mut Change| {
            !change.secret
                && matches!(
                    (&change.old, &change.new),
                    (Some(ChangeValue::Json(_)), None)
                )
        };
        for change in changes.iter_mut().filter(removed) {
            let secrets = secrets.get_or_insert_with(by_patterns);
            change.secret = looks_secret(&change.name)
                || secrets.values().any(|secret| secret.covers(&change.name));
        }
    }
}
