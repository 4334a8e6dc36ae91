//! A declared tree with the texts that it came from.

use std::path::PathBuf;
use std::sync::Arc;

use super::lower;
use super::problem::Problems;
use crate::model::node::Declared;
use crate::model::plan::NotCompared;
use crate::model::tree::Tree;
use crate::syntax::source::Sources;

/// A declared tree with the texts that it came from. It is sound: nothing is wrong with the texts, and
/// what they say is in the tree.
#[derive(Debug, Clone, Default)]
pub struct Source {
    tree: Tree<Declared>,
    texts: Arc<Sources>,
    /// The files that were read, also those that only give their bytes.
    read: Arc<[PathBuf]>,
}

impl Source {
    pub(super) fn new(tree: Tree<Declared>, texts: Sources) -> Self {
        Self {
            tree,
            texts: Arc::new(texts),
            read: Arc::default(),
        }
    }

    pub(super) fn read_from(self, read: Vec<PathBuf>) -> Self {
        let read = read.into();
        Self { read, ..self }
    }

    /// The files that the nodes come from, by their paths as they were opened: tree texts, and those that
    /// `@data file` and `@files` name.
    #[must_use]
    #[doc(hidden)]
    pub fn files(&self) -> &[PathBuf] {
        &self.read
    }

    /// The declared nodes.
    #[must_use]
    pub fn tree(&self) -> &Tree<Declared> {
        &self.tree
    }

    /// The texts that the nodes come from: files, and standard input.
    #[must_use]
    #[doc(hidden)]
    pub fn texts(&self) -> &Sources {
        &self.texts
    }

    /// The secret values from outside that could not be had. Whoever does more than to plan must have them.
    #[must_use]
    pub fn lacking(&self) -> Vec<NotCompared> {
        let nodes = self.tree.iter();
        nodes
            .flat_map(|(path, node)| NotCompared::of(path, node, &self.texts))
            .collect()
    }

    /// Changes the tree and keeps the texts.
    #[must_use]
    #[doc(hidden)]
    pub fn change(mut self, change: impl FnOnce(&mut Tree<Declared>)) -> Self {
        change(&mut self.tree);
        self
    }

    /// Splits the source into its tree and its texts.
    #[must_use]
    #[doc(hidden)]
    pub fn into_parts(self) -> (Tree<Declared>, Arc<Sources>) {
        (self.tree, self.texts)
    }

    /// Checks that each node can be created with a request of at most `max_request` bytes.
    ///
    /// # Errors
    /// The nodes that are too large. They are no mistake in themselves: a node that is as declared
    /// needs no request.
    pub fn require_size(self, max_request: usize) -> Result<Self, Problems> {
        let errors = lower::oversized(&self.tree, max_request);
        if errors.is_empty() {
            return Ok(self);
        }
        let problems = errors.into_iter().map(Into::into).collect();
        Err(Problems::new(problems, self.texts))
    }
}

/// A tree without texts: what is exported from a server.
impl From<Tree<Declared>> for Source {
    fn from(tree: Tree<Declared>) -> Self {
        Self::new(tree, Sources::default())
    }
}
