//! Digests of what is declared.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::node::{Content, Declared, Secret, Standing};
use crate::model::tree::Tree;
use crate::syntax::spelling::hexadecimal;

/// SHA-256 of a declared tree as 64 hexadecimal digits: of all that a plan depends on, secret values
/// included, and of nothing that only people see, such as comments and which file a line stands in. Of a
/// value from outside it is of where that comes from.
///
/// Who knows all of the tree but a secret can try guesses of that secret against the digest.
#[must_use]
pub fn declared_digest(tree: &Tree<Declared>) -> String {
    let mut digest = Fields::new();
    for (path, node) in tree {
        digest.field(path.as_str().as_bytes());
        digest.node(node);
    }
    digest.finish()
}

/// A value as JSON.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("all keys are strings")
}

/// SHA-256 of a text as 64 hexadecimal digits.
pub(super) fn sha256(text: &str) -> String {
    hexadecimal(&Sha256::digest(text))
}

/// A hash over fields, each after its length: no two lists of fields have the same bytes.
pub(super) struct Fields(Sha256);

impl Fields {
    pub(super) fn new() -> Self {
        Self(Sha256::new())
    }

    /// SHA-256 of the fields so far as 64 hexadecimal digits.
    pub(super) fn finish(self) -> String {
        hexadecimal(&self.0.finalize())
    }

    pub(super) fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    pub(super) fn list(&mut self, items: &[String]) {
        self.0.update((items.len() as u64).to_be_bytes());
        for item in items {
            self.field(item.as_bytes());
        }
    }

    fn node(&mut self, node: &Declared) {
        let Declared {
            standing,
            content,
            keep_children,
            keep_properties,
            ignore,
            protect,
            ephemeral,
            moved_from,
            secret,
            outside,
            acl,
            acl_is_deep,
            origin: _,
            directives: _,
        } = node;
        let standing = match standing {
            Standing::Declared => 0,
            Standing::PassedThrough => 1,
            Standing::Outside { needed, excluded } => {
                2 + u8::from(*needed) + 2 * u8::from(*excluded)
            }
        };
        let form = match content {
            Content::Properties(_) => 0,
            Content::Raw { .. } => 1,
        };
        let flags = [*keep_children, *keep_properties, *protect, *ephemeral].map(u8::from);
        self.field(&[&[standing, form][..], &flags].concat());
        // A value from outside may be another one each time.
        self.field(&node.bytes_without_outside());
        self.list(ignore.patterns());
        match secret {
            Secret::Nothing => self.field(b"nothing"),
            Secret::Everything => self.field(b"everything"),
            Secret::Properties(names) => {
                self.field(b"properties");
                self.list(names.patterns());
            }
        }
        match acl {
            None => self.field(b"no acl"),
            Some(acl) => {
                self.field(b"acl");
                self.field(acl.to_string().as_bytes());
            }
        }
        for (name, outside) in outside {
            self.field(b"from outside");
            self.field(name.as_bytes());
            self.field(outside.from.as_bytes());
        }
        if *acl_is_deep {
            self.field(b"deep");
        }
        if let Some(from) = moved_from {
            self.field(b"moved from");
            self.field(from.as_str().as_bytes());
        }
    }
}
