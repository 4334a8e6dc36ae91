//! Nodes that files hold: `@files`.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::{Error, Found};
use super::nodes::{MAX_LEVELS, Nodes, Place};
use crate::model::node::{Content, Declared, Secret};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::syntax::place::Span;

/// A file or a directory that is a node. They come in the order of a walk: a directory, what is in it,
/// what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNode {
    /// How many directories it lies in; 0 for the directory that `@files` names.
    pub depth: usize,
    /// The node's name, which must be valid. Empty for the directory that `@files` names.
    pub name: Box<str>,
    /// What the node holds. `None` for a directory without bytes of its own.
    pub contents: Option<FileContents>,
}

/// The contents of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContents {
    /// The file's path, as messages show it.
    pub file: Box<str>,
    /// All its bytes.
    pub bytes: Arc<[u8]>,
}

/// The nodes of all `@files` lines.
#[derive(Debug, Default)]
pub(super) struct FilesNodes {
    /// Contents of nodes of the layer at hand. What else is said of these nodes is known at its end.
    contents: Vec<(u32, Span, FileContents)>,
    /// The nodes of all layers, each with the node whose line names it.
    nodes: Vec<FromFiles>,
}

#[derive(Debug)]
struct FromFiles {
    path: ZPath,
    top: ZPath,
    span: Span,
    is_directory: bool,
}

impl FromFiles {
    /// A file is hidden as a property of its name would be, or of that of a directory around it.
    fn is_hidden(&self, secret: &Secret) -> bool {
        let mut names = self.path.names().skip(self.top.depth());
        names.any(|name| secret.covers(name))
    }
}

impl FilesNodes {
    /// Declares the nodes of an `@files` line in the node at `top`. `number` is that of no file.
    pub(super) fn declare(
        &mut self,
        (top, found): (u32, Vec<FileNode>),
        (nodes, number): (&mut Nodes, u32),
        span: Span,
    ) -> Result<(), Error> {
        let mut open = vec![top];
        for FileNode {
            depth,
            name,
            contents,
        } in found
        {
            open.truncate(depth.max(1));
            let mut place = open[open.len() - 1];
            if depth > 0 {
                let path = nodes.path(place).join(&name);
                let around = place;
                place = nodes.place_path(path, place);
                if nodes.depth(place) > MAX_LEVELS {
                    return Err(Error::TooDeep { span });
                }
                // The names of a directory differ, so that this is no second declaration.
                let place_of = Place {
                    file: number,
                    around,
                };
                _ = nodes.declare(place, place_of, span);
                open.push(place);
            }
            self.nodes.push(FromFiles {
                path: nodes.path(place).clone(),
                top: nodes.path(top).clone(),
                span,
                is_directory: contents.is_none(),
            });
            self.contents
                .extend(contents.map(|contents| (place, span, contents)));
        }
        Ok(())
    }

    /// Lays the contents of the files of a layer down in its nodes, all other lines of which are
    /// lowered.
    pub(super) fn lay_down(&mut self, nodes: &mut Nodes, errors: &mut Found) {
        let mut files: HashMap<u32, (Span, Box<str>)> = HashMap::new();
        for (place, span, FileContents { file, bytes }) in std::mem::take(&mut self.contents) {
            let path = nodes.path(place).clone();
            if let Some((first, other)) = files.get(&place) {
                errors.push(Error::TwoFiles {
                    span,
                    first: *first,
                    files: [other.clone(), file],
                    path,
                });
                continue;
            }
            let node = nodes.node(place);
            if let Some(declared) = place_of_data(node) {
                errors.push(Error::FileAndDeclared {
                    span,
                    declared,
                    file,
                    path,
                });
                continue;
            }
            let origin = Some(span);
            node.content = Content::Raw { bytes, origin };
            files.insert(place, (span, file));
        }
    }

    /// Completes the tree of all layers: a directory that is given no bytes has none, and what
    /// `@secret` covers beside `@files` it covers in files, too.
    pub(super) fn complete(self, tree: &mut Tree<Declared>) {
        for from in &self.nodes {
            let secret = tree
                .get(&from.top)
                .is_some_and(|top| from.is_hidden(&top.secret));
            let Some(node) = tree.get_mut(&from.path) else {
                continue;
            };
            if secret {
                node.secret = Secret::Everything;
            }
            if from.is_directory && !node.keep_properties && has_no_data(node) {
                node.content = Content::Raw {
                    bytes: Arc::default(),
                    origin: Some(from.span),
                };
            }
        }
    }
}

/// Where the data of a node is declared in text.
fn place_of_data(node: &Declared) -> Option<Span> {
    if let Some(span) = node.directives.get("@data") {
        return Some(*span);
    }
    match &node.content {
        Content::Properties(properties) => properties.origins().first().copied(),
        Content::Raw { origin, .. } => *origin,
    }
}

fn has_no_data(node: &Declared) -> bool {
    matches!(&node.content, Content::Properties(properties) if properties.is_empty())
}
