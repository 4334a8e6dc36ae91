//! Digests of what is declared, and of what a plan would do.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::form::PlanForm;
use super::ground::{grounds, landmark};
use super::hidden::hide;
use super::made_of::MadeOf;
use crate::model::node::{Content, Declared, Secret, Standing};
use crate::model::plan::{Action, Plan};
use crate::model::tree::Tree;
use crate::syntax::spelling::hexadecimal;

/// SHA-256 of a declared tree as 64 hexadecimal digits: of all that a plan depends on, secret values
/// included, and of nothing that only people see, such as comments and which file a line stands in.
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

/// The checksum of what a plan would do, 64 hexadecimal digits: its actions with the versions and times
/// that they must find, and the declared tree. Where it is shown, it tells no more of a secret than
/// [`declared_digest`] does.
#[must_use]
pub fn checksum_of(plan: &Plan, made_of: &MadeOf<'_>) -> String {
    let secret_names = made_of.texts.secret_names();
    let (shown, _) = hide(plan.clone(), made_of.declared, secret_names);
    checksum(&shown, made_of, &declared_digest(made_of.declared))
}

/// Checksum of a plan whose secrets are hidden. Places in files do not count: a comment above moves them.
pub(super) fn checksum(shown: &Plan, made_of: &MadeOf<'_>, declared: &str) -> String {
    let times = times(shown, made_of);
    sha256(&to_json(&(declared, times, PlanForm::essence(shown))))
}

/// The times at which the nodes that a plan changes were created and last written, and the transactions and
/// times that created those on which its new nodes stand: they tell ensembles apart that count their
/// transactions alike.
fn times(plan: &Plan, made_of: &MadeOf<'_>) -> Vec<(i64, i64)> {
    let live = made_of.live;
    let actions = plan.actions.iter();
    let changed = actions.filter(|action| !matches!(action, Action::Add(_)));
    let nodes = changed.filter_map(|action| live.get(action.path())?.node());
    let times = nodes.map(|node| (node.ctime, node.mtime));
    let grounds = grounds(plan).into_iter();
    let grounds = grounds.chain(landmark(plan, live).cloned());
    let grounds = grounds.filter_map(|path| live.get(&path)?.node());
    let births = grounds.map(|node| (node.czxid, node.ctime));
    times.chain(births).collect()
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
        let (form, bytes) = match content {
            Content::Properties(properties) => (0, properties.encoded().as_bytes()),
            Content::Raw { bytes, .. } => (1, &**bytes),
        };
        let flags = [*keep_children, *keep_properties, *protect, *ephemeral].map(u8::from);
        self.field(&[&[standing, form][..], &flags].concat());
        self.field(bytes);
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
        if *acl_is_deep {
            self.field(b"deep");
        }
        if let Some(from) = moved_from {
            self.field(b"moved from");
            self.field(from.as_str().as_bytes());
        }
    }
}
