//! Layers over layers.

use std::collections::BTreeMap;

use super::{Building, Error};
use crate::node::Standing;
use crate::path::ZPath;

/// Reports what clashes within one layer once all of its files are in.
pub(super) fn check(nodes: &BTreeMap<ZPath, Building>, errors: &mut Vec<Error>) {
    for building in nodes.values() {
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
pub(super) fn lay_over(
    mut below: BTreeMap<ZPath, Building>,
    above: BTreeMap<ZPath, Building>,
) -> BTreeMap<ZPath, Building> {
    if below.is_empty() {
        return above;
    }
    for (path, layer) in above {
        match below.get_mut(&path) {
            Some(building) => lay_node_over(building, layer),
            None => _ = below.insert(path, layer),
        }
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
    if node.standing == Standing::Declared {
        below.node.standing = Standing::Declared;
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
