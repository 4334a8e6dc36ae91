//! Two states of live nodes, compared.

use zookeeper_client::Stat;

use super::reader::live_node;
use crate::model::node::{Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::tree::{Side, Tree};

/// A node with a new stat and the data that is known already.
pub(super) fn with_stat(node: &LiveNode, stat: &Stat) -> Option<LiveNode> {
    let is_known = stat.mzxid == node.mzxid && stat.version == node.version.get();
    is_known
        .then(|| live_node(node.data.clone(), stat, false))
        .flatten()
}

/// Whether two states of a node are equal except for the number of children.
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
        // Nobody looks at the data.
        (Some(Live::WithoutData(old)), Some(Live::WithoutData(new)))
        | (Some(Live::Unlisted(old)), Some(Live::Unlisted(new))) => {
            old.czxid == new.czxid
                && old.ephemeral == new.ephemeral
                && old.acl_version == new.acl_version
                && old.acl == new.acl
        }
        (old, new) => old == new,
    }
}

/// The nodes whose difference an event would have reported: ACLs do not count.
pub(super) fn differences(old: &Tree<Live>, new: &Tree<Live>) -> Vec<ZPath> {
    let has_event = |old: &Live, new: &Live| match (old, new) {
        (Live::Read(old), Live::Read(new)) => old.version != new.version || old.mzxid != new.mzxid,
        // Changes of permissions cause no event.
        _ => false,
    };
    let mut paths = Vec::new();
    for side in old.join(new) {
        match side {
            Side::Left((path, _)) | Side::Right((path, _)) => paths.push(path.clone()),
            Side::Both((path, old), (_, new)) if has_event(old, new) => paths.push(path.clone()),
            Side::Both(..) => {}
        }
    }
    paths
}
