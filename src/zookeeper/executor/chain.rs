//! Tying batches to each other, so that several can be in flight and still commit strictly in
//! order; without a server.
//!
//! That a node is as an earlier batch leaves it does not prove that the batch was committed:
//! another writer may have made it so. What nobody else can have made is a node whose name nobody
//! else knows: a marker.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use super::batch::{OPERATION_BYTES, Operation, Stage, Work, Write, acl_bytes};
use crate::model::acl::Acl;
use crate::model::path::ZPath;

/// Fewer batches are sent one at a time. The first of a chain goes alone, so only from here on two
/// are in flight together.
const SHORTEST: usize = 3;

/// Consecutive batches, each of which commits only if the one before it did: all but the last leave
/// a marker behind, which the next one takes away.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) batches: Range<usize>,
    /// The parent of all markers. The first batch creates it, so no node that was there before ever
    /// has a marker as a child.
    home: ZPath,
    /// Makes names that cannot be told from those that were seen.
    names: RandomState,
}

/// What a batch of a chain does with markers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Knot {
    /// Deleted before all else, unless the batch is the first.
    pub(super) before: Option<ZPath>,
    /// Created after all else, unless the batch is the last.
    pub(super) after: Option<ZPath>,
}

impl Chain {
    /// What this batch leaves behind.
    pub(super) fn marker(&self, batch: usize) -> ZPath {
        let name = self.names.hash_one(batch);
        self.home.join(&format!("zkt-applying-{name:016x}"))
    }

    pub(super) fn knot(&self, batch: usize) -> Knot {
        let Range { start, end } = self.batches;
        Knot {
            before: (batch > start).then(|| self.marker(batch - 1)),
            after: (batch + 1 < end).then(|| self.marker(batch)),
        }
    }
}

impl Knot {
    /// The bytes that it adds to the batch's request.
    pub(super) fn bytes(&self, chroot_len: usize) -> usize {
        let bytes = |path: &Option<ZPath>, fields| {
            let path = path.as_ref().map(|path| path.as_str().len());
            path.map_or(0, |len| OPERATION_BYTES + 4 + chroot_len + len + fields)
        };
        bytes(&self.before, 4) + bytes(&self.after, 4 + acl_bytes(None) + 4)
    }
}

/// All chains of these stages, in order; batches in none of them go one at a time. No request
/// exceeds `request_limit` with its markers.
pub(super) fn find(stages: &[Stage<'_>], chroot_len: usize, request_limit: usize) -> Vec<Chain> {
    let deleted: HashSet<&ZPath> = stages.iter().flat_map(deletes).collect();
    let names = RandomState::new();
    let mut chains = Vec::new();
    let mut next = 0;
    while next < stages.len() {
        let chain = home(&stages[next], &deleted).and_then(|home| {
            let mut chain = Chain {
                batches: next..stages.len(),
                home: home.clone(),
                names: names.clone(),
            };
            let fits = |batch: &usize| {
                let stage = &stages[*batch];
                matches!(stage.work, Work::Atomic(_))
                    && stage.bytes + chain.knot(*batch).bytes(chroot_len) <= request_limit
            };
            let count = chain.batches.clone().take_while(fits).count();
            chain.batches.end = next + count;
            (count >= SHORTEST).then_some(chain)
        });
        next = chain.as_ref().map_or(next + 1, |chain| chain.batches.end);
        chains.extend(chain);
    }
    chains
}

/// The first node that the batch creates, that the plan does not delete again, and that markers may
/// be below.
fn home<'p>(stage: &Stage<'p>, deleted: &HashSet<&ZPath>) -> Option<&'p ZPath> {
    let suits = |operation: &&Operation<'_>| match operation.write {
        Write::Create { acl, .. } => {
            acl.is_none_or(lets_creators_delete) && !deleted.contains(operation.path)
        }
        Write::Set { .. } | Write::Delete { .. } => false,
    };
    let home = stage.writes().iter().find(suits);
    home.map(|operation| operation.path)
}

/// Whether who was allowed to create below a node with this ACL is surely allowed to delete there.
fn lets_creators_delete(acl: &Acl) -> bool {
    const CREATE: u8 = 4;
    const DELETE: u8 = 8;
    let bits = acl.entries.iter().map(|entry| entry.permissions.bits());
    let mut creators = bits.filter(|bits| bits & CREATE != 0).peekable();
    creators.peek().is_some() && creators.all(|bits| bits & DELETE != 0)
}

fn deletes<'p>(stage: &Stage<'p>) -> impl Iterator<Item = &'p ZPath> {
    let deletes = |operation: &&Operation<'_>| matches!(operation.write, Write::Delete { .. });
    let deletes = stage.writes().iter().filter(deletes);
    deletes.map(|operation| operation.path)
}

#[cfg(test)]
mod tests;
