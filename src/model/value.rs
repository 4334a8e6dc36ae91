//! JSON values as the language has them, and the data of a node: encoding, decoding, equality.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Number, Value};

mod entries;
mod kind;
mod properties;
mod python;
mod repair;

pub use entries::{Entries, Entry, entries};
pub use kind::kind_of_text;
pub use properties::Properties;
pub use python::beyond_json;
pub use repair::NotJson;

use crate::syntax::ast::MAX_DEPTH;
use crate::syntax::characters::is_space;
use crate::syntax::names::{NUMBER_TOKEN, is_storable_name, split_link};

/// The name of the one property that is stored as its bare text.
pub const STRING_VALUE: &str = "string_value";

/// The property that a node's type is stored as.
pub const TYPE: &str = "type";

/// The data of a node, decoded.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A JSON object. Empty data is one without properties.
    Properties(Properties),
    /// Text that is no JSON object: the property `string_value` alone.
    Text(String),
    /// Bytes that are not UTF-8.
    Binary(Vec<u8>),
}

impl Data {
    /// Decodes node data: empty or blank data is no properties; what starts with `{`, ends with
    /// `}` and parses as JSON, or as Python's `json.dumps` writes it, is that object; anything else
    /// stands for itself.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Self::Binary(bytes.to_vec());
        };
        let trimmed = text.trim_matches(is_space);
        if trimmed.is_empty() {
            return Self::Properties(Properties::new());
        }
        let object = trimmed.trim_start_matches('\u{feff}');
        if object.starts_with('{') && object.ends_with('}') && !object.contains(NUMBER_TOKEN) {
            if let Ok(properties) = serde_json::from_str(trimmed) {
                return Self::Properties(properties);
            }
            if let Some((properties, _)) = python::read(trimmed) {
                return Self::Properties(properties);
            }
        }
        Self::Text(text.to_owned())
    }

    /// The data that stores `properties`.
    #[must_use]
    pub fn of(properties: Properties) -> Self {
        match sole_string(&properties) {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Properties(properties),
        }
    }

    /// The data that is these raw bytes.
    #[must_use]
    pub fn raw(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Binary(bytes.to_vec()),
        }
    }

    /// The bytes to store.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Properties(properties) => {
                serde_json::to_vec(properties).expect("maps with string keys always encode")
            }
            Self::Text(text) => text.clone().into_bytes(),
            Self::Binary(bytes) => bytes.clone(),
        }
    }

    /// The data that takes the place of `live`. Properties for which `is_set` does not hold stay
    /// as they are: what JSON cannot hold of them keeps its spelling.
    #[must_use]
    pub fn encode_over(self, live: &[u8], is_set: impl Fn(&str) -> bool) -> Encoded {
        let object = match &self {
            Self::Properties(properties) => python::encode_over(properties, live, is_set),
            Self::Text(_) | Self::Binary(_) => None,
        };
        match object {
            Some(object) => Encoded::object(&object),
            None => self.into(),
        }
    }

    /// The properties of this data. Binary data has none.
    #[must_use]
    pub fn into_properties(self) -> Properties {
        match self {
            Self::Properties(properties) => properties,
            Self::Text(text) => Properties::from([(STRING_VALUE.to_owned(), Value::String(text))]),
            Self::Binary(_) => Properties::new(),
        }
    }
}

/// The stored data of a node, shared by all owners, with the kind of data that it is.
///
/// A bare text may look like an object, so the bytes alone do not show the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    bytes: Arc<[u8]>,
    form: Form,
}

/// The kind of [`Data`] that the bytes encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Properties,
    Text,
    Binary,
}

impl Encoded {
    /// Bytes that are the JSON object of some properties, as [`Data::encode`] writes it.
    pub(crate) fn object(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.into(),
            form: Form::Properties,
        }
    }

    /// Raw bytes.
    #[must_use]
    pub fn raw(bytes: Arc<[u8]>) -> Self {
        let form = match std::str::from_utf8(&bytes) {
            Ok(_) => Form::Text,
            Err(_) => Form::Binary,
        };
        Self { bytes, form }
    }

    /// The bytes to store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The properties with a name for which `keep` holds, without decoding the others.
    #[must_use]
    pub fn select(&self, mut keep: impl FnMut(&str) -> bool) -> Properties {
        if self.form != Form::Properties {
            return self.decode().into_properties();
        }
        let kept = entries(&self.bytes).filter(|entry| keep(&entry.name));
        let decoded = kept.map(|Entry { name, value, .. }| (name.into_owned(), value_of(value)));
        decoded.collect()
    }

    /// Whether there is a property of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        match self.form {
            Form::Properties => entries(&self.bytes).any(|entry| entry.name == name),
            _ => self.get(name).is_some(),
        }
    }

    /// The value of one property, without decoding the others.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        if self.form != Form::Properties {
            return self.decode().into_properties().remove(name);
        }
        let entry = entries(&self.bytes).find(|entry| entry.name == name)?;
        Some(value_of(entry.value))
    }

    /// Whether the bytes are an object of properties.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.form == Form::Properties
    }

    /// The properties as an object, also where they are stored as bare text.
    #[must_use]
    pub fn to_object(&self) -> Cow<'_, [u8]> {
        match self.form {
            Form::Properties => Cow::Borrowed(&self.bytes),
            _ => Cow::Owned(Data::Properties(self.decode().into_properties()).encode()),
        }
    }

    /// Decodes the bytes.
    #[must_use]
    pub fn decode(&self) -> Data {
        match self.form {
            Form::Properties => match Data::decode(&self.bytes) {
                data @ Data::Properties(_) => data,
                _ => Data::Properties(self.select(|_| true)),
            },
            Form::Text => Data::Text(String::from_utf8_lossy(&self.bytes).into_owned()),
            Form::Binary => Data::Binary(self.bytes.to_vec()),
        }
    }
}

/// A value of an object that was encoded from properties. One that cannot be decoded is shown as
/// it is written.
fn value_of(json: &str) -> Value {
    let value = serde_json::from_str(json).ok();
    let value = value.or_else(|| repair::value(json));
    value.unwrap_or_else(|| Value::String(json.to_owned()))
}

/// The object that data stores, with facts about the names in it. Its values are not
/// examined.
pub(crate) fn stored_object(data: &[u8]) -> Option<(&[u8], Names)> {
    let text = std::str::from_utf8(data).ok()?.trim_matches(is_space);
    if !text.starts_with('{') {
        return None;
    }
    let brackets = text.bytes().filter(|byte| matches!(byte, b'[' | b'{'));
    let is_shallow = brackets.count() <= MAX_DEPTH;
    // Skipped values are not checked for halves of surrogate pairs.
    let has = |byte: u8, word: &str| {
        memchr::memchr(byte, text.as_bytes()).is_some() && text.contains(word)
    };
    if !is_shallow || has(b'$', NUMBER_TOKEN) || has(b'\\', "\\u") {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let names = deserializer.deserialize_map(CountNames).ok()?;
    deserializer.end().ok()?;
    Some((text.as_bytes(), names))
}

/// The names in an object. A name may occur more than once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) count: usize,
    pub(crate) has_links: bool,
    /// Whether `string_value` is one of them.
    pub(crate) has_string_value: bool,
}

struct CountNames;

impl<'de> Visitor<'de> for CountNames {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Names::default();
        while let Some((Name(name), IgnoredAny)) = map.next_entry()? {
            names.count += 1;
            names.has_links |= split_link(&name).is_some();
            names.has_string_value |= name == STRING_VALUE;
        }
        Ok(names)
    }
}

/// A name, borrowed where it is written without escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl From<Data> for Encoded {
    fn from(data: Data) -> Self {
        Self {
            bytes: data.encode().into(),
            form: match data {
                Data::Properties(_) => Form::Properties,
                Data::Text(_) => Form::Text,
                Data::Binary(_) => Form::Binary,
            },
        }
    }
}

/// The text of `string_value` where it is the only property, and so stored bare.
#[must_use]
pub fn sole_string(properties: &Properties) -> Option<&str> {
    match properties.first_key_value() {
        Some((name, Value::String(text))) if properties.len() == 1 && name == STRING_VALUE => {
            Some(text)
        }
        _ => None,
    }
}

/// Whether `value` can be written to a node and read back as itself.
#[must_use]
pub fn is_storable(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(is_storable),
        Value::Object(map) => map
            .iter()
            .all(|(k, v)| is_storable_name(k) && is_storable(v)),
        Value::String(text) => !text.contains(NUMBER_TOKEN),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Equality as JSON: numbers by value, the order of keys ignored.
#[must_use]
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => equal_numbers(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| equal(v, w)))
        }
        _ => a == b,
    }
}

/// Equality of properties as one JSON object.
#[must_use]
pub fn equal_properties(a: &Properties, b: &Properties) -> bool {
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|((k, v), (l, w))| k == l && equal(v, w))
}

fn equal_numbers(a: &Number, b: &Number) -> bool {
    let (a, b) = (a.as_str(), b.as_str());
    a == b || matches!((Decimal::of(a), Decimal::of(b)), (Some(a), Some(b)) if a == b)
}

/// A JSON number as sign, significant digits and power of ten, so that equal numbers are equal
/// whatever their size and spelling.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i128,
}

impl Decimal {
    /// `None` if the exponent itself is too large.
    fn of(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i128>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Some(Self {
                negative: false,
                digits: String::new(),
                exponent: 0,
            });
        }
        let shift = (digits.len() - significant.len()) as i128 - fraction.len() as i128;
        let exponent = exponent.checked_add(shift)?;
        Some(Self {
            negative,
            digits: significant.to_owned(),
            exponent,
        })
    }
}

/// The order in which a node's properties are written: plain ones, then links, each by name.
#[must_use]
pub fn writing_order(a: &str, b: &str) -> Ordering {
    let key = |name| (split_link(name).is_some(), name);
    key(a).cmp(&key(b))
}
