//! The declaration that copies a live node.

use serde_json::Value;

use crate::model::node::{Content, Declared, DeclaredProperties, LiveNode};
use crate::model::value::{Data, NotJson, sole_string};
use crate::syntax::ast::MAX_DEPTH;
use crate::syntax::characters::is_space;
use crate::syntax::names::is_storable_name;

/// The declaration that a live node meets exactly.
///
/// Declared elsewhere, it gives a node with the same data; only JSON may be spelled otherwise.
#[must_use]
pub fn declare_node(live: &LiveNode) -> Declared {
    let stored = DeclaredProperties::stored(&live.data).map(Content::Properties);
    declare(live, stored.unwrap_or_else(|| content(&live.data)))
}

pub(super) fn declare(live: &LiveNode, content: Content) -> Declared {
    Declared {
        content,
        acl: live.acl.clone(),
        ephemeral: live.ephemeral,
        ..Declared::default()
    }
}

pub(super) fn raw(data: &[u8]) -> Content {
    Content::Raw {
        bytes: data.into(),
        origin: None,
    }
}

fn content(data: &[u8]) -> Content {
    match Data::decode(data) {
        Data::Binary(_) => raw(data),
        // No properties are stored as `{}`, which is not the same bytes.
        Data::Properties(properties) if properties.is_empty() && is_blank_data(data) => raw(data),
        // Values that JSON cannot hold have no spelling in tree text either.
        Data::Properties(_) if is_beyond_json(data) => raw(data),
        // This object would be written as bare text.
        Data::Properties(properties) if sole_string(&properties).is_some() => raw(data),
        Data::Properties(properties) if properties.values().any(is_too_deep) => raw(data),
        Data::Text(text) if !is_storable_name(&text) => raw(data),
        data => Content::Properties(data.into_properties().into()),
    }
}

fn is_beyond_json(data: &[u8]) -> bool {
    matches!(
        NotJson::of(data),
        Some(NotJson::Number | NotJson::Surrogate)
    )
}

fn is_blank_data(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(|text| text.chars().all(is_space))
}

fn is_too_deep(value: &Value) -> bool {
    let mut level = vec![value];
    for _ in 0..MAX_DEPTH {
        level = level
            .into_iter()
            .flat_map(|value| -> Box<dyn Iterator<Item = &Value>> {
                match value {
                    Value::Array(items) => Box::new(items.iter()),
                    Value::Object(map) => Box::new(map.values()),
                    _ => Box::new(std::iter::empty()),
                }
            })
            .collect();
    }
    level
        .iter()
        .any(|value| value.is_array() || value.is_object())
}
