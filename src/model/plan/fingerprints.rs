//! The fingerprints of all secret values that a plan writes.

use std::collections::{BTreeMap, BTreeSet};

use super::fingerprint::{Fingerprint, FingerprintKey, Fingerprints};
use super::{Action, Add, Change, ChangeValue, DATA_CHANGE, Plan};
use crate::model::node::Secret;
use crate::model::path::ZPath;
use crate::syntax::parser::HIDDEN;

impl Plan {
    /// Takes the fingerprints of the secret values that it writes.
    pub(crate) fn take_fingerprints(&mut self, key: &FingerprintKey) {
        let lacking: BTreeSet<(&ZPath, &str)> = (self.not_compared.iter())
            .map(|lacking| (&lacking.path, lacking.name.as_str()))
            .collect();
        let mut values = BTreeMap::new();
        let mut take =
            |path: &ZPath, name: &str, old: Option<&ChangeValue>, new: Option<&ChangeValue>| {
                let of = |value: Option<&ChangeValue>| fingerprint(key, (path, name), value?);
                let found = Fingerprint {
                    // What an old declaration lacks has none either.
                    old: of(old.filter(|old| **old != ChangeValue::Json(HIDDEN.into()))),
                    new: of(new).filter(|_| !lacking.contains(&(path, name))),
                };
                if found != Fingerprint::default() {
                    values.insert((path.clone(), name.to_owned()), found);
                }
            };
        let mut take_changes = |path: &ZPath, changes: &[Change]| {
            for change in changes.iter().filter(|change| change.secret) {
                take(path, &change.name, change.old.as_ref(), change.new.as_ref());
            }
        };
        let moved = self.moved_nodes();
        for action in &self.actions {
            match action {
                Action::Update(update) => take_changes(&update.path, &update.changes),
                Action::Link(link) => take_changes(&link.path, &link.changes),
                Action::Add(_) | Action::Trim(_) => {}
            }
        }
        for (path, changes) in self.moves.iter().flat_map(|moved| &moved.changes) {
            take_changes(path, changes);
        }
        for action in &self.actions {
            if let Action::Add(add) = action
                && !moved.contains_key(&add.path)
            {
                for (name, value) in secrets_of(add) {
                    take(&add.path, &name, None, Some(&value));
                }
            }
        }
        self.fingerprints = (!values.is_empty()).then(|| Fingerprints {
            key: key.id(),
            values,
        });
    }
}

/// The secret values of a new node, less its links.
fn secrets_of(add: &Add) -> Vec<(String, ChangeValue)> {
    let secret = &add.secret.0;
    let Some(properties) = add.properties() else {
        let is_secret = !matches!(secret, Secret::Nothing);
        let data = ChangeValue::Raw(add.data.as_bytes().to_vec());
        return is_secret
            .then(|| (DATA_CHANGE.to_owned(), data))
            .into_iter()
            .collect();
    };
    let properties = properties.into_iter();
    let secrets = properties.filter(|(name, _)| secret.covers(name));
    secrets
        .map(|(name, value)| (name, ChangeValue::Json(value)))
        .collect()
}

fn fingerprint(key: &FingerprintKey, place: (&ZPath, &str), value: &ChangeValue) -> Option<String> {
    match value {
        ChangeValue::Json(value) => Some(key.of(place, "value", value.to_string().as_bytes())),
        ChangeValue::Beyond(text) => Some(key.of(place, "text", text.as_bytes())),
        ChangeValue::Raw(bytes) => Some(key.of(place, "data", bytes)),
        ChangeValue::Acl(_) => None,
    }
}
