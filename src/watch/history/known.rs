//! What is known of recorded nodes, and what has become of them since.

use std::collections::BTreeMap;

use super::commits::{Became, Change};
use super::masks::{Masked, Masks};
use super::text::{Stamp, text_of};
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::watch::git::hash_of;

/// What is known of a recorded node.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) stamp: Stamp,
    pub(super) text: Text,
    /// The hash of its text.
    pub(super) hash: String,
}

/// Whether the text of a node that is as it was would be the same now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    Same,
    /// Other things are secret now, or an earlier process wrote it.
    Doubtful,
}

impl Known {
    pub(super) fn is_at(&self, stamp: Stamp) -> bool {
        self.stamp == stamp && self.text == Text::Same
    }
}

/// Has the texts written again of which more is secret now.
pub(super) fn doubt(recorded: &mut BTreeMap<ZPath, Known>, masked: &Masked) {
    for (path, known) in recorded {
        let is_masked = match masked {
            Masked::Everywhere => true,
            Masked::Nodes(nodes) => nodes.contains(path),
        };
        if is_masked {
            known.text = Text::Doubtful;
        }
    }
}

/// What has become of nodes, and what is known of them once that is recorded.
pub(super) fn changes(
    recorded: &BTreeMap<ZPath, Known>,
    masks: &Masks,
    nodes: &Tree<Live>,
) -> (Vec<Change>, Vec<(ZPath, Known)>) {
    let mut changes = Vec::new();
    let mut known = Vec::new();
    for (path, live) in nodes {
        let Some(node) = live.node() else { continue };
        let text = text_of(path, node, masks);
        let hash = hash_of(text.as_bytes());
        let before = recorded.get(path);
        let stamp = Stamp::of(node);
        if before.is_none_or(|before| before.hash != hash) {
            let became = match before.map(|before| before.stamp) {
                None => Became::Added,
                Some(old) if old.written != stamp.written => Became::Updated,
                Some(old) if old.acl != stamp.acl => Became::Permitted,
                Some(_) => Became::Masked,
            };
            let is_written = matches!(became, Became::Added | Became::Updated);
            changes.push(Change {
                path: path.clone(),
                became,
                written: is_written.then_some((node.mzxid, node.mtime)),
                text: Some(text),
            });
        }
        let text = Text::Same;
        known.push((path.clone(), Known { stamp, text, hash }));
    }
    (changes, known)
}
