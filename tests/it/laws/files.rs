//! A live tree as files, and these declared: no change.

use std::collections::BTreeMap;
use std::path::PathBuf;

use zkt::export;
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::{Layers, Memory};

use super::choices::Choices;
use super::law;
use crate::ensemble::{Ensemble, Znode};
use crate::trees;

const NAMES: [&str; 8] = ["a", "b.xml", ".env", ".c", "é f", "#d", "@e", "a\"'\\"];

/// A live tree below `/top`, as another program wrote it.
fn scene(choices: &mut Choices) -> Tree<Live> {
    let mut ensemble = Ensemble::default();
    let top = trees::path("/top");
    let data = choices.bytes();
    ensemble.nodes.insert(top.clone(), Znode::new(data));
    for _ in 0..choices.below(8) {
        let depth = 1 + choices.below(3);
        let mut path = top.clone();
        for _ in 0..depth {
            path = path.join(choices.of(&NAMES));
            let data = choices.bytes();
            let node = ensemble.nodes.entry(path.clone());
            node.or_insert_with(|| Znode::new(data));
        }
    }
    ensemble.everything()
}

/// The files of a subtree, and the lines that declare them.
fn declared(live: &Tree<Live>, top: &ZPath) -> Result<Memory, String> {
    let of = export::files(live, top).map_err(|error| error.to_string())?;
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (path, bytes) in &of.files {
        let there = files.insert(PathBuf::from(format!("d/{path}")), bytes.to_vec());
        assert_eq!(there, None, "{path} twice");
    }
    files.insert(PathBuf::from("a.zkt"), of.lines("d").into_bytes());
    Ok(files.into_iter().collect())
}

fn holds(live: &Tree<Live>, top: &ZPath) {
    let files = declared(live, top).expect("no node is named @self");
    let layers = Layers::new(["a.zkt"]).files(&files);
    let source = zkt::load(layers).unwrap_or_else(|problems| panic!("{problems}"));
    let (tree, texts) = source.into_parts();
    let plan = planner::plan(&tree, live, &Policy::new(&texts));
    assert_eq!(plan.actions, [], "{files:?}");
    for (path, node) in live.subtree(top) {
        let node = node.node().expect("all were read");
        let again = tree.get(path).expect("every node is declared");
        // A top-level node's parent, the root, is no node of a tree.
        assert!(again.bytes() == node.data, "{path}: {files:?}");
    }
}

#[test]
fn a_tree_as_files_is_no_change() {
    law(
        2000,
        |choices| {
            let live = scene(choices);
            holds(&live, &trees::path("/top"));
        },
        |choices| format!("{:#?}", scene(choices)),
    );
}

#[test]
fn the_root_as_files_is_no_change() {
    let mut ensemble = Ensemble::default();
    for (path, data) in [("/a", "x"), ("/b", ""), ("/b/.c", "{}"), ("/b/d", "")] {
        let node = Znode::new(data.as_bytes().to_vec());
        ensemble.nodes.insert(trees::path(path), node);
    }
    let live = ensemble.everything();
    let files = declared(&live, &ZPath::root()).unwrap();
    let source = zkt::load(Layers::new(["a.zkt"]).files(&files)).unwrap();
    let plan = planner::plan(source.tree(), &live, &Policy::new(source.texts()));
    assert_eq!(plan.actions, []);
    assert_eq!(source.tree().len(), 4);
}

#[test]
fn what_no_file_can_be_named_is_an_error() {
    for (name, message) in [
        (
            "@self".to_owned(),
            "/top/@self cannot be a file: one of the name @self holds the bytes of the node around it"
                .to_owned(),
        ),
        (
            "x".repeat(256),
            format!("/top/{} cannot be a file: its name has more than 255 bytes", "x".repeat(256)),
        ),
    ] {
        let mut ensemble = Ensemble::default();
        for path in [trees::path("/top"), trees::path("/top").join(&name)] {
            ensemble.nodes.insert(path, Znode::new(Vec::new()));
        }
        let said = declared(&ensemble.everything(), &trees::path("/top"));
        assert_eq!(said.unwrap_err(), message);
    }
}
