//! The rights that a plan takes, and whether the session has them.

use std::fmt;

use crate::model::acl::Permissions;
use crate::model::path::ZPath;
use crate::syntax::spelling::grouped;

/// How many nodes an error names before it counts the others.
const NAMED: usize = 10;

/// Rights that a plan takes at one node that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRights {
    /// The node.
    pub path: ZPath,
    /// Each of the rights: to read or write the node, to create or delete its children, to administer
    /// it. Never empty.
    pub rights: Vec<Permissions>,
}

/// Whether the session has the rights that a plan takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckedRights {
    /// How many nodes were looked at.
    pub nodes: usize,
    /// What the session surely lacks, by path.
    pub missing: Vec<NodeRights>,
    /// What it may have or not: the server does not tell all identities of the session, does not show
    /// the ACL, or knows a scheme that zkt does not, by path.
    pub unknown: Vec<NodeRights>,
}

impl NodeRights {
    /// The names of the rights: `write, create`.
    #[must_use]
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.rights.iter().map(|right| right.name()).collect();
        names.join(", ")
    }
}

impl fmt::Display for NodeRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path, self.names())
    }
}

/// What is missing, as one error says it.
pub(super) fn missing(nodes: &[NodeRights]) -> String {
    match nodes {
        [] => String::new(),
        [NodeRights { path, rights }] => {
            let names: Vec<&str> = rights.iter().map(|right| right.name()).collect();
            format!(
                "{path}: its ACL gives this session no {} right, which the plan needs there",
                names.join(" and no ")
            )
        }
        nodes => {
            let named: Vec<String> = nodes
                .iter()
                .take(NAMED)
                .map(NodeRights::to_string)
                .collect();
            let more = match nodes.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {} more", grouped(more)),
            };
            format!(
                "this session lacks rights that the plan needs at {} nodes: {}{more}",
                grouped(nodes.len()),
                named.join(", ")
            )
        }
    }
}
