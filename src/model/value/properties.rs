//! The properties of a node.

use std::collections::BTreeMap;

use serde_json::Value;

/// The properties of a node by name: plain ones, `type`, links (`"x ->"`, `"x =>"`).
pub type Properties = BTreeMap<String, Value>;
