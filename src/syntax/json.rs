//! Values in JSON, as nodes hold them, spelled as the literals of tree text.

use smallvec::SmallVec;

use crate::syntax::names::split_link;
use crate::syntax::scanner::tokens::json_string;
use crate::syntax::spelling::{property, property_name, push_literal, push_string_literal};

/// A property or link line without its indentation, of a value in JSON.
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

/// A value in valid JSON as a literal on one line: the common ones need no decoding.
pub fn push_raw_literal(out: &mut String, json: &str) {
    let before = out.len();
    if push_undecoded(out, json).is_none() {
        out.truncate(before);
        push_literal(out, &serde_json::from_str(json).unwrap_or_default());
    }
}

/// A list or an object that is being read.
enum Around<'j> {
    List,
    /// With the key that was read last.
    Object(Option<&'j str>),
}

/// Returns `None` if the value has several spellings: text with escapes, numbers with exponents,
/// objects whose keys are not in order.
fn push_undecoded(out: &mut String, json: &str) -> Option<()> {
    let mut at = 0;
    // The open lists and objects.
    let mut around: SmallVec<[Around<'_>; 8]> = SmallVec::new();
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
                if let Some(Around::Object(last)) = around.last_mut().filter(|_| is_key) {
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
                around.push(match is_key {
                    true => Around::Object(None),
                    false => Around::List,
                });
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
                is_key = matches!(around.last(), Some(Around::Object(_)));
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
            b't' | b'f' | b'n' => push_constant(out, *byte),
            b' ' | b'\t' | b'\n' | b'\r' => 1,
            _ => return None,
        };
    }
    Some(())
}

/// Spells the constant that starts with a byte; returns its length in JSON.
fn push_constant(out: &mut String, byte: u8) -> usize {
    let (json, literal) = match byte {
        b't' => ("true", "True"),
        b'f' => ("false", "False"),
        _ => ("null", "None"),
    };
    out.push_str(literal);
    json.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::syntax::spelling::literal;

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
