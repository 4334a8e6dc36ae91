//! Values that a plan shows under the names of secrets.

use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add, Change, Plan};
use zkt::model::value::entries;
use zkt::syntax::names::{looks_secret, may_hold_secret, split_link};
use zkt::syntax::spelling::property_name;

use super::value::path_text;

/// Returns a hint if a plan shows such a value, which no `@secret` covers. The plan shows it all the
/// same: its name alone does not make it a secret.
pub(crate) fn exposed(plan: &Plan) -> Option<String> {
    let (path, name) = plan.actions.iter().find_map(exposed_by)?;
    let name = property_name(&name).into_owned();
    Some(format!(
        "{} of {} has the name of a secret, and its value is shown: `@secret {name}` hides it",
        name,
        path_text(path)
    ))
}

fn exposed_by(action: &Action) -> Option<(&ZPath, String)> {
    let name = match action {
        Action::Add(add) => in_new(add),
        Action::Update(update) => in_changes(&update.changes),
        Action::Link(_) | Action::Trim(_) => None,
    };
    name.map(|name| (action.path(), name))
}

fn in_new(add: &Add) -> Option<String> {
    if add.raw || !may_hold_secret(add.data.as_bytes()) {
        return None;
    }
    let object = add.data.to_object();
    let mut names = entries(&object).map(|entry| entry.name);
    let name = names.find(|name| is_suspect(name) && !add.secret.0.covers(name))?;
    Some(name.into_owned())
}

fn in_changes(changes: &[Change]) -> Option<String> {
    let mut shown = changes.iter().filter(|change| !change.secret);
    let change = shown.find(|change| is_suspect(&change.name))?;
    Some(change.name.clone())
}

fn is_suspect(name: &str) -> bool {
    looks_secret(name) && split_link(name).is_none()
}
