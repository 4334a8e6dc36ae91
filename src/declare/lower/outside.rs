//! Values from outside of the tree files: `@secret … from`.

use std::sync::Arc;

use super::error::Error;
use crate::model::node::{Declared, Outside, RAW_DATA};
use crate::model::tree::Tree;
use crate::syntax::ast::{SecretFrom, Text};
use crate::syntax::names::{is_exact, split_link};
use crate::syntax::parser::HIDDEN;
use crate::syntax::spelling;

/// A value from outside, or what stands in its place.
pub(super) struct Value {
    pub(super) value: Arc<[u8]>,
    pub(super) outside: Outside,
}

/// The value of a line, where it could be had.
pub(super) fn value(secret: &SecretFrom<'_>, found: Result<Arc<[u8]>, Arc<str>>) -> Value {
    let from = spelling::secret_source(&secret.source).into();
    let (value, lacks) = match found {
        Ok(value) => (value, None),
        // It is shown like any secret, and never written.
        Err(why) => (HIDDEN.as_bytes().into(), Some(why)),
    };
    let outside = Outside { from, lacks };
    Value { value, outside }
}

/// Says that a pattern is no name. In quotes it is one, but not that of a link: where a link leads is
/// looked up and told, and a secret is not.
pub(super) fn check_name(name: &Text<'_>) -> Result<(), Error> {
    let length = name.span.range().len();
    let is_bare = length == name.text.len();
    if split_link(&name.text).is_some() {
        return Err(Error::SecretLink { span: name.span });
    }
    if is_bare && name.text.starts_with('@') && name.text != RAW_DATA {
        return Err(Error::SecretDirective { span: name.span });
    }
    match is_bare && !is_exact(&name.text) {
        true => Err(Error::SecretOfMany { span: name.span }),
        false => Ok(()),
    }
}

/// What comes from outside is secret, whatever the `@secret` lines of later layers say.
pub(super) fn hide(tree: &mut Tree<Declared>) {
    for (_, node) in tree.iter_mut() {
        if !node.outside.is_empty() {
            let secret = std::mem::take(&mut node.secret);
            node.secret = secret.with(node.outside.keys());
        }
    }
}
