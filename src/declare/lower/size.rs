//! How large a request a node takes.

use super::error::{Error, Found};
use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::model::request::{self, Write};
use crate::model::tree::Tree;
use crate::syntax::place::{Located, Span};

/// The nodes that could not be created with requests of at most `limit` bytes, by their places. They
/// are no mistake in themselves: a node that is as declared needs no request.
#[must_use]
pub fn oversized(tree: &Tree<Declared>, limit: usize) -> Vec<Error> {
    // The bytes that a chroot adds are counted where it is known.
    let needs = |path: &ZPath, node: &Declared| {
        let (data, acl) = (node.bytes().len(), node.acl.as_deref());
        request::BATCH + Write::Create { data, acl }.batched(path, 0)
    };
    let large = tree
        .iter()
        .map(|(path, node)| (path, node.origin, needs(path, node)));
    let large = large.filter(|(_, _, bytes)| *bytes > limit);
    let error = |(path, origin, bytes): (&ZPath, Option<Span>, usize)| {
        Some(Error::TooLarge {
            span: origin?,
            path: path.clone(),
            bytes,
            limit,
        })
    };
    let mut errors: Vec<Error> = large.filter_map(error).collect();
    errors.sort_by_key(Located::span);
    let mut found = Found::default();
    found.extend(errors);
    found.sorted()
}
