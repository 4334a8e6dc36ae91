//! One declared node against the live one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::policy::Policy;
use crate::model::acl::{Acl, Agreement};
use crate::model::node::{Content, Declared, LiveNode};
use crate::model::path::ZPath;
use crate::model::plan::{ACL_CHANGE, Change, ChangeValue, DATA_CHANGE, Link, Update};
use crate::model::value::{
    self, Data, Encoded, NotJson, Properties, STRING_VALUE, beyond_json, sole_string,
};
use crate::syntax::names::{Globs, split_link};
use crate::syntax::place::Location;
use crate::syntax::source::Sources;

/// The actions that make one node as declared.
pub(super) struct Compared {
    pub(super) update: Option<Update>,
    pub(super) link: Option<Link>,
    /// Whether the ACLs could not be compared.
    pub(super) acl_unseen: bool,
}

impl Compared {
    pub(super) fn writes_data(&self) -> bool {
        let update = self.update.as_ref();
        self.link.is_some() || update.is_some_and(|update| update.data.is_some())
    }
}

/// Splits properties into links and the rest.
fn split_links(properties: Properties) -> (Properties, Properties) {
    properties
        .into_iter()
        .partition(|(name, _)| split_link(name).is_some())
}

/// Compares data, and the ACL where one is given.
pub(super) fn compare(
    path: &ZPath,
    node: &Declared,
    live: &LiveNode,
    acl: Option<Arc<Acl>>,
    policy: &Policy<'_>,
) -> Compared {
    let agreement = acl
        .as_ref()
        .map_or(Agreement::Same, |acl| agreement(acl, live, policy));
    let acl = acl.filter(|_| agreement == Agreement::Different);
    let sides = Sides {
        path,
        node,
        live,
        policy,
    };
    let Written {
        data,
        mut changes,
        link,
    } = sides.data();
    changes.extend(acl.as_ref().map(|acl| sides.acl_change(acl)));
    let update = (!changes.is_empty()).then(|| Update {
        path: path.clone(),
        expected_version: live.version,
        seen: live.zxids(),
        data,
        acl: acl.map(|acl| (live.acl_version, acl)),
        changes,
        origin: sides.origin(),
    });
    Compared {
        update,
        link,
        acl_unseen: agreement == Agreement::Unknown,
    }
}

/// What of a node's data is written.
#[derive(Default)]
struct Written {
    /// The data of the update, where one takes data.
    data: Option<Encoded>,
    /// What the update changes.
    changes: Vec<Change>,
    link: Option<Link>,
}

/// A node as it is declared and as it is.
struct Sides<'a> {
    path: &'a ZPath,
    node: &'a Declared,
    live: &'a LiveNode,
    policy: &'a Policy<'a>,
}

impl Sides<'_> {
    fn origin(&self) -> Option<Location> {
        let locate = |span| self.policy.sources.locate(span);
        self.node.origin.map(locate)
    }

    fn data(&self) -> Written {
        let Self { node, live, .. } = self;
        match &node.content {
            Content::Raw { .. } if node.lacks(DATA_CHANGE) => Written::default(),
            Content::Raw { bytes, .. } if **bytes != *live.data => Written {
                data: Some(node.data()),
                changes: vec![self.raw_change(Some(bytes.to_vec()))],
                link: None,
            },
            Content::Raw { .. } => Written::default(),
            // Most nodes are equal byte for byte and need no decoding.
            Content::Properties(_) if node.bytes() == live.data => Written::default(),
            Content::Properties(_) => {
                let differing = differing(node, live);
                differing.map_or_else(Written::default, |(before, after)| {
                    self.properties(before, after)
                })
            }
        }
    }

    fn raw_change(&self, new: Option<Vec<u8>>) -> Change {
        raw_change(&self.live.data, new, self.node, self.policy.sources)
    }

    fn properties(&self, before: Data, after: Properties) -> Written {
        let Self { node, live, .. } = self;
        let beyond = beyond_json(&live.data);
        let is_set = |name: &str| declares(node, name);
        let (old, is_binary) = match before {
            Data::Binary(_) => (Properties::new(), true),
            data => (data.into_properties(), false),
        };
        let (old_links, old_plain) = split_links(old);
        let (new_links, new_plain) = split_links(after.clone());
        let sources = self.policy.sources;
        let mut changes = changes(&old_plain, &new_plain, &beyond, node, sources);
        hide_text(&mut changes, node);
        let link_changes = self::changes(&old_links, &new_links, &beyond, node, sources);
        if is_binary || changes.is_empty() && link_changes.is_empty() {
            // The bytes differ, but no property does, or there are no properties.
            let new = sole_string(&after).map(|text| text.as_bytes().to_vec());
            changes.insert(0, self.raw_change(new));
        }
        let data = (!changes.is_empty()).then(|| {
            let mut first = new_plain;
            first.extend(old_links.into_iter().map(|(name, old)| {
                // Written data is spelled as declared.
                let same = new_links.get(&name).filter(|new| value::equal(&old, new));
                let link = same.cloned().unwrap_or(old);
                (name, link)
            }));
            Data::of(first).encode_over(&live.data, is_set)
        });
        let link = (!link_changes.is_empty()).then(|| Link {
            path: self.path.clone(),
            expected_version: Some(live.version),
            seen: live.zxids(),
            data: Data::of(after).encode_over(&live.data, is_set),
            changes: link_changes,
            origin: self.origin(),
        });
        Written {
            data,
            changes,
            link,
        }
    }

    fn acl_change(&self, declared: &Acl) -> Change {
        let old = self.live.acl.as_deref().cloned().unwrap_or_default();
        let old = match &self.policy.identities {
            Some(applier) => applier.shown(old, declared),
            None => old,
        };
        let directive = self.node.directives.get("@acl");
        Change {
            name: ACL_CHANGE.to_owned(),
            old: Some(ChangeValue::Acl(old)),
            new: Some(ChangeValue::Acl(declared.clone())),
            secret: false,
            origin: directive.map(|span| self.policy.sources.locate(*span)),
        }
    }
}

/// Whether a node has this ACL. Without a session, the live tree is a declared one.
pub(crate) fn agreement(acl: &Acl, live: &LiveNode, policy: &Policy<'_>) -> Agreement {
    match (&live.acl, &policy.identities) {
        (None, None) => Agreement::Same,
        (None, Some(_)) => Agreement::Unknown,
        (Some(live), Some(applier)) => acl.stored_by(&applier.stored).compare(live, applier),
        (Some(live), None) if acl.agrees_with(live) => Agreement::Same,
        (Some(_), None) => Agreement::Different,
    }
}

/// How a declared node and a live one go together.
pub(super) enum Fit<'n> {
    /// They can be compared, the live one with this.
    Comparable(Cow<'n, Declared>),
    /// Binary data stays, of which a part cannot.
    Binary,
    /// Text is in the way, of which a part cannot stay.
    Text,
}

impl<'n> Fit<'n> {
    /// With `replace`, what is declared takes the place of text and binary data.
    pub(super) fn of(node: &'n Declared, live: &LiveNode, replace: bool) -> Self {
        let is_binary = is_binary_in_part(node, live);
        match is_binary || is_text_in_part(node, live) {
            false => Self::Comparable(Cow::Borrowed(node)),
            true if replace => Self::Comparable(Cow::Owned(Declared {
                keep_properties: false,
                ignore: Globs::default(),
                ..node.clone()
            })),
            true if is_binary => Self::Binary,
            true => Self::Text,
        }
    }
}

/// Whether live data is text that is to stay beside declared properties: as the property
/// `string_value` it would not be that text any more.
fn is_text_in_part(node: &Declared, live: &LiveNode) -> bool {
    let Content::Properties(declared) = &node.content else {
        return false;
    };
    if !node.keep_properties && node.ignore.is_empty() {
        return false;
    }
    let before = Data::decode(&live.data);
    if !matches!(before, Data::Text(_)) {
        return false;
    }
    let declares_text = declared.contains(STRING_VALUE) && !is_ignored(node, STRING_VALUE);
    let after = merged(node, &declared.decode(), &before);
    !declares_text && after.contains_key(STRING_VALUE) && after.len() > 1
}

/// Whether some of the live data is to stay, but it has no properties that zkt could tell apart.
fn is_binary_in_part(node: &Declared, live: &LiveNode) -> bool {
    let Content::Properties(declared) = &node.content else {
        return false;
    };
    let keeps = node.keep_properties && !declared.is_empty() || !node.ignore.is_empty();
    keeps && std::str::from_utf8(&live.data).is_err()
}

/// The warning about live data that is no JSON and is changed.
pub(super) fn respelled(live: &LiveNode) -> Option<&'static str> {
    Some(match NotJson::of(&live.data)? {
        NotJson::Mark => "its data starts with a byte-order mark, which goes with this change",
        NotJson::Number => {
            "its data holds NaN or Infinity, as Python writes them and JSON does not; \
             what is not changed stays as it is spelled"
        }
        NotJson::Surrogate => {
            "its data holds half of a surrogate pair, which no text can; \
             what is not changed stays as it is spelled"
        }
    })
}

/// The live data and the properties that replace it. Returns `None` if nothing differs.
fn differing(node: &Declared, live: &LiveNode) -> Option<(Data, Properties)> {
    let before = Data::decode(&live.data);
    let declared = node.properties();
    let after = merged(node, &declared, &before);
    let declares_text = declared.contains_key(STRING_VALUE) && !is_ignored(node, STRING_VALUE);
    let text = sole_string(&after);
    let same = match (text.filter(|_| declares_text), &before) {
        // A bare text is compared byte for byte, unless it is only left as it is.
        (Some(text), _) => text.as_bytes() == live.data,
        (None, Data::Properties(properties)) => {
            value::equal_properties(properties, &after) && !declares_any(node, &live.data)
        }
        (None, Data::Text(before)) => text == Some(before),
        // Binary data has no properties that could differ, and with @keep it stays.
        (None, Data::Binary(_)) => node.keep_properties && declared.is_empty(),
    };
    (!same).then_some((before, after))
}

/// Whether some live data has a declared property that JSON cannot hold: no declared value is equal
/// to that, though it is read as a string.
fn declares_any(node: &Declared, live: &[u8]) -> bool {
    let beyond = beyond_json(live);
    beyond.keys().any(|name| declares(node, name))
}

/// Whether the value of a property is declared, and not left as it is.
fn declares(node: &Declared, name: &str) -> bool {
    let is_declared = match &node.content {
        Content::Properties(declared) => declared.contains(name),
        Content::Raw { .. } => false,
    };
    is_declared && !is_ignored(node, name)
}

/// The properties of a node after the plan: `@ignore` and `@keep` leave live values, and so does what cannot
/// be had from outside.
fn merged(node: &Declared, declared: &Properties, live: &Data) -> Properties {
    if node.ignore.is_empty() && !node.keep_properties && !node.lacks_any() {
        return declared.clone();
    }
    let live = live.clone().into_properties();
    let mut after = declared.clone();
    after.retain(|name, _| !is_ignored(node, name));
    for (name, value) in live {
        if is_ignored(node, &name) || node.keep_properties && !declared.contains_key(&name) {
            after.insert(name, value);
        }
    }
    after
}

/// Links are named as they are written, without the operator, or as they are stored.
fn is_ignored(node: &Declared, name: &str) -> bool {
    let base = split_link(name).map_or(name, |(base, _)| base);
    node.ignore.matches(base) || node.ignore.matches(name) || node.lacks(name)
}

/// The properties that a declared node will have, given its current ones.
#[must_use]
pub fn desired_data(node: &Declared, live: Option<&LiveNode>) -> Data {
    match (&node.content, live) {
        (Content::Properties(_), Some(live))
            if !node.ignore.is_empty() || node.keep_properties || node.lacks_any() =>
        {
            let before = Data::decode(&live.data);
            Data::of(merged(node, &node.properties(), &before))
        }
        _ => node.data().decode(),
    }
}

/// The differences between two sets of properties, by name. What JSON cannot hold of the old ones
/// is given as it is written.
pub(super) fn changes(
    old: &Properties,
    new: &Properties,
    beyond: &BTreeMap<String, String>,
    node: &Declared,
    sources: &Sources,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut origins = node.origins();
    let mut push =
        |name: &str, old: Option<&serde_json::Value>, new: Option<&serde_json::Value>| {
            changes.push(Change {
                name: name.to_owned(),
                old: old.map(|old| match beyond.get(name) {
                    Some(text) => ChangeValue::Beyond(text.clone()),
                    None => ChangeValue::Json(old.clone()),
                }),
                new: new.cloned().map(ChangeValue::Json),
                secret: node.secret.covers(name),
                origin: origins.of(name).map(|span| sources.locate(span)),
            });
        };
    let is_respelled = |name: &str| beyond.contains_key(name) && declares(node, name);
    for (name, value) in old {
        match new.get(name) {
            None => push(name, Some(value), None),
            Some(other) if !value::equal(value, other) || is_respelled(name) => {
                push(name, Some(value), Some(other));
            }
            Some(_) => {}
        }
    }
    for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        push(name, None, Some(value));
    }
    changes.sort_by(|a, b| value::writing_order(&a.name, &b.name));
    changes
}

/// Data that should be properties and could not be read as such may hold a secret.
fn hide_text(changes: &mut [Change], node: &Declared) {
    let hides = !matches!(node.secret, crate::model::node::Secret::Nothing);
    for change in changes.iter_mut().filter(|c| c.name == STRING_VALUE) {
        change.secret |= hides;
    }
}

fn raw_change(old: &[u8], new: Option<Vec<u8>>, node: &Declared, sources: &Sources) -> Change {
    Change {
        name: DATA_CHANGE.to_owned(),
        old: Some(ChangeValue::Raw(old.to_vec())),
        new: new.map(ChangeValue::Raw),
        secret: !matches!(node.secret, crate::model::node::Secret::Nothing),
        origin: node
            .directives
            .get("@data")
            .map(|span| sources.locate(*span)),
    }
}
