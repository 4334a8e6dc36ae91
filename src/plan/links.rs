//! Links: resolving symbolic and property links, and checking those of a tree.

mod check;

pub use check::{Checked, LookedUp, Trees, check};

use serde_json::Value;

use crate::model::path::{self, ZPath};
use crate::syntax::names::split_property_link;

/// What is known of a node without a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup<T> {
    /// This is known.
    Known(T),
    /// There is no such node.
    Missing,
    /// The node would have to be read.
    Unknown,
}

/// A tree in which links are followed.
pub trait Nodes {
    /// Whether there is a node at a path.
    fn exists(&self, path: &ZPath) -> Lookup<()>;
    /// The property of a node by its stored name. `None` if the node has no such property.
    fn property(&self, path: &ZPath, name: &str) -> Lookup<Option<Value>>;
}

/// Why a link leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no node, and no link in its place.
    #[error("{0} does not exist")]
    Missing(ZPath),
    /// The links lead in a circle.
    #[error("links lead in a circle: {}", circle(.0))]
    Loop(Vec<String>),
    /// Too many links. Links that double at every step would never end.
    #[error("{0} leads through more than {MAX_LINKS} links")]
    TooLong(ZPath),
    /// The text is no path.
    #[error("{text:?} is no path: {error}")]
    Path {
        /// The text.
        text: String,
        /// What is wrong with it.
        error: path::Error,
    },
    /// The node has no such property, plain or linked.
    #[error("{path} has no property {name}")]
    NoProperty {
        /// The node.
        path: ZPath,
        /// The property.
        name: String,
    },
    /// The link's value is no text.
    #[error("the link {name} of {path} holds no path")]
    NoPath {
        /// The node with the link.
        path: ZPath,
        /// The name under which the link is stored.
        name: String,
    },
    /// These nodes would have to be read first.
    #[error("nodes that have not been read")]
    #[doc(hidden)]
    Unknown(Vec<ZPath>),
}

/// How many links a path may lead through.
pub const MAX_LINKS: usize = 1000;

fn circle(steps: &[String]) -> String {
    steps.join(" -> ")
}

/// Joins a path as a link gives it to the node that holds the link: without a leading slash it is
/// relative to that node, and `.` and `..` have their usual meaning.
pub fn join(base: &ZPath, target: &str) -> Result<ZPath, Error> {
    let error = |error| Error::Path {
        text: target.to_owned(),
        error,
    };
    let mut names: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else if target.is_empty() {
        return Err(error(path::Error::Empty));
    } else {
        base.names().collect()
    };
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                _ = names
                    .pop()
                    .ok_or_else(|| error(path::Error::DotName("..".to_owned())))?;
            }
            name => {
                path::check_name(name).map_err(error)?;
                names.push(name);
            }
        }
    }
    Ok(ZPath::of_names(&names))
}

/// One step of a walk along a path.
enum Step {
    Name(String),
    /// The target of the link at this path has been resolved.
    Resolved,
}

/// Follows a path to the real node: while a node lacks a child of the wanted name but has a
/// property `name ->`, the path in it is followed. A real child hides a link of the same name.
pub fn resolve(nodes: &impl Nodes, path: &ZPath) -> Result<ZPath, Error> {
    let mut steps: Vec<Step> = Vec::new();
    let mut at = start(nodes, path, &mut steps);
    // The links whose targets are being resolved: meeting one of them again is a circle.
    let mut links: Vec<ZPath> = Vec::new();
    let mut followed = 0;
    while let Some(step) = steps.pop() {
        let name = match step {
            Step::Name(name) => name,
            Step::Resolved => {
                links.pop();
                continue;
            }
        };
        let child = at.join(&name);
        match nodes.exists(&child) {
            Lookup::Known(()) => {
                at = child;
                continue;
            }
            Lookup::Unknown => return Err(Error::Unknown(ahead(&child, &steps))),
            Lookup::Missing => {}
        }
        let link = format!("{name} ->");
        let target = match nodes.property(&at, &link) {
            Lookup::Known(Some(target)) => target,
            Lookup::Known(None) | Lookup::Missing => return Err(Error::Missing(child)),
            Lookup::Unknown => return Err(Error::Unknown(vec![at])),
        };
        if let Some(start) = links.iter().position(|link| *link == child) {
            let around = links[start..].iter().chain([&child]);
            return Err(Error::Loop(around.map(ToString::to_string).collect()));
        }
        let Some(target) = target.as_str().filter(|target| !target.is_empty()) else {
            return Err(Error::NoPath {
                path: at,
                name: link,
            });
        };
        followed += 1;
        if followed > MAX_LINKS {
            return Err(Error::TooLong(path.clone()));
        }
        let target = join(&at, target)?;
        links.push(child);
        steps.push(Step::Resolved);
        at = start(nodes, &target, &mut steps);
    }
    Ok(at)
}

/// The node from which on a path must be walked, with the steps from there. Above a node that
/// exists there are only nodes that do.
fn start(nodes: &impl Nodes, path: &ZPath, steps: &mut Vec<Step>) -> ZPath {
    let exists = |path: &ZPath| matches!(nodes.exists(path), Lookup::Known(()));
    if exists(path) {
        return path.clone();
    }
    if let Some(parent) = path.parent().filter(exists) {
        steps.push(Step::Name(path.name().to_owned()));
        return parent;
    }
    let names = path.names().map(|name| Step::Name(name.to_owned()));
    let first = steps.len();
    steps.extend(names);
    steps[first..].reverse();
    ZPath::root()
}

/// The unknown node, and those that will be needed after it if it exists.
fn ahead(unknown: &ZPath, steps: &[Step]) -> Vec<ZPath> {
    let mut paths = vec![unknown.clone()];
    for step in steps.iter().rev() {
        let Step::Name(name) = step else { break };
        let next = paths[paths.len() - 1].join(name);
        paths.push(next);
    }
    paths
}

/// Reads a property of a node, through property links: chained, relative ones included.
///
/// A relative property link starts at the node that holds it, by its real path. Meeting a node
/// twice under different names is no circle.
pub fn property(nodes: &impl Nodes, path: &ZPath, name: &str) -> Result<Value, Error> {
    let (mut at, mut name) = (resolve(nodes, path)?, name.to_owned());
    let mut seen: Vec<(ZPath, String)> = Vec::new();
    loop {
        match nodes.property(&at, &name) {
            Lookup::Known(Some(value)) => return Ok(value),
            Lookup::Known(None) => {}
            Lookup::Missing => return Err(Error::Missing(at)),
            Lookup::Unknown => return Err(Error::Unknown(vec![at])),
        }
        let link = format!("{name} =>");
        let target = match nodes.property(&at, &link) {
            Lookup::Known(Some(target)) => target,
            Lookup::Known(None) => return Err(Error::NoProperty { path: at, name }),
            Lookup::Missing => return Err(Error::Missing(at)),
            Lookup::Unknown => return Err(Error::Unknown(vec![at])),
        };
        if seen.len() > MAX_LINKS {
            return Err(Error::TooLong(path.clone()));
        }
        let here = (at, name);
        if let Some(start) = seen.iter().position(|step| *step == here) {
            let around = seen[start..].iter().chain([&here]);
            return Err(Error::Loop(
                around
                    .map(|(path, name)| format!("{path} {name}"))
                    .collect(),
            ));
        }
        let Some(target) = target.as_str() else {
            return Err(Error::NoPath {
                path: here.0,
                name: link,
            });
        };
        let (path, property) = split_property_link(target);
        at = resolve(nodes, &join(&here.0, path)?)?;
        name = property.unwrap_or(&here.1).to_owned();
        seen.push(here);
    }
}
