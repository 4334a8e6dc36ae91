//! JSON as Python's `json.dumps` writes it, where that is no JSON: `NaN`, `Infinity`, halves of
//! surrogate pairs, and a byte-order mark in front.

use std::collections::BTreeMap;

use serde_json::Value;

use super::entries::entries;
use super::properties::Properties;
use super::repair::{NotJson, repair, value as repaired_value};
use crate::syntax::characters::is_space;

/// The byte-order mark of UTF-8.
const MARK: char = '\u{feff}';

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
    let text = text.trim_start_matches(|c| is_space(c) || c == MARK);
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
        match stands.filter(|entry| repaired_value(entry.value).as_ref() == Some(value)) {
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
