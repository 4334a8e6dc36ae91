//! How names and values are spelled in tree text, so that reading them gives them back.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use crate::syntax::ast::{SecretSource, Text};
use crate::syntax::characters::{is_blank, is_visible};
use crate::syntax::names::{LinkKind, is_exact, split_link};
use crate::syntax::scanner::table::{COMMENT, DIRECTIVE, NODE, has_operator, operator_at, plain};
use crate::syntax::scanner::tokens::is_comment;

/// A string in single quotes; what cannot be seen, or would reorder the line, is escaped.
#[must_use]
pub fn string_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    push_string_literal(&mut literal, text);
    literal
}

pub(crate) fn push_string_literal(out: &mut String, text: &str) {
    out.push('\'');
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'\'') & (byte != b'\\');
    // Without an early exit the compiler checks many bytes at a time.
    if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
        out.push_str(text);
        out.push('\'');
        return;
    }
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            c => push_visible(out, c),
        }
    }
    out.push('\'');
}

/// Text with nothing in it that could steer or deceive a terminal; quotes stay as they are.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_plain = text
        .bytes()
        .fold(true, |all, byte| all & (b' '..=b'~').contains(&byte));
    if is_plain || text.chars().all(is_visible) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_visible(&mut out, c));
    out.into()
}

/// JSON on one line, with what nobody sees in it escaped: serde_json escapes only what it must.
#[must_use]
pub fn visible_json(json: String) -> String {
    let is_plain = |c: char| c.is_ascii() && c != '\x7f';
    if json.chars().all(is_plain) {
        return json;
    }
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        // Other characters stand in strings only.
        if is_plain(c) || is_visible(c) {
            line.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                _ = write!(line, "\\u{unit:04x}");
            }
        }
    }
    line
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_visible(c) => out.push(c),
        c if u32::from(c) <= 0xffff => _ = write!(out, "\\u{:04x}", u32::from(c)),
        c => _ = write!(out, "\\U{:08x}", u32::from(c)),
    }
}

/// How many bytes of a text a message shows.
const LONGEST_MESSAGE: usize = 2048;

/// A text for people. A long one is cut in its middle: where a quote is missing, megabytes may
/// follow.
#[must_use]
pub fn clipped(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_MESSAGE {
        return text.into();
    }
    let boundary = |from: usize| (from..).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = boundary(LONGEST_MESSAGE * 3 / 4);
    let end = boundary(text.len() - LONGEST_MESSAGE / 8);
    let left_out = end - start;
    format!(
        "{} … ({left_out} bytes left out) … {}",
        &text[..start],
        &text[end..]
    )
    .into()
}

/// A value as a literal on one line.
#[must_use]
pub fn literal(value: &Value) -> String {
    let mut text = String::new();
    push_literal(&mut text, value);
    text
}

pub(crate) fn push_literal(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(number.as_str()),
        Value::String(text) => push_string_literal(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                push_literal(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                push_string_literal(out, key);
                out.push_str(": ");
                push_literal(out, value);
            }
            out.push('}');
        }
    }
}

/// A JSON string in double quotes, escaped as [`string_literal`] escapes.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let json = serde_json::to_string(text).unwrap_or_default();
    for c in json.chars() {
        if is_visible(c) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

fn is_plain(text: &str) -> bool {
    if text.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
        return !text.is_empty() && !text.starts_with('"');
    }
    !text.is_empty() && !text.starts_with('"') && !text.contains(|c| is_blank(c) || !is_visible(c))
}

/// A node's name as it follows the slash. A name that ends with a colon is quoted, too: people take
/// that colon for the one before a type.
#[must_use]
pub fn node_name(name: &str) -> Cow<'_, str> {
    if is_plain(name) && !name.contains(NODE) && !name.ends_with(':') {
        name.into()
    } else {
        quoted(name).into()
    }
}

/// The name of a property, or of a link without its operator, as it starts a line.
#[must_use]
pub fn property_name(name: &str) -> Cow<'_, str> {
    // Most names are plain.
    if !name.is_empty() && plain::length(name.as_bytes(), plain::NAME) == name.len() {
        return name.into();
    }
    let reserved = name.starts_with([NODE, COMMENT, DIRECTIVE]) || has_operator(name);
    if is_plain(name) && !reserved {
        name.into()
    } else {
        quoted(name).into()
    }
}

/// A pattern of `@ignore` or `@secret`, or an entry of `@acl`.
#[must_use]
pub fn pattern(text: &str) -> Cow<'_, str> {
    let is_operator = operator_at(text.as_bytes()).is_some();
    if is_plain(text) && !text.starts_with(COMMENT) && !is_operator {
        text.into()
    } else {
        quoted(text).into()
    }
}

/// A pattern of `@secret` behind others: the bare word `from` would be no pattern there.
#[must_use]
pub fn secret_pattern(text: &str) -> Cow<'_, str> {
    match text {
        FROM => quoted(text).into(),
        text => pattern(text),
    }
}

/// The one property of `@secret … from`: what looks like a pattern is a name in quotes.
#[must_use]
pub fn secret_name(name: &str) -> Cow<'_, str> {
    match is_exact(name) {
        true => secret_pattern(name),
        false => quoted(name).into(),
    }
}

/// The word before where a value comes from.
const FROM: &str = "from";

/// Where a value from outside comes from, as a tree file has it behind the word `from`.
#[must_use]
pub fn secret_source(source: &SecretSource<'_>) -> String {
    match source {
        SecretSource::Variable(name) => format!("env {}", name.text),
        SecretSource::File(path) => format!("file {}", string_literal(&path.text)),
        SecretSource::Sops { file, key } => {
            format!("sops {} {}", string_literal(&file.text), sops_key(key))
        }
    }
}

/// The names that lead to a value of a SOPS file, as a tree file has them: `db.password`.
#[must_use]
pub fn sops_key(names: &[Text<'_>]) -> String {
    let is_bare = |c: char| is_visible(c) && !is_blank(c) && !"#\"'.".contains(c);
    let name = |name: &Text<'_>| match !name.text.is_empty() && name.text.chars().all(is_bare) {
        true => name.text.to_string(),
        false => quoted(&name.text),
    };
    names.iter().map(name).collect::<Vec<_>>().join(".")
}

/// A type with its colon, as it follows a node's name. Returns `None` if only a property can hold
/// it.
#[must_use]
pub fn type_clause(kind: &str) -> Option<String> {
    if kind.is_empty() || kind.trim_matches(is_blank) != kind || !kind.chars().all(is_visible) {
        return None;
    }
    // A quote that nothing closes is taken for a slip.
    if kind.starts_with('"') && !kind[1..].contains('"') {
        return None;
    }
    // Only behind a colon and a blank is one at the start a comment.
    let ends_type = |(at, _): (usize, &str)| at > 0 && is_comment(kind, at);
    Some(if kind.match_indices(COMMENT).any(ends_type) {
        // Quotes are only read as such around a blank and a number sign.
        format!(" : {}", quoted(kind))
    } else {
        format!(" :{}{kind}", blank_before(kind))
    })
}

/// The blank between an operator and what follows it, which a number sign would make a comment.
#[must_use]
pub fn blank_before(text: &str) -> &'static str {
    if text.starts_with(COMMENT) { "" } else { " " }
}

/// A link line without its indentation: `x -> /path`. Returns `None` if only a property can hold
/// it.
#[must_use]
pub fn link(name: &str, value: &Value) -> Option<String> {
    let ((base, kind), target) = (split_link(name)?, value.as_str()?);
    let words = target.split(is_blank).filter(|word| !word.is_empty());
    let most = match kind {
        LinkKind::Symbolic => 1,
        LinkKind::Property => 2,
    };
    let count = words.clone().count();
    let well_formed = (1..=most).contains(&count)
        && target.trim_matches(is_blank) == target
        && target.chars().all(is_visible)
        // A value may follow, as zc.zk writes it.
        && !(kind == LinkKind::Property && target.starts_with('='))
        && words.skip(1).all(|word| !word.starts_with(COMMENT));
    let blank = blank_before(target);
    well_formed.then(|| format!("{} {}{blank}{target}", property_name(base), kind.operator()))
}

/// A property or link line without its indentation.
#[must_use]
pub fn property(name: &str, value: &Value) -> String {
    link(name, value).unwrap_or_else(|| format!("{} = {}", property_name(name), literal(value)))
}

/// A number with a comma between each three digits.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes as two hexadecimal digits each.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text that is percent-encoded, as in a query: `%2F` is a slash. Returns `None` where it is not.
#[must_use]
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::characters::{code_point, is_invisible};

    #[test]
    fn long_texts_are_clipped_between_characters() {
        assert_eq!(clipped("short"), "short");
        for shift in 0..4 {
            let text = "x".repeat(shift) + &"\u{1f980}".repeat(1_000_000);
            let clipped = clipped(&text);
            assert!(clipped.len() <= LONGEST_MESSAGE, "{}", clipped.len());
            assert!(clipped.contains("bytes left out"));
        }
    }

    #[test]
    fn what_no_bare_name_holds_is_never_spelled_as_one() {
        for c in (char::MIN..=char::MAX).filter(|c| is_invisible(*c)) {
            let name = format!("a{c}b");
            assert!(!is_visible(c), "{}", code_point(c));
            assert!(node_name(&name).starts_with('"'), "{}", code_point(c));
            assert!(code_point(c).contains(' '), "{}", code_point(c));
        }
        assert_eq!(code_point('\u{200b}'), "U+200B ZERO WIDTH SPACE");
        assert_eq!(code_point('\u{2028}'), "U+2028 LINE SEPARATOR");
        assert_eq!(code_point('\u{e0020}'), "U+E0020 TAG SPACE");
    }
}
