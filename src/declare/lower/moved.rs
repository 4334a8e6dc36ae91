//! Where nodes were moved from: `@moved from`.

use std::collections::BTreeMap;

use crate::model::node::Declared;
use crate::model::path::{self, ZPath};
use crate::model::tree::Tree;
use crate::syntax::ast::Text;
use crate::syntax::place::Span;

/// Why a node cannot be moved from a place.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The text is no path.
    #[error("{0}")]
    Path(path::Error),
    /// The place is `/`.
    #[error("/ cannot be moved")]
    Root,
    /// The place is ZooKeeper's own.
    #[error("/zookeeper belongs to ZooKeeper itself and cannot be moved")]
    Reserved,
    /// The place is above the node, below it, or the node itself.
    #[error("{to} cannot be moved from {from}: one of them holds the other")]
    Within {
        /// The old place.
        from: ZPath,
        /// The node.
        to: ZPath,
    },
    /// Something is declared at the place, or below it.
    #[error("{from} is still declared, so nothing can be moved away from it")]
    Declared {
        /// The old place.
        from: ZPath,
        /// Where it is declared.
        declared: Option<Span>,
    },
    /// Another node is moved from there.
    #[error("{other} is moved from {from} already")]
    Twice {
        /// The old place.
        from: ZPath,
        /// The other node.
        other: ZPath,
        /// The directive of the other node.
        first: Span,
    },
}

impl MoveError {
    /// The other place that it is about.
    pub(super) fn related(&self) -> Option<(Span, String)> {
        match self {
            Self::Declared { declared, .. } => {
                declared.map(|span| (span, "it is declared here".to_owned()))
            }
            Self::Twice { first, .. } => Some((*first, "first here".to_owned())),
            _ => None,
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Path(_) | Self::Root | Self::Reserved => {
                "the old place is the path of a node, from the top of the tree: '/apps/old'"
            }
            Self::Within { .. } => {
                "a node can move to a place beside it; to move it above or below, \
                 move it to a third place first, and apply that"
            }
            Self::Declared { .. } => {
                "delete what is declared there; to exchange two nodes, move one of them to a third \
                 place first, and apply that"
            }
            Self::Twice { .. } => "a node is moved to one place; the other node is new",
        }
    }
}

/// The old place that a text names; the top-level nodes go to `at`, and ZooKeeper's own nodes are at
/// `system`.
pub(super) fn old_place(
    text: &Text<'_>,
    at: &ZPath,
    system: Option<&str>,
) -> Result<ZPath, MoveError> {
    let path = ZPath::parse(&text.text).map_err(MoveError::Path)?;
    if path.is_root() {
        return Err(MoveError::Root);
    }
    let path = path.moved(&ZPath::root(), at);
    if system.is_some_and(|system| path::is_within(path.as_str(), system)) {
        return Err(MoveError::Reserved);
    }
    Ok(path)
}

/// What all layers together make impossible, with the place of each directive.
pub(super) fn check(tree: &Tree<Declared>) -> Vec<(Span, MoveError)> {
    let mut errors = Vec::new();
    let mut moved: BTreeMap<&ZPath, (&ZPath, Span)> = BTreeMap::new();
    for (to, node) in tree {
        let (Some(from), Some(&span)) = (&node.moved_from, node.directives.get("@moved")) else {
            continue;
        };
        let error = if from.is_within(to) || to.is_within(from) {
            let (from, to) = (from.clone(), to.clone());
            MoveError::Within { from, to }
        } else if let Some(old) = tree.get(from) {
            MoveError::Declared {
                from: from.clone(),
                declared: old.origin,
            }
        } else if let Some((other, first)) = moved.get(from) {
            MoveError::Twice {
                from: from.clone(),
                other: (*other).clone(),
                first: *first,
            }
        } else {
            moved.insert(from, (to, span));
            continue;
        };
        errors.push((span, error));
    }
    errors
}
