//! The services of a tree, and which of them use which: a picture of the system.
//!
//! As in zc.zk, a node with a real child `providers` is a service, and a link to a `…/providers` is
//! a use of the service that has them. Every other link of a service is drawn, too, and every link
//! to something in a service. Links between nodes that are in no service are left out.

mod layout;
mod svg;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::node::{Content, Declared};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::model::value::TYPE;
use crate::plan::links;
use crate::syntax::names::{LinkKind, split_link};

pub use svg::svg;

/// The name of the node that holds a service's providers.
const PROVIDERS: &str = "providers";

/// The kind of a node of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A service: it has a node for its providers.
    Service,
    /// Something else that uses services.
    User,
    /// The target of a link that is no service of this tree.
    Missing,
}

/// A node of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphNode {
    /// Where it is in the tree.
    pub path: ZPath,
    /// The message.
    pub role: Role,
    /// Its type in the tree.
    pub kind: Option<String>,
}

/// A node uses another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The index in [`Graph::nodes`] of the node that uses.
    pub from: usize,
    /// The index in [`Graph::nodes`] of the node that is used.
    pub to: usize,
    /// The name of the link, with the path to it from the node that uses.
    pub label: String,
    /// Whether it is a symbolic link or a property link.
    pub kind: LinkKind,
}

/// A link that is not drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The node that holds it.
    pub path: ZPath,
    /// The name under which it is stored, which ends in its operator.
    pub name: String,
    /// Its target. `None` if that is no path.
    pub target: Option<ZPath>,
}

/// Services, and who uses them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// The nodes by path.
    pub nodes: Vec<GraphNode>,
    /// The edges by the place of their links.
    pub edges: Vec<Edge>,
    /// The links that are not drawn, by their place: they lead nowhere, or neither end is in a
    /// service.
    pub left_out: Vec<LeftOut>,
}

/// A link before its ends have places.
struct Found {
    user: ZPath,
    used: ZPath,
    label: String,
    kind: LinkKind,
}

/// The graph of a tree.
///
/// A link belongs to the nearest service at or above the node that holds it, or else to that node
/// itself. It leads to the nearest service at or above its target in the same way.
#[must_use]
pub fn graph(tree: &Tree<Declared>) -> Graph {
    let Links { found, left_out } = links_of(tree);
    let nodes = roles(tree, &found);
    let places: BTreeMap<&ZPath, usize> = nodes.keys().zip(0..).collect();
    let edges = found.into_iter().filter_map(|found| {
        Some(Edge {
            from: *places.get(&found.user)?,
            to: *places.get(&found.used)?,
            label: found.label,
            kind: found.kind,
        })
    });
    let edges = edges.collect();
    let kind = |path: &ZPath| {
        let node = tree.get(path)?;
        let kind = node.properties();
        let kind = kind.get(TYPE)?.as_str()?;
        // No format has room for a line break.
        Some(kind.replace(char::is_control, " "))
    };
    let nodes = nodes.into_iter().map(|(path, role)| GraphNode {
        kind: kind(&path),
        path,
        role,
    });
    Graph {
        nodes: nodes.collect(),
        edges,
        left_out,
    }
}

/// The links of a tree.
#[derive(Default)]
struct Links {
    found: Vec<Found>,
    left_out: Vec<LeftOut>,
}

fn is_service(tree: &Tree<Declared>, path: &ZPath) -> bool {
    tree.get(&path.join(PROVIDERS)).is_some()
}

/// The nearest service at or above a node.
fn service_of(tree: &Tree<Declared>, path: &ZPath) -> Option<ZPath> {
    let above: Vec<ZPath> = path.prefixes().collect();
    let mut nearest_first = above.into_iter().rev();
    nearest_first.find(|above| is_service(tree, above))
}

fn links_of(tree: &Tree<Declared>) -> Links {
    let mut links = Links::default();
    for (path, node) in tree {
        let Content::Properties(properties) = &node.content else {
            continue;
        };
        for (stored, value) in properties.links() {
            let Some((name, kind)) = split_link(&stored) else {
                continue;
            };
            let target = value.as_str().and_then(|value| target(path, value, kind));
            let user = service_of(tree, path);
            let used = target
                .as_ref()
                .and_then(|target| used(tree, target, user.is_some()));
            let Some(used) = used else {
                links.left_out.push(LeftOut {
                    path: path.clone(),
                    name: stored.clone(),
                    target,
                });
                continue;
            };
            let user = user.unwrap_or_else(|| path.clone());
            let way = path
                .as_str()
                .strip_prefix(user.as_str())
                .unwrap_or_default();
            let label = format!("{way}/{name}").replace(char::is_control, " ");
            let label = label.trim_start_matches('/').to_owned();
            links.found.push(Found {
                user,
                used,
                label,
                kind,
            });
        }
    }
    links
}

/// What a link with this target uses. `None` if neither of its ends is in a service.
fn used(tree: &Tree<Declared>, target: &ZPath, is_of_service: bool) -> Option<ZPath> {
    let provided = (target.name() == PROVIDERS).then(|| target.parent());
    let inside = || service_of(tree, target).or_else(|| is_of_service.then(|| target.clone()));
    provided.flatten().or_else(inside)
}

/// The nodes of the graph.
fn roles(tree: &Tree<Declared>, links: &[Found]) -> BTreeMap<ZPath, Role> {
    let services = tree.declared().map(|(path, _)| path);
    let services = services.filter(|path| is_service(tree, path));
    let mut nodes: BTreeMap<ZPath, Role> =
        services.map(|path| (path.clone(), Role::Service)).collect();
    for Found { user, .. } in links {
        nodes.entry(user.clone()).or_insert(Role::User);
    }
    for Found { user, used, .. } in links {
        let role = if is_service(tree, used) {
            Role::Service
        } else {
            Role::Missing
        };
        let known = nodes.entry(used.clone()).or_insert(role);
        if *known == Role::User && user != used && role == Role::Service {
            *known = Role::Service;
        }
    }
    nodes
}

/// The target of a node's link, without the name of a property behind the path.
fn target(path: &ZPath, target: &str, kind: LinkKind) -> Option<ZPath> {
    let target = match kind {
        LinkKind::Symbolic => target,
        LinkKind::Property => target.split_whitespace().next()?,
    };
    links::join(path, target).ok()
}

/// The graph for Graphviz.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = "digraph services {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for node in &graph.nodes {
        let name = quoted(node.path.as_str());
        let mut attributes = Vec::new();
        if let Some(kind) = &node.kind {
            // The line break is Graphviz's, and must not be escaped.
            let (path, kind) = (quoted(node.path.as_str()), quoted(kind));
            attributes.push(format!(
                "label={}\\n{}",
                &path[..path.len() - 1],
                &kind[1..]
            ));
        }
        match node.role {
            Role::Service => {}
            Role::User => attributes.push("shape=ellipse".to_owned()),
            Role::Missing => attributes.push("style=dashed".to_owned()),
        }
        if attributes.is_empty() {
            _ = writeln!(out, "  {name};");
        } else {
            _ = writeln!(out, "  {name} [{}];", attributes.join(", "));
        }
    }
    for edge in &graph.edges {
        let name = |place: usize| quoted(graph.nodes[place].path.as_str());
        let (from, to) = (name(edge.from), name(edge.to));
        let style = match edge.kind {
            LinkKind::Symbolic => "",
            LinkKind::Property => ", style=dashed",
        };
        _ = writeln!(
            out,
            "  {from} -> {to} [label={}{style}];",
            quoted(&edge.label)
        );
    }
    out.push_str("}\n");
    out
}

/// The graph for Mermaid.
#[must_use]
pub fn mermaid(graph: &Graph) -> String {
    let quoted = |text: &str| {
        let escaped: String = text
            .chars()
            .map(|c| match c {
                '"' => "#quot;".to_owned(),
                '#' => "#35;".to_owned(),
                '<' => "#lt;".to_owned(),
                '>' => "#gt;".to_owned(),
                '&' => "#amp;".to_owned(),
                c => c.to_string(),
            })
            .collect();
        escaped
    };
    let mut out = "flowchart LR\n".to_owned();
    for (place, node) in graph.nodes.iter().enumerate() {
        let mut label = quoted(node.path.as_str());
        if let Some(kind) = &node.kind {
            label += "<br/>";
            label += &quoted(kind);
        }
        let (open, close) = match node.role {
            Role::Service => ("[", "]"),
            Role::User => ("([", "])"),
            Role::Missing => ("[", "]:::missing"),
        };
        _ = writeln!(out, "  n{place}{open}\"{label}\"{close}");
    }
    for edge in &graph.edges {
        let Edge {
            from, to, label, ..
        } = edge;
        let arrow = match edge.kind {
            LinkKind::Symbolic => "-->",
            LinkKind::Property => "-.->",
        };
        _ = writeln!(out, "  n{from} {arrow}|\"{}\"| n{to}", quoted(label));
    }
    if graph.nodes.iter().any(|node| node.role == Role::Missing) {
        out.push_str("  classDef missing stroke-dasharray: 4\n");
    }
    out
}
