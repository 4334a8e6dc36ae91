//! Values, names and paths as a `.zkt` file would write them, safe to print.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
pub(super) use zkt::export::base64;
use zkt::model::path::ZPath;
pub(super) use zkt::syntax::characters::is_visible;
use zkt::syntax::names::{LinkKind, split_link};
pub(super) use zkt::syntax::spelling::printable;
pub(super) use zkt::syntax::spelling::{literal, string_literal as quoted};
use zkt::syntax::spelling::{node_name, property_name};

/// A literal of more characters is shortened in its middle.
pub(super) const LONGEST: usize = 160;
const HEAD: usize = 100;
const TAIL: usize = 40;
/// The characters of the longest escape, `\U0001f600`, each of one byte.
const LONGEST_ATOM: usize = 10;

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

/// Raw data as text. Returns `None` if it is none, or holds the character NUL, as binary data does.
pub(super) fn raw_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok();
    text.filter(|text| !text.contains('\0'))
}

/// Raw data: its text in quotes, or `base64 '…'`.
pub(super) fn raw(bytes: &[u8]) -> String {
    match raw_text(bytes) {
        Some(text) => quoted(text),
        None => format!("base64 '{}'", base64(bytes)),
    }
}

/// The pieces of a literal that may not be cut: characters, and whole escapes.
pub(super) fn atoms(literal: &str) -> impl Iterator<Item = &str> {
    let mut rest = literal;
    std::iter::from_fn(move || {
        let mut characters = rest.chars();
        let length = match (characters.next()?, characters.next()) {
            ('\\', Some('u')) => 6,
            ('\\', Some('U')) => LONGEST_ATOM,
            ('\\', Some('x')) => 4,
            ('\\', Some(_)) => 2,
            _ => 1,
        };
        let end = rest.char_indices().nth(length);
        let (atom, after) = rest.split_at(end.map_or(rest.len(), |(end, _)| end));
        rest = after;
        Some(atom)
    })
}

/// The last pieces of a literal that has more of them; what is far before them is not looked at.
fn last_atoms(literal: &str, count: usize) -> Vec<&str> {
    let mut start = literal.len().saturating_sub((count + 1) * LONGEST_ATOM);
    // A cut behind a backslash would hide whether that one starts an escape. A cut within the digits
    // of an escape does no harm: they belong to a piece before the last ones.
    while !literal.is_char_boundary(start) || literal[..start].ends_with('\\') {
        start -= 1;
    }
    let atoms: Vec<&str> = atoms(&literal[start..]).collect();
    atoms[atoms.len() - count..].to_vec()
}

/// A literal as it is, or its start and end; `unit` counts what the reader thinks of.
pub(super) fn shortened(literal: &str, length: usize, unit: &str) -> String {
    let first: Vec<&str> = atoms(literal).take(LONGEST + 1).collect();
    if first.len() <= LONGEST {
        return literal.to_owned();
    }
    let (head, tail) = (first[..HEAD].concat(), last_atoms(literal, TAIL).concat());
    format!("{head}…{tail} ({length} {unit})")
}

/// Joins pieces, without the middle ones if there are more than `longest`.
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

/// The target of a link, in quotes if it would not read back without them.
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

/// A time in milliseconds since the epoch, in UTC, to the second.
pub(crate) fn time_text(milliseconds: i64) -> String {
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_nuls_is_binary() {
        assert_eq!(raw(b"a\n\xc3\xa9"), r"'a\né'");
        assert_eq!(raw(b"a\0b"), "base64 'YQBi'");
        assert_eq!(raw(b"a\xff"), "base64 'Yf8='");
    }

    #[test]
    fn long_literals_are_cut_between_pieces() {
        let letters = [
            'a',
            'u',
            'U',
            'x',
            '0',
            'é',
            '😀',
            '\\',
            '\\',
            '\'',
            '\n',
            '\u{7f}',
            '\u{e0001}',
        ];
        for seed in 0..2000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let length = random.usize(100..600);
            let text: String = (0..length)
                .map(|_| letters[random.usize(..letters.len())])
                .collect();
            let literal = quoted(&text);
            let all: Vec<&str> = atoms(&literal).collect();
            assert_eq!(all.concat(), literal);
            let shown = shortened(&literal, length, "characters");
            if all.len() <= LONGEST {
                assert_eq!(shown, literal);
            } else {
                let cut = cut(&all, LONGEST, HEAD, TAIL);
                assert_eq!(shown, format!("{cut} ({length} characters)"), "{literal}");
            }
        }
    }
}
