//! The one door to ZooKeeper: sessions, reading the live tree, executing plans.

pub mod session;

pub mod live;

pub mod executor;
