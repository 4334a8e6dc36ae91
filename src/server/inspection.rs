//! What a test can look at.

use std::net::SocketAddr;

use super::acl::Acl;
use super::node::{Node, NodeKind, Stat};
use super::state::State;

/// A node as it stands on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeView {
    /// Its path.
    pub path: String,
    /// Its data; empty if it is null.
    pub data: Vec<u8>,
    /// The stat that `exists` returns.
    pub stat: Stat,
    /// Its access control list.
    pub acl: Vec<Acl>,
    /// Its kind. Clients cannot see whether a node is a container or has a time to live.
    pub kind: NodeKind,
}

/// A session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionView {
    /// Its number.
    pub id: i64,
    /// Its timeout in milliseconds, as negotiated.
    pub timeout: i32,
    /// Where its client connects from, if it is connected.
    pub peer: Option<SocketAddr>,
    /// Its identities, as scheme and identity: `ip`, and what it authenticated as.
    pub identities: Vec<(String, String)>,
    /// The paths of its ephemeral nodes, sorted.
    pub ephemerals: Vec<String>,
}

fn view(path: &str, node: &Node) -> NodeView {
    NodeView {
        path: path.to_owned(),
        data: node.data.as_deref().unwrap_or_default().to_vec(),
        stat: node.stat(),
        acl: node.acl.to_vec(),
        kind: node.kind,
    }
}

impl State {
    pub(crate) fn view_tree(&self) -> Vec<NodeView> {
        let mut nodes: Vec<NodeView> = self
            .tree
            .iter()
            .map(|(path, node)| view(path, node))
            .collect();
        nodes.sort_by(|a, b| crate::model::path::compare(&a.path, &b.path));
        nodes
    }

    pub(crate) fn view_node(&self, path: &str) -> Option<NodeView> {
        self.tree.get(path).map(|node| view(path, node))
    }

    pub(crate) fn view_sessions(&self) -> Vec<SessionView> {
        let view = |(id, session): (i64, &super::sessions::Session)| {
            let connection = session.connection.and_then(|c| self.connections.get(&c));
            let identities = connection.iter().flat_map(|c| c.identities.iter());
            let mut ephemerals = self.tree.ephemerals_of(id);
            ephemerals.sort_unstable();
            SessionView {
                id,
                timeout: session.timeout,
                peer: connection.map(|connection| connection.peer),
                identities: identities
                    .map(|identity| (identity.scheme.to_owned(), identity.id.clone()))
                    .collect(),
                ephemerals,
            }
        };
        self.sessions.iter().map(view).collect()
    }
}
