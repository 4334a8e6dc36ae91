//! Values, names and paths as a `.zkt` file would write them, safe to print.

use std::borrow::Cow;

use serde_json::Value;
pub(super) use zkt::export::base64;
use zkt::path::ZPath;
pub(super) use zkt::spelling::printable;
pub(super) use zkt::spelling::{is_visible, literal, string_literal as quoted};
use zkt::spelling::{node_name, property_name};
use zkt::value::{LinkKind, split_link};

/// A literal of more characters is shortened in its middle.
pub(super) const LONGEST: usize = 160;
const HEAD: usize = 100;
const TAIL: usize = 40;

/// One line of a longer text: escaped but for quotes, blanks at its end made visible.
pub(super) fn escaped_line(line: &str) -> String {
    let body = line.trim_end_matches(' ');
    let mut out = String::new();
    for c in body.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            c => out.push_str(&printable(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push_str(&"\\x20".repeat(line.len() - body.len()));
    out
}

/// Raw data: its text in quotes, or `base64 '…'`.
pub(super) fn raw(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => quoted(text),
        Err(_) => format!("base64 '{}'", base64(bytes)),
    }
}

/// The pieces of a literal that may not be cut: characters, and whole escapes.
pub(super) fn atoms(literal: &str) -> Vec<&str> {
    let mut atoms = Vec::new();
    let mut rest = literal;
    while let Some(first) = rest.chars().next() {
        let characters = match (first, rest.chars().nth(1)) {
            ('\\', Some('u')) => 6,
            ('\\', Some('U')) => 10,
            ('\\', Some('x')) => 4,
            ('\\', Some(_)) => 2,
            _ => 1,
        };
        let end = rest
            .char_indices()
            .nth(characters)
            .map_or(rest.len(), |(i, _)| i);
        atoms.push(&rest[..end]);
        rest = &rest[end..];
    }
    atoms
}

/// A literal as it is, or its start and end; `unit` counts what the reader thinks of.
pub(super) fn shortened(literal: &str, length: usize, unit: &str) -> String {
    // No piece is longer than its bytes.
    if literal.len() <= LONGEST {
        return literal.to_owned();
    }
    let short = cut(&atoms(literal), LONGEST, HEAD, TAIL);
    if short.len() == literal.len() {
        return short;
    }
    format!("{short} ({length} {unit})")
}

/// Joins pieces, leaving out the middle where there are more than `longest`.
pub(super) fn cut(atoms: &[&str], longest: usize, head: usize, tail: usize) -> String {
    if atoms.len() <= longest {
        return atoms.concat();
    }
    format!(
        "{}…{}",
        atoms[..head].concat(),
        atoms[atoms.len() - tail..].concat()
    )
}

/// The name and operator that a stored property is written with: `x =`, `x ->` or `x =>`.
pub(super) fn assignment(name: &str) -> (String, Option<LinkKind>) {
    match split_link(name) {
        Some((base, kind)) => (
            format!("{} {}", property_name(base), kind.operator()),
            Some(kind),
        ),
        None => (format!("{} =", property_name(name)), None),
    }
}

/// A path, with the names that need it in double quotes.
pub(crate) fn path_text(path: &ZPath) -> Cow<'_, str> {
    let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b':');
    if path.as_str().bytes().all(is_plain) {
        return Cow::Borrowed(path.as_str());
    }
    if path
        .names()
        .all(|name| matches!(node_name(name), Cow::Borrowed(_)))
    {
        return Cow::Borrowed(path.as_str());
    }
    Cow::Owned(
        path.names()
            .map(|name| format!("/{}", node_name(name)))
            .collect(),
    )
}

/// The target of a link; in quotes where it would not read back without them.
pub(super) fn link_target(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let plain = !text.is_empty()
                && text.trim() == text
                && !text.contains(" #")
                && text.chars().all(is_visible);
            if plain { text.clone() } else { quoted(text) }
        }
        other => literal(other),
    }
}
