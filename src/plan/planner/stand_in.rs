//! A declared tree in the place of a live one, where two declared trees are compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::acl::Acl;
use crate::model::node::{Declared, Live, LiveNode};
use crate::model::path::ZPath;
use crate::model::tree::Tree;

/// A declared tree as if it were live, each node just created.
#[must_use]
pub fn as_live(tree: &Tree<Declared>) -> Tree<Live> {
    let mut children: BTreeMap<&str, u32> = BTreeMap::new();
    for (path, _) in tree {
        *children
            .entry(path.parent_str().unwrap_or_default())
            .or_default() += 1;
    }
    let live = |(path, node): &(ZPath, Declared)| {
        let mut live = LiveNode::with_data(node.bytes().to_vec());
        live.ephemeral = node.ephemeral;
        live.children = children.get(path.as_str()).copied().unwrap_or_default();
        live.acl = Some(node.acl.clone().unwrap_or_else(|| Arc::new(Acl::open())));
        (path.clone(), Live::Read(live))
    };
    tree.iter().map(live).collect()
}
