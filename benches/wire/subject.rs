//! What is worked on: a tree as files for zkt, and as nodes for the floor.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use zkt::Layers;
use zkt::export;
use zkt::model::node::{Content, Declared, Standing};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::model::value::Properties;

/// A node as it stands on the server.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Below the chroot.
    pub(crate) path: String,
    pub(crate) data: Vec<u8>,
}

impl Node {
    pub(crate) fn empty(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            data: Vec::new(),
        }
    }
}

/// A declared tree.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The layer that zkt is given.
    pub(crate) layer: PathBuf,
    pub(crate) tree: Tree<Declared>,
    pub(crate) nodes: Vec<Node>,
    /// Bytes of tree text.
    pub(crate) text: usize,
}

impl Subject {
    /// Reads a layer as zkt itself does.
    pub(crate) fn read(layer: &Path) -> Self {
        let names = [layer.display().to_string()];
        let source = zkt::load(Layers::new(names));
        let source = source.unwrap_or_else(|problems| panic!("{problems}"));
        let (tree, texts) = source.into_parts();
        let text = texts.iter().map(|source| source.text.len()).sum();
        let node = |(path, node): &(ZPath, Declared)| Node {
            path: path.as_str().to_owned(),
            data: node.bytes().to_vec(),
        };
        Self {
            layer: layer.to_owned(),
            nodes: tree.iter().map(node).collect(),
            tree,
            text,
        }
    }

    /// For people.
    pub(crate) fn about(&self) -> String {
        let data: usize = self.nodes.iter().map(|node| node.data.len()).sum();
        format!(
            "{} nodes, {:.1} MB of data, {:.1} MB of text",
            self.nodes.len(),
            data as f64 / 1e6,
            self.text as f64 / 1e6,
        )
    }

    pub(crate) fn levels(&self) -> usize {
        let depths = self.tree.iter().map(|(path, _)| path.depth());
        depths.max().unwrap_or(0)
    }

    /// The same tree with another value in one property of each of `share` of its nodes, and those
    /// nodes. A node without properties gets one.
    pub(crate) fn changed(&self, share: f64, file: &Path) -> (Self, Vec<Node>) {
        let mut tree = self.tree.clone();
        let mut picked = picker(share);
        let mut paths = HashSet::new();
        for (path, node) in tree.iter_mut() {
            let Content::Properties(properties) = &mut node.content else {
                continue;
            };
            if node.standing == Standing::Declared && picked() {
                *properties = changed(properties.decode()).into();
                paths.insert(path.as_str().to_owned());
            }
        }
        let subject = Self::write(&tree, file);
        let nodes = subject.nodes.iter();
        let nodes = nodes
            .filter(|node| paths.contains(&node.path))
            .cloned()
            .collect();
        (subject, nodes)
    }

    /// The same tree without `share` of its nodes, none of which has children or is named by a
    /// link, and the nodes that it lacks.
    pub(crate) fn without(&self, share: f64, file: &Path) -> (Self, Vec<Node>) {
        let linked: HashSet<String> = self.tree.iter().flat_map(targets).collect();
        let nodes = self.tree.as_slice();
        let may_go = |i: usize| {
            let (path, node) = &nodes[i];
            let leaf = nodes
                .get(i + 1)
                .is_none_or(|(next, _)| !next.is_within(path));
            leaf && path.depth() > 1
                && node.standing == Standing::Declared
                && !linked.contains(path.as_str())
        };
        let candidates: Vec<usize> = (0..nodes.len()).filter(|&i| may_go(i)).collect();
        let mut picked = picker(share * nodes.len() as f64 / candidates.len().max(1) as f64);
        let gone: HashSet<usize> = candidates.into_iter().filter(|_| picked()).collect();
        let kept = (0..nodes.len()).filter(|i| !gone.contains(i));
        let subject = Self::write(&kept.map(|i| nodes[i].clone()).collect(), file);
        let gone = (0..nodes.len()).filter(|i| gone.contains(i));
        (subject, gone.map(|i| self.nodes[i].clone()).collect())
    }

    fn write(tree: &Tree<Declared>, file: &Path) -> Self {
        let mut text = Vec::new();
        export::write_text(tree, &mut text).expect("memory takes it");
        fs::write(file, text).expect("a file of its own");
        Self::read(file)
    }
}

/// Says yes to this share of its calls, evenly spread, the first among them.
fn picker(share: f64) -> impl FnMut() -> bool {
    let mut sum = 1.0;
    move || {
        let yes = sum >= 1.0;
        sum += share - f64::from(u8::from(yes));
        yes
    }
}

fn changed(mut properties: Properties) -> Properties {
    let is_plain = |name: &str| name != "type" && zkt::syntax::names::split_link(name).is_none();
    let value = "changed".into();
    match properties.iter_mut().find(|(name, _)| is_plain(name)) {
        Some((_, property)) => *property = value,
        None => _ = properties.insert("changed".to_owned(), value),
    }
    properties
}

/// The paths that the links of a node name, as far as they can be told without following others.
fn targets((path, node): &(ZPath, Declared)) -> Vec<String> {
    let Content::Properties(properties) = &node.content else {
        return Vec::new();
    };
    let links = properties.links();
    let links = links.iter().filter_map(|(name, value)| {
        let (_, kind) = zkt::syntax::names::split_link(name)?;
        let target = value.as_str()?;
        Some(match kind {
            zkt::syntax::names::LinkKind::Symbolic => target,
            zkt::syntax::names::LinkKind::Property => {
                zkt::syntax::names::split_property_link(target).0
            }
        })
    });
    links.map(|target| join(path, target)).collect()
}

fn join(base: &ZPath, target: &str) -> String {
    let mut names: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => base.names().collect(),
    };
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => _ = names.pop(),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}
