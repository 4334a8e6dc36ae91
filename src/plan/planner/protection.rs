//! What `@protect` covers.

use super::policy::Policy;
use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::model::plan::Refusal;
use crate::model::tree::Tree;
use crate::syntax::place::Location;
use crate::syntax::source::Sources;

/// Why the subtree `top` below `parent` may not be removed, if a `@protect` covers it.
pub(super) fn refusal(
    top: &ZPath,
    parent: &ZPath,
    declared: &Tree<Declared>,
    policy: &Policy<'_>,
) -> Option<Refusal> {
    let (protected, origin) = around(top, parent, declared, policy)?;
    Some(Refusal::Protected {
        path: top.clone(),
        protected,
        origin,
    })
}

/// The nearest `@protect` around the subtree `top`, at `parent` or above, or any inside it.
fn around(
    top: &ZPath,
    parent: &ZPath,
    declared: &Tree<Declared>,
    policy: &Policy<'_>,
) -> Option<(ZPath, Option<Location>)> {
    let mut by_old_tree = policy.protected.iter();
    let by_old_tree = by_old_tree.find(|(path, _)| path.is_within(top) || top.is_within(path));
    if let Some(found) = by_old_tree {
        return Some(found.clone());
    }
    let mut above = Some(parent.clone());
    while let Some(at) = above {
        if let Some(node) = declared.get(&at).filter(|node| node.protect) {
            let span = node.directives.get("@protect");
            return Some((at, span.map(|span| policy.sources.locate(*span))));
        }
        above = at.parent();
    }
    None
}

/// The subtrees that a tree protects, for when it is the one that is to be changed.
#[must_use]
pub fn protected(tree: &Tree<Declared>, sources: &Sources) -> Vec<(ZPath, Option<Location>)> {
    let protected = tree.iter().filter(|(_, node)| node.protect);
    let located = protected.map(|(path, node)| {
        let span = node.directives.get("@protect");
        (path.clone(), span.map(|span| sources.locate(*span)))
    });
    located.collect()
}
