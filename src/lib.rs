//! stub crate docs

pub mod source;
pub mod path;
pub mod value;
pub mod tree;
pub mod node;
pub mod scope;
pub mod plan;
