//! What a plan saw of the nodes that it is about, so that it is carried out on these and no others.
//!
//! A transaction writes one thing, at one time. If a node was last written by the transaction that the
//! plan saw, and holds something else, or was written at another time, it stands in another ensemble:
//! those that were set up alike count their transactions alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::Fields;
use super::ground::landmark;
use super::hidden::Secrets;
use super::made_of::MadeOf;
use super::wants::wants;
use crate::model::acl::Acl;
use crate::model::node::{AclVersion, Live, LiveNode, Zxids};
use crate::model::path::ZPath;
use crate::model::plan::Plan;
use crate::model::secrets::SecretNames;
use crate::model::tree::Tree;
use crate::model::value::Data;

/// What the plan saw of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The transactions that created it and that last wrote its data.
    zxids: (i64, i64),
    /// When it was created, in milliseconds since the epoch: ensembles that were set up alike count their
    /// transactions alike.
    born: i64,
    /// When its data was last written.
    written: i64,
    /// Digest of its data, and of the time at which that was written.
    digest: String,
    /// What of its data is not in the digest: whoever has the file could try guesses of it.
    #[serde(default, skip_serializing_if = "Apart::is_nothing")]
    apart: Apart,
    /// The version of its ACL and a digest of that, if the plan changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acl: Option<(i32, String)>,
}

/// What of a node's data is not in its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Apart {
    /// The values of these properties.
    Properties(Vec<String>),
    /// All of it.
    Everything,
}

impl Default for Apart {
    fn default() -> Self {
        Self::Properties(Vec::new())
    }
}

impl Apart {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a plan saw, by node.
pub(super) type SeenNodes = BTreeMap<ZPath, Seen>;

/// What a plan saw of the nodes that it writes, of the parents of those that it creates, and of its
/// [`landmark`]. Without `with_secrets`, no digest is of a secret value; none is of the landmark's data, nor
/// of nodes that were read without it.
pub(super) fn seen_nodes(
    plan: &Plan,
    made_of: &MadeOf<'_>,
    salt: &str,
    with_secrets: bool,
) -> SeenNodes {
    let everywhere = SecretNames::new(made_of.texts.secret_names());
    let see = |path: ZPath, acl: bool, is_landmark: bool| {
        let live = made_of.live.get(&path)?;
        let node = live.outline()?;
        let is_without_data = matches!(live, Live::WithoutData(_) | Live::Unlisted(_));
        let apart = match (is_landmark || is_without_data, with_secrets) {
            // The plan is not about its data.
            (true, _) => Apart::Everything,
            (false, true) => Apart::default(),
            (false, false) => apart(
                &path,
                node,
                &Secrets::of(made_of.declared.get(&path), &everywhere),
            ),
        };
        let acl = node.acl.as_ref().filter(|_| acl);
        let seen = Seen {
            zxids: (node.czxid, node.mzxid),
            born: node.ctime,
            written: node.mtime,
            digest: digest(salt, &path, node, &apart),
            acl: acl.map(|acl| (node.acl_version.get(), acl_digest(salt, &path, acl))),
            apart,
        };
        Some((path, seen))
    };
    let wants = wants(plan).into_iter();
    let landmark = landmark(plan, made_of.live).cloned();
    let nodes = wants.map(|want| (want.path, want.acl, false));
    let nodes = nodes.chain(landmark.map(|path| (path, false, true)));
    let seen = nodes.filter_map(|(path, acl, is_landmark)| see(path, acl, is_landmark));
    seen.collect()
}

/// What of a node's data is secret. Names decide, as of live values that no file declares.
fn apart(path: &ZPath, node: &LiveNode, secrets: &Secrets<'_>) -> Apart {
    match Data::decode(&node.data) {
        Data::Properties(properties) => {
            let is_secret = |name: &str, value| secrets.may_cover(name, value);
            let secret = properties
                .iter()
                .filter(|(name, value)| is_secret(name, value));
            Apart::Properties(secret.map(|(name, _)| name.clone()).collect())
        }
        Data::Text(_) | Data::Binary(_) if secrets.may_cover_data(path, &node.data) => {
            Apart::Everything
        }
        Data::Text(_) | Data::Binary(_) => Apart::default(),
    }
}

fn digest(salt: &str, path: &ZPath, node: &LiveNode, apart: &Apart) -> String {
    let mut fields = Fields::new();
    fields.field(salt.as_bytes());
    fields.field(path.as_str().as_bytes());
    fields.field(&node.mtime.to_be_bytes());
    match apart {
        Apart::Everything => fields.field(b"apart"),
        Apart::Properties(names) if names.is_empty() => fields.field(&node.data),
        Apart::Properties(names) => match Data::decode(&node.data) {
            Data::Properties(properties) => {
                for (name, value) in properties {
                    fields.field(name.as_bytes());
                    match names.contains(&name) {
                        true => fields.field(b"apart"),
                        false => fields.field(value.to_string().as_bytes()),
                    }
                }
            }
            Data::Text(_) | Data::Binary(_) => fields.field(&node.data),
        },
    }
    fields.finish()
}

/// Hashes are left out: a session that may not administer the node does not see them.
fn acl_digest(salt: &str, path: &ZPath, acl: &Acl) -> String {
    let mut entries: Vec<String> = acl
        .entries
        .iter()
        .map(|entry| {
            let who = &entry.who;
            format!("{} {} {}", who.scheme, who.user(), entry.permissions)
        })
        .collect();
    entries.sort();
    let mut fields = Fields::new();
    fields.field(salt.as_bytes());
    fields.field(path.as_str().as_bytes());
    fields.list(&entries);
    fields.finish()
}

impl Seen {
    /// When it was created, and when its data was last written.
    pub(super) fn times(&self) -> (i64, i64) {
        (self.born, self.written)
    }

    /// The transaction that created it, and its time.
    pub(super) fn birth(&self) -> (i64, i64) {
        (self.zxids.0, self.born)
    }

    /// Whether the plan saw this node at these transactions.
    pub(super) fn is_at(&self, zxids: Zxids) -> bool {
        self.zxids == (zxids.created, zxids.modified)
    }

    /// Whether this is the node that the plan saw, whatever was written there since.
    pub(super) fn is_same_node(&self, node: &LiveNode) -> bool {
        (self.zxids.0, self.born) == (node.czxid, node.ctime)
    }

    /// Whether this is the `/` of servers, of which every ensemble has one.
    pub(super) fn is_of_every_ensemble(&self) -> bool {
        self.zxids.0 == 0
    }

    /// Whether a node is one of another ensemble: a transaction that the plan saw has created it at another
    /// time, or the last one has written something else.
    fn is_contradicted(&self, salt: &str, path: &ZPath, node: &LiveNode) -> bool {
        if self.zxids.0 == node.czxid && self.born != node.ctime {
            return true;
        }
        if self.zxids != (node.czxid, node.mzxid) {
            return false;
        }
        let has_other_acl = |(version, seen): &(i32, String)| {
            let is_same_version = AclVersion::new(*version) == Some(node.acl_version);
            let acl = node.acl.as_ref().filter(|_| is_same_version);
            acl.is_some_and(|acl| acl_digest(salt, path, acl) != *seen)
        };
        digest(salt, path, node, &self.apart) != self.digest
            || self.acl.as_ref().is_some_and(has_other_acl)
    }
}

/// The nodes that stand in another ensemble than the plan saw.
pub(super) fn elsewhere<'s>(
    seen_nodes: &'s SeenNodes,
    salt: &str,
    live: &Tree<Live>,
) -> BTreeSet<&'s ZPath> {
    let nodes = seen_nodes.iter().filter(|(path, seen)| {
        let node = live.get(path).and_then(Live::node);
        node.is_some_and(|node| seen.is_contradicted(salt, path, node))
    });
    nodes.map(|(path, _)| path).collect()
}
