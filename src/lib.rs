//! stub crate docs

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod source;

pub mod files;

pub mod ast;

pub mod parser;

pub mod spelling;

pub mod format;

pub mod value;

pub mod path;

pub mod tree;

pub mod node;

pub mod layers;

pub mod lower;

pub mod export;

pub mod scope;

pub mod plan;

pub mod planner;

pub mod links;

pub mod session;

pub mod live;

pub mod executor;
