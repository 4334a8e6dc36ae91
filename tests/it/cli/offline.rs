//! What needs no server: help, check, fmt, show, and diff between layers.

mod check;
mod diff;
mod fmt;
mod lints;
mod streams;
mod usage;
