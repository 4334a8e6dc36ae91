//! The record of an owner: which nodes it created or adopted. That is what `trim = owned` may remove.
//!
//! The record is exact by construction. All writes of one ZooKeeper transaction have the same zxid, so
//! each batch of an owner also creates a journal node that lists what the batch creates and
//! sets: the journal's own zxid is theirs, and both are committed or neither. Journals are folded into
//! shards later. An entry names the transaction that created its node, so an entry that is out of date
//! matches no node.
//!
//! | file | what it is |
//! | --- | --- |
//! | `claim` | what an owner says of a node |
//! | `entry` | an entry, and the record that they make |
//! | `journal` | what one batch did |
//! | `codec` | shards and journals as bytes |
//! | `head` | the record's own node |

mod claim;
mod codec;
mod entry;
mod head;
mod journal;
#[cfg(test)]
mod tests;

pub use claim::Claim;
pub use codec::{Broken, decode_journal, decode_shard, encode_journal, encode_shards, is_shard};
pub use entry::{Changes, Entry, Record};
pub use head::{
    Applied, Begun, Head, is_head, is_journal_name, is_shard_name, may_be_head, shard_name,
};
pub use journal::{Note, journal_bytes};

use super::node::Live;
use super::path::ZPath;

/// Where records are kept by default.
pub const PLACE: &str = "/zkt";

/// Whether a node is where records are kept by default: nobody trims it, or counts it as undeclared.
#[must_use]
pub fn is_reserved(path: &ZPath) -> bool {
    super::path::is_within(path.as_str(), PLACE)
}

/// Whether a node is the head of a record, as far as its data was read.
#[must_use]
pub fn is_head_node(live: &Live) -> bool {
    live.node().is_some_and(|node| is_head(&node.data))
}

/// Whether a node with this data is left to the owner whose record it seems to belong to: a head, a shard or
/// a journal, wherever it stands.
///
/// Only the first bytes are looked at. Whoever may write a node may make it look so, and so keep it from
/// being trimmed, written or moved by plans: nothing else follows from it, and `zkt rm` deletes it.
#[must_use]
pub fn is_part(data: &[u8]) -> bool {
    is_head(data) || is_shard(data)
}
