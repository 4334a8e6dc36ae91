//! JSON as Python's `json.dumps` writes it, where that is no JSON: `NaN`, `Infinity`, halves of
//! surrogate pairs, and a byte-order mark in front.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Properties, entries};
use crate::syntax::json::json_string;

/// The byte-order mark of UTF-8.
const MARK: char = '\u{feff}';

/// What no JSON can hold, as it is written.
const NUMBERS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// What of some data is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotJson {
    /// `NaN`, `Infinity` or `-Infinity`.
    Number,
    /// Half of a surrogate pair in a string.
    Surrogate,
    /// A byte-order mark in front of it.
    Mark,
}

impl NotJson {
    /// Finds it in data that is an object otherwise. Returns `None` for JSON, and for all other data.
    #[must_use]
    pub fn of(data: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(data).ok()?;
        if !is_object(text) || serde_json::from_str::<Value>(text).is_ok() {
            return None;
        }
        let (_, found) = read(text)?;
        Some(found)
    }
}

/// The values of an object that are no JSON, as they are written, by name.
#[must_use]
pub fn beyond_json(data: &[u8]) -> BTreeMap<String, String> {
    if NotJson::of(data).is_none() {
        return BTreeMap::new();
    }
    let values = entries(data).map(|entry| (entry.name.into_owned(), entry.value.to_owned()));
    let values: BTreeMap<_, _> = values.collect();
    let is_beyond = |json: &str| serde_json::from_str::<Value>(json).is_err();
    values
        .into_iter()
        .filter(|(_, json)| is_beyond(json))
        .collect()
}

fn is_object(text: &str) -> bool {
    let text = text.trim_start_matches(|c| super::is_space(c) || c == MARK);
    text.starts_with('{')
}

/// Reads an object that is no JSON for one of these reasons only. A number that JSON cannot hold
/// is read as its name, half of a surrogate pair as `U+FFFD`.
pub(super) fn read(text: &str) -> Option<(Properties, NotJson)> {
    let unmarked = text.strip_prefix(MARK).unwrap_or(text);
    let mark = (unmarked.len() < text.len()).then_some(NotJson::Mark);
    let (json, repaired) = repair(unmarked)?;
    let properties = serde_json::from_str(&json).ok()?;
    Some((properties, repaired.or(mark)?))
}

/// A value of such an object.
pub(super) fn value(text: &str) -> Option<Value> {
    serde_json::from_str(&repair(text)?.0).ok()
}

/// The object of `properties`. Those for which `is_set` does not hold, and which stand in `live`
/// with the same value, are spelled as there if JSON cannot hold that.
pub(super) fn encode_over(
    properties: &Properties,
    live: &[u8],
    is_set: impl Fn(&str) -> bool,
) -> Option<Vec<u8>> {
    NotJson::of(live)?;
    let live = live
        .strip_prefix(MARK.to_string().as_bytes())
        .unwrap_or(live);
    let found: Vec<_> = entries(live).collect();
    let mut object = vec![b'{'];
    for (name, value) in properties {
        if object.len() > 1 {
            object.push(b',');
        }
        let stands = found.iter().rev().find(|entry| entry.name == *name);
        let stands = stands.filter(|_| !is_set(name));
        let stands = stands.filter(|entry| serde_json::from_str::<Value>(entry.value).is_err());
        match stands.filter(|entry| self::value(entry.value).as_ref() == Some(value)) {
            Some(entry) => object.extend_from_slice(entry.text.as_bytes()),
            None => {
                object.extend(serde_json::to_vec(name).ok()?);
                object.push(b':');
                object.extend(serde_json::to_vec(value).ok()?);
            }
        }
    }
    object.push(b'}');
    Some(object)
}

/// The same as JSON, and what had to be repaired for it. Returns `None` if a string does not end.
fn repair(text: &str) -> Option<(String, Option<NotJson>)> {
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
