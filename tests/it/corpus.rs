//! The cases recorded from zc.zk, read through the departures that the language documents.
//!
//! A case whose recorded answer does not hold here is listed by its name, with the reason and the
//! answer that holds instead.

mod codec;
mod dryrun;
mod export;
mod parse;
mod resolve;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use zkt::model::node::{Content, Declared, Live, LiveNode, Standing};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;

use crate::trees;

/// A case in which zkt does not do what zc.zk did: its name, why, and what zkt does.
type Departure = (&'static str, &'static str, &'static str);

/// The recorded answer, and the one that zkt gives.
enum Verdict {
    Same,
    Other(String),
}

/// Where the corpus is.
fn corpus() -> PathBuf {
    match std::env::var_os("ZKT_CORPUS") {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"),
    }
}

/// Checks every case of a file; without the corpus there is nothing to check.
fn check(file: &str, departures: &[Departure], judge: impl Fn(&Value) -> Verdict) {
    if !corpus().is_dir() {
        return;
    }
    let text = std::fs::read_to_string(corpus().join(file)).expect("the corpus has this file");
    let mut listed: BTreeSet<&str> = departures.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(listed.len(), departures.len(), "a case is listed twice");
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let name = case["name"].as_str().filter(|_| case["id"].is_null());
        let name = name.or(case["id"].as_str()).expect("a case has a name");
        listed.remove(name);
        let departure = departures.iter().find(|(listed, _, _)| *listed == name);
        match (judge(&case), departure) {
            (Verdict::Same, None) => {}
            (Verdict::Other(answer), Some((_, _, expected))) if answer == *expected => {}
            (Verdict::Other(answer), _) => wrong.push(format!("{name}: {answer}")),
            (Verdict::Same, Some(_)) => {
                wrong.push(format!("{name}: is listed, and does not depart"));
            }
        }
    }
    wrong.extend(
        listed
            .into_iter()
            .map(|name| format!("{name}: is listed, and not in the corpus")),
    );
    assert!(
        wrong.is_empty(),
        "{} cases of {file} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The first line of the first error.
fn first(errors: &[String]) -> String {
    errors[0].lines().next().unwrap_or_default().to_owned()
}

/// A tree in the corpus's form; nodes passed through count as nodes without properties.
fn nested(tree: &Tree<Declared>) -> Value {
    let mut root = json!({"properties": {}, "children": {}});
    for (path, node) in tree {
        let mut at = &mut root;
        for name in path.names() {
            at = &mut at["children"][name];
        }
        let properties: Map<String, Value> = match (&node.content, node.standing) {
            (Content::Properties(_), Standing::Declared) => node.properties().into_iter().collect(),
            _ => Map::new(),
        };
        *at = json!({"properties": properties, "children": {}});
    }
    root
}

/// The live tree that a case describes: a tree text, nodes set by hand, ephemeral nodes. What of
/// the text zkt refuses, zc.zk's own encoding of it says in `before_data`.
fn live_tree(case: &Value, text: &str) -> Result<Tree<Live>, String> {
    let declared = trees::declare_at(text.as_bytes(), "/");
    let mut nodes: Vec<(ZPath, Live)> = match (declared, case["before_data"].as_object()) {
        (Ok(declared), _) => zkt::plan::planner::as_live(&declared.tree)
            .into_iter()
            .collect(),
        (Err(_), Some(data)) => data
            .iter()
            .map(|(path, data)| {
                let node = LiveNode::with_data(data.as_str().expect("text").as_bytes().to_vec());
                (trees::path(path), Live::Read(node))
            })
            .collect(),
        (Err(errors), None) => return Err(first(&errors)),
    };
    let mut set = |path: &str, node: LiveNode| {
        let path = trees::path(path);
        nodes.retain(|(other, _)| *other != path);
        nodes.push((path, Live::Read(node)));
    };
    for pair in case["raw_nodes"].as_array().into_iter().flatten() {
        let data = pair[1].as_str().expect("text").as_bytes().to_vec();
        set(pair[0].as_str().expect("a path"), LiveNode::with_data(data));
    }
    // The server's own nodes, which no tree text can hold.
    for path in ["/zookeeper", "/zookeeper/config", "/zookeeper/quota"] {
        set(path, LiveNode::with_data(Vec::new()));
    }
    for ephemeral in case["ephemerals"].as_array().into_iter().flatten() {
        let path = ephemeral.as_str().expect("a path");
        let data = case["ephemeral_data"][path]
            .as_str()
            .or(case["before_data"][path].as_str());
        let data = data.unwrap_or("{}");
        set(
            path,
            LiveNode {
                ephemeral: true,
                ..LiveNode::with_data(data.as_bytes().to_vec())
            },
        );
    }
    Ok(nodes.into_iter().collect())
}
