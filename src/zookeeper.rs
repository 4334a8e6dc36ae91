//! The one door to ZooKeeper: sessions, reading the live tree, executing plans, elections.

pub mod session;

pub mod live;

pub mod record;

pub mod executor;

#[cfg(feature = "watch")]
pub(crate) mod election;
