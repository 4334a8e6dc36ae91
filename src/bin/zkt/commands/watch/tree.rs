//! The declared tree as JSON, one level at a time, secrets masked as plans mask them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde_json::{Value, json};
use zkt::declare::Source;
use zkt::model::node::{Content, Declared, Secret, Standing};
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add, HiddenValues};
use zkt::model::value::{TYPE, writing_order};
use zkt::syntax::names::split_link;
use zkt::syntax::spelling::{
    node_name, percent_decoded, property, property_name, string_literal, type_clause,
};
use zkt::watch::State;

use crate::render::{self, HIDDEN};

/// Maximum length of a line of tree text; the rest is cut.
const LONGEST_LINE: usize = 400;
/// Maximum number of children that are shown of a node.
const MOST_CHILDREN: usize = 1000;

/// The declared nodes right below the one that the query names as `path=…`, or the topmost ones, and
/// what is out of sync there. Returns `None` if that node is not declared.
pub(super) fn children(state: &State, query: Option<&str>) -> Option<Value> {
    let source = &state.files.in_force()?.source;
    let path = match query.and_then(|query| query.strip_prefix("path=")) {
        Some(path) => {
            let path = ZPath::parse(&percent_decoded(path)?).ok()?;
            if !path.is_root() {
                source.tree().get(&path)?;
            }
            path
        }
        // Above the place of the topmost nodes nothing is declared.
        None => match source.tree().iter().next() {
            Some((topmost, _)) => topmost.parent()?,
            None => ZPath::root(),
        },
    };
    let depth = path.depth() + 1;
    let out_of_sync = OutOfSync::of(state);
    let below = source.tree().subtree(&path);
    let mut nodes: BTreeMap<String, Value> = BTreeMap::new();
    let mut more = 0;
    let mut at = 0;
    while let Some((child, node)) = below.get(at) {
        if child.depth() != depth {
            at += 1;
            continue;
        }
        let end = zkt::model::tree::end_of_subtree(below, at, child);
        if nodes.len() < MOST_CHILDREN {
            let shown = node_json(child, node, end - at - 1, source, &out_of_sync);
            nodes.insert(child.as_str().to_owned(), shown);
        } else {
            more += 1;
        }
        at = end;
    }
    for (child, what) in &out_of_sync.undeclared {
        if child.parent().is_some_and(|parent| parent == path) {
            let shown = json!({
                "path": child.as_str(), "name": child.name(), "below": 0, "state": what,
                "heading": format!("/{}", node_name(child.name())), "lines": [],
                "differs_below": false,
            });
            nodes.entry(child.as_str().to_owned()).or_insert(shown);
        }
    }
    let nodes: Vec<Value> = nodes.into_values().collect();
    Some(json!({"path": path.as_str(), "nodes": nodes, "more": more}))
}

/// What a plan says of nodes.
struct OutOfSync<'a> {
    declared: BTreeMap<&'a ZPath, &'static str>,
    undeclared: BTreeMap<&'a ZPath, &'static str>,
    /// What actions are about.
    differing: BTreeSet<&'a ZPath>,
}

impl<'a> OutOfSync<'a> {
    fn of(state: &'a State) -> Self {
        let mut found = Self {
            declared: BTreeMap::new(),
            undeclared: BTreeMap::new(),
            differing: BTreeSet::new(),
        };
        let Some(plan) = &state.plan else {
            return found;
        };
        for kept in &plan.kept {
            found.declared.insert(&kept.path, "kept");
            found.undeclared.insert(&kept.path, "kept");
        }
        for extra in &plan.extras {
            found.undeclared.insert(extra, "extra");
        }
        if state.is_in_sync() {
            return found;
        }
        for action in &plan.actions {
            found.differing.insert(action.path());
            match action {
                Action::Trim(trim) => _ = found.undeclared.insert(&trim.path, "trim"),
                action => _ = found.declared.insert(action.path(), action.name()),
            }
        }
        found
    }
}

fn node_json(
    path: &ZPath,
    node: &Declared,
    below: usize,
    source: &Source,
    out_of_sync: &OutOfSync<'_>,
) -> Value {
    let add = Action::Add(Add {
        path: path.clone(),
        data: node.data(),
        raw: matches!(node.content, Content::Raw { .. }),
        acl: None,
        secret: HiddenValues(node.secret.clone()),
        origin: node.origin.map(|span| source.texts().locate(span)),
    });
    let mut shown = render::action_json(&add);
    if let Some(object) = shown.as_object_mut() {
        object.remove("action");
    }
    shown["name"] = path.name().into();
    let (heading, lines) = tree_text(path, node);
    shown["heading"] = heading.into();
    shown["lines"] = lines.into();
    shown["below"] = below.into();
    let state = out_of_sync.declared.get(path).copied();
    shown["state"] = match node.standing {
        Standing::Declared => state.unwrap_or("in sync"),
        _ => state.unwrap_or("passed through"),
    }
    .into();
    let below = (Bound::Excluded(path), Bound::Unbounded);
    let next = out_of_sync.differing.range::<ZPath, _>(below).next();
    shown["differs_below"] = next.is_some_and(|next| next.is_within(path)).into();
    // What is kept and what is merely there differs from nothing that is declared.
    for (name, what) in [("kept_below", "kept"), ("extra_below", "extra")] {
        let marked = out_of_sync.undeclared.range::<ZPath, _>(below);
        let within = marked.take_while(|(at, _)| at.is_within(path));
        shown[name] = within.filter(|(_, is)| **is == what).count().into();
    }
    shown
}

/// A node as a tree file declares it: its own line, and those of what it holds.
fn tree_text(path: &ZPath, node: &Declared) -> (String, Vec<String>) {
    let mut heading = format!("/{}", node_name(path.name()));
    let mut lines = Vec::new();
    let covers = |name: &str| node.secret.covers(name);
    if let Content::Raw { bytes, .. } = &node.content {
        lines.push(match std::str::from_utf8(bytes) {
            _ if !matches!(node.secret, Secret::Nothing) => format!("@data {HIDDEN}"),
            Ok(text) => cut(format!("@data {}", string_literal(text))),
            Err(_) => format!("@data … # {} bytes", bytes.len()),
        });
        return (heading, lines);
    }
    let properties = node.data().decode().into_properties();
    let mut properties: Vec<_> = properties.iter().collect();
    properties.sort_by(|a, b| writing_order(a.0, b.0));
    for (name, value) in properties {
        let clause = value.as_str().and_then(type_clause);
        match clause.filter(|_| name == TYPE) {
            Some(_) if covers(name) => heading += &format!(" : {HIDDEN}"),
            Some(clause) => heading += &clause,
            None if covers(name) => {
                let (base, operator) = match split_link(name) {
                    Some((base, kind)) => (base, kind.operator()),
                    None => (name.as_str(), "="),
                };
                lines.push(format!("{} {operator} {HIDDEN}", property_name(base)));
            }
            None => lines.push(cut(property(name, value))),
        }
    }
    (heading, lines)
}

fn cut(mut line: String) -> String {
    if let Some((end, _)) = line.char_indices().nth(LONGEST_LINE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_percent_decoded() {
        assert_eq!(percent_decoded("%2Fa%20b%C3%A9"), Some("/a bé".to_owned()));
        assert_eq!(percent_decoded("%2"), None);
        assert_eq!(percent_decoded("%zz"), None);
        assert_eq!(percent_decoded("%ff"), None);
    }
}
