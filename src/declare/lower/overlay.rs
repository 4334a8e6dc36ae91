//! Layers over layers.

use super::nodes::{NONE, Nodes};
use super::properties::merge;
use crate::model::node::{Content, Declared};

/// Lays a layer over those before: its properties, links, type and directives replace those of the
/// same name, its nodes are added. Raw data and properties replace each other whole.
pub(super) fn lay_over(mut below: Nodes, above: Nodes) -> Nodes {
    if below.is_empty() {
        return above;
    }
    // The new place of each node of the layer above.
    let mut places: Vec<u32> = Vec::with_capacity(above.len());
    for (path, layer, parent) in above.into_nodes() {
        let parent = match parent {
            NONE => NONE,
            parent => places[parent as usize],
        };
        let place = below.place_path(path, parent);
        places.push(place);
        lay_node_over(below.node(place), layer);
    }
    below
}

fn lay_node_over(below: &mut Declared, above: Declared) {
    if above.is_declared() || below.origin.is_none() {
        below.standing = above.standing;
        below.origin = above.origin;
    }
    match (&mut below.content, above.content) {
        (_, Content::Properties(above)) if above.is_empty() => {}
        (Content::Properties(below), Content::Properties(above)) => {
            *below = merge(&above, below, &mut |_| {});
        }
        (below, above) => *below = above,
    }
    for (word, span) in above.directives {
        below.directives.insert(word, span);
        match word {
            "@keep" => {
                below.keep_children = above.keep_children;
                below.keep_properties = above.keep_properties;
            }
            "@ignore" => below.ignore = above.ignore.clone(),
            "@protect" => below.protect = above.protect,
            "@ephemeral" => below.ephemeral = above.ephemeral,
            "@secret" => below.secret = above.secret.clone(),
            "@acl" => below.acl.clone_from(&above.acl),
            // It came with the contents.
            "@data" => {}
            word => unreachable!("nothing lays {word} over an earlier layer"),
        }
    }
}
