//! ACLs that the server masks.

use super::declarable;
use crate::model::node::Live;
use crate::model::path::ZPath;

/// The exported nodes whose ACL is not known: to a session without the right ADMIN the server
/// masks the entries, or shows none. If a mask were declared, it would be an identity that nobody
/// can have.
pub fn masked(nodes: &[(ZPath, Live)], ephemeral: bool) -> impl Iterator<Item = &ZPath> {
    let nodes = declarable(nodes, ephemeral);
    let unknown = nodes.filter(|(_, node)| node.acl.as_ref().is_none_or(|acl| acl.is_masked()));
    unknown.map(|(path, _)| path)
}
