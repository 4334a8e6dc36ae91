//! What is wanted of the nodes around those that are wanted by themselves.

use crate::model::path::ZPath;
use crate::plan::scope::{Children, Want};

/// The want for one node, among wants in path order.
pub(super) fn find<'w>(wants: &'w [Want], path: &ZPath) -> Option<&'w Want> {
    let at = wants.binary_search_by(|want| want.path.cmp(path)).ok()?;
    wants.get(at)
}

/// What to read of the children of a node below a wanted one.
pub(super) fn beyond(wants: &[Want], path: &ZPath) -> Children {
    let mut above = path.parent();
    let mut is_parent = true;
    while let Some(at) = above {
        if let Some(want) = find(wants, &at) {
            return match want.children {
                Children::List if !is_parent => Children::Skip,
                children => children,
            };
        }
        is_parent = false;
        above = at.parent();
    }
    Children::Skip
}
