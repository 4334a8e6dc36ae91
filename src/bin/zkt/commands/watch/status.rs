//! A loop's state as JSON, secrets masked as plans mask them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::Instant;
use zkt::model::node::{Content, Declared, Secret, Standing};
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add, HiddenValues, Plan, Summary};
use zkt::model::value::{TYPE, split_link, writing_order};
use zkt::syntax::spelling::{node_name, property, property_name, string_literal, type_clause};
use zkt::watch::{Connection, HeldNode, HeldReason, Leadership, Reconcile, Source, State};

use super::health;
use crate::render::{self, FORMAT_VERSION, SECRET, TextOptions};

/// Maximum number of actions that are shown of a plan.
const LONGEST_PLAN: usize = 500;
/// Maximum length of a line of tree text; the rest is cut.
const LONGEST_LINE: usize = 400;
/// Maximum number of children that are shown of a node.
const MOST_CHILDREN: usize = 1000;

/// The whole state.
pub(super) fn json(state: &State, layers: &[String], interval: Duration) -> Value {
    let source = state.source.as_ref();
    let ready = health::is_ready(state, interval);
    let out_of_sync = state.plan.as_deref().filter(|_| !state.is_in_sync());
    json!({
        "format_version": FORMAT_VERSION,
        "sync": sync(state, interval),
        "unknown_because": unknown(state, interval),
        "ready": ready.is_ok(),
        "not_ready_because": ready.err(),
        "server": state.hosts,
        "layers": layers,
        "session": match state.connection {
            Connection::Up => "up",
            Connection::Lost => "lost",
            Connection::None => "none",
        },
        "events": state.told,
        "leader": state.leadership != Leadership::Follows,
        "elects": state.leadership != Leadership::Alone,
        "revision": source.map(|source| &source.revision),
        "commit": state.commit,
        "source_drawn": state.broken.as_ref().map_or(&[][..], |broken| &broken.drawn),
        "source_errors": state.broken.as_ref().map_or(&[][..], |broken| &broken.errors),
        "nodes_declared": source.map_or(0, |source| source.tree.len()),
        "nodes_mirrored": state.mirrored,
        "started": seconds(state.began),
        "seconds_since_success": state.last_success.map(|(_, at)| {
            Instant::now().saturating_duration_since(at).as_secs_f64()
        }),
        "last_error": state.history.iter().find_map(|reconcile| reconcile.error.as_ref()),
        "plan": out_of_sync.map(|plan| render::plan_json(&shortened(plan))),
        "plan_text": out_of_sync.map(|plan| plan_text(plan, state, layers)),
        "plan_actions": out_of_sync.map_or(0, |plan| plan.actions.len()),
        "planned": state.planned.map(seconds),
        "held": state.held.iter().map(held_json).collect::<Vec<_>>(),
        "extras": state.plan.as_ref().map_or(0, |plan| plan.extras.len()),
        "warnings": state.plan.as_ref().map_or_else(Vec::new, |plan| {
            plan.warnings.iter().map(render::warning_json).collect()
        }),
        "applied": state.applied.as_ref().map(|applied| json!({
            "at": seconds(applied.at),
            "cause": applied.causes.to_string(),
            "revision": applied.revision,
            "actions": applied.actions,
            "text": plan_text(&applied.plan, state, layers),
        })),
        "history": state.history.iter().map(|reconcile| reconcile_json(reconcile)).collect::<Vec<_>>(),
    })
}

/// How declared and live tree stand to each other, in one word or a few.
fn sync(state: &State, interval: Duration) -> &'static str {
    if unknown(state, interval).is_some() {
        return "unknown";
    }
    match &state.plan {
        _ if state.is_in_sync() => "in sync",
        Some(plan) if !plan.refusals.is_empty() => "refused",
        Some(plan) if !plan.is_empty() => "out of sync",
        _ => "unknown",
    }
}

/// Why nobody can say how the trees stand to each other.
fn unknown(state: &State, interval: Duration) -> Option<&'static str> {
    let last = state.last_success.map(|(_, at)| at);
    let is_stale = |at| Instant::now().saturating_duration_since(at) > interval * 2;
    match state.connection {
        Connection::None => Some("there is no session"),
        Connection::Lost => Some("the connection is lost"),
        // What the last sound files declare is not what the files declare.
        Connection::Up if state.broken.is_some() => Some("the newest files are broken"),
        Connection::Up if state.is_in_sync() && last.is_some_and(is_stale) => {
            Some("the last look at the live tree is too long ago")
        }
        Connection::Up => None,
    }
}

fn held_json(held: &HeldNode) -> Value {
    let (reason, error) = match &held.reason {
        HeldReason::Contended => ("contended", None),
        HeldReason::Refused(error) => ("refused", Some(error)),
    };
    json!({"path": held.path.as_str(), "reason": reason, "times": held.times, "error": error})
}

fn reconcile_json(reconcile: &Reconcile) -> Value {
    json!({
        "at": seconds(reconcile.began),
        "seconds": reconcile.took.as_secs_f64(),
        "cause": reconcile.causes.to_string(),
        "revision": reconcile.revision,
        "result": reconcile.ending.name(),
        "found": summary(reconcile.found),
        "done": summary(reconcile.done),
        "error": reconcile.error,
    })
}

fn summary(summary: Summary) -> Value {
    let Summary {
        add,
        update,
        link,
        trim,
        ..
    } = summary;
    json!({"add": add, "update": update, "link": link, "trim": trim})
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}

fn shortened(plan: &Plan) -> Plan {
    let mut short = Plan {
        actions: Vec::new(),
        ..plan.clone()
    };
    short.actions = plan.actions.iter().take(LONGEST_PLAN).cloned().collect();
    short
}

/// A plan as the command line prints it.
fn plan_text(plan: &Plan, state: &State, layers: &[String]) -> String {
    let options = TextOptions {
        title: "zkt watch",
        server: &state.hosts,
        sources: layers,
        mode: render::Mode::Plan,
        width: 100,
        extras: true,
        brief: false,
        colors: false,
    };
    let mut text = Vec::new();
    // Writing to memory does not fail.
    _ = render::plan_text(&shortened(plan), &options, &mut text);
    let text = String::from_utf8_lossy(&text);
    anstream::adapter::strip_str(&text).to_string()
}

/// The declared nodes right below the one that the query names as `path=…`, or the topmost ones, and
/// what is out of sync there. Returns `None` if that node is not declared.
pub(super) fn children(state: &State, query: Option<&str>) -> Option<Value> {
    let source = state.source.as_deref()?;
    let path = match query.and_then(|query| query.strip_prefix("path=")) {
        Some(path) => {
            let path = ZPath::parse(&decoded(path)?).ok()?;
            if !path.is_root() {
                source.tree.get(&path)?;
            }
            path
        }
        // Above the place of the topmost nodes nothing is declared.
        None => match source.tree.iter().next() {
            Some((topmost, _)) => topmost.parent()?,
            None => ZPath::root(),
        },
    };
    let depth = path.depth() + 1;
    let out_of_sync = OutOfSync::of(state);
    let below = source.tree.subtree(&path);
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
        origin: node.origin.map(|span| source.sources.locate(span)),
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
            _ if !matches!(node.secret, Secret::Nothing) => format!("@data {SECRET}"),
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
            Some(_) if covers(name) => heading += &format!(" : {SECRET}"),
            Some(clause) => heading += &clause,
            None if covers(name) => {
                let (base, operator) = match split_link(name) {
                    Some((base, kind)) => (base, kind.operator()),
                    None => (name.as_str(), "="),
                };
                lines.push(format!("{} {operator} {SECRET}", property_name(base)));
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

/// The text that stands percent-encoded in a query.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        assert_eq!(decoded("%2Fa%20b%C3%A9"), Some("/a bé".to_owned()));
        assert_eq!(decoded("%2"), None);
        assert_eq!(decoded("%zz"), None);
        assert_eq!(decoded("%ff"), None);
    }
}
