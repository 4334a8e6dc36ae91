//! What the log says of actions: which nodes drifted, which were written, and what changed.

use serde_json::Value;

use crate::model::node::Secret;
use crate::model::plan::{ACL_CHANGE, Action, Add, Change, ChangeValue, DATA_CHANGE};
use crate::syntax::names::split_link;
use crate::syntax::parser::HIDDEN;
use crate::syntax::spelling::{literal, printable, property_name};

/// Maximum number of nodes that are named for one reconcile; the rest is counted.
const MOST_NODES: usize = 20;
/// Maximum number of changes that are named of one node; the rest is counted.
const MOST_CHANGES: usize = 8;
/// Maximum number of characters of a value; the rest is cut.
const LONGEST: usize = 60;

/// What is said of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::watch) enum Word {
    /// It is not as declared, and is left so.
    Drifted,
    /// It was not as declared any more, and is again.
    Repaired,
    /// It follows newer files, or is written for the first time.
    Done,
    /// The reply was lost.
    Unknown,
    /// Its data stands, its ACL does not.
    DataOnly,
}

/// Names nodes in the log, up to a bound for each reconcile.
#[derive(Debug, Default)]
pub(super) struct Naming {
    named: usize,
    more: usize,
}

impl Naming {
    pub(super) fn note(&mut self, action: &Action, word: Word) {
        if self.named == MOST_NODES {
            self.more += 1;
            return;
        }
        self.named += 1;
        let path = printable(action.path().as_str()).into_owned();
        let (kind, changes) = (action.name(), changes(action));
        match word {
            Word::Drifted => tracing::warn!(path, action = kind, %changes, "drifted"),
            Word::Repaired => tracing::info!(path, action = kind, %changes, "repaired"),
            Word::Done => tracing::info!(path, action = kind, %changes, "{}", done(action)),
            Word::Unknown => {
                tracing::warn!(path, action = kind, %changes, "may have been written or not");
            }
            Word::DataOnly => {
                tracing::warn!(path, action = kind, %changes, "has its data, but not its ACL");
            }
        }
    }

    /// Says how many nodes were not named.
    pub(super) fn end(&mut self) {
        let more = std::mem::take(self).more;
        if more > 0 {
            let actions = if more == 1 { "action" } else { "actions" };
            tracing::info!("… and {more} more {actions}");
        }
    }
}

fn done(action: &Action) -> &'static str {
    match action {
        Action::Add(_) => "added",
        Action::Update(_) => "updated",
        Action::Link(_) => "linked",
        Action::Trim(_) => "trimmed",
    }
}

/// What an action changes, on one line, secrets masked.
fn changes(action: &Action) -> String {
    let all: Vec<String> = match action {
        Action::Add(add) => new(add),
        Action::Update(update) => update.changes.iter().map(change).collect(),
        Action::Link(link) => link.changes.iter().map(change).collect(),
        Action::Trim(_) => Vec::new(),
    };
    let mut text = all[..all.len().min(MOST_CHANGES)].join(", ");
    if all.len() > MOST_CHANGES {
        text += &format!(", and {} more", all.len() - MOST_CHANGES);
    }
    text
}

fn new(add: &Add) -> Vec<String> {
    let hides_data = add.raw && !matches!(add.secret.0, Secret::Nothing);
    if hides_data || matches!(add.secret.0, Secret::Everything) {
        return vec![format!("@data {HIDDEN}")];
    }
    if add.raw {
        return vec![format!("@data {}", bytes(add.data.as_bytes().len()))];
    }
    let properties = add.data.decode().into_properties();
    let one = |(name, value): (&String, &Value)| {
        let (spelt, operator) = named(name);
        let value = match add.secret.0.covers(name) {
            true => HIDDEN.to_owned(),
            false => shown(operator, value),
        };
        format!("{spelt} {operator} {value}")
    };
    properties.iter().map(one).collect()
}

fn change(change: &Change) -> String {
    let is_json =
        |value: &ChangeValue| matches!(value, ChangeValue::Json(_) | ChangeValue::Beyond(_));
    let mut values = change.old.iter().chain(&change.new);
    if change.name == ACL_CHANGE && !values.all(is_json) {
        // Entries may hold digests of passwords.
        return "@acl".to_owned();
    }
    let (name, operator) = match change.name.as_str() {
        DATA_CHANGE => (DATA_CHANGE.to_owned(), "="),
        name => named(name),
    };
    let text = |value: &ChangeValue| match value {
        _ if change.secret || change.is_in_doubt() => HIDDEN.to_owned(),
        ChangeValue::Json(value) => shown(operator, value),
        ChangeValue::Beyond(text) => short(&printable(text)),
        ChangeValue::Raw(raw) => bytes(raw.len()),
        ChangeValue::Acl(_) => "(ACL)".to_owned(),
    };
    match (&change.old, &change.new) {
        (Some(old), Some(new)) if operator != "=" => {
            format!("{name} {operator} {} (was {})", text(new), text(old))
        }
        (Some(old), Some(new)) => format!("{name} = {} -> {}", text(old), text(new)),
        (None, Some(new)) => format!("+ {name} {operator} {}", text(new)),
        (Some(old), None) => format!("- {name} {operator} {}", text(old)),
        (None, None) => format!("- {name}"),
    }
}

/// A property's name as it is written, and its operator.
fn named(name: &str) -> (String, &'static str) {
    let (base, operator) = match split_link(name) {
        Some((base, kind)) => (base, kind.operator()),
        None => (name, "="),
    };
    (property_name(base).into_owned(), operator)
}

fn shown(operator: &str, value: &Value) -> String {
    match value.as_str() {
        Some(target) if operator != "=" => short(&printable(target)),
        _ => short(&literal(value)),
    }
}

fn bytes(count: usize) -> String {
    let unit = if count == 1 { "byte" } else { "bytes" };
    format!("({count} {unit})")
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::path::ZPath;
    use crate::model::plan::Update;

    fn changed(name: &str, old: Option<Value>, new: Option<Value>, secret: bool) -> Change {
        Change {
            name: name.to_owned(),
            old: old.map(ChangeValue::Json),
            new: new.map(ChangeValue::Json),
            secret,
            origin: None,
        }
    }

    #[test]
    fn a_line_says_what_changed_but_no_secret() {
        let action = Action::Update(Update {
            path: ZPath::parse("/a").unwrap(),
            expected_version: crate::model::node::DataVersion::new(0).unwrap(),
            seen: None,
            data: None,
            acl: None,
            changes: vec![
                changed("x", Some(1.into()), Some(2.into()), false),
                changed("l ->", Some("/a".into()), Some("/b".into()), false),
                changed("new", None, Some("a\nb".into()), false),
                changed("old", Some(true.into()), None, false),
                changed("key", Some("hunter".into()), Some("hunter2".into()), true),
                changed("long", None, Some("é".repeat(500).into()), false),
            ],
            origin: None,
        });
        let long = format!("+ long = '{}… (502 characters)", "é".repeat(LONGEST - 1));
        assert_eq!(
            changes(&action),
            format!(
                "x = 1 -> 2, l -> /b (was /a), + new = 'a\\nb', - old = (secret), \
                 key = (secret) -> (secret), {long}"
            )
        );
    }
}
