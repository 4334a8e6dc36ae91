//! A plan without its secret values.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::node::{Content, Declared, Secret};
use crate::model::plan::{ACL_CHANGE, Action, Change, ChangeValue, DATA_CHANGE, Plan};
use crate::model::tree::Tree;
use crate::model::value::{Data, Encoded, STRING_VALUE, entries};
use crate::syntax::names::{Globs, looks_secret};
use crate::syntax::parser::HIDDEN;

/// Puts `(secret)` in the place of each secret value of a plan. Returns the plan so, and the actions
/// that had any.
pub(super) fn hide<'n>(
    mut plan: Plan,
    declared: &Tree<Declared>,
    secret_names: impl IntoIterator<Item = &'n String>,
) -> (Plan, BTreeSet<usize>) {
    let names = secret_names.into_iter().cloned().collect();
    let everywhere = Globs::new(names).map_or(Secret::Everything, Secret::Properties);
    let mut hidden = BTreeSet::new();
    for (at, action) in plan.actions.iter_mut().enumerate() {
        let node = declared.get(action.path());
        let secrets = Secrets {
            own: node.map_or(&Secret::Nothing, |node| &node.secret),
            everywhere: &everywhere,
            node,
        };
        if secrets.hide(action) {
            hidden.insert(at);
        }
    }
    (plan, hidden)
}

/// What is secret of a node.
struct Secrets<'a> {
    /// By the lines of the node.
    own: &'a Secret,
    /// By the lines of all nodes: what a node keeps of its live properties may be secret, too.
    everywhere: &'a Secret,
    /// As it is declared.
    node: Option<&'a Declared>,
}

impl Secrets<'_> {
    fn hide(&self, action: &mut Action) -> bool {
        match action {
            Action::Add(add) => {
                let own = &add.secret.0;
                Secrets { own, ..*self }.hide_data(&mut add.data)
            }
            Action::Update(update) => {
                let in_data = update
                    .data
                    .as_mut()
                    .is_some_and(|data| self.hide_data(data));
                self.hide_changes(&mut update.changes) | in_data
            }
            Action::Link(link) => {
                let in_data = self.hide_data(&mut link.data);
                self.hide_changes(&mut link.changes) | in_data
            }
            Action::Trim(_) => false,
        }
    }

    fn covers(&self, name: &str) -> bool {
        self.own.covers(name) || self.everywhere.covers(name)
    }

    /// Whether a property of a node's data is hidden. A live one that no file declares, which the plan
    /// keeps and does not show, is hidden by its name, too.
    fn covers_property(&self, name: &str) -> bool {
        let is_declared = || {
            self.node.is_some_and(|node| match &node.content {
                Content::Properties(properties) => properties.contains(name),
                Content::Raw { .. } => false,
            })
        };
        self.covers(name) || looks_secret(name) && !is_declared()
    }

    fn hide_data(&self, data: &mut Encoded) -> bool {
        if !data.is_object() {
            // If the data is no object, all of it is treated as secret.
            let is_secret = !matches!(self.own, Secret::Nothing)
                || self.covers(STRING_VALUE)
                || self.covers(DATA_CHANGE);
            if is_secret {
                *data = Data::Text(HIDDEN.to_owned()).into();
            }
            return is_secret;
        }
        let object = data.to_object();
        let is_secret = entries(&object).any(|entry| self.covers_property(&entry.name));
        if !is_secret {
            return false;
        }
        let mut shown = vec![b'{'];
        for entry in entries(&object) {
            if shown.len() > 1 {
                shown.push(b',');
            }
            if self.covers_property(&entry.name) {
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
