//! All tests that use the crate as its users do.

#![allow(clippy::unwrap_used)]

mod cli;
mod corpus;
mod executor;
mod live;
mod relay;
mod server;
mod session;
