//! stub crate docs

pub mod ast;
pub mod executor;
pub mod export;
pub mod files;
pub mod format;
pub mod layers;
pub mod links;
pub mod live;
pub mod lower;
pub mod node;
pub mod parser;
pub mod path;
pub mod plan;
pub mod planner;
pub mod scope;
pub mod session;
pub mod source;
pub mod spelling;
pub mod tree;
pub mod value;
