//! Layers over layers.

use std::collections::BTreeMap;
use std::mem;

use super::nodes::{NONE, Nodes};
use super::properties::merge;
use crate::model::node::{Content, Declared, Outside};
use crate::syntax::place::Span;
use crate::syntax::source::Additions;

/// Lays a layer over those before: its properties, links, type and directives replace those of the
/// same name, its nodes are added. Raw data and properties replace each other whole.
///
/// Notes in `additions` where it has a node, the topmost of each subtree, or a property of a known
/// node that none before has.
pub(super) fn lay_over(mut below: Nodes, above: Nodes, additions: &mut Additions) -> Nodes {
    if below.is_empty() {
        return above;
    }
    let known = below.len();
    let is_known = |place: u32| place == NONE || (place as usize) < known;
    // The new place of each node of the layer above.
    let mut places: Vec<u32> = Vec::with_capacity(above.len());
    for (path, layer, parent) in above.into_nodes() {
        let parent = match parent {
            NONE => NONE,
            parent => places[parent as usize],
        };
        let place = below.place_path(path, parent);
        places.push(place);
        let is_known_node = is_known(place);
        let mut added = Vec::new();
        if !is_known_node && is_known(parent) {
            added.extend(layer.origin);
        }
        let properties = is_known_node.then_some(&mut added);
        lay_node_over(below.node(place), layer, properties);
        if !added.is_empty() {
            let path = below.path(place).as_str().into();
            additions.entry(path).or_default().extend(added);
        }
    }
    below
}

/// Lays a node over one below. Notes in `added`, where they are wanted, which properties that one lacks.
fn lay_node_over(below: &mut Declared, above: Declared, added: Option<&mut Vec<Span>>) {
    if above.is_declared() || below.origin.is_none() {
        below.standing = above.standing;
        below.origin = above.origin;
    }
    let replaced_secrets = lay_outside_over(below, &above.content, above.outside);
    match (&mut below.content, above.content) {
        (_, Content::Properties(above)) if above.is_empty() => {}
        (Content::Properties(below), Content::Properties(above)) => {
            let mut replaced = Vec::new();
            *below = merge(&above, below, &mut |both| replaced.push(both.first));
            if let Some(added) = added {
                // Both are in the order of the names.
                let mut replaced = replaced.into_iter().peekable();
                let is_new = |origin: &&Span| replaced.next_if_eq(*origin).is_none();
                added.extend(above.origins().iter().filter(is_new));
            }
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
            "@acl" => {
                below.acl.clone_from(&above.acl);
                below.acl_is_deep = above.acl_is_deep;
            }
            "@moved" => below.moved_from.clone_from(&above.moved_from),
            // It came with the contents.
            "@data" => {}
            word => unreachable!("nothing lays {word} over an earlier layer"),
        }
    }
    if !replaced_secrets.is_empty() {
        below.secret = mem::take(&mut below.secret).with(&replaced_secrets);
    }
}

/// Where values come from that a layer replaces, goes with them. Returns their names: what the server holds of
/// them is secret as long as no `@secret` line says otherwise.
fn lay_outside_over(
    below: &mut Declared,
    above: &Content,
    outside: BTreeMap<String, Outside>,
) -> Vec<String> {
    let replaced = match (&below.content, above) {
        (_, Content::Properties(above)) if above.is_empty() => Vec::new(),
        (Content::Properties(_), Content::Properties(above)) => {
            let (replaced, kept) = mem::take(&mut below.outside)
                .into_iter()
                .partition(|(name, _)| above.contains(name));
            below.outside = kept;
            BTreeMap::into_keys(replaced).collect()
        }
        _ => mem::take(&mut below.outside).into_keys().collect(),
    };
    below.outside.extend(outside);
    replaced
}
