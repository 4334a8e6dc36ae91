//! Layers over layers.

use super::{Building, Error, Nodes};
use crate::node::Standing;

/// Reports what clashes within one layer once all of its files are in.
pub(super) fn check(nodes: &Nodes, errors: &mut Vec<Error>) {
    for (_, building) in &nodes.list {
        let property = building
            .properties
            .values()
            .find_map(|property| property.origin);
        if let (Some((_, span)), Some(property)) = (&building.raw, property) {
            errors.push(Error::DataAndProperties {
                span: *span,
                property,
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
    for (path, layer) in above.list {
        let place = below.place(&path);
        lay_node_over(&mut below.list[place].1, layer);
    }
    below
}

fn lay_node_over(below: &mut Building, above: Building) {
    let Building {
        node,
        properties,
        raw,
        ..
    } = above;
    if raw.is_some() {
        below.raw = raw;
        below.properties.clear();
    } else if !properties.is_empty() {
        below.raw = None;
        below.properties.extend(properties);
    }
    if node.standing == Standing::Declared || below.node.origin.is_none() {
        below.node.standing = node.standing;
        below.node.origin = node.origin;
    }
    for (word, span) in node.directives {
        below.node.directives.insert(word, span);
        match word {
            "@keep" => {
                below.node.keep_children = node.keep_children;
                below.node.keep_properties = node.keep_properties;
            }
            "@ignore" => below.node.ignore = node.ignore.clone(),
            "@protect" => below.node.protect = node.protect,
            "@secret" => below.node.secret = node.secret.clone(),
            "@acl" => below.node.acl.clone_from(&node.acl),
            _ => {}
        }
    }
}
