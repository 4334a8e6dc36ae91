//! A tree from the JSON that it was exported to.

use base64::Engine as _;
use serde_json::{Map, Value};

use super::FROM_OUTSIDE;
use super::copy::declare_node;
use crate::model::acl::{Acl, AclEntry, AclError};
use crate::model::node::{Content, Declared, LiveNode, Outside, RAW_DATA};
use crate::model::path::{self, ZPath};
use crate::model::tree::Tree;
use crate::syntax::parser::HIDDEN;

/// Why JSON is no exported tree.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It is no JSON, or its nodes are nested too deeply.
    #[error("it is no JSON: {0}")]
    NotJson(serde_json::Error),
    /// A node is not what an export looks like.
    #[error("{path}: it is no exported node: {what}")]
    NotExported {
        /// The node.
        path: ZPath,
        /// What is wrong with it.
        what: &'static str,
    },
    /// No node can have this name.
    #[error("{parent}: the name {name:?} of a child: {reason}")]
    Name {
        /// The node around it.
        parent: ZPath,
        /// The name.
        name: String,
        /// Why not.
        reason: path::Error,
    },
    /// An entry of an ACL is none.
    #[error("{path}: {reason}")]
    Acl {
        /// The node.
        path: ZPath,
        /// Why not.
        reason: AclError,
    },
}

/// The declared tree that [`write_json`](super::write_json) has written, its top-level nodes at `place`.
/// An ACL that the server has masked is as none.
///
/// # Errors
/// The text is no such JSON.
pub fn parse_json(text: &[u8], place: &ZPath) -> Result<Tree<Declared>, JsonError> {
    let mut root: Value = serde_json::from_slice(text).map_err(JsonError::NotJson)?;
    let mut nodes = Vec::new();
    let mut waiting = vec![(place.clone(), children(place, &mut root)?)];
    while let Some((parent, children)) = waiting.pop() {
        for (name, mut json) in children {
            if let Err(reason) = path::check_name(&name) {
                return Err(JsonError::Name {
                    parent,
                    name,
                    reason,
                });
            }
            let path = parent.join(&name);
            let below = self::children(&path, &mut json)?;
            nodes.push((path.clone(), node(&path, &json)?));
            waiting.push((path, below));
        }
    }
    Ok(nodes.into_iter().collect())
}

/// Takes the children out of a node's object.
fn children(path: &ZPath, json: &mut Value) -> Result<Map<String, Value>, JsonError> {
    match json.get_mut("children").map(Value::take) {
        Some(Value::Object(children)) => Ok(children),
        _ => Err(wrong(path, "it has no object \"children\"")),
    }
}

fn node(path: &ZPath, json: &Value) -> Result<Declared, JsonError> {
    let Some(Value::Object(properties)) = json.get("properties") else {
        return Err(wrong(path, "it has no object \"properties\""));
    };
    let mut node = match json.get("data") {
        None => {
            let object = serde_json::to_vec(properties).map_err(JsonError::NotJson)?;
            declare_node(&LiveNode::with_data(object))
        }
        Some(data) => {
            let base64 = data.get("base64").and_then(Value::as_str);
            let engine = &base64::engine::general_purpose::STANDARD;
            let bytes = base64.and_then(|text| engine.decode(text).ok());
            let bytes = bytes.ok_or_else(|| wrong(path, "its \"data\" is no base64"))?;
            Declared {
                content: Content::Raw {
                    bytes: bytes.into(),
                    origin: None,
                },
                ..Declared::default()
            }
        }
    };
    if let Some(lacking) = json.get(FROM_OUTSIDE) {
        if json.get("data").is_some() {
            let what = "it has \"data\" and \"from_outside\"";
            return Err(wrong(path, what));
        }
        lack(path, &mut node, lacking)?;
    }
    node.ephemeral = json.get("ephemeral") == Some(&Value::Bool(true));
    node.acl_is_deep = json.get("acl_deep") == Some(&Value::Bool(true));
    if let Some(acl) = json.get("acl") {
        let entries = acl.as_array().map(Vec::as_slice).unwrap_or_default();
        let entry = |entry: &Value| {
            let text = entry.as_str();
            let text = text.ok_or_else(|| wrong(path, "an entry of its \"acl\" is no string"))?;
            AclEntry::parse(text).map_err(|reason| JsonError::Acl {
                path: path.clone(),
                reason,
            })
        };
        let entries = entries.iter().map(entry).collect::<Result<_, _>>()?;
        node.acl = Some(Acl { entries }.into());
    }
    Ok(node)
}

/// Has a node lack the values that the JSON does not hold.
fn lack(path: &ZPath, node: &mut Declared, lacking: &Value) -> Result<(), JsonError> {
    const WRONG: &str = "its \"from_outside\" is no object of strings";
    let lacking = lacking.as_object().ok_or_else(|| wrong(path, WRONG))?;
    if lacking.is_empty() {
        return Err(wrong(path, "its \"from_outside\" names nothing"));
    }
    let mut properties = node.properties();
    let is_data = lacking.contains_key(RAW_DATA);
    if is_data && !properties.is_empty() {
        let what = "its data is from outside, and it has properties";
        return Err(wrong(path, what));
    }
    for (name, from) in lacking {
        let from = from.as_str().ok_or_else(|| wrong(path, WRONG))?;
        let outside = Outside {
            from: from.into(),
            lacks: Some("the JSON does not hold it".into()),
        };
        node.outside.insert(name.clone(), outside);
        properties.insert(name.clone(), HIDDEN.into());
    }
    node.content = match is_data {
        true => Content::Raw {
            bytes: HIDDEN.as_bytes().into(),
            origin: None,
        },
        false => Content::Properties(properties.into()),
    };
    let secret = std::mem::take(&mut node.secret);
    node.secret = secret.with(node.outside.keys());
    Ok(())
}

fn wrong(path: &ZPath, what: &'static str) -> JsonError {
    let path = path.clone();
    JsonError::NotExported { path, what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{declare, export};

    fn json(tree: &Tree<Declared>) -> String {
        let mut text = Vec::new();
        export::write_json(tree, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_tree_comes_back_from_its_json() {
        let source = declare::declare(
            "/a : t\n  x = 1e400\n  y = [None, {'k': 'é'}]\n  l -> /b\n  p => /b q\n\
             \x20 /raw\n    @data base64 '/wA='\n  /text\n    @data 'x'\n\
             /b\n  @acl world:anyone:r\n  q = 1\n  /\"c d\"\n",
        );
        let source = source.unwrap();
        let text = json(source.tree());
        let parsed = parse_json(text.as_bytes(), &ZPath::root()).unwrap();
        assert_eq!(json(&parsed), text);
        let bytes = |tree: &Tree<Declared>| -> Vec<_> {
            let nodes = tree.iter();
            let node = |(path, node): &(ZPath, Declared)| {
                (path.to_string(), node.bytes().to_vec(), node.acl.clone())
            };
            nodes.map(node).collect()
        };
        assert_eq!(bytes(&parsed), bytes(source.tree()));
    }

    /// Nobody can take what stands in the place of a value for one.
    #[test]
    fn a_value_that_was_not_had_is_none_and_comes_back_as_none() {
        let source = declare::declare(
            "/a\n  x = '(secret)'\n  @secret p from env P\n/b\n  @secret @data from file 'b'\n",
        );
        let text = json(source.unwrap().tree());
        let parsed: Value = serde_json::from_str(&text).unwrap();
        let node = |name: &str| parsed["children"][name].clone();
        let a = serde_json::json!({
            "properties": {"x": "(secret)"}, "from_outside": {"p": "env P"}, "children": {},
        });
        let b = serde_json::json!({
            "properties": {}, "from_outside": {"@data": "file 'b'"}, "children": {},
        });
        assert_eq!((node("a"), node("b")), (a, b));
        let tree = parse_json(text.as_bytes(), &ZPath::root()).unwrap();
        assert_eq!(json(&tree), text);
        let lacks = |path: &str, name: &str| {
            let node = tree.get(&ZPath::parse(path).unwrap()).unwrap();
            node.lacks(name) && node.secret.covers(name)
        };
        assert!(lacks("/a", "p") && !lacks("/a", "x") && lacks("/b", "@data"));
    }

    #[test]
    fn what_is_no_export_is_told() {
        let told = |text: &str| {
            let parsed = parse_json(text.as_bytes(), &ZPath::root());
            parsed.unwrap_err().to_string()
        };
        assert!(told("/a\n").starts_with("it is no JSON: "));
        let node = |json: &str| told(&format!("{{\"children\": {{\"a\": {json}}}}}"));
        assert_eq!(
            told("{}"),
            "/: it is no exported node: it has no object \"children\""
        );
        assert_eq!(
            node("{\"children\": {}}"),
            "/a: it is no exported node: it has no object \"properties\""
        );
        assert_eq!(
            node("{\"properties\": {}, \"data\": 1, \"children\": {}}"),
            "/a: it is no exported node: its \"data\" is no base64"
        );
        for lacking in ["1", "{\"x\": 1}"] {
            assert_eq!(
                node(&format!(
                    "{{\"properties\": {{}}, \"from_outside\": {lacking}, \"children\": {{}}}}"
                )),
                "/a: it is no exported node: its \"from_outside\" is no object of strings"
            );
        }
        for (node_of, what) in [
            (
                r#"{"properties": {}, "from_outside": {}, "children": {}}"#,
                "its \"from_outside\" names nothing",
            ),
            (
                r#"{"properties": {}, "data": {"base64": "eA=="}, "from_outside": {"p": "env P"}, "children": {}}"#,
                "it has \"data\" and \"from_outside\"",
            ),
            (
                r#"{"properties": {"x": 1}, "from_outside": {"@data": "env P"}, "children": {}}"#,
                "its data is from outside, and it has properties",
            ),
        ] {
            assert_eq!(node(node_of), format!("/a: it is no exported node: {what}"));
        }
        assert!(told("{\"children\": {\"a/b\": {}}}").starts_with("/: the name \"a/b\""));
        assert!(
            node("{\"properties\": {}, \"acl\": [\"x\"], \"children\": {}}").starts_with("/a: ")
        );
    }
}
