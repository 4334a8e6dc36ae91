//! All tests that use the crate as its users do.

#![allow(clippy::unwrap_used)]
#![allow(
    clippy::too_many_lines,
    reason = "tables and snapshots make tests long"
)]

mod architecture;
mod cases;
mod cli;
mod contention;
mod corpus;
mod dice;
mod embedded;
mod ensemble;
mod executor;
mod export;
mod fixtures;
mod kazoo;
#[cfg(feature = "gssapi")]
mod kerberos;
mod language;
mod laws;
mod links;
mod live;
mod matrix;
mod mirror;
mod planner;
mod real;
mod relay;
mod sasl;
mod server;
mod services;
mod session;
mod tls;
mod trees;
mod watchdog;
