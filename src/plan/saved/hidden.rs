//! A plan without its secret values.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::node::{Content, Declared, Secret};
use crate::model::path::ZPath;
use crate::model::plan::{ACL_CHANGE, Action, Change, ChangeValue, DATA_CHANGE, Plan};
use crate::model::secrets::SecretNames;
use crate::model::tree::Tree;
use crate::model::value::{Data, Encoded, Entry, STRING_VALUE, entries};
use crate::syntax::parser::HIDDEN;

/// Puts `(secret)` in the place of each secret value of a plan. Returns the plan so, and the actions
/// that had any. This alone decides what a file without secrets holds: of actions, of moves, and of raw data.
pub(super) fn hide<'n>(
    mut plan: Plan,
    declared: &Tree<Declared>,
    secret_names: impl IntoIterator<Item = &'n String>,
) -> (Plan, BTreeSet<usize>) {
    let everywhere = SecretNames::new(secret_names);
    let mut hidden = BTreeSet::new();
    let moved: BTreeSet<ZPath> = plan.moved_nodes().into_keys().collect();
    for (at, action) in plan.actions.iter_mut().enumerate() {
        let secrets = Secrets {
            is_moved: moved.contains(action.path()),
            ..Secrets::of(declared.get(action.path()), &everywhere)
        };
        if secrets.hide(action) {
            hidden.insert(at);
        }
    }
    for moved in &mut plan.moves {
        for (path, changes) in &mut moved.changes {
            _ = Secrets::of(declared.get(path), &everywhere).hide_changes(changes);
        }
    }
    (plan, hidden)
}

/// Whether an action has a value that is not shown by what it says itself, without any file at hand.
pub(super) fn holds_shown_secret(action: &Action) -> bool {
    let nothing = SecretNames::default();
    let (data, changes) = match action {
        Action::Add(add) => {
            let secrets = Secrets {
                own: &add.secret.0,
                ..Secrets::of(None, &nothing)
            };
            return secrets.hides_declared(&add.data);
        }
        Action::Update(update) => (update.data.as_ref(), &update.changes),
        Action::Link(link) => (Some(&link.data), &link.changes),
        Action::Trim(_) => return false,
    };
    let is_held = |change: &Change| {
        let values = [&change.old, &change.new].into_iter().flatten();
        let is_hidden = |value: &ChangeValue| *value == ChangeValue::Json(HIDDEN.into());
        change.secret && !values.into_iter().all(is_hidden)
    };
    data.is_some() && changes.iter().any(is_held)
}

/// What is secret of a node.
#[derive(Clone, Copy)]
pub(super) struct Secrets<'a> {
    /// By the lines of the node.
    own: &'a Secret,
    /// By the lines of all nodes: what a node keeps of its live properties may be secret, too.
    everywhere: &'a SecretNames,
    /// As it is declared.
    node: Option<&'a Declared>,
    /// Whether its new data comes from another live node.
    is_moved: bool,
}

impl<'a> Secrets<'a> {
    pub(super) fn of(node: Option<&'a Declared>, everywhere: &'a SecretNames) -> Self {
        Self {
            own: node.map_or(&Secret::Nothing, |node| &node.secret),
            everywhere,
            node,
            is_moved: false,
        }
    }

    /// Whether a live property may be secret, declared or not.
    pub(super) fn may_cover(&self, name: &str, value: &Value) -> bool {
        self.own.covers(name) || self.everywhere.has_property(name, value)
    }

    /// Whether live data that has no properties may be secret.
    pub(super) fn may_cover_data(&self, path: &ZPath, data: &[u8]) -> bool {
        let text = || String::from_utf8_lossy(data);
        self.covers_raw()
            || self.everywhere.has(path.name())
            || self.everywhere.are_in_text(&text())
    }

    /// Whether raw data is hidden. What no file declares, names tell, as of properties.
    fn covers_raw_data(&self, path: &ZPath, data: &[u8]) -> bool {
        let is_declared = self
            .node
            .is_some_and(|node| node.is_declared() && matches!(node.content, Content::Raw { .. }));
        self.covers_raw() || !is_declared && !data.is_empty() && self.may_cover_data(path, data)
    }

    fn covers_raw(&self) -> bool {
        let has_secrets = !matches!(self.own, Secret::Nothing);
        has_secrets || self.covers(STRING_VALUE) || self.covers(DATA_CHANGE)
    }

    pub(super) fn hide(&self, action: &mut Action) -> bool {
        let path = action.path().clone();
        match action {
            Action::Add(add) => {
                // What is moved is not shown; what of it is secret its names say.
                let own = if self.is_moved {
                    self.own
                } else {
                    &add.secret.0
                };
                Secrets { own, ..*self }.hide_data(&path, &mut add.data)
            }
            Action::Update(update) => {
                let in_data = update
                    .data
                    .as_mut()
                    .is_some_and(|data| self.hide_data(&path, data));
                self.hide_changes(&mut update.changes) | in_data
            }
            Action::Link(link) => {
                let in_data = self.hide_data(&path, &mut link.data);
                self.hide_changes(&mut link.changes) | in_data
            }
            Action::Trim(_) => false,
        }
    }

    /// Whether `@secret` lines cover a property: those of its node, and those of all nodes unless its node
    /// declares it.
    pub(super) fn covers(&self, name: &str) -> bool {
        self.own.covers(name) || self.everywhere.are_lines_for(name) && !self.declares(name)
    }

    fn declares(&self, name: &str) -> bool {
        self.node.is_some_and(|node| match &node.content {
            Content::Properties(properties) => {
                properties.contains(name) && !node.ignore.matches(name)
            }
            Content::Raw { .. } => false,
        })
    }

    /// Whether a property of a node's data is hidden. A live one that no file declares, which the plan
    /// keeps and does not show, is hidden by its name, too, and by the names inside of it.
    fn covers_property(&self, Entry { name, value, .. }: &Entry<'_>) -> bool {
        let may_be_secret = || match serde_json::from_str(value) {
            Ok(value) => self.may_cover(name, &value),
            // JSON as Python writes it.
            Err(_) => self.everywhere.has(name) || self.everywhere.are_in_text(value),
        };
        self.covers(name) || may_be_secret() && !self.declares(name)
    }

    /// Whether the node's own lines hide any of its data.
    fn hides_declared(&self, data: &Encoded) -> bool {
        if !data.is_object() {
            return self.covers_raw();
        }
        let object = data.to_object();
        entries(&object).any(|entry| self.own.covers(&entry.name))
    }

    fn hide_data(&self, path: &ZPath, data: &mut Encoded) -> bool {
        if !data.is_object() {
            // If the data is no object, all of it is treated as secret.
            let is_secret = self.covers_raw_data(path, data.as_bytes());
            if is_secret {
                *data = Data::Text(HIDDEN.to_owned()).into();
            }
            return is_secret;
        }
        let object = data.to_object();
        let is_secret = entries(&object).any(|entry| self.covers_property(&entry));
        if !is_secret {
            return false;
        }
        let mut shown = vec![b'{'];
        for entry in entries(&object) {
            if shown.len() > 1 {
                shown.push(b',');
            }
            if self.covers_property(&entry) {
                let member = (Value::from(&*entry.name), Value::from(HIDDEN));
                shown.extend_from_slice(format!("{}:{}", member.0, member.1).as_bytes());
            } else {
                shown.extend_from_slice(entry.text.as_bytes());
            }
        }
        shown.push(b'}');
        *data = Encoded::object(&shown);
        true
    }

    fn hide_changes(&self, changes: &mut [Change]) -> bool {
        let mut any = false;
        for change in changes {
            let is_secret = change.name != ACL_CHANGE && self.covers(&change.name);
            if !(change.secret || is_secret) {
                continue;
            }
            change.secret = true;
            for value in [&mut change.old, &mut change.new].into_iter().flatten() {
                *value = ChangeValue::Json(HIDDEN.into());
                any = true;
            }
        }
        any
    }
}
