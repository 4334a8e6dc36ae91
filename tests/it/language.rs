//! The tree language, case by case: what a text declares, or what is said to be wrong with it.

use crate::trees;

/// The declared tree in canonical text, or every error with its place, related places and hint.
fn check(text: &str) -> String {
    match trees::declare_at(text.as_bytes(), "/") {
        Ok(declared) => trees::show(&declared.tree),
        Err(errors) => errors.join("\n"),
    }
}

/// The stored value of a property that is written so, or the first error.
fn value(text: &str) -> String {
    match trees::declare_at(format!("/n\n  v = {text}\n").as_bytes(), "/") {
        Ok(declared) => {
            let node = declared.tree.get(&trees::path("/n")).expect("/n");
            node.properties()["v"].to_string()
        }
        Err(errors) => errors.join("\n"),
    }
}

/// Several files, read as these layers.
fn layers(names: &[&str], files: &[(&str, &str)]) -> String {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    match trees::declare_layers(names, &files.iter().copied().collect(), "/") {
        Ok(declared) => trees::show(&declared.tree),
        Err(errors) => errors.join("\n"),
    }
}

macro_rules! check {
    ($text:expr, @$expect:literal) => {
        insta::assert_snapshot!($crate::language::check($text), @$expect)
    };
}

macro_rules! check_layers {
    ($names:expr, $files:expr, @$expect:literal) => {
        insta::assert_snapshot!($crate::language::layers(&$names, &$files), @$expect)
    };
}

mod directives;
mod files;
mod layers;
mod lines;
mod mistakes;
mod texts;
mod values;
