//! One node of a subtree that may have moved.

use crate::model::acl::Acl;
use crate::model::path::ZPath;

/// A node that comes or goes.
pub(super) struct Node<'a> {
    pub(super) path: &'a ZPath,
    pub(super) data: &'a [u8],
    pub(super) acl: Option<&'a Acl>,
    pub(super) may_be_secret: bool,
}

impl Node<'_> {
    /// Whether two nodes are the same, each below the top of its subtree.
    pub(super) fn is_like(&self, top: &ZPath, other: &Self, other_top: &ZPath) -> bool {
        self.data == other.data
            && self.acl == other.acl
            && self.path.moved(top, other_top) == *other.path
    }
}
