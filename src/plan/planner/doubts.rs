//! Warnings about a declared tree by itself: what is legal, but probably not meant.

use std::collections::{BTreeMap, HashMap};

use unicode_normalization::UnicodeNormalization as _;

use crate::model::node::{Content, Declared};
use crate::model::path::ZPath;
use crate::model::plan::{About, Warning};
use crate::model::tree::Tree;
use crate::syntax::place::{Location, Span};
use crate::syntax::source::Sources;

/// The warnings about the nodes of a declared tree, by place.
#[must_use]
pub fn doubts(declared: &Tree<Declared>, sources: &Sources) -> Vec<Warning> {
    let mut warnings = of_values(declared, sources);
    of_children(declared, sources, &mut warnings);
    for (path, node) in declared {
        of_properties(path, node, sources, &mut warnings);
    }
    let place = |warning: &Warning| warning.origin.clone();
    warnings.sort_by(|a, b| (&a.path, place(a)).cmp(&(&b.path, place(b))));
    warnings
}

fn warning(path: &ZPath, about: About, message: String, origin: Option<Location>) -> Warning {
    Warning {
        path: path.clone(),
        about,
        message,
        origin,
    }
}

/// What the parser found, where it is still in force: no later layer replaced it.
fn of_values(declared: &Tree<Declared>, sources: &Sources) -> Vec<Warning> {
    let mut found: HashMap<Span, Vec<_>> = HashMap::new();
    for doubt in sources.doubts() {
        found.entry(doubt.name).or_default().push(doubt);
    }
    let mut warnings = Vec::new();
    if found.is_empty() {
        return warnings;
    }
    for (path, node) in declared {
        let Content::Properties(properties) = &node.content else {
            continue;
        };
        for origin in properties.origins() {
            for doubt in found.remove(origin).unwrap_or_default() {
                let name = sources.text(*origin);
                let message = format!("{name}: {}", doubt.kind);
                warnings.push(warning(
                    path,
                    About::Node,
                    message,
                    Some(sources.locate(doubt.span)),
                ));
            }
        }
    }
    warnings
}

/// Two children of one node whose names look alike.
fn of_children(declared: &Tree<Declared>, sources: &Sources, warnings: &mut Vec<Warning>) {
    let mut seen: HashMap<String, &ZPath> = HashMap::new();
    let special = declared
        .iter()
        .filter(|(path, _)| !path.as_str().is_ascii());
    for (path, node) in special {
        // The names of the nodes above are compared as they are.
        let parent = path.parent().unwrap_or_else(ZPath::root);
        let key = format!("{parent}/{}", path.name().nfc());
        if let Some(other) = seen.get(&key) {
            let message = alike("nodes", path.name(), other.name());
            let origin = node.origin.map(|span| sources.locate(span));
            warnings.push(warning(path, About::Trees, message, origin));
        } else {
            seen.insert(key, path);
        }
    }
}

/// Two properties of one node whose names look alike.
fn of_properties(path: &ZPath, node: &Declared, sources: &Sources, warnings: &mut Vec<Warning>) {
    let Content::Properties(properties) = &node.content else {
        return;
    };
    if node.bytes().is_ascii() {
        return;
    }
    let object = properties.encoded().to_object();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (i, entry) in crate::model::value::entries(&object).enumerate() {
        let key: String = entry.name.nfc().collect();
        if let Some(other) = seen.get(&key) {
            let message = alike("properties", &entry.name, other);
            let origin = properties.origins().get(i);
            let origin = origin.map(|span| sources.locate(*span));
            warnings.push(warning(path, About::Node, message, origin));
        } else {
            seen.insert(key, entry.name.to_string());
        }
    }
}

fn alike(what: &str, name: &str, other: &str) -> String {
    let (name, other) = (escaped(name), escaped(other));
    format!("two {what} look alike, and differ in Unicode normalisation only: {other} and {name}")
}

/// A name in which such a difference can be seen.
fn escaped(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            text.extend(c.escape_unicode());
        }
    }
    text
}
