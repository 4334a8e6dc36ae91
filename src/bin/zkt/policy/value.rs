//! JSON as expressions see it.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use cel::objects::{Key, Map};
use serde_json::Value as Json;

/// Returns the same value. Numbers that are no 64-bit integers become floating-point ones.
pub(super) fn of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(is_true) => Value::Bool(*is_true),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Float(number),
            (None, None) => Value::String(Arc::new(number.to_string())),
        },
        Json::String(text) => Value::String(Arc::new(text.clone())),
        Json::Array(list) => Value::List(Arc::new(list.iter().map(of).collect())),
        Json::Object(object) => {
            let entries = object.iter();
            let map: HashMap<Key, Value> = entries
                .map(|(name, value)| (Key::from(name.as_str()), of(value)))
                .collect();
            Value::Map(Map { map: Arc::new(map) })
        }
    }
}
