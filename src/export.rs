//! Trees as text: a declared tree, or a live one as if it were declared.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::model::acl::Acl;
use crate::model::node::{Content, Declared, Live, RAW_DATA, Secret};
use crate::model::path::ZPath;
use crate::model::value::{self, Entry, TYPE, entries};
use crate::syntax::names::is_storable_name;
use crate::syntax::{json, spelling};

mod copy;
mod exact;
mod files;
mod masked;
mod node;
mod parsed;
mod respelled;

pub use copy::declare_node;
pub use files::{FilesOf, NoFile, Top, files};
pub use masked::masked;
use node::Held;
pub use node::{Node, Options, declarable, declare, nodes};
pub use parsed::{JsonError, parse_json};
pub use respelled::is_respelled;

/// How many nodes' texts are made before they are written.
const RUN: usize = 2048;

/// The member of a node's JSON with the values that are not in it.
const FROM_OUTSIDE: &str = "from_outside";

/// The line that marks an ephemeral node.
const EPHEMERAL: &str = "@ephemeral";

/// The version of all JSON that zkt prints. Additions raise the minor number, other changes the
/// major one.
pub const FORMAT_VERSION: &str = "1.2";

/// Encodes raw data for tree text and JSON.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Writes the nodes of a tree, in their order, as tree text: properties, links and nodes each by
/// name. In the place of an ACL that the server masks there is a comment.
pub fn write_text<'a>(
    nodes: impl IntoIterator<Item = impl Into<Node<'a>>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut around = Around::default();
    let nodes = nodes.into_iter().map(Into::into);
    let mut nodes = nodes.filter(|node| node.held.is_declared());
    let mut text = String::new();
    loop {
        let run = nodes.by_ref().take(RUN).map(|node| around.place(node));
        let run: Vec<Placed<'_>> = run.collect();
        if run.is_empty() {
            return Ok(());
        }
        text.clear();
        run.iter().for_each(|node| node.push(&mut text));
        out.write_all(text.as_bytes())?;
    }
}

/// The texts of some live nodes, as [`write_text`] writes them if all their ancestors are written,
/// too. They are made in any order, before those ancestors are known.
#[derive(Debug)]
pub struct Pieces {
    text: String,
    /// Where each text ends.
    ends: Vec<usize>,
    /// Whether each spells JSON otherwise than its node.
    respelled: Vec<bool>,
}

impl Pieces {
    /// Makes the texts of nodes at or below `top`, without their ACLs. A node that the options leave
    /// out, or that was not read, has no text.
    #[must_use]
    pub fn of(nodes: Vec<(ZPath, Live)>, top: &ZPath, options: &Options) -> Self {
        let base = options.base(top);
        // About what is written, so that large texts are not copied as they grow.
        let size = |(path, live): &(ZPath, Live)| {
            path.as_str().len() + live.node().map_or(0, |node| node.data.len())
        };
        let mut text = String::with_capacity(nodes.iter().map(size).sum());
        let mut ends = Vec::with_capacity(nodes.len());
        let mut respelled = Vec::with_capacity(nodes.len());
        for (path, live) in nodes {
            let path = path.moved(top, &base);
            let mut is_respelled = false;
            if let Live::Read(live) = &live
                && (options.ephemeral || !live.ephemeral)
                && !path.is_root()
            {
                let above = path.parent_str().unwrap_or_default();
                let placed = Placed {
                    depth: path.depth() - 1,
                    own_names: above.trim_end_matches('/').len(),
                    has_own_acl: false,
                    node: Node {
                        held: Held::Live {
                            node: live,
                            exact: options.exact,
                        },
                        path,
                    },
                };
                placed.push(&mut text);
                is_respelled = !options.exact && self::is_respelled(live);
            }
            ends.push(text.len());
            respelled.push(is_respelled);
        }
        Self {
            text,
            ends,
            respelled,
        }
    }

    /// The text of one of the nodes, by its place among them.
    #[must_use]
    pub fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[at]]
    }

    /// Whether one of the texts, by its place, spells JSON otherwise than its node.
    #[must_use]
    pub fn is_respelled(&self, at: usize) -> bool {
        self.respelled[at]
    }
}

/// The written nodes around the next one, with their ACLs.
#[derive(Default)]
struct Around(Vec<(ZPath, Option<Rights>)>);

/// An ACL, and whether undeclared nodes below are held to it.
type Rights = (Arc<Acl>, bool);

impl Around {
    fn place<'a>(&mut self, node: Node<'a>) -> Placed<'a> {
        let path = &node.path;
        while self.0.last().is_some_and(|(top, _)| !path.is_within(top)) {
            self.0.pop();
        }
        let above = self.0.last().map(|(top, _)| top);
        let above = above.filter(|top| !top.is_root());
        let acl = node.held.rights();
        let mut outer = self.0.iter().rev().filter_map(|(_, acl)| acl.as_ref());
        let outer = outer.find(|(acl, _)| !acl.entries.is_empty());
        let placed = Placed {
            depth: self.0.len(),
            own_names: above.map_or(0, |top| top.as_str().len()),
            has_own_acl: acl.is_some() && acl.as_ref() != outer,
            node,
        };
        self.0.push((placed.node.path.clone(), acl));
        placed
    }
}

/// A node with all that its lines depend on.
struct Placed<'a> {
    node: Node<'a>,
    /// How many written nodes are around it.
    depth: usize,
    /// The offset in its path at which the names below the innermost of those start.
    own_names: usize,
    /// Whether its ACL differs from the inherited one.
    has_own_acl: bool,
}

impl Placed<'_> {
    fn push(&self, lines: &mut String) {
        let depth = self.depth;
        let declared;
        let nothing = BTreeMap::new();
        let mut outside = &nothing;
        let (object, directives) = if let Some(object) = self.node.held.object() {
            let acl = self.node.held.acl().filter(|_| self.has_own_acl);
            let mark = self.node.held.is_ephemeral();
            let mark = mark.then(|| EPHEMERAL.to_owned());
            let lines = mark.into_iter().chain(acl.map(|acl| acl_line(acl, false)));
            (Cow::Borrowed(object), lines.collect())
        } else {
            declared = self.node.held.declared();
            outside = &declared.outside;
            let object = match &declared.content {
                Content::Properties(properties) => properties.encoded().to_object(),
                Content::Raw { .. } => Cow::Borrowed(b"{}".as_slice()),
            };
            (object, directives(&declared, self.has_own_acl))
        };
        let mut properties: SmallVec<[Entry<'_>; 8]> = entries(&object).collect();
        properties.sort_by(|a, b| value::writing_order(&a.name, &b.name));
        let kind = properties.iter().rfind(|entry| entry.name == TYPE);
        let clause = kind
            .filter(|_| !outside.contains_key(TYPE))
            .and_then(|kind| serde_json::from_str::<Cow<'_, str>>(kind.value).ok())
            .and_then(|kind| spelling::type_clause(&kind));
        push_indent(lines, depth);
        let names = self.node.path.as_str()[self.own_names..].split('/');
        for name in names.filter(|name| !name.is_empty()) {
            lines.push('/');
            lines.push_str(&spelling::node_name(name));
        }
        lines.push_str(clause.as_deref().unwrap_or_default());
        lines.push('\n');
        for line in directives {
            push_indent(lines, depth + 1);
            lines.push_str(&line);
            lines.push('\n');
        }
        for (i, Entry { name, value, .. }) in properties.iter().enumerate() {
            // Of two properties with one name the later one counts.
            let next = properties.get(i + 1);
            let again = next.is_some_and(|next| next.name == *name);
            let is_outside = outside.contains_key(&**name);
            if !again && !is_outside && (clause.is_none() || name != TYPE) {
                push_indent(lines, depth + 1);
                json::push_raw_property(lines, name, value);
                lines.push('\n');
            }
        }
    }
}

fn push_indent(lines: &mut String, depth: usize) {
    lines.extend(std::iter::repeat_n("  ", depth));
}

fn acl_line(acl: &Acl, is_deep: bool) -> String {
    let entries = words(acl.entries.iter().map(ToString::to_string));
    if acl.is_masked() {
        return format!("# masked by the server for want of the ADMIN right: @acl{entries}");
    }
    let deep = if is_deep { " deep" } else { "" };
    format!("@acl{deep}{entries}")
}

fn words(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let patterns = patterns.into_iter();
    patterns
        .map(|text| format!(" {}", spelling::pattern(text.as_ref())))
        .collect()
}

/// The lines of a node's directives, with its ACL unless that is the inherited one.
fn directives(node: &Declared, has_own_acl: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(from) = &node.moved_from {
        let from = spelling::string_literal(from.as_str());
        lines.push(format!("@moved from {from}"));
    }
    if node.protect {
        lines.push("@protect".to_owned());
    }
    if node.ephemeral {
        lines.push(EPHEMERAL.to_owned());
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
    for (name, outside) in &node.outside {
        let name = spelling::secret_name(name);
        lines.push(format!("@secret {name} from {}", outside.from));
    }
    match &node.secret {
        Secret::Nothing => {}
        // What comes from outside is secret without such a line.
        _ if Secret::Nothing
            .with(node.outside.keys())
            .is_same(&node.secret) => {}
        Secret::Everything => lines.push("@secret".to_owned()),
        Secret::Properties(globs) => {
            let patterns = globs.patterns().iter();
            let words = patterns.map(|text| format!(" {}", spelling::secret_pattern(text)));
            lines.push(format!("@secret{}", words.collect::<String>()));
        }
    }
    let acl = node.acl.as_ref().filter(|_| has_own_acl);
    lines.extend(acl.map(|acl| acl_line(acl, node.acl_is_deep)));
    if let Content::Raw { bytes, .. } = &node.content
        && !node.outside.contains_key(RAW_DATA)
    {
        lines.push(match std::str::from_utf8(bytes) {
            Ok(text) if is_storable_name(text) => {
                format!("@data {}", spelling::string_literal(text))
            }
            _ => format!("@data base64 '{}'", base64(bytes)),
        });
    }
    lines
}

/// Writes the nodes of a tree, in their order, as nested JSON: `{"properties": {…}, "children": {NAME: …}}`, with
/// `"data"` and `"acl"` where there are any, and `"acl_masked"` where the server masks the ACL. The outermost
/// object stands for `/`. A secret value from outside that could not be had is no property and no data:
/// `"from_outside"` has its name, `"@data"` for data, and where it comes from.
///
/// Nothing recurses: a tree may be deeper than the stack.
pub fn write_json<'a>(
    nodes: impl IntoIterator<Item = impl Into<Node<'a>>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut around: Vec<ZPath> = Vec::new();
    write!(out, "{{\"properties\": {{}}, \"children\": {{")?;
    let mut first = true;
    let close = |out: &mut dyn Write| write!(out, "}}}}");
    for node in nodes {
        let Node { path, held } = node.into();
        while around
            .last()
            .is_some_and(|top: &ZPath| !path.is_within(top))
        {
            around.pop();
            close(out)?;
            first = false;
        }
        let comma = if first { "" } else { "," };
        let indent = " ".repeat(around.len() + 1);
        let name = Value::from(path.name());
        write!(out, "{comma}\n{indent}{name}: {{")?;
        write_json_node(&held.declared(), out)?;
        write!(out, ", \"children\": {{")?;
        around.push(path.clone());
        first = true;
    }
    for _ in &around {
        close(out)?;
    }
    writeln!(out, "}}}}")
}

/// The members of a node's object, less its children.
fn write_json_node(node: &Declared, out: &mut dyn Write) -> io::Result<()> {
    match &node.content {
        Content::Properties(_) => {
            let mut properties = node.properties();
            properties.retain(|name, _| !node.lacks(name));
            let properties = spelling::visible_json(serde_json::to_string(&properties)?);
            write!(out, "\"properties\": {properties}")?;
        }
        Content::Raw { .. } if node.lacks(RAW_DATA) => write!(out, "\"properties\": {{}}")?,
        Content::Raw { bytes, .. } => {
            let bytes = base64(bytes);
            write!(
                out,
                "\"properties\": {{}}, \"data\": {{\"base64\": \"{bytes}\"}}"
            )?;
        }
    }
    let lacking = (node.lacking()).map(|(name, outside)| (name.clone(), (&*outside.from).into()));
    let lacking: Map<String, Value> = lacking.collect();
    if !lacking.is_empty() {
        let lacking = spelling::visible_json(serde_json::to_string(&lacking)?);
        write!(out, ", \"{FROM_OUTSIDE}\": {lacking}")?;
    }
    match &node.acl {
        Some(acl) if acl.is_masked() => write!(out, ", \"acl_masked\": true")?,
        Some(acl) => {
            let entries = acl.entries.iter();
            let entries = entries.map(|entry| Value::from(entry.to_string()));
            write!(out, ", \"acl\": {}", entries.collect::<Value>())?;
        }
        None => {}
    }
    if node.acl_is_deep {
        write!(out, ", \"acl_deep\": true")?;
    }
    if node.ephemeral {
        write!(out, ", \"ephemeral\": true")?;
    }
    Ok(())
}
