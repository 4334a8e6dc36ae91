//! Two states of live nodes, compared.

use zookeeper_client::Stat;

use super::reader::live_node;
use crate::node::{Live, LiveNode};
use crate::path::ZPath;
use crate::tree::Tree;

/// A node as its stat has it, where its data is that which is known.
pub(super) fn with_stat(node: &LiveNode, stat: &Stat) -> Option<LiveNode> {
    let is_known = stat.mzxid == node.mzxid && stat.version == node.version.get();
    is_known
        .then(|| live_node(node.data.clone(), stat))
        .flatten()
}

/// Whether two states of a node are the same, but for the number of its children.
pub(super) fn is_same(old: Option<&Live>, new: Option<&Live>) -> bool {
    match (old, new) {
        (Some(Live::Read(old)), Some(Live::Read(new))) => {
            old.version == new.version
                && old.mzxid == new.mzxid
                && old.ephemeral == new.ephemeral
                && old.acl_version == new.acl_version
                && old.acl == new.acl
                && old.data == new.data
        }
        (old, new) => old == new,
    }
}

/// The nodes that differ in what an event would have told: not in their ACLs.
pub(super) fn differences(old: &Tree<Live>, new: &Tree<Live>) -> Vec<ZPath> {
    let told = |old: Option<&Live>, new: Option<&Live>| match (old, new) {
        (Some(Live::Read(old)), Some(Live::Read(new))) => {
            old.version == new.version && old.mzxid == new.mzxid
        }
        // Permissions come and go without an event.
        (Some(_), Some(_)) => true,
        (old, new) => old.is_none() && new.is_none(),
    };
    let mut paths = Vec::new();
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return paths,
        };
        let a = old.next_if(|_| order.is_le());
        let b = new.next_if(|_| order.is_ge());
        if !told(a.map(|(_, live)| live), b.map(|(_, live)| live)) {
            paths.extend(a.or(b).map(|(path, _)| path.clone()));
        }
    }
}
