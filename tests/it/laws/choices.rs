use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use zkt::model::acl::{Acl, AclEntry};
use zkt::model::node::{Content, Declared, Secret, Standing};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::syntax::names::Globs;

use crate::ensemble::{Ensemble, Znode};

/// Random bytes that stand for choices; after their end every choice is the first one.
pub(super) struct Choices<'b> {
    bytes: &'b [u8],
}

pub(super) const NAMES: [&str; 9] = ["a", "b", "a-", "c:1", "é b", "#d", "@e", "\"q", "zookeeper"];

/// Spelled as JSON: how node data and declarations come by them.
const VALUES: [&str; 20] = [
    "1",
    "1.0",
    "2",
    "0",
    "-0.0",
    "1e2",
    "100",
    "true",
    "null",
    "\"x\"",
    "\"\"",
    "\"é\\n'\\\"\\\\ \\u0000\\u202e😀\"",
    "123456789012345678901234567890",
    "0.1000000000000000055511151231257827",
    "1e400",
    "[]",
    "[1,[2.0,{}],\"a\"]",
    "{\"k\":{\"l\":[null]}}",
    "{}",
    "\"/a/b\"",
];

const PROPERTIES: [&str; 16] = [
    "x",
    "y",
    "type",
    "string_value",
    "a b",
    "",
    "a=b",
    "/s",
    "#h",
    "@keep",
    "x->",
    "\"q\"",
    "n\n",
    "=> z",
    "x y ",
    "é",
];

const LINKS: [&str; 6] = ["l ->", "b ->", "p =>", "x =>", " ->", "a b =>"];

const TARGETS: [&str; 10] = [
    "/a",
    "/b/a",
    "/a/b x",
    "../b",
    ".",
    "/nowhere y",
    "/é b",
    "a\nb",
    " /a",
    "/a  x",
];

const RAW: [&[u8]; 12] = [
    b"",
    b"{}",
    b" {} ",
    b"5",
    b"\xff\xfe\x00",
    b"{\"x\":1}",
    b" {\"x\" : 1.00}\n",
    b"text",
    b"{\"string_value\":\"x\"}",
    b"{\"a\":NaN}",
    "é\r\n\u{feff}".as_bytes(),
    b"{\"x\":1,\"x\":2}",
];

const ACLS: [&str; 5] = [
    "world:anyone:cdrwa",
    "world:anyone:r",
    "digest:ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa world:anyone:r",
    "world:anyone:r digest:ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa",
    "auth::cdrwa",
];

impl<'b> Choices<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// The bytes themselves.
    pub(super) fn rest(&self) -> &'b [u8] {
        self.bytes
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        match self.bytes.split_first() {
            Some((byte, rest)) => {
                self.bytes = rest;
                usize::from(*byte) % limit
            }
            None => 0,
        }
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(super) fn value(&mut self) -> Value {
        serde_json::from_str(self.of(&VALUES)).expect("JSON")
    }

    /// Some text, control and exotic characters included.
    pub(super) fn text(&mut self, most: usize) -> String {
        const CHARS: [char; 24] = [
            'a', 'b', '/', ' ', '"', '\'', '\\', '#', '=', '>', '-', ':', '@', '\n', '\r', '\t',
            '\0', 'é', '\u{85}', '\u{a0}', '\u{202e}', '\u{feff}', '中', '😀',
        ];
        (0..self.below(most + 1)).map(|_| self.of(&CHARS)).collect()
    }

    pub(super) fn properties(&mut self) -> BTreeMap<String, Value> {
        let mut properties = BTreeMap::new();
        for _ in 0..self.below(4) {
            match self.below(6) {
                0..3 => _ = properties.insert(self.of(&PROPERTIES).to_owned(), self.value()),
                3 => _ = properties.insert(self.of(&LINKS).to_owned(), self.value()),
                4 => _ = properties.insert(self.of(&LINKS).to_owned(), self.of(&TARGETS).into()),
                _ => _ = properties.insert(self.text(6), self.text(8).into()),
            }
        }
        properties
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        if self.once_in(4) {
            (0..self.below(6))
                .map(|_| u8::try_from(self.below(256)).expect("a byte"))
                .collect()
        } else {
            self.of(&RAW).to_vec()
        }
    }

    fn path(&mut self, top: &ZPath) -> ZPath {
        // Few names, so that declared and live trees meet.
        let depth = 1 + self.below(3);
        (0..depth).fold(top.clone(), |path, _| match self.once_in(4) {
            true => path.join(self.of(&NAMES[2..])),
            false => path.join(self.of(&NAMES[..2])),
        })
    }

    /// A path that may be declared.
    fn declared_path(&mut self, top: &ZPath) -> ZPath {
        let path = self.path(top);
        if path.as_str().starts_with("/zookeeper") {
            top.join("a")
        } else {
            path
        }
    }

    pub(super) fn acl(&mut self) -> Arc<Acl> {
        let entries = self
            .of(&ACLS)
            .split(' ')
            .map(|entry| AclEntry::parse(entry).expect("an entry"));
        Arc::new(Acl {
            entries: entries.collect(),
        })
    }

    fn globs(&mut self) -> Globs {
        let pattern = self.of(&["x", "*", "l", "t?pe", "[xy]", "a b", "#h"]);
        Globs::new(vec![pattern.to_owned()]).expect("a glob")
    }

    fn declared_node(&mut self) -> Declared {
        let content = if self.once_in(6) {
            Content::Raw {
                bytes: self.bytes().into(),
                origin: None,
            }
        } else {
            Content::Properties(self.properties().into())
        };
        Declared {
            content,
            keep_children: self.once_in(8),
            keep_properties: self.once_in(4),
            ignore: if self.once_in(4) {
                self.globs()
            } else {
                Globs::default()
            },
            protect: self.once_in(12),
            ephemeral: self.once_in(12),
            secret: match self.below(12) {
                10 => Secret::Everything,
                11 => Secret::Properties(self.globs()),
                _ => Secret::Nothing,
            },
            acl: self.once_in(6).then(|| self.acl()),
            ..Declared::default()
        }
    }

    /// A declared tree with its topmost nodes under `top`, as lowering makes one.
    pub(super) fn declared(&mut self, top: &ZPath) -> Tree<Declared> {
        let mut nodes: BTreeMap<ZPath, Declared> = BTreeMap::new();
        for _ in 0..1 + self.below(6) {
            let path = self.declared_path(top);
            for above in path
                .prefixes()
                .filter(|above| above.is_within(top) && above != top && *above != path)
            {
                nodes.entry(above).or_insert_with(|| Declared {
                    standing: Standing::PassedThrough,
                    ..Declared::default()
                });
            }
            let node = self.declared_node();
            nodes.insert(path, node);
        }
        let mut inherited: BTreeMap<ZPath, Arc<Acl>> = BTreeMap::new();
        for (path, node) in &mut nodes {
            if node.acl.is_none() {
                node.acl = path
                    .parent()
                    .and_then(|parent| inherited.get(&parent).cloned());
            }
            inherited.extend(node.acl.clone().map(|acl| (path.clone(), acl)));
        }
        nodes.into_iter().collect()
    }

    /// A live tree with most nodes under `top`; often near a declared one.
    pub(super) fn ensemble(&mut self, top: &ZPath, near: &Tree<Declared>) -> Ensemble {
        let mut ensemble = Ensemble::default();
        for (path, node) in near {
            if self.below(3) < 2 {
                let mut data = node.bytes().to_vec();
                if self.once_in(4) {
                    data = self.data();
                }
                self.put(&mut ensemble, path, data);
            }
        }
        for _ in 0..self.below(6) {
            let path = if self.once_in(8) {
                self.path(&ZPath::root())
            } else {
                self.path(top)
            };
            let data = self.data();
            self.put(&mut ensemble, &path, data);
        }
        if !top.is_root() {
            ensemble
                .nodes
                .entry(top.clone())
                .or_insert_with(|| Znode::new(b"{}".to_vec()));
        }
        let parents: BTreeSet<ZPath> = ensemble.nodes.keys().filter_map(ZPath::parent).collect();
        for (path, node) in &mut ensemble.nodes {
            node.ephemeral = !parents.contains(path) && path != top && self.once_in(6);
        }
        ensemble
    }

    fn data(&mut self) -> Vec<u8> {
        match self.below(2) {
            0 => self.bytes(),
            _ => serde_json::to_vec(&self.properties()).expect("JSON"),
        }
    }

    fn put(&mut self, ensemble: &mut Ensemble, path: &ZPath, data: Vec<u8>) {
        for above in path.prefixes() {
            ensemble
                .nodes
                .entry(above)
                .or_insert_with(|| Znode::new(b"{}".to_vec()));
        }
        let mut node = Znode::new(data);
        node.version = i32::try_from(self.below(3)).expect("small");
        node.acl_version = i32::try_from(self.below(3)).expect("small");
        if self.once_in(3) {
            node.acl = (*self.acl()).clone();
        }
        ensemble.nodes.insert(path.clone(), node);
    }
}
