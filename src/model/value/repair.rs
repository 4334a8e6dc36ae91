//! What Python writes and JSON cannot hold, repaired so that it can be read as JSON.

use serde_json::Value;

use crate::syntax::scanner::tokens::json_string;

/// Numbers that JSON does not have, as they are written.
const NUMBERS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// Why some data is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotJson {
    /// `NaN`, `Infinity` or `-Infinity`.
    Number,
    /// Half of a surrogate pair in a string.
    Surrogate,
    /// A byte-order mark in front of it.
    Mark,
}

/// A value that Python wrote. Returns `None` if it is not JSON for another reason, too.
pub(super) fn value(text: &str) -> Option<Value> {
    serde_json::from_str(&repair(text)?.0).ok()
}

/// The same as JSON, and what had to be repaired for it. Returns `None` if a string does not end.
pub(super) fn repair(text: &str) -> Option<(String, Option<NotJson>)> {
    let mut json = String::with_capacity(text.len());
    let mut found = None;
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let rest = &text[at..];
        if *byte == b'"' {
            let (end, has_escapes) = json_string(rest.as_bytes(), 0)?;
            match has_escapes.then(|| whole_pairs(&rest[..end])).flatten() {
                Some(repaired) => {
                    json.push_str(&repaired);
                    found.get_or_insert(NotJson::Surrogate);
                }
                None => json.push_str(&rest[..end]),
            }
            at += end;
        } else if let Some(word) = NUMBERS.iter().find(|word| rest.starts_with(**word)) {
            json.push('"');
            json.push_str(word);
            json.push('"');
            found = Some(NotJson::Number);
            at += word.len();
        } else {
            let end = rest
                .char_indices()
                .nth(1)
                .map_or(rest.len(), |(end, _)| end);
            json.push_str(&rest[..end]);
            at += end;
        }
    }
    Some((json, found))
}

/// A string in JSON with its halves of surrogate pairs replaced. Returns `None` if it has none.
fn whole_pairs(text: &str) -> Option<String> {
    let unit = |at: usize| {
        let escape = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape, 16).ok()
    };
    let mut whole = String::with_capacity(text.len());
    let (mut at, mut has_halves) = (0, false);
    while at < text.len() {
        let rest = &text[at..];
        let length = match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                has_halves = true;
                whole.push_str("\\ufffd");
                at += 6;
                continue;
            }
            _ if rest.starts_with('\\') => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => rest.find('\\').unwrap_or(rest.len()),
        };
        whole.push_str(&rest[..length]);
        at += length;
    }
    has_halves.then_some(whole)
}
