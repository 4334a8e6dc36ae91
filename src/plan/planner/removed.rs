//! Values that a plan removes, and that may have been secret.

use serde_json::Value;

use super::stages::Stages;
use crate::model::node::{Declared, secret_names};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Change, ChangeValue, DATA_CHANGE, Move};
use crate::model::secrets::SecretNames;
use crate::model::tree::Tree;
use crate::model::value::STRING_VALUE;
use crate::syntax::source::Sources;

/// Hides old values that no file declares, under or around the names of secrets: their `@secret` line
/// may have gone with them. Names of the whole source count, also where the plan is about a part of
/// it.
pub(super) fn hide(
    stages: &mut Stages,
    moves: &mut [Move],
    declared: &Tree<Declared>,
    sources: &Sources,
) {
    let mut names: Option<SecretNames> = None;
    let of_lines = || {
        let mut patterns = secret_names(declared);
        patterns.extend(sources.secret_names().cloned());
        SecretNames::new(&patterns)
    };
    let mut hide = |paths: &[&ZPath], changes: &mut [Change]| {
        let changes = changes.iter_mut();
        for change in changes.filter(|change| !change.secret && change.old.is_some()) {
            let names = names.get_or_insert_with(of_lines);
            change.secret = paths.iter().any(|path| is_secret(names, path, change));
        }
    };
    for action in stages.updates.iter_mut().chain(&mut stages.links) {
        match action {
            Action::Update(update) => hide(&[&update.path], &mut update.changes),
            Action::Link(link) => hide(&[&link.path], &mut link.changes),
            Action::Add(_) | Action::Trim(_) => {}
        }
    }
    for moved in moves {
        let (from, to) = (&moved.from, &moved.to);
        for (path, changes) in &mut moved.changes {
            // A node without properties has the name of a secret at either place.
            hide(&[path, &path.moved(to, from)], changes);
        }
    }
}

/// Whether the old value of a change may be secret, and its new one does not declare it.
fn is_secret(names: &SecretNames, path: &ZPath, change: &Change) -> bool {
    // Data that has no properties has the name of its node.
    let name = match change.name.as_str() {
        STRING_VALUE | DATA_CHANGE => path.name(),
        name => name,
    };
    let has_name = || change.new.is_none() && names.has(name);
    match (&change.old, &change.new) {
        (Some(ChangeValue::Json(old)), new) => {
            let new = match new {
                Some(ChangeValue::Json(new)) => new,
                _ => &Value::Null,
            };
            has_name() || names.are_removed(old, new)
        }
        (Some(ChangeValue::Beyond(old)), _) => has_name() || names.are_in_text(old),
        (Some(ChangeValue::Raw(old)), new) => {
            let new = match new {
                Some(ChangeValue::Raw(new)) => String::from_utf8_lossy(new),
                _ => "".into(),
            };
            has_name() || names.are_removed_from_text(&String::from_utf8_lossy(old), &new)
        }
        (Some(ChangeValue::Acl(_)) | None, _) => false,
    }
}
