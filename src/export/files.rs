//! Live nodes as files: the reverse of `@files`.

use std::collections::HashMap;

use crate::declare::SELF;
use crate::model::node::{Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::syntax::names::is_git_name;
use crate::syntax::spelling;

/// How many bytes the name of a file may have where most trees are checked out.
const LONGEST_NAME: usize = 255;

/// Why a node cannot be a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFile {
    /// The name of files that hold the bytes of directories.
    #[error("{0} cannot be a file: one of the name {SELF} holds the bytes of the node around it")]
    SelfName(ZPath),
    /// A name that git takes for its own.
    #[error("{0} cannot be a file: git would take it for its own .git, and may run what it says")]
    Git(ZPath),
    /// A name that is too long.
    #[error("{0} cannot be a file: its name has more than {LONGEST_NAME} bytes")]
    LongName(ZPath),
}

/// The files that hold a subtree.
#[derive(Debug, PartialEq, Eq)]
pub struct FilesOf<'t> {
    /// The path of each below the directory, with its bytes.
    pub files: Vec<(String, &'t [u8])>,
    /// The nodes at the top.
    pub tops: Vec<Top>,
    /// Nodes side by side whose names differ in case only.
    pub alike: Vec<[ZPath; 2]>,
    /// How many ephemeral nodes are left out.
    pub ephemeral: usize,
}

impl FilesOf<'_> {
    /// The tree text that declares the nodes again; the files are in `folder`.
    #[must_use]
    pub fn lines(&self, folder: &str) -> String {
        let mut text = String::new();
        for top in &self.tops {
            let slash = if top.file.is_empty() { "" } else { "/" };
            let file = spelling::string_literal(&format!("{folder}{slash}{}", top.file));
            let line = if top.is_directory {
                format!("@files {file}{}", top.globs())
            } else {
                format!("@data file {file}")
            };
            text += &format!("/{}\n  {line}\n", spelling::node_name(&top.name));
        }
        text
    }
}

/// A node at the top.
#[derive(Debug, PartialEq, Eq)]
pub struct Top {
    /// Its name.
    pub name: String,
    /// Its path below the directory; empty for the directory itself.
    pub file: String,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Which names below it start with a dot.
    dotted: Dotted,
}

/// Whether names start with a dot, so that `@files` takes them only if a glob names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dotted {
    None,
    Some,
    All,
}

impl Top {
    /// The globs that take all files of the directory, each with a blank before it.
    fn globs(&self) -> &'static str {
        match self.dotted {
            Dotted::None => "",
            Dotted::Some => " * .*",
            Dotted::All => " .*",
        }
    }

    /// Takes note of a node below, by its path there.
    fn note(&mut self, inner: &str, is_first: bool) {
        let is_dotted = inner.split('/').any(|name| name.starts_with('.'));
        self.dotted = match (self.dotted, is_dotted) {
            (Dotted::None, true) if is_first => Dotted::All,
            (Dotted::None, true) | (Dotted::All, false) => Dotted::Some,
            (dotted, _) => dotted,
        };
    }
}

/// The files that hold the live subtree at `top`: a node with children is a directory, and a file
/// `@self` in it holds its bytes, unless it has none. Ephemeral nodes are left out.
///
/// # Errors
/// A node that cannot be a file.
pub fn files<'t>(live: &'t Tree<Live>, top: &'t ZPath) -> Result<FilesOf<'t>, NoFile> {
    let nodes = super::declarable(live.subtree(top), false);
    let nodes: Vec<(&ZPath, &LiveNode)> = nodes.collect();
    let is_ephemeral = |(_, node): &&(ZPath, Live)| node.node().is_some_and(|node| node.ephemeral);
    let mut of = FilesOf {
        files: Vec::new(),
        tops: Vec::new(),
        alike: Vec::new(),
        ephemeral: live.subtree(top).iter().filter(is_ephemeral).count(),
    };
    // How many nodes are below the last one of the tops so far.
    let mut below = 0;
    let mut lower: HashMap<String, &ZPath> = HashMap::new();
    for (i, (path, node)) in nodes.iter().copied().enumerate() {
        let has_children = nodes
            .get(i + 1)
            .is_some_and(|(next, _)| next.is_within(path));
        let is_top = path == top;
        if !is_top {
            check(path)?;
            if let Some(other) = lower.insert(path.as_str().to_lowercase(), path)
                && other.parent_str() == path.parent_str()
            {
                of.alike.push([other.clone(), path.clone()]);
            }
        }
        let inner = path.moved(top, &ZPath::root());
        let inner = inner.as_str().trim_start_matches('/');
        if is_top && !top.is_root() || top.is_root() && path.depth() == 1 {
            of.tops.push(Top {
                name: path.name().to_owned(),
                file: inner.to_owned(),
                is_directory: is_top || has_children,
                dotted: Dotted::None,
            });
            below = 0;
        } else if let Some(top) = of.tops.last_mut() {
            let inner = inner[top.file.len()..].trim_start_matches('/');
            top.note(inner, below == 0);
            below += 1;
        }
        let slash = if is_top { "" } else { "/" };
        let file = match (is_top, has_children) {
            (true, _) if top.is_root() => continue,
            // A directory without a file would be no tree.
            (true, false) => SELF.to_owned(),
            (_, true) if node.data.is_empty() => continue,
            (_, true) => format!("{inner}{slash}{SELF}"),
            (false, false) => inner.to_owned(),
        };
        of.files.push((file, &node.data));
    }
    Ok(of)
}

fn check(path: &ZPath) -> Result<(), NoFile> {
    match path.name() {
        SELF => Err(NoFile::SelfName(path.clone())),
        name if is_git_name(name) => Err(NoFile::Git(path.clone())),
        name if name.len() > LONGEST_NAME => Err(NoFile::LongName(path.clone())),
        _ => Ok(()),
    }
}
