//! Records of owners, as they stand in ZooKeeper.
//!
//! | node | what it is |
//! | --- | --- |
//! | `/zkt/NAME` | the head: which shards hold the entries, and who applied last |
//! | `/zkt/NAME/s…` | a shard of the entries |
//! | `/zkt/NAME/j…` | the journal of a batch, created by that batch |
//!
//! Whoever applies begins by setting the head. Each of its batches checks the head's version, so
//! once another applier has begun, all further ones fail. Who creates a head writes the node above it in the
//! same request: batches that trim check the versions of all heads and of that node, so that no owner takes
//! unseen what they trim. At the end it folds the journals into
//! new shards, and one request puts these in the place of the old ones and of the journals. A crash at any
//! point leaves journals or shards that nobody names; the next apply takes in the one and removes the
//! other.

mod begin;
mod error;
mod finish;
mod hold;
mod read;

pub use begin::begin;
pub use error::Error;
pub use finish::{finish, release};
pub use hold::{Hold, Others};
pub use read::{Listed, Pulse, Stored, list, pulse, read, read_again};
