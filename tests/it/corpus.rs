//! The cases recorded from zc.zk, read through the departures that the language documents.
//!
//! A case whose recorded answer does not hold here is listed by its name, with the reason and the
//! answer that holds instead.

mod parse;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use zkt::files::{Files, Kind};
use zkt::node::{Content, Declared, Standing};
use zkt::path::ZPath;
use zkt::tree::Tree;
use zkt::{layers, lower};

/// The cases of a file, or none where the corpus is not there.
fn cases(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/corpus")
        .join(file);
    let Ok(text) = std::fs::read_to_string(path) else {
        return Vec::new();
    };
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a case is JSON"))
        .collect()
}

fn name_of(case: &Value) -> &str {
    case["name"]
        .as_str()
        .or(case["id"].as_str())
        .expect("a case has a name")
}

/// Files that are one text.
pub(crate) struct OneText(pub(crate) Vec<u8>);

impl Files for OneText {
    fn kind(&self, _: &Path) -> std::io::Result<Kind> {
        Ok(Kind::File)
    }
    fn read(&self, _: &Path) -> std::io::Result<Vec<u8>> {
        Ok(self.0.clone())
    }
    fn list(&self, _: &Path) -> std::io::Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }
    fn identity(&self, path: &Path) -> std::io::Result<PathBuf> {
        Ok(path.to_owned())
    }
    fn standard_input(&self) -> std::io::Result<Vec<u8>> {
        Ok(self.0.clone())
    }
}

/// The tree that a text declares, or its errors as text with their places.
pub(crate) fn declare(text: &[u8], at: &str) -> Result<Tree<Declared>, Vec<String>> {
    let (loaded, errors) = layers::load(&["-".to_owned()], true, &OneText(text.to_vec()));
    let mut messages: Vec<String> = errors
        .iter()
        .map(|error| match error.located() {
            Some(located) => {
                let at = loaded.sources.locate(zkt::source::Located::span(located));
                format!("{}:{}: {error}", at.line, at.column)
            }
            None => error.to_string(),
        })
        .collect();
    let (tree, errors) = lower::lower(loaded.layers, &ZPath::parse(at).expect("a path"));
    messages.extend(errors.iter().map(|error| {
        let at = loaded.sources.locate(zkt::source::Located::span(error));
        format!("{}:{}: {error}", at.line, at.column)
    }));
    if messages.is_empty() {
        Ok(tree)
    } else {
        Err(messages)
    }
}

/// A tree in the corpus's form; nodes passed through count as nodes without properties.
fn nested(tree: &Tree<Declared>) -> Value {
    let mut root = serde_json::json!({"properties": {}, "children": {}});
    for (path, node) in tree {
        let mut at = &mut root;
        for name in path.names() {
            at = &mut at["children"][name];
        }
        let properties: Map<String, Value> = match (&node.content, node.standing) {
            (Content::Properties(_), Standing::Declared) => node.properties().into_iter().collect(),
            _ => Map::new(),
        };
        *at = serde_json::json!({"properties": properties, "children": {}});
    }
    root
}
