//! Layers over layers.

use super::Error;
use super::nodes::{Building, Extra, NONE, Nodes};
use super::properties::merge;
use crate::node::{DeclaredProperties, Standing};

/// Reports what clashes within one layer once all of its files are in.
pub(super) fn check(nodes: &Nodes, errors: &mut Vec<Error>) {
    for building in &nodes.list {
        let property = building.properties.origins().first();
        if let (Some((_, span)), Some(property)) = (building.raw(), property) {
            errors.push(Error::DataAndProperties {
                span: *span,
                property: *property,
            });
        }
    }
}

/// Lays a layer over those before: its properties, links, type and directives replace those of the
/// same name, its nodes are added. Raw data and properties replace each other whole.
pub(super) fn lay_over(mut below: Nodes, above: Nodes) -> Nodes {
    if below.list.is_empty() {
        return above;
    }
    // Where each node of the layer above has come to stand.
    let mut places: Vec<u32> = Vec::with_capacity(above.list.len());
    for layer in above.list {
        let parent = match layer.parent {
            NONE => NONE,
            parent => places[parent as usize],
        };
        let place = below.place(layer.path.as_str(), parent);
        places.push(place);
        lay_node_over(&mut below.list[place as usize], layer);
    }
    below
}

fn lay_node_over(below: &mut Building, above: Building) {
    if above.standing == Standing::Declared || below.origin.is_none() {
        below.standing = above.standing;
        below.origin = above.origin;
    }
    if above.raw().is_some() {
        below.properties = DeclaredProperties::default();
    } else if !above.properties.is_empty() {
        below.properties = merge(&above.properties, &below.properties, &mut |_| {});
        if let Some(extra) = &mut below.extra {
            extra.raw = None;
        }
    }
    let Some(above) = above.extra else {
        return;
    };
    match &mut below.extra {
        Some(below) => lay_directives_over(below, *above),
        below => *below = Some(above),
    }
}

fn lay_directives_over(below: &mut Extra, above: Extra) {
    if above.raw.is_some() {
        below.raw = above.raw;
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
            "@secret" => below.secret = above.secret.clone(),
            "@acl" => below.acl.clone_from(&above.acl),
            _ => {}
        }
    }
}
