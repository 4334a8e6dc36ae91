//! Names of nodes that people do not tell apart.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;
use unicode_normalization::UnicodeNormalization as _;

use super::found::Found;
use crate::model::lint::Lint;
use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::model::plan::About;
use crate::model::tree::Tree;

/// Two children of one node whose names look alike.
pub(super) fn look_alike(declared: &Tree<Declared>, found: &mut Found<'_>) {
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
            let lint = (Lint::LookAlikeNames, About::Trees);
            found.push(lint, path, node.origin, message);
        } else {
            seen.insert(key, path);
        }
    }
}

/// Two children of one node whose names differ in case only.
pub(super) fn differ_in_case(declared: &Tree<Declared>, found: &mut Found<'_>) {
    let has_capital = |path: &ZPath| path.name().bytes().any(|byte| byte.is_ascii_uppercase());
    let is_heeded = found.heeds(Lint::CaseOnlyDifference);
    if !is_heeded || !declared.iter().any(|(path, _)| has_capital(path)) {
        return;
    }
    let hasher = RandomState::default();
    // A hash each: most trees have many nodes and no such pair.
    let mut seen: HashMap<u64, &ZPath, RandomState> = HashMap::default();
    seen.reserve(declared.len());
    let mut name = Vec::new();
    for (path, node) in declared {
        name.clear();
        name.extend(path.name().bytes().map(|byte| byte.to_ascii_lowercase()));
        let mut state = hasher.build_hasher();
        state.write(path.parent_str().unwrap_or_default().as_bytes());
        state.write(&name);
        let other = *seen.entry(state.finish()).or_insert(path);
        let is_pair = other != path
            && other.parent_str() == path.parent_str()
            && other.name().eq_ignore_ascii_case(path.name());
        if is_pair {
            let message = case_only("nodes", path.name(), other.name());
            let lint = (Lint::CaseOnlyDifference, About::Trees);
            found.push(lint, path, node.origin, message);
        }
    }
}

/// How two names that differ in case are reported.
pub(super) fn case_only(what: &str, name: &str, other: &str) -> String {
    format!("two {what} have names that differ in case only: {other} and {name}")
}

/// How two names that look alike are reported.
pub(super) fn alike(what: &str, name: &str, other: &str) -> String {
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
