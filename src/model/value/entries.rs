//! The entries of a JSON object, found without decoding it.

use std::borrow::Cow;

use crate::syntax::scanner::tokens::json_string;

/// A property of an object, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The name, borrowed where it is written without escapes.
    pub name: Cow<'a, str>,
    /// The value, as JSON.
    pub value: &'a str,
    /// Both, as they are written.
    pub text: &'a str,
}

/// See [`entries`].
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    text: &'a str,
    at: usize,
}

/// The entries of an object in their order. The object must be valid JSON. Anything
/// else has no entries, and iteration ends at the first mistake.
#[must_use]
pub fn entries(object: &[u8]) -> Entries<'_> {
    let text = std::str::from_utf8(object).unwrap_or_default();
    let at = text.find('{').map_or(text.len(), |bracket| bracket + 1);
    Entries { text, at }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let entry = self.read();
        if entry.is_none() {
            self.at = self.text.len();
        }
        entry
    }
}

impl<'a> Entries<'a> {
    fn read(&mut self) -> Option<Entry<'a>> {
        let bytes = self.text.as_bytes();
        let start = end_of_run(bytes, self.at, |byte| is_blank(byte) || byte == b',');
        let (name_end, has_escapes) = json_string(bytes, start)?;
        let name = match has_escapes {
            true => Cow::Owned(decode(&self.text[start..name_end])?),
            false => Cow::Borrowed(&self.text[start + 1..name_end - 1]),
        };
        let value = end_of_run(bytes, name_end, |byte| is_blank(byte) || byte == b':');
        self.at = end_of_value(bytes, value)?;
        (self.at > value).then(|| Entry {
            name,
            value: &self.text[value..self.at],
            text: &self.text[start..self.at],
        })
    }
}

/// A name with escapes.
fn decode(json: &str) -> Option<String> {
    let name = serde_json::from_str(json).ok();
    name.or_else(|| super::repair::value(json)?.as_str().map(str::to_owned))
}

/// The end of the value that starts at `start`. Returns `None` if it does not end.
fn end_of_value(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => at = json_string(bytes, at)?.0,
            b'[' | b'{' => {
                depth += 1;
                at += 1;
                continue;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ if depth > 0 => {
                at += 1;
                continue;
            }
            _ => {
                let is_scalar = |byte| !is_blank(byte) && !matches!(byte, b',' | b'}');
                at = end_of_run(bytes, at, is_scalar);
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The end of the run of such bytes that starts at `start`.
fn end_of_run(bytes: &[u8], start: usize, is_in: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is_in(*byte));
    length.map_or(bytes.len(), |length| start + length)
}

/// The blanks of JSON.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn list(text: &str) -> Vec<(String, String)> {
        entries(text.as_bytes())
            .map(|entry| (entry.name.into_owned(), entry.value.to_owned()))
            .collect()
    }

    #[test]
    fn finds_what_an_object_holds() {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(list("{}"), []);
        assert_eq!(list(" { } "), []);
        assert_eq!(
            list(r#"{"a":1,"b":"x, \"y\": }","c":[1,{"d":"]"}],"":null}"#),
            [
                own("a", "1"),
                own("b", r#""x, \"y\": }""#),
                own("c", r#"[1,{"d":"]"}]"#),
                own("", "null"),
            ]
        );
        assert_eq!(
            list(" {\n\t\"\\u0061\\\\\" :\r\n -1.5e3 , \"a\" : true }\n"),
            [own("a\\", "-1.5e3"), own("a", "true")]
        );
    }

    #[test]
    fn ends_where_there_is_a_mistake() {
        for text in [
            "",
            "x",
            "[1]",
            "{",
            "{\"",
            "{\"a",
            "{\"a\\",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":\"",
            "{\"a\":[",
            "{\"a\":]",
            "{1:2}",
            "{\"\\x\":1}",
            "{\"a\":}",
            "{\"a\":1",
        ] {
            assert!(list(text).len() <= 1, "{text:?}");
        }
        assert_eq!(entries(b"\xff{\"a\":1}").count(), 0);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            r#"[a"\\{}\[\],: é\n𝄞]{0,6}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(r#"[a"\\}, é]{0,3}"#, inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn says_what_decoding_says(
            map in proptest::collection::btree_map(r#"[ab"\\}:, é]{0,4}"#, json(), 0..5),
            pretty: bool,
        ) {
            let text = match pretty {
                true => serde_json::to_string_pretty(&map),
                false => serde_json::to_string(&map),
            };
            let found: BTreeMap<String, Value> = list(&text.unwrap())
                .into_iter()
                .map(|(name, value)| (name, serde_json::from_str(&value).unwrap()))
                .collect();
            prop_assert_eq!(found, map);
        }
    }
}
