//! How names and values are spelled in tree text, so that reading them gives them back.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;
use smallvec::SmallVec;

use super::names::{LinkKind, split_link};

/// A string in single quotes; what cannot be seen, or would reorder the line, is escaped.
#[must_use]
pub fn string_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    push_string_literal(&mut literal, text);
    literal
}

fn push_string_literal(out: &mut String, text: &str) {
    out.push('\'');
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'\'') & (byte != b'\\');
    // To the end in any case, which takes many bytes at a time.
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

/// A text for people, of a long one its start and its end: whoever reads a message does not want
/// the megabytes that somebody forgot a quote before.
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

/// The blanks that zc.zk, as Python, strips from data and lines.
#[must_use]
pub fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// Whether a character shows as itself: no control, format or bidirectional character, no filler,
/// and of the blanks only the plain one.
#[must_use]
pub fn is_visible(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    !c.is_control()
        && !c.is_whitespace()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

/// Whether a bare name may not hold a character because nobody sees it: Unicode's white space and
/// format characters (`White_Space` and `Cf`). Those of ASCII end a name anyway.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    !c.is_ascii()
        && (c.is_whitespace()
            || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'
            | '\u{891}' | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}'))
}

/// A character by its number and its name: `U+00A0 NO-BREAK SPACE`.
#[must_use]
pub fn code_point(c: char) -> String {
    let name = match c {
        // Control characters have no name of their own.
        '\u{85}' => " NEXT LINE".to_owned(),
        c => unicode_names2::name(c).map_or_else(String::new, |name| format!(" {name}")),
    };
    format!("U+{:04X}{name}", u32::from(c))
}

/// A value as a literal on one line.
#[must_use]
pub fn literal(value: &Value) -> String {
    let mut text = String::new();
    push_literal(&mut text, value);
    text
}

fn push_literal(out: &mut String, value: &Value) {
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
        if !is_visible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
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

/// A node's name as it follows the slash; in quotes also where a colon would end it, since people
/// take that for the one before a type.
#[must_use]
pub fn node_name(name: &str) -> Cow<'_, str> {
    if is_plain(name) && !name.contains('/') && !name.ends_with(':') {
        name.into()
    } else {
        quoted(name).into()
    }
}

/// The name of a property, or of a link without its operator, as it starts a line.
#[must_use]
pub fn property_name(name: &str) -> Cow<'_, str> {
    // Most names are so.
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.is_empty() && name.bytes().all(is_word) {
        return name.into();
    }
    let reserved = name.starts_with(['/', '#', '@']) || name.contains('=') || name.contains("->");
    if is_plain(name) && !reserved {
        name.into()
    } else {
        quoted(name).into()
    }
}

/// A pattern of `@ignore` or `@secret`, or an entry of `@acl`.
#[must_use]
pub fn pattern(text: &str) -> Cow<'_, str> {
    if is_plain(text) && !text.starts_with('#') {
        text.into()
    } else {
        quoted(text).into()
    }
}

/// A type with its colon, as it follows a node's name; none where only a property can hold it.
#[must_use]
pub fn type_clause(kind: &str) -> Option<String> {
    if kind.is_empty() || kind.trim_matches(is_blank) != kind || !kind.chars().all(is_visible) {
        return None;
    }
    // A quote that nothing closes is taken for a slip.
    if kind.starts_with('"') && !kind[1..].contains('"') {
        return None;
    }
    let after_blank = |(i, _): (usize, &str)| kind[..i].ends_with(is_blank);
    Some(if kind.match_indices('#').any(after_blank) {
        // Quotes are only read as such around a blank and a number sign.
        format!(" : {}", quoted(kind))
    } else {
        format!(" :{}{kind}", blank_before(kind))
    })
}

/// The blank between an operator and what follows it, which a number sign would make a comment.
#[must_use]
pub fn blank_before(text: &str) -> &'static str {
    if text.starts_with('#') { "" } else { " " }
}

/// A link line without its indentation: `x -> /path`; none where only a property can hold it.
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
        && words.skip(1).all(|word| !word.starts_with('#'));
    let blank = blank_before(target);
    well_formed.then(|| format!("{} {}{blank}{target}", property_name(base), kind.operator()))
}

/// A property or link line without its indentation.
#[must_use]
pub fn property(name: &str, value: &Value) -> String {
    link(name, value).unwrap_or_else(|| format!("{} = {}", property_name(name), literal(value)))
}

/// As [`property`], of a value in JSON.
pub(crate) fn push_raw_property(out: &mut String, name: &str, value: &str) {
    if split_link(name).is_some() {
        let value = serde_json::from_str(value).unwrap_or_default();
        out.push_str(&property(name, &value));
        return;
    }
    out.push_str(&property_name(name));
    out.push_str(" = ");
    push_raw_literal(out, value);
}

/// As [`literal`], of a value in valid JSON: the common ones need no decoding.
pub fn push_raw_literal(out: &mut String, json: &str) {
    let before = out.len();
    if push_undecoded(out, json).is_none() {
        out.truncate(before);
        push_literal(out, &serde_json::from_str(json).unwrap_or_default());
    }
}

/// No answer for what has several spellings: text with escapes, numbers with exponents, objects
/// whose keys are not in order.
fn push_undecoded(out: &mut String, json: &str) -> Option<()> {
    let mut at = 0;
    // The lists and objects around what comes next, an object with the key before.
    let mut around: SmallVec<[Option<Option<&str>>; 8]> = SmallVec::new();
    let mut is_key = false;
    while let Some(byte) = json.as_bytes().get(at) {
        let rest = &json[at..];
        at += match byte {
            b'"' => {
                let (end, has_escapes) = json_string(rest.as_bytes(), 0)?;
                if has_escapes {
                    return None;
                }
                let text = &rest[1..end - 1];
                if let Some(Some(last)) = around.last_mut().filter(|_| is_key) {
                    if last.replace(text).is_some_and(|last| last >= text) {
                        return None;
                    }
                    is_key = false;
                }
                push_string_literal(out, text);
                end
            }
            b'[' | b'{' => {
                out.push(char::from(*byte));
                is_key = *byte == b'{';
                around.push(is_key.then_some(None));
                1
            }
            b']' | b'}' => {
                out.push(char::from(*byte));
                around.pop();
                is_key = false;
                1
            }
            b',' => {
                out.push_str(", ");
                is_key = matches!(around.last(), Some(Some(_)));
                1
            }
            b':' => {
                out.push_str(": ");
                1
            }
            b'-' | b'0'..=b'9' => {
                let is_plain = |byte: &u8| matches!(byte, b'-' | b'.' | b'0'..=b'9');
                let end = rest.bytes().take_while(is_plain).count();
                if matches!(rest.as_bytes().get(end), Some(b'e' | b'E')) {
                    return None;
                }
                out.push_str(&rest[..end]);
                end
            }
            b't' => {
                out.push_str("True");
                "true".len()
            }
            b'f' => {
                out.push_str("False");
                "false".len()
            }
            b'n' => {
                out.push_str("None");
                "null".len()
            }
            b' ' | b'\t' | b'\n' | b'\r' => 1,
            _ => return None,
        };
    }
    Some(())
}

/// A number with a comma between each three digits.
pub(crate) fn grouped(number: usize) -> String {
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

/// Where the string that starts at `start` ends, its quotes included, and whether it has escapes;
/// none where none starts, or it does not end.
pub(crate) fn json_string(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    if bytes.get(start) != Some(&b'"') {
        return None;
    }
    let (mut at, mut has_escapes) = (start + 1, false);
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some((at + 1, has_escapes));
        }
        has_escapes = true;
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?"
                .prop_map(|text| serde_json::from_str(&text).unwrap()),
            r#"[a'"\\{}\[\],: é\n]{0,6}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        })
    }

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

    #[test]
    fn of_two_keys_the_later_one_counts_and_all_are_put_in_order() {
        let mut raw = String::new();
        push_raw_literal(&mut raw, r#"[{"b":{"y":1,"x":[]},"a":2,"a":{}}]"#);
        assert_eq!(raw, "[{'a': {}, 'b': {'x': [], 'y': 1}}]");
    }

    proptest! {
        #[test]
        fn a_value_in_json_is_spelled_as_the_decoded_one(value in json(), pretty: bool) {
            let text = match pretty {
                true => serde_json::to_string_pretty(&value),
                false => serde_json::to_string(&value),
            };
            let mut raw = "x".to_owned();
            push_raw_literal(&mut raw, &text.unwrap());
            prop_assert_eq!(raw, format!("x{}", literal(&value)));
        }
    }
}
