//! What no plan removes, whatever is declared.

use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::KeptReason;
use crate::model::record;

pub(super) fn is_ephemeral((_, live): &(ZPath, Live)) -> bool {
    live.outline().is_some_and(|node| node.ephemeral)
}

/// The node of the record to which one with this data belongs; `None` if it belongs to none.
pub(super) fn record_of(path: &ZPath, data: &[u8]) -> Option<ZPath> {
    match record::is_part(data) {
        true if record::is_head(data) => Some(path.clone()),
        // A shard or a journal stands below it.
        true => Some(path.parent().unwrap_or_else(|| path.clone())),
        false => None,
    }
}

/// Why an undeclared subtree stays whole, whatever part of it a plan is about.
pub(super) fn reason_to_keep_whole(nodes: &[(ZPath, Live)]) -> Option<KeptReason> {
    let record = |(path, live): &(ZPath, Live)| record_of(path, &live.node()?.data);
    if let Some(head) = nodes.iter().find_map(record) {
        return Some(KeptReason::Record { head });
    }
    if nodes.iter().any(is_ephemeral) {
        return Some(KeptReason::HoldsEphemeral);
    }
    let is_unreadable = nodes.iter().any(|(_, live)| live.node().is_none());
    is_unreadable.then_some(KeptReason::Unreadable)
}
