//! The planner as anyone would first write it: slow, recursive, and the specification of the real one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use zkt::model::node::{Content, Declared, Standing};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::model::value::{self, Data, STRING_VALUE};
use zkt::plan::planner::Policy;
use zkt::plan::scope::Trim;

use crate::ensemble::Ensemble;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) added: BTreeSet<ZPath>,
    /// The nodes whose data or ACL changes.
    pub(super) changed: BTreeSet<ZPath>,
    pub(super) trimmed: BTreeSet<ZPath>,
    pub(super) extras: BTreeSet<ZPath>,
    pub(super) kept: BTreeMap<ZPath, String>,
    pub(super) unchanged: usize,
    /// The topmost trimmed nodes under a protected one.
    pub(super) protected: BTreeSet<ZPath>,
}

pub(super) fn outcome(declared: &Tree<Declared>, live: &Ensemble, policy: &Policy<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    for (path, _) in declared {
        below_and_at(path, declared, live, policy, &mut outcome);
    }
    for path in live.nodes.keys() {
        if declared.get(path).is_none() {
            undeclared(path, declared, live, policy, &mut outcome);
        }
    }
    outcome
}

fn below_and_at(
    path: &ZPath,
    tree: &Tree<Declared>,
    live: &Ensemble,
    policy: &Policy<'_>,
    outcome: &mut Outcome,
) {
    let node = tree.get(path).expect("it is declared");
    let is_marked = |node: &Declared| node.ephemeral && !policy.allow_ephemeral;
    let is_left_out =
        |path: &ZPath| !live.nodes.contains_key(path) && tree.get(path).is_some_and(is_marked);
    let is_ephemeral = |path: &ZPath| live.nodes.get(path).is_some_and(|node| node.ephemeral);
    let marked = "@ephemeral: its session creates it";
    let declared = node.standing == Standing::Declared;
    match live.nodes.get(path) {
        None if matches!(node.standing, Standing::Outside { needed: false, .. }) => {}
        None if path
            .prefixes()
            .any(|above| is_ephemeral(&above) || above != *path && is_left_out(&above)) =>
        {
            outcome.kept.insert(
                path.clone(),
                "cannot exist below an ephemeral node".to_owned(),
            );
        }
        None if is_marked(node) => _ = outcome.kept.insert(path.clone(), marked.to_owned()),
        None => _ = outcome.added.insert(path.clone()),
        Some(live) if live.ephemeral => {
            if declared {
                outcome.kept.insert(path.clone(), "ephemeral".to_owned());
            }
        }
        Some(_) if !declared => {}
        Some(_) if is_marked(node) => _ = outcome.kept.insert(path.clone(), marked.to_owned()),
        Some(live) if is_binary_in_part(node, &live.data) => {
            let reason = "its data is not UTF-8, so @keep and @ignore cannot tell what of it stays";
            outcome.kept.insert(path.clone(), reason.to_owned());
        }
        // Refused.
        Some(live) if is_text_in_part(node, &live.data) => {}
        Some(live) => {
            let stored = node.acl.as_ref().map(|acl| match &policy.identities {
                Some(identities) => acl.stored_by(&identities.stored),
                None => (**acl).clone(),
            });
            if stored.is_some_and(|acl| !acl.agrees_with(&live.acl))
                || !is_as_declared(node, &live.data)
            {
                outcome.changed.insert(path.clone());
            } else {
                outcome.unchanged += 1;
            }
        }
    }
}

/// Whether a directive keeps a part of data that has no parts.
pub(super) fn is_binary_in_part(node: &Declared, live: &[u8]) -> bool {
    let declares = match &node.content {
        Content::Raw { .. } => return false,
        Content::Properties(properties) => !properties.is_empty(),
    };
    matches!(Data::decode(live), Data::Binary(_))
        && (!node.ignore.is_empty() || node.keep_properties && declares)
}

/// Whether text would be wrapped: it stays, and something else is declared beside it.
pub(super) fn is_text_in_part(node: &Declared, live: &[u8]) -> bool {
    let Content::Properties(declared) = &node.content else {
        return false;
    };
    let ignored = node.ignore.matches(STRING_VALUE);
    let declared = declared.decode();
    let stays = ignored || node.keep_properties && !declared.contains_key(STRING_VALUE);
    let beside = declared
        .keys()
        .any(|name| *name != STRING_VALUE && !is_ignored(node, name));
    matches!(Data::decode(live), Data::Text(_)) && stays && beside
}

/// Links are named with or without their operator.
fn is_ignored(node: &Declared, name: &str) -> bool {
    let base = name
        .strip_suffix(" ->")
        .or(name.strip_suffix(" =>"))
        .unwrap_or(name);
    node.ignore.matches(base) || node.ignore.matches(name)
}

/// What a node is to hold where it holds `live`.
pub(super) fn desired(node: &Declared, live: &[u8]) -> Map<String, Value> {
    let live = Data::decode(live).into_properties();
    let declared = node.properties();
    let names: BTreeSet<&String> = declared.keys().chain(live.keys()).collect();
    let mut desired = Map::new();
    for name in names {
        let value = match declared.get(name) {
            _ if is_ignored(node, name) => live.get(name),
            Some(value) => Some(value),
            None if node.keep_properties => live.get(name),
            None => None,
        };
        desired.extend(value.map(|value| (name.clone(), value.clone())));
    }
    desired
}

/// Whether the value of a property is declared, and the live one does not win.
pub(super) fn is_set(node: &Declared, name: &str) -> bool {
    node.properties().contains_key(name) && !is_ignored(node, name)
}

/// Whether live data is as a node is declared.
pub(super) fn is_as_declared(node: &Declared, live: &[u8]) -> bool {
    let properties = match &node.content {
        Content::Raw { bytes, .. } => return **bytes == *live,
        Content::Properties(properties) => properties,
    };
    let desired = desired(node, live);
    let declares_text =
        properties.decode().contains_key(STRING_VALUE) && !node.ignore.matches(STRING_VALUE);
    let alone = if desired.len() == 1 {
        desired.get(STRING_VALUE).and_then(Value::as_str)
    } else {
        None
    };
    // Whatever is declared, it is not what JSON cannot hold.
    let sets_beyond = value::beyond_json(live)
        .keys()
        .any(|name| is_set(node, name));
    match (alone, Data::decode(live)) {
        (Some(text), _) if declares_text => text.as_bytes() == live,
        (_, Data::Binary(_)) => node.keep_properties && properties.is_empty(),
        (_, decoded) => {
            let live: Map<String, Value> = decoded.into_properties().into_iter().collect();
            value::equal(&Value::Object(desired), &Value::Object(live)) && !sets_beyond
        }
    }
}

fn undeclared(
    path: &ZPath,
    declared: &Tree<Declared>,
    live: &Ensemble,
    policy: &Policy<'_>,
    outcome: &mut Outcome,
) {
    let parent = path.parent().expect("/ is no node of a live tree");
    let mut above: Vec<ZPath> = parent.prefixes().collect();
    above.reverse();
    let Some(around) = above.iter().position(|above| declared.get(above).is_some()) else {
        return;
    };
    let node = declared.get(&above[around]).expect("just found");
    let untold = match node.standing {
        Standing::PassedThrough | Standing::Outside { excluded: true, .. } => true,
        Standing::Declared | Standing::Outside { .. } => false,
    };
    // A node below one that goes, or stays, goes or stays with it.
    let tells = |above: &ZPath| policy.filter.covers(above) || policy.filter.excludes(above);
    let has_told = above[..around].iter().any(tells);
    if untold || node.keep_children || has_told || !policy.filter.covers(path) {
        return;
    }
    if policy.trim == Trim::None {
        if around == 0 {
            outcome.extras.insert(path.clone());
        }
        return;
    }
    let subtree: Vec<&ZPath> = live
        .nodes
        .keys()
        .filter(|below| below.is_within(path))
        .collect();
    let ephemeral: Vec<&&ZPath> = subtree
        .iter()
        .filter(|path| live.nodes[**path].ephemeral)
        .collect();
    if !ephemeral.is_empty() {
        outcome
            .kept
            .insert(path.clone(), "holds an ephemeral node".to_owned());
        outcome.kept.extend(
            ephemeral
                .into_iter()
                .map(|path| ((*path).clone(), "ephemeral".to_owned())),
        );
    } else if subtree.iter().any(|path| !policy.filter.covers(path)) {
        let reason = "holds a node that is outside of the plan's targets, or excluded";
        outcome.kept.insert(path.clone(), reason.to_owned());
    } else {
        if parent
            .prefixes()
            .any(|above| declared.get(&above).is_some_and(|node| node.protect))
        {
            outcome.protected.insert(path.clone());
        }
        outcome.trimmed.extend(subtree.into_iter().cloned());
    }
}
