//! Which places of the tree are watched.

use std::collections::BTreeSet;

use super::super::wants;
use super::super::watches::Reach;
use crate::model::path::ZPath;
use crate::plan::scope::Want;

/// Maximum number of places with a watch of their own; where there are more, one watch above all of
/// them serves.
const MOST_WATCHES: usize = 64;

/// What to watch: all at and below the roots, and the nodes above them.
pub(super) fn places<'p>(roots: &'p [ZPath], wants: &'p [Want]) -> Vec<(&'p ZPath, Reach)> {
    let above: BTreeSet<&ZPath> = roots
        .iter()
        .filter_map(ZPath::parent)
        .flat_map(|above| above.prefixes().collect::<Vec<_>>())
        .filter_map(|path| Some(&wants::find(wants, &path)?.path))
        .collect();
    let subtrees = roots.iter().map(|root| (root, Reach::Subtree));
    // Passed-through nodes get a watch that is not recursive: their other subtrees may be large. Of
    // more of them than these, whoever meets a conflict looks again.
    let nodes = above.into_iter().take(MOST_WATCHES);
    subtrees
        .chain(nodes.map(|path| (path, Reach::Node)))
        .collect()
}

/// The places to watch: themselves, or what is above all of them where they are many.
pub(super) fn few(roots: Vec<ZPath>) -> Vec<ZPath> {
    if roots.len() <= MOST_WATCHES {
        return roots;
    }
    let mut above = roots[0].parent().unwrap_or_else(ZPath::root);
    while !roots.iter().all(|root| root.is_within(&above)) {
        above = above.parent().unwrap_or_else(ZPath::root);
    }
    vec![above]
}
