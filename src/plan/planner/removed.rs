//! Values that a plan removes, and that may have been secret.

use super::stages::Stages;
use crate::model::node::{Declared, Secret, secret_names};
use crate::model::plan::{Action, Change, ChangeValue};
use crate::model::tree::Tree;
use crate::syntax::names::{Globs, looks_secret};
use crate::syntax::source::Sources;

/// Hides values that are removed under the names of secrets: their `@secret` line may have gone
/// with them. Names of the whole source count, also where the plan is about a part of it.
pub(super) fn hide(stages: &mut Stages, declared: &Tree<Declared>, sources: &Sources) {
    let mut secrets: Option<Secret> = None;
    let by_patterns = || {
        let mut names = secret_names(declared);
        names.extend(sources.secret_names().cloned());
        // Each pattern compiled before. If one were bad all the same, everything would be hidden.
        let globs = Globs::new(names.into_iter().collect());
        globs.map_or(Secret::Everything, Secret::Properties)
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
                    (Some(ChangeValue::Json(_) | ChangeValue::Beyond(_)), None)
                )
        };
        for change in changes.iter_mut().filter(removed) {
            let secrets = secrets.get_or_insert_with(by_patterns);
            change.secret = looks_secret(&change.name) || secrets.covers(&change.name);
        }
    }
}
