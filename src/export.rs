//! Trees as text: a declared tree, or a live one as if it were declared.

use std::borrow::{Borrow, Cow};
use std::io::{self, Write};
use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value;

use crate::acl::Acl;
use crate::node::{Content, Declared, DeclaredProperties, Live, LiveNode, Secret, Standing};
use crate::path::ZPath;
use crate::spelling;
use crate::tree::Tree;
use crate::value::{self, Data, Entry, TYPE, entries, is_storable_name, sole_string};

/// Encodes raw data as it stands in tree text and in JSON.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// What of a live tree is exported.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Ephemeral nodes, too.
    pub ephemeral: bool,
    /// Another name for the topmost node; with `/` it gets a name at all.
    pub name: Option<String>,
}

/// The declared tree that describes the live subtree at `top`, its topmost node under `/`.
///
/// Declaring it again, at the place that it came from, changes nothing there, byte for byte. A
/// node that may not be read is left out with what is below it.
#[must_use]
pub fn declare(live: &Tree<Live>, top: &ZPath, options: &Options) -> Tree<Declared> {
    declarations(live, top, options).collect()
}

/// The nodes of [`declare`], each made when it is asked for, so that not all are held at once.
pub fn declarations<'a>(
    live: &'a Tree<Live>,
    top: &'a ZPath,
    options: &Options,
) -> impl Iterator<Item = (ZPath, Declared)> + 'a {
    let name = match (&options.name, top.is_root()) {
        (Some(name), _) => Some(name.as_str()),
        (None, true) => None,
        (None, false) => Some(top.name()),
    };
    let base = name.map_or_else(ZPath::root, |name| ZPath::root().join(name));
    // A root that was not read still gives its name to what is below.
    let unread = (top.is_root() && name.is_some() && live.get(top).is_none())
        .then(|| (base.clone(), Declared::default()));
    let nodes = declarable(live.subtree(top), options.ephemeral);
    let nodes = nodes.map(move |(path, node)| (path.moved(top, &base), node));
    let nodes = nodes.filter(|(path, _)| !path.is_root());
    unread
        .into_iter()
        .chain(nodes.map(|(path, node)| (path, declare_node(node))))
}

/// The live nodes that a declared tree can hold: one that may not be read, or is ephemeral where
/// those are not wanted, is left out with what is below it.
pub fn declarable(
    nodes: &[(ZPath, Live)],
    ephemeral: bool,
) -> impl Iterator<Item = (&ZPath, &LiveNode)> {
    let mut left_out: Option<&ZPath> = None;
    nodes.iter().filter_map(move |(path, live)| {
        if left_out.is_some_and(|top| path.is_within(top)) {
            return None;
        }
        let node = live.node().filter(|node| ephemeral || !node.ephemeral);
        if node.is_none() {
            left_out = Some(path);
        }
        Some((path, node?))
    })
}

/// The declaration that a live node meets exactly.
#[must_use]
pub fn declare_node(live: &LiveNode) -> Declared {
    let raw = || Content::Raw {
        bytes: live.data.clone().into(),
        origin: None,
    };
    let stored = DeclaredProperties::stored(&live.data).map(Content::Properties);
    Declared {
        content: stored.unwrap_or_else(|| content(&live.data, raw)),
        acl: live.acl.clone(),
        ..Declared::default()
    }
}

fn content(data: &[u8], raw: impl Fn() -> Content) -> Content {
    match Data::decode(data) {
        Data::Binary(_) => raw(),
        // What this object holds would be written as bare text.
        Data::Properties(properties) if sole_string(&properties).is_some() => raw(),
        Data::Properties(properties) if properties.values().any(is_too_deep) => raw(),
        Data::Text(text) if !is_storable_name(&text) => raw(),
        data => Content::Properties(data.into_properties().into()),
    }
}

fn is_too_deep(value: &Value) -> bool {
    let mut level = vec![value];
    for _ in 0..value::MAX_DEPTH {
        level = level
            .into_iter()
            .flat_map(|value| -> Box<dyn Iterator<Item = &Value>> {
                match value {
                    Value::Array(items) => Box::new(items.iter()),
                    Value::Object(map) => Box::new(map.values()),
                    _ => Box::new(std::iter::empty()),
                }
            })
            .collect();
    }
    level
        .iter()
        .any(|value| value.is_array() || value.is_object())
}

/// Writes the nodes of a tree, in their order, as tree text: properties, links and nodes each by
/// name.
pub fn write_text(
    nodes: impl IntoIterator<Item = impl Borrow<(ZPath, Declared)>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    // The written nodes around the next one.
    let mut around: Vec<ZPath> = Vec::new();
    let mut acls: Vec<Arc<Acl>> = Vec::new();
    let no_acl: Arc<Acl> = Arc::default();
    let mut lines = String::new();
    for node in nodes {
        let (path, node) = node.borrow();
        while around.last().is_some_and(|top| !path.is_within(top)) {
            around.pop();
            acls.pop();
        }
        if node.standing != Standing::Declared {
            continue;
        }
        let depth = around.len();
        let object = match &node.content {
            Content::Properties(properties) => properties.encoded().to_object(),
            Content::Raw { .. } => Cow::Borrowed(b"{}".as_slice()),
        };
        let mut properties: Vec<Entry<'_>> = entries(&object).collect();
        properties.sort_by(|a, b| value::writing_order(&a.name, &b.name));
        let kind = properties.iter().find(|entry| entry.name == TYPE);
        let clause = kind
            .and_then(|kind| serde_json::from_str::<Cow<'_, str>>(kind.value).ok())
            .and_then(|kind| spelling::type_clause(&kind));
        lines.clear();
        push_indent(&mut lines, depth);
        for name in names_below(path, around.last()) {
            lines.push('/');
            lines.push_str(&spelling::node_name(name));
        }
        lines.push_str(clause.as_deref().unwrap_or_default());
        lines.push('\n');
        let outer = acls.iter().rev().find(|acl| !acl.entries.is_empty());
        for line in directives(node, outer) {
            push_indent(&mut lines, depth + 1);
            lines.push_str(&line);
            lines.push('\n');
        }
        for (i, Entry { name, value, .. }) in properties.iter().enumerate() {
            // Of two properties with one name the later one counts.
            let next = properties.get(i + 1);
            let again = next.is_some_and(|next| next.name == *name);
            if !again && (clause.is_none() || name != TYPE) {
                push_indent(&mut lines, depth + 1);
                spelling::push_raw_property(&mut lines, name, value);
                lines.push('\n');
            }
        }
        out.write_all(lines.as_bytes())?;
        around.push(path.clone());
        acls.push(node.acl.as_ref().unwrap_or(&no_acl).clone());
    }
    Ok(())
}

fn push_indent(lines: &mut String, depth: usize) {
    lines.extend(std::iter::repeat_n("  ", depth));
}

/// The names of a path below the one above it, if any.
fn names_below<'a>(path: &'a ZPath, top: Option<&ZPath>) -> impl Iterator<Item = &'a str> {
    let skipped = top
        .filter(|top| !top.is_root())
        .map_or(0, |top| top.as_str().len());
    let names = path.as_str()[skipped..].split('/');
    names.filter(|name| !name.is_empty())
}

/// The lines of a node's directives; its ACL only where it is not the one around it.
fn directives(node: &Declared, outer: Option<&Arc<Acl>>) -> Vec<String> {
    let mut lines = Vec::new();
    let words = |patterns: &[String]| {
        patterns
            .iter()
            .map(|text| format!(" {}", spelling::pattern(text)))
            .collect::<String>()
    };
    if node.protect {
        lines.push("@protect".to_owned());
    }
    match (node.keep_children, node.keep_properties) {
        (true, true) => lines.push("@keep".to_owned()),
        (true, false) => lines.push("@keep children".to_owned()),
        (false, true) => lines.push("@keep properties".to_owned()),
        (false, false) => {}
    }
    if !node.ignore.is_empty() {
        lines.push(format!("@ignore{}", words(node.ignore.patterns())));
    }
    match &node.secret {
        Secret::Nothing => {}
        Secret::Everything => lines.push("@secret".to_owned()),
        Secret::Properties(globs) => lines.push(format!("@secret{}", words(globs.patterns()))),
    }
    if let Some(acl) = node.acl.as_ref().filter(|acl| outer != Some(acl)) {
        let entries: Vec<String> = acl.entries.iter().map(ToString::to_string).collect();
        lines.push(format!("@acl{}", words(&entries)));
    }
    if let Content::Raw { bytes, .. } = &node.content {
        lines.push(match std::str::from_utf8(bytes) {
            Ok(text) if is_storable_name(text) => {
                format!("@data {}", spelling::string_literal(text))
            }
            _ => format!("@data base64 '{}'", base64(bytes)),
        });
    }
    lines
}

/// Writes the nodes of a tree, in their order, as nested JSON: `{"properties": {…}, "children": {NAME: …}}`, with `"data"` and
/// `"acl"` where there are any. The outermost object stands for `/`.
///
/// Nothing recurses: a tree may be deeper than the stack.
pub fn write_json(
    nodes: impl IntoIterator<Item = impl Borrow<(ZPath, Declared)>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut around: Vec<ZPath> = Vec::new();
    write!(out, "{{\"properties\": {{}}, \"children\": {{")?;
    let mut first = true;
    let close = |out: &mut dyn Write| write!(out, "}}}}");
    for node in nodes {
        let (path, node) = node.borrow();
        while around.last().is_some_and(|top| !path.is_within(top)) {
            around.pop();
            close(out)?;
            first = false;
        }
        let comma = if first { "" } else { "," };
        write!(
            out,
            "{comma}\n{}{}: {{",
            " ".repeat(around.len() + 1),
            Value::from(path.name())
        )?;
        match &node.content {
            Content::Properties(_) => {
                let properties = serde_json::to_string(&node.properties())?;
                write!(out, "\"properties\": {properties}")?;
            }
            Content::Raw { bytes, .. } => {
                write!(
                    out,
                    "\"properties\": {{}}, \"data\": {{\"base64\": \"{}\"}}",
                    base64(bytes)
                )?;
            }
        }
        if let Some(acl) = &node.acl {
            let entries: Vec<Value> = acl
                .entries
                .iter()
                .map(|entry| Value::from(entry.to_string()))
                .collect();
            write!(out, ", \"acl\": {}", Value::from(entries))?;
        }
        write!(out, ", \"children\": {{")?;
        around.push(path.clone());
        first = true;
    }
    for _ in &around {
        close(out)?;
    }
    writeln!(out, "}}}}")
}
