//! Layers over layers.

use super::Error;
use super::nodes::{Building, Directives, NONE, Nodes};
use super::properties::{List, Properties};
use crate::node::Standing;

/// Puts the properties of one layer in order once all of its files are in, and reports what
/// clashes within it.
pub(super) fn check(nodes: &mut Nodes, properties: &mut Properties, errors: &mut Vec<Error>) {
    for building in &mut nodes.list {
        properties.sort(&mut building.properties, &mut |duplicate| {
            errors.push(Error::DuplicateProperty {
                span: duplicate.span,
                first: duplicate.first,
                name: duplicate.name,
            });
        });
        let property = properties.first_origin(building.properties);
        if let (Some((_, span)), Some(property)) = (building.raw(), property) {
            errors.push(Error::DataAndProperties {
                span: *span,
                property,
            });
        }
    }
}

/// Lays a layer over those before: its properties, links, type and directives replace those of the
/// same name, its nodes are added. Raw data and properties replace each other whole.
pub(super) fn lay_over(mut below: Nodes, above: Nodes, properties: &mut Properties) -> Nodes {
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
        lay_node_over(&mut below.list[place as usize], layer, properties);
    }
    below
}

fn lay_node_over(below: &mut Building, above: Building, properties: &mut Properties) {
    if above.standing == Standing::Declared || below.origin.is_none() {
        below.standing = above.standing;
        below.origin = above.origin;
    }
    if above.raw().is_some() {
        below.properties = List::default();
    } else if !above.properties.is_empty() {
        below.properties = properties.lay_over(below.properties, above.properties);
        if let Some(directives) = &mut below.directives {
            directives.raw = None;
        }
    }
    let Some(above) = above.directives else {
        return;
    };
    match &mut below.directives {
        Some(below) => lay_directives_over(below, *above),
        below => *below = Some(above),
    }
}

fn lay_directives_over(below: &mut Directives, above: Directives) {
    if above.raw.is_some() {
        below.raw = above.raw;
    }
    for (word, span) in above.places {
        below.places.insert(word, span);
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
