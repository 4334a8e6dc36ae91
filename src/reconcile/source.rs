//! What a caller brings: a declared tree.

use crate::declare;
use crate::model::node::Declared;
use crate::model::tree::Tree;
use crate::syntax::source::Sources;

/// A declared tree and the texts that it came from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The tree.
    pub tree: &'a Tree<Declared>,
    /// Its texts.
    pub sources: &'a Sources,
}

impl<'a> From<&'a declare::Source> for Source<'a> {
    fn from(source: &'a declare::Source) -> Self {
        Self {
            tree: source.tree(),
            sources: source.texts(),
        }
    }
}
