//! What differs between two nested values, by the keys that lead to it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use similar::{Algorithm, DiffTag, capture_diff_slices_deadline};

use super::value::{literal, quoted};

/// How long two lists are compared; after that, more of them counts as changed.
const LIMIT: Duration = Duration::from_millis(500);

/// One value inside of another that changed, came or went.
#[derive(Debug, PartialEq)]
pub(super) struct Difference<'a> {
    /// Where it is: `a.b['c d'][0]`.
    pub(super) path: String,
    pub(super) old: Option<&'a Value>,
    pub(super) new: Option<&'a Value>,
}

/// What differs inside. `None` if these are not two objects or two lists.
pub(super) fn differences<'a>(old: &'a Value, new: &'a Value) -> Option<Vec<Difference<'a>>> {
    let are_nested = old.is_object() && new.is_object() || old.is_array() && new.is_array();
    let mut found = Vec::new();
    if are_nested {
        compare(String::new(), old, new, &mut found);
    }
    are_nested.then_some(found)
}

fn compare<'a>(path: String, old: &'a Value, new: &'a Value, found: &mut Vec<Difference<'a>>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                step(at_key(&path, key), before.get(key), after.get(key), found);
            }
        }
        (Value::Array(before), Value::Array(after)) => compare_lists(&path, before, after, found),
        (old, new) if old == new => {}
        (old, new) => found.push(Difference {
            path,
            old: Some(old),
            new: Some(new),
        }),
    }
}

fn step<'a>(
    path: String,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
    found: &mut Vec<Difference<'a>>,
) {
    match (old, new) {
        (Some(old), Some(new)) => compare(path, old, new, found),
        (old, new) => found.push(Difference { path, old, new }),
    }
}

fn compare_lists<'a>(
    path: &str,
    old: &'a [Value],
    new: &'a [Value],
    found: &mut Vec<Difference<'a>>,
) {
    let literals = |items: &[Value]| items.iter().map(literal).collect::<Vec<_>>();
    let (before, after) = (literals(old), literals(new));
    let deadline = Some(Instant::now() + LIMIT);
    for op in capture_diff_slices_deadline(Algorithm::Myers, &before, &after, deadline) {
        if op.tag() == DiffTag::Equal {
            continue;
        }
        let (from, to) = (op.old_range(), op.new_range());
        for i in 0..from.len().max(to.len()) {
            let (was, is) = (from.start + i, to.start + i);
            let old = old.get(was).filter(|_| from.contains(&was));
            let new = new.get(is).filter(|_| to.contains(&is));
            // What stays has its new place, what goes the place that it had.
            let place = if new.is_some() { is } else { was };
            step(format!("{path}[{place}]"), old, new, found);
        }
    }
}

fn at_key(path: &str, key: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    match (key.is_empty() || !key.chars().all(is_word), path) {
        (true, path) => format!("{path}[{}]", quoted(key)),
        (false, "") => key.to_owned(),
        (false, path) => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(old: &Value, new: &Value, expected: &[&str]) {
        let text = |value: Option<&Value>| value.map_or("-".to_owned(), literal);
        let found = differences(old, new).unwrap();
        let found = found
            .iter()
            .map(|one| format!("{} {} {}", one.path, text(one.old), text(one.new)));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn keys_lead_to_what_differs() {
        check(
            &json!({"a": {"b": 1, "c d": [1, 2, {"x": 1}]}, "gone": None::<u8>, "same": {}}),
            &json!({"a": {"b": 2, "c d": [1, 2, {"x": 3}]}, "new": [], "same": {}}),
            &["a.b 1 2", "a['c d'][2].x 1 3", "gone None -", "new - []"],
        );
        check(
            &json!([1, 2, 3, 4]),
            &json!([0, 1, 2, 4]),
            &["[0] - 0", "[2] 3 -"],
        );
        check(
            &json!({"a": {"b": 1}}),
            &json!({"a": [1]}),
            &["a {'b': 1} [1]"],
        );
        assert_eq!(differences(&json!("a"), &json!({})), None);
        assert_eq!(differences(&json!([]), &json!({})), None);
    }
}
