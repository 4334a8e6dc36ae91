//! Values that a plan shows under the names of secrets.

use std::collections::HashSet;

use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add, Change, Plan};
use zkt::model::value::entries;
use zkt::syntax::names::looks_secret;
use zkt::syntax::names::split_link;
use zkt::syntax::spelling::property_name;

use super::value::path_text;

/// Returns a hint if a plan shows such a value, which no `@secret` covers. The plan shows it all the
/// same: its name alone does not make it a secret.
pub(crate) fn exposed(plan: &Plan) -> Option<String> {
    let mut harmless = HashSet::new();
    let (path, name) = plan
        .actions
        .iter()
        .find_map(|action| exposed_by(action, &mut harmless))?;
    let name = property_name(&name).into_owned();
    Some(format!(
        "{} of {} has the name of a secret, and its value is shown: `@secret {name}` hides it",
        name,
        path_text(path)
    ))
}

fn exposed_by<'p>(
    action: &'p Action,
    harmless: &mut HashSet<String>,
) -> Option<(&'p ZPath, String)> {
    let mut is_suspect = |name: &str| {
        if harmless.contains(name) {
            return false;
        }
        let is_suspect = looks_secret(name) && split_link(name).is_none();
        if !is_suspect {
            harmless.insert(name.to_owned());
        }
        is_suspect
    };
    let name = match action {
        Action::Add(add) => in_new(add, &mut is_suspect),
        Action::Update(update) => in_changes(&update.changes, &mut is_suspect),
        Action::Link(_) | Action::Trim(_) => None,
    };
    name.map(|name| (action.path(), name))
}

fn in_new(add: &Add, is_suspect: &mut impl FnMut(&str) -> bool) -> Option<String> {
    if add.raw {
        return None;
    }
    let object = add.data.to_object();
    let mut names = entries(&object).map(|entry| entry.name);
    let name = names.find(|name| is_suspect(name) && !add.secret.0.covers(name))?;
    Some(name.into_owned())
}

fn in_changes(changes: &[Change], is_suspect: &mut impl FnMut(&str) -> bool) -> Option<String> {
    let mut shown = changes.iter().filter(|change| !change.secret);
    let change = shown.find(|change| is_suspect(&change.name))?;
    Some(change.name.clone())
}
