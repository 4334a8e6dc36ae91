//! Values that a plan shows and that look like secrets.

use serde_json::Value;
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add, Change, ChangeValue, DATA_CHANGE, Plan};
use zkt::model::secrets::{is_harmless, plain_secret, plain_secret_in_text};
use zkt::model::value::entries;
use zkt::syntax::names::{looks_secret, may_hold_secret, split_link};
use zkt::syntax::spelling::property_name;

use super::change::{hides_raw_data, is_directive};
use super::subtrees::is_moved;
use super::value::path_text;

/// Returns a hint if a plan shows such a value, which no `@secret` covers. The plan shows it all the
/// same: its name alone does not make it a secret.
pub(crate) fn exposed(plan: &Plan) -> Option<String> {
    let moved = plan.moved_nodes();
    let mut shown = plan.actions.iter().filter(|one| !is_moved(one, &moved));
    let mut of_moves = plan.moves.iter().flat_map(|moved| &moved.changes);
    shown
        .find_map(of_action)
        .or_else(|| of_moves.find_map(|(path, changes)| in_changes(path, changes)))
}

fn of_action(action: &Action) -> Option<String> {
    match action {
        Action::Add(add) => in_new(add),
        Action::Update(update) => in_changes(&update.path, &update.changes),
        Action::Link(_) | Action::Trim(_) => None,
    }
}

fn in_new(add: &Add) -> Option<String> {
    let path = &add.path;
    if add.raw {
        let is_shown = !hides_raw_data(add) && !add.bytes().is_empty();
        return is_shown.then(|| in_data(path, add.bytes())).flatten();
    }
    if !may_hold_secret(add.data.as_bytes()) {
        return None;
    }
    let object = add.data.to_object();
    let mut shown = entries(&object).filter(|entry| !add.secret.0.covers(&entry.name));
    shown.find_map(|entry| {
        let value = serde_json::from_str(entry.value).unwrap_or_default();
        in_property(path, &entry.name, &value)
    })
}

fn in_changes(path: &ZPath, changes: &[Change]) -> Option<String> {
    let mut shown = changes.iter().filter(|change| !change.secret);
    shown.find_map(|change| {
        let mut values = change.new.iter().chain(&change.old);
        let is_data = change.name == DATA_CHANGE && is_directive(change);
        values.find_map(|value| match value {
            ChangeValue::Raw(bytes) if is_data => in_data(path, bytes),
            ChangeValue::Json(value) => in_property(path, &change.name, value),
            ChangeValue::Raw(_) | ChangeValue::Beyond(_) | ChangeValue::Acl(_) => None,
        })
    })
}

fn in_property(path: &ZPath, name: &str, value: &Value) -> Option<String> {
    if split_link(name).is_some() {
        return None;
    }
    let (shown, path) = (property_name(name), path_text(path));
    if looks_secret(name) && !is_harmless(value) {
        return Some(format!(
            "{shown} of {path} has the name of a secret, and its value is shown: `@secret {shown}` hides it"
        ));
    }
    let inner = plain_secret(value)?;
    Some(format!(
        "{shown} of {path} holds {inner}, and its value is shown: `@secret {shown}` hides it"
    ))
}

fn in_data(path: &ZPath, bytes: &[u8]) -> Option<String> {
    let shown = path_text(path);
    if looks_secret(path.name()) {
        return Some(format!(
            "{shown} has the name of a secret, and its data is shown: `@secret` hides it"
        ));
    }
    let inner = plain_secret_in_text(std::str::from_utf8(bytes).ok()?)?;
    Some(format!(
        "the data of {shown} holds {inner}, and is shown: `@secret` hides it"
    ))
}
