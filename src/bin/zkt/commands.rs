//! The commands, one module a verb.

pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod export;
pub(crate) mod fmt;
pub(crate) mod ls;
pub(crate) mod packaging;
pub(crate) mod plan;
#[cfg(feature = "server")]
pub(crate) mod serve;
pub(crate) mod show;
