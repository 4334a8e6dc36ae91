//! Whether what a plan shows is what it writes. A file may say both, and people review the one.

use crate::model::node::LiveNode;
use crate::model::path::ZPath;
use crate::model::plan::{ACL_CHANGE, Action, Change, ChangeValue, DATA_CHANGE};
use crate::model::value::{self, Data, Encoded, Properties, STRING_VALUE};

/// Whether the changes of an action are those that it writes, as far as the new values say.
pub(super) fn require_shown(action: &Action) -> Result<(), String> {
    let (data, acl, changes) = match action {
        Action::Update(update) => {
            let acl = update.acl.as_ref().map(|(_, acl)| &**acl);
            (update.data.as_ref(), acl, &update.changes)
        }
        Action::Link(link) => (Some(&link.data), None, &link.changes),
        Action::Add(_) | Action::Trim(_) => return Ok(()),
    };
    let is_acl = |change: &&Change| matches!(&change.new, Some(ChangeValue::Acl(_)));
    let shown_acl = changes
        .iter()
        .find(is_acl)
        .and_then(|change| change.new.as_ref());
    let is_acl_shown = match (acl, shown_acl) {
        (Some(acl), Some(ChangeValue::Acl(shown))) => acl == shown,
        (acl, shown) => acl.is_none() && shown.is_none(),
    };
    let mut others = changes
        .iter()
        .filter(|change| !is_acl(change) || change.name != ACL_CHANGE);
    let is_data_shown = match data {
        None => others.next().is_none(),
        Some(data) => !changes.is_empty() && others.all(|change| is_written(change, data)),
    };
    match is_acl_shown && is_data_shown {
        true => Ok(()),
        false => Err(contradiction(action.path())),
    }
}

fn contradiction(path: &ZPath) -> String {
    format!("{path}: what it shows is not what it writes")
}

/// Whether data holds what a change says.
pub(super) fn is_written(change: &Change, data: &Encoded) -> bool {
    let properties = || data.decode().into_properties();
    match &change.new {
        Some(ChangeValue::Raw(bytes)) => change.name == DATA_CHANGE && data.as_bytes() == bytes,
        // Properties are in the place of raw data.
        None if change.name == DATA_CHANGE && is_raw(change.old.as_ref()) => true,
        None => !properties().contains_key(&change.name),
        Some(ChangeValue::Json(new)) => {
            let is_text = change.name == STRING_VALUE
                && new
                    .as_str()
                    .is_some_and(|text| text.as_bytes() == data.as_bytes());
            let properties = properties();
            is_text
                || properties
                    .get(&change.name)
                    .is_some_and(|value| value::equal(value, new))
        }
        Some(ChangeValue::Beyond(_) | ChangeValue::Acl(_)) => false,
    }
}

fn is_raw(value: Option<&ChangeValue>) -> bool {
    matches!(value, Some(ChangeValue::Raw(_)))
}

/// Whether the actions at a node that nobody has written since change what they show, and no more.
pub(super) fn agree_with(actions: &[&Action], node: &LiveNode) -> bool {
    let before = match Data::decode(&node.data) {
        Data::Binary(_) => Properties::new(),
        data => data.into_properties(),
    };
    let writes = || actions.iter().filter_map(|action| written(action));
    let changes: Vec<&Change> = actions
        .iter()
        .flat_map(|action| changes_of(action))
        .collect();
    let is_old = |change: &&Change| match (&change.old, before.get(&change.name)) {
        (Some(ChangeValue::Raw(bytes)), _) => *bytes == node.data,
        (None, found) => found.is_none(),
        (Some(ChangeValue::Json(old)), Some(found)) => value::equal(old, found),
        (Some(ChangeValue::Beyond(_)), Some(_)) | (Some(ChangeValue::Acl(_)), _) => true,
        (Some(_), None) => false,
    };
    let is_shown = |name: &str| {
        let mut properties = changes.iter().filter(|change| !is_raw(change.old.as_ref()));
        properties.any(|change| change.name == name)
    };
    let shows_all = |(data, changes): (&Encoded, &[Change])| {
        let new = changes.iter().find_map(|change| match &change.new {
            Some(ChangeValue::Raw(bytes)) => Some(bytes),
            _ => None,
        });
        if let Some(bytes) = new {
            return data.as_bytes() == bytes;
        }
        let after = data.decode().into_properties();
        let differs = |name: &str| match (before.get(name), after.get(name)) {
            (Some(old), Some(new)) => !value::equal(old, new),
            (None, None) => false,
            _ => true,
        };
        let names = before.keys().chain(after.keys());
        names
            .map(String::as_str)
            .filter(|name| differs(name))
            .all(is_shown)
    };
    changes.iter().all(is_old) && writes().all(shows_all)
}

pub(super) fn changes_of(action: &Action) -> &[Change] {
    match action {
        Action::Update(update) => &update.changes,
        Action::Link(link) => &link.changes,
        Action::Add(_) | Action::Trim(_) => &[],
    }
}

/// The data that an action writes, and what it shows of that.
fn written(action: &Action) -> Option<(&Encoded, &[Change])> {
    let data = match action {
        Action::Update(update) => update.data.as_ref()?,
        Action::Link(link) => &link.data,
        Action::Add(_) | Action::Trim(_) => return None,
    };
    Some((data, changes_of(action)))
}
