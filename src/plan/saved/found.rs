//! What is there now at a node that moved, against what the plan saw.

use std::collections::BTreeSet;

use serde_json::Value;

use super::hidden::Secrets;
use super::look::{Fresh, Moved, data_of};
use super::shown::changes_of;
use super::terms::Secrets as Kept;
use crate::model::node::{Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::plan::{ACL_CHANGE, Action, Change, ChangeValue, DATA_CHANGE};
use crate::model::secrets::SecretNames;
use crate::model::value::{self, Data, Properties, STRING_VALUE};
use crate::syntax::parser::HIDDEN;

/// A node that moved, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The node.
    pub path: ZPath,
    /// When its data was last written, in milliseconds since the epoch.
    pub modified: i64,
    /// From what the plan saw to what is there; a value that may be a secret is marked as one.
    pub changes: Vec<Change>,
    /// What `changes` are about.
    pub extent: Extent,
}

/// What the changes at a node that moved tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that differs.
    All,
    /// What differs; but the plan does not hold every secret value that it saw.
    WithoutSecrets,
    /// All that the node holds: the plan does not know what it held, or there was no node.
    Contents,
    /// Nothing: what moved is not what the node holds.
    Nothing,
}

/// What the plan saw in a node.
enum Seen {
    Properties {
        known: Properties,
        /// Properties whose values the plan does not hold.
        unknown: BTreeSet<String>,
    },
    Raw {
        bytes: Vec<u8>,
        secret: bool,
    },
    /// Raw data that the plan does not hold.
    Withheld,
}

/// What is there now; `None` where there is no node to read.
pub(super) fn found(
    path: &ZPath,
    moved: Moved,
    (actions, kept): (&[&Action], Kept),
    (live, fresh): (Option<&Live>, Option<&Fresh<'_>>),
) -> Option<Found> {
    let node = live?.node()?;
    let seen = seen(actions);
    let nothing = SecretNames::default();
    let masks = Masks {
        path,
        secrets: match fresh {
            Some(fresh) => Secrets::of(fresh.declared.get(path), &fresh.everywhere),
            None => Secrets::of(None, &nothing),
        },
        plain: fresh.is_none().then(|| plain(actions, kept, seen.as_ref())),
    };
    let (changes, extent) = match moved {
        Moved::AclChanged => (acl_change(actions, node), Extent::All),
        Moved::Exists | Moved::Replaced | Moved::Changed => masks.compare(seen, node),
        _ => (Vec::new(), Extent::Nothing),
    };
    Some(Found {
        path: path.clone(),
        modified: node.mtime,
        changes,
        extent,
    })
}

/// What the plan saw in a node that it changes: what it writes, with the changes undone. `None` where it
/// writes no data, or saw no node.
fn seen(actions: &[&Action]) -> Option<Seen> {
    if matches!(actions.first(), Some(Action::Add(_))) {
        return None;
    }
    let data = actions.iter().rev().find_map(|action| data_of(action))?;
    let changes = || actions.iter().flat_map(|action| changes_of(action));
    let mut known = data.decode().into_properties();
    match changes().find(|change| is_data(change)) {
        None => {}
        Some(Change { old: None, .. }) => known.clear(),
        Some(change) => {
            let secret = change.secret;
            return Some(match &change.old {
                Some(ChangeValue::Raw(bytes)) => Seen::Raw {
                    bytes: bytes.clone(),
                    secret,
                },
                _ => Seen::Withheld,
            });
        }
    }
    let mut unknown = BTreeSet::new();
    let properties = changes().filter(|change| !is_data(change) && !is_acl(change));
    for change in properties.collect::<Vec<_>>().into_iter().rev() {
        let name = change.name.clone();
        match &change.old {
            None => _ = known.remove(&name),
            Some(ChangeValue::Json(old)) => _ = known.insert(name, old.clone()),
            Some(_) => _ = unknown.insert(name),
        }
    }
    let hidden = known.iter().filter(|(_, value)| *value == HIDDEN);
    unknown.extend(hidden.map(|(name, _)| name.clone()));
    known.retain(|name, _| !unknown.contains(name));
    Some(Seen::Properties { known, unknown })
}

/// Whether raw data changes. A property may have the same name.
fn is_data(change: &Change) -> bool {
    let mut values = [&change.old, &change.new].into_iter().flatten();
    let is_raw = values.any(|value| matches!(value, ChangeValue::Raw(_)));
    change.name == DATA_CHANGE && (is_raw || change.secret)
}

fn is_acl(change: &Change) -> bool {
    change.name == ACL_CHANGE && matches!(change.new, Some(ChangeValue::Acl(_)))
}

/// The properties that are no secret, as the plan shows their values.
fn plain(actions: &[&Action], kept: Kept, seen: Option<&Seen>) -> BTreeSet<String> {
    let changes = || actions.iter().flat_map(|action| changes_of(action));
    let mut plain: BTreeSet<String> = match kept {
        // Which of those that it does not change are secret stands in the layers only.
        Kept::Included => BTreeSet::new(),
        Kept::None | Kept::Withheld => {
            let written = actions.iter().filter_map(|action| data_of(action));
            let written = written.flat_map(|data| data.decode().into_properties());
            let shown = written.filter(|(_, value)| value != HIDDEN);
            let known = match seen {
                Some(Seen::Properties { known, .. }) => Some(known.keys().cloned()),
                _ => None,
            };
            (shown.map(|(name, _)| name))
                .chain(known.into_iter().flatten())
                .collect()
        }
    };
    let (secret, shown): (Vec<&Change>, _) = changes().partition(|change| change.secret);
    plain.extend(shown.into_iter().map(|change| change.name.clone()));
    plain.retain(|name| secret.iter().all(|change| change.name != *name));
    plain
}

fn acl_change(actions: &[&Action], node: &LiveNode) -> Vec<Change> {
    let mut changes = actions.iter().flat_map(|action| changes_of(action));
    let seen = changes.find(|change| is_acl(change));
    let now = node
        .acl
        .as_ref()
        .map(|acl| ChangeValue::Acl((**acl).clone()));
    let change = seen.zip(now).map(|(seen, now)| Change {
        new: Some(now),
        origin: None,
        ..seen.clone()
    });
    change.into_iter().collect()
}

/// Which values at a node may be secrets.
struct Masks<'a> {
    path: &'a ZPath,
    secrets: Secrets<'a>,
    /// Where the declared tree is not there, the properties that are no secret.
    plain: Option<BTreeSet<String>>,
}

impl Masks<'_> {
    fn compare(&self, seen: Option<Seen>, node: &LiveNode) -> (Vec<Change>, Extent) {
        let (known, unknown, extent) = match seen {
            Some(Seen::Raw { bytes, .. }) if bytes == node.data => {
                return (Vec::new(), Extent::All);
            }
            Some(Seen::Raw { bytes, secret }) => {
                let secret = secret || self.covers_data(node);
                let old = Some(ChangeValue::Raw(bytes));
                return (vec![data_change(old, node, secret)], Extent::All);
            }
            Some(Seen::Withheld) => return (Vec::new(), Extent::WithoutSecrets),
            Some(Seen::Properties { known, unknown }) => match unknown.is_empty() {
                true => (known, unknown, Extent::All),
                false => (known, unknown, Extent::WithoutSecrets),
            },
            None => (Properties::new(), BTreeSet::new(), Extent::Contents),
        };
        let now = Data::decode(&node.data);
        let binary = matches!(now, Data::Binary(_)).then(|| {
            let secret = self.plain.is_some() || self.covers_data(node);
            data_change(None, node, secret)
        });
        let now = now.into_properties();
        let names: BTreeSet<&String> = known.keys().chain(now.keys()).collect();
        let differs = |name: &&String| match (known.get(*name), now.get(*name)) {
            _ if unknown.contains(*name) => false,
            (Some(old), Some(new)) => !value::equal(old, new),
            _ => true,
        };
        let change = |name: &String| {
            let (old, new) = (known.get(name), now.get(name));
            let mut values = [old, new].into_iter().flatten();
            Change {
                name: name.clone(),
                secret: values.any(|value| self.covers(name, value)),
                old: old.cloned().map(ChangeValue::Json),
                new: new.cloned().map(ChangeValue::Json),
                origin: None,
            }
        };
        let changes = names.into_iter().filter(differs).map(change);
        (binary.into_iter().chain(changes).collect(), extent)
    }

    fn covers(&self, name: &str, value: &Value) -> bool {
        let text = value.as_str().filter(|_| name == STRING_VALUE);
        self.secrets.may_cover(name, value)
            || text.is_some_and(|text| self.secrets.may_cover_data(self.path, text.as_bytes()))
            || (self.plain.as_ref()).is_some_and(|plain| !plain.contains(name))
    }

    /// Whether data in the place of raw data may be a secret.
    fn covers_data(&self, node: &LiveNode) -> bool {
        let is_secret = |(name, value): (&String, &Value)| self.secrets.may_cover(name, value);
        let data = Data::decode(&node.data);
        let properties = match &data {
            Data::Properties(properties) => Some(properties),
            Data::Text(_) | Data::Binary(_) => None,
        };
        self.secrets.may_cover_data(self.path, &node.data)
            || properties.into_iter().flatten().any(is_secret)
    }
}

fn data_change(old: Option<ChangeValue>, node: &LiveNode, secret: bool) -> Change {
    Change {
        name: DATA_CHANGE.to_owned(),
        old,
        new: Some(ChangeValue::Raw(node.data.clone())),
        secret,
        origin: None,
    }
}
