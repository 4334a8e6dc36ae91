//! Two states of live nodes, compared.

use zookeeper_client::Stat;

use super::reader::live_node;
use crate::model::node::{Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::tree::{Side, Tree};

/// A node as its stat has it, where its data is that which is known.
pub(super) fn with_stat(node: &LiveNode, stat: &Stat) -> Option<LiveNode> {
    let is_known = stat.mzxid == node.mzxid && stat.version == node.version.get();
    is_known
        .then(|| live_node(node.data.clone(), stat, false))
        .flatten()
}

/// Whether two states of a node are the same, but for the number of its children.
pub(super) fn is_same(old: Option<&Live>, new: Option<&Live>) -> bool {
    match (old, new) {
        (Some(Live::Read(old)), Some(Live::Read(new))) => {
            old.version == new.version
                && old.zxids() == new.zxids()
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
    let is_told = |old: &Live, new: &Live| match (old, new) {
        (Live::Read(old), Live::Read(new)) => old.version != new.version || old.mzxid != new.mzxid,
        // Permissions come and go without an event.
        _ => false,
    };
    let mut paths = Vec::new();
    for side in old.join(new) {
        match side {
            Side::Left((path, _)) | Side::Right((path, _)) => paths.push(path.clone()),
            Side::Both((path, old), (_, new)) if is_told(old, new) => paths.push(path.clone()),
            Side::Both(..) => {}
        }
    }
    paths
}
