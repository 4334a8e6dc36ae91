//! What no plan removes, whatever is declared.

use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::KeptReason;
use crate::model::record;

pub(super) fn is_ephemeral((_, live): &(ZPath, Live)) -> bool {
    live.node().is_some_and(|node| node.ephemeral)
}

pub(super) fn is_record(live: &Live) -> bool {
    live.node().is_some_and(|node| record::is_head(&node.data))
}

/// Why an undeclared subtree stays whole, whatever part of it a plan is about.
pub(super) fn reason_to_keep_whole(nodes: &[(ZPath, Live)]) -> Option<KeptReason> {
    if let Some((head, _)) = nodes.iter().find(|(_, live)| is_record(live)) {
        let head = head.clone();
        return Some(KeptReason::Record { head });
    }
    if nodes.iter().any(is_ephemeral) {
        return Some(KeptReason::HoldsEphemeral);
    }
    let is_unreadable = nodes.iter().any(|(_, live)| live.node().is_none());
    is_unreadable.then_some(KeptReason::Unreadable)
}
