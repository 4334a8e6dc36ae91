//! What is written: source texts and places in them, lines, parsing, layout, spelling.
//!
//! Nothing here knows what a line means.

pub mod acl;
pub mod ast;
pub mod characters;
pub mod doubt;
pub mod format;
pub mod json;
pub mod names;
pub mod parser;
pub mod place;
pub(crate) mod scanner;
pub mod source;
pub mod spelling;
