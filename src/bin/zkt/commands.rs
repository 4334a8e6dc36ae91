//! The commands, one module a verb.

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod diff;
pub(crate) mod discover;
pub(crate) mod export;
pub(crate) mod fmt;
pub(crate) mod get;
pub(crate) mod graph;
pub(crate) mod ln;
pub(crate) mod ls;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod register;
pub(crate) mod resolve;
pub(crate) mod rm;
#[cfg(feature = "server")]
pub(crate) mod serve;
pub(crate) mod set;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod watch;
