//! How large a request a node takes.

use super::error::{Error, Found};
use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::syntax::place::{Located, Span};

/// The largest request that ZooKeeper takes, in bytes (`jute.maxbuffer` as it is by default).
pub const MAX_REQUEST: usize = 1_048_575;

/// What a request to create a node needs besides its path and data: headers, flags, an ACL.
const REQUEST_OVERHEAD: usize = 512;

/// The nodes that could not be created with requests of at most `limit` bytes, by their places. They
/// are no mistake in themselves: a node that is as declared needs no request.
#[must_use]
pub fn oversized(tree: &Tree<Declared>, limit: usize) -> Vec<Error> {
    let needs =
        |path: &ZPath, node: &Declared| REQUEST_OVERHEAD + path.as_str().len() + node.bytes().len();
    let large = tree
        .iter()
        .map(|(path, node)| (node.origin, needs(path, node)));
    let large = large.filter(|(_, bytes)| *bytes > limit);
    let error = |(origin, bytes): (Option<Span>, usize)| {
        let span = origin?;
        Some(Error::TooLarge { span, bytes, limit })
    };
    let mut errors: Vec<Error> = large.filter_map(error).collect();
    errors.sort_by_key(Located::span);
    let mut found = Found::default();
    found.extend(errors);
    found.sorted()
}
