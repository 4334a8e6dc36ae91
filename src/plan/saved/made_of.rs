//! What a plan was made of.

use crate::model::node::{Declared, Live};
use crate::model::tree::Tree;
use crate::syntax::source::Sources;

/// What a plan was made of.
#[derive(Debug, Clone, Copy)]
pub struct MadeOf<'a> {
    /// The declared tree.
    pub declared: &'a Tree<Declared>,
    /// Its texts. The patterns of all their `@secret` lines count: what a node keeps of its live
    /// properties may be secret by a line elsewhere.
    pub texts: &'a Sources,
    /// The live nodes, at least those that the plan wants.
    pub live: &'a Tree<Live>,
}
