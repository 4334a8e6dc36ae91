//! What is legal in a declared tree, but probably not meant.

mod allowed;
mod found;
mod names;
mod overlay;
mod properties;
mod secrets;
mod services;

pub use allowed::{Unused, settle};

use std::collections::HashMap;

use crate::model::lint::{Levels, Lint};
use crate::model::node::{Content, Declared};
use crate::model::plan::{About, Warning};
use crate::model::tree::Tree;
use crate::syntax::doubt::DoubtKind;
use crate::syntax::place::Span;
use crate::syntax::source::Sources;
use found::Found;

/// The warnings about the nodes of a declared tree that no server is needed for, by path and place.
/// Links are not among them.
///
/// Whether the tree is whole matters: of a part of one nobody can say what it lacks.
#[must_use]
pub fn of_files(
    declared: &Tree<Declared>,
    sources: &Sources,
    levels: &Levels,
    is_whole: bool,
) -> Vec<Warning> {
    let mut found = Found::new(sources, levels);
    of_values(declared, &mut found);
    names::look_alike(declared, &mut found);
    names::differ_in_case(declared, &mut found);
    properties::check(declared, &mut found);
    secrets::check(declared, &mut found);
    services::repeated_addresses(declared, &mut found);
    if is_whole {
        services::without_providers(declared, &mut found);
    }
    overlay::additions(declared, &mut found);
    allowed::unknown(declared, &mut found);
    let mut warnings = found.warnings;
    warnings.sort_by(|a, b| (&a.path, &a.origin).cmp(&(&b.path, &b.origin)));
    warnings
}

/// What the parser found, where it is still in force: no later layer replaced it.
fn of_values(declared: &Tree<Declared>, found: &mut Found<'_>) {
    let mut noted: HashMap<Span, Vec<_>> = HashMap::new();
    for doubt in found.sources.doubts() {
        noted.entry(doubt.name).or_default().push(doubt);
    }
    if noted.is_empty() {
        return;
    }
    for (path, node) in declared {
        let Content::Properties(properties) = &node.content else {
            continue;
        };
        for origin in properties.origins() {
            for doubt in noted.remove(origin).unwrap_or_default() {
                let name = found.sources.text(*origin);
                let (lint, message) = match doubt.kind {
                    DoubtKind::LeadingZero => {
                        (Lint::LeadingZero, format!("{name}: {}", doubt.kind))
                    }
                    DoubtKind::TrailingComma => {
                        (Lint::TrailingComma, format!("{name}: {}", doubt.kind))
                    }
                    DoubtKind::LiteralType => (Lint::LiteralType, doubt.kind.to_string()),
                };
                found.push((lint, About::Node), path, Some(doubt.span), message);
            }
        }
    }
}
