//! Which nodes of a live tree are exported, and what each holds.

use std::borrow::Cow;
use std::sync::Arc;

use super::exact;
use crate::model::acl::Acl;
use crate::model::node::{Declared, Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::tree::Tree;

/// Which parts of a live tree are exported, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Ephemeral nodes, too, marked as such.
    pub ephemeral: bool,
    /// Another name for the topmost node. Without one, `/` has no name.
    pub name: Option<String>,
    /// JSON that zkt would spell otherwise as raw data, so that all nodes keep their bytes.
    pub exact: bool,
}

impl Options {
    /// The exported path of the topmost node, which lives at `top`.
    pub(super) fn base(&self, top: &ZPath) -> ZPath {
        let name = match &self.name {
            Some(name) => name,
            None if top.is_root() => return ZPath::root(),
            None => top.name(),
        };
        ZPath::root().join(name)
    }
}

/// The declared tree that describes the live subtree at `top`, its topmost node under `/`.
///
/// Declaring it again, at the place that it came from, changes nothing there. Declared elsewhere,
/// all nodes get the same data; only JSON objects may be spelled otherwise, unless
/// [`Options::exact`] is set. A node that may not be read is left out with what is below it.
#[must_use]
pub fn declare(live: &Tree<Live>, top: &ZPath, options: &Options) -> Tree<Declared> {
    let nodes = nodes(live, top, options);
    nodes
        .map(|node| (node.path, node.held.into_declared()))
        .collect()
}

/// A node to be written.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    pub(super) path: ZPath,
    pub(super) held: Held<'a>,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Held<'a> {
    Declared(Cow<'a, Declared>),
    /// As if it were declared; `exact` is [`Options::exact`].
    Live {
        node: &'a LiveNode,
        exact: bool,
    },
}

impl<'a> From<&'a (ZPath, Declared)> for Node<'a> {
    fn from((path, node): &'a (ZPath, Declared)) -> Self {
        Self {
            path: path.clone(),
            held: Held::Declared(Cow::Borrowed(node)),
        }
    }
}

impl Held<'_> {
    pub(super) fn is_declared(&self) -> bool {
        match self {
            Self::Declared(node) => node.is_declared(),
            Self::Live { .. } => true,
        }
    }

    pub(super) fn is_ephemeral(&self) -> bool {
        match self {
            Self::Declared(node) => node.ephemeral,
            Self::Live { node, .. } => node.ephemeral,
        }
    }

    pub(super) fn acl(&self) -> Option<&Arc<Acl>> {
        match self {
            Self::Declared(node) => node.acl.as_ref(),
            Self::Live { node, .. } => node.acl.as_ref(),
        }
    }

    /// The ACL, and whether undeclared nodes below are held to it.
    pub(super) fn rights(&self) -> Option<(Arc<Acl>, bool)> {
        let is_deep = match self {
            Self::Declared(node) => node.acl_is_deep,
            Self::Live { .. } => false,
        };
        Some((self.acl()?.clone(), is_deep))
    }

    /// The object of a live node that is declared with the same bytes, as most are.
    pub(super) fn object(&self) -> Option<&[u8]> {
        match self {
            Self::Declared(_) => None,
            Self::Live { node, exact } => exact::object(&node.data, *exact),
        }
    }

    pub(super) fn declared(&self) -> Cow<'_, Declared> {
        match self {
            Self::Declared(node) => Cow::Borrowed(node),
            Self::Live { node, exact } => Cow::Owned(exact::declare(node, *exact)),
        }
    }

    fn into_declared(self) -> Declared {
        match self {
            Self::Declared(node) => node.into_owned(),
            Self::Live { node, exact } => exact::declare(node, exact),
        }
    }
}

/// As [`declare`], one node at a time, so that the declared tree is never in memory as a whole.
pub fn nodes<'a>(
    live: &'a Tree<Live>,
    top: &'a ZPath,
    options: &Options,
) -> impl Iterator<Item = Node<'a>> {
    let base = options.base(top);
    // A root that was not read still gives its name to what is below.
    let unread = (top.is_root() && !base.is_root() && live.get(top).is_none()).then(|| Node {
        path: base.clone(),
        held: Held::Declared(Cow::default()),
    });
    let exact = options.exact;
    let nodes = declarable(live.subtree(top), options.ephemeral);
    let nodes = nodes.map(move |(path, node)| Node {
        path: path.moved(top, &base),
        held: Held::Live { node, exact },
    });
    unread
        .into_iter()
        .chain(nodes.filter(|node| !node.path.is_root()))
}

/// The live nodes that a declared tree can hold. A node that may not be read is left out with all
/// nodes below it, and so is an ephemeral one unless those are wanted.
pub fn declarable(
    nodes: &[(ZPath, Live)],
    ephemeral: bool,
) -> impl Iterator<Item = (&ZPath, &LiveNode)> {
    let mut left_out: Option<&ZPath> = None;
    nodes.iter().filter_map(move |(path, live)| {
        if left_out.is_some_and(|top| path.is_within(top)) {
            return None;
        }
        let node = live.node().filter(|node| ephemeral || !node.ephemeral);
        if node.is_none() {
            left_out = Some(path);
        }
        Some((path, node?))
    })
}
