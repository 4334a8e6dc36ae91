use std::collections::BTreeMap;

use zkt::Memory;
use zkt::export::{self, Pieces};
use zkt::model::node::{Live, LiveNode};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::syntax::format::format;
use zkt::syntax::parser;
use zkt::syntax::source::Sources;

use super::choices::Choices;
use super::law;
use crate::trees;

/// A tree file as a person without a formatter would leave it.
struct Writer<'c, 'b> {
    choices: &'c mut Choices<'b>,
    text: String,
    end: &'static str,
}

impl Writer<'_, '_> {
    fn document(choices: &mut Choices) -> String {
        let end = choices.of(&["\n", "\n", "\r\n"]);
        let mut writer = Writer {
            choices,
            text: String::new(),
            end,
        };
        if writer.choices.once_in(8) {
            writer.text.push('\u{feff}');
        }
        writer.nodes("", 0);
        writer.text
    }

    fn nodes(&mut self, indent: &str, depth: usize) {
        let most = if depth == 0 { 4 } else { 3 };
        let count = self.choices.below(most) + usize::from(depth == 0);
        for i in 0..count {
            // Distinct names: the same node twice in one place is an error.
            let names = [
                ["a", "\"b c\"", "10.0.0.1:80"],
                ["\"é\\u0041\"", "#n", "@x"],
                ["p/q", "d=e", "a->b"],
                ["z:", "\"\\\"\"", "l#"],
            ];
            let name = names[i][self.choices.below(3)];
            let kind = match self.choices.below(6) {
                0 => " : t",
                1 => " :  two words ",
                2 => ": t",
                3 => " : \"x # y\"",
                _ => "",
            };
            self.line(indent, &format!("/{name}{kind}"));
            let inner = format!("{indent}{}", self.choices.of(&["  ", " ", "\t", "    "]));
            self.contents(&inner, kind.is_empty());
            if depth < 3 {
                self.nodes(&inner, depth + 1);
            }
        }
    }

    fn contents(&mut self, indent: &str, may_be_raw: bool) {
        if may_be_raw && self.choices.once_in(12) {
            let data = self.choices.of(&[
                "'raw'",
                "base64 '/w=='",
                "'''a\n  b'''",
                "base64 '''\n/w\n=='''",
            ]);
            self.line(indent, &format!("@data {data}"));
        } else {
            let names = ["x", "y.z", "\"a b\"", "\"\\u0041\"", "t-", "'q'"];
            for name in names {
                if !self.choices.once_in(3) {
                    continue;
                }
                let space = self.choices.of(&["", " ", "  "]);
                let line = match self.choices.below(6) {
                    0 => format!(
                        "{name}{space}->{space}{}",
                        self.choices.of(&["/a", "../b", "a=>b"])
                    ),
                    1 => format!(
                        "{name}{space}=>{space}{}",
                        self.choices.of(&["/a", "/a  b", "a\tb"])
                    ),
                    2 => format!("{name}{space}{}", self.choices.of(&["->#c", "=>#c d"])),
                    _ => {
                        let value = self.value(2);
                        format!("{name}{space}={space}{value}")
                    }
                };
                self.line(indent, &line);
            }
        }
        let directives = [
            ["@keep", "@keep  children", "@keep properties"],
            ["@ignore a", "@ignore \"b c\" d*", "@ignore\t\"#\""],
            ["@protect", "@protect ", "@protect"],
            ["@ephemeral", "@ephemeral\t", "@ephemeral"],
            ["@secret", "@secret x", "@secret  x y"],
            [
                "@acl world:anyone:r",
                "@acl \"digest:a b:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:r\"  auth::cdrwa",
                "@acl ip:10.0.0.0/8:r",
            ],
            [
                "@files 'd'",
                "@files  \"d\"  !*.md  'a b'",
                "@files r'd'\tx.xml !\"a b\"",
            ],
        ];
        for directive in directives {
            if self.choices.once_in(5) {
                let directive = self.choices.of(&directive);
                self.line(indent, directive);
            }
        }
        if self.choices.once_in(5) {
            // No two nodes are moved from one place.
            let blank = self.choices.of(&[" ", "  ", "\t"]);
            let line = format!("@moved{blank}from{blank}'/-/{}'", self.text.len());
            self.line(indent, &line);
        }
    }

    fn value(&mut self, depth: usize) -> String {
        let literals = [
            "1",
            "-1.50",
            "0x1F",
            "0o17",
            "017",
            "1_000",
            "10L",
            "'it\\'s'",
            "\"#\"",
            "r'\\d'",
            "u'\\xe9'",
            "'a' \"b\"",
            "'''a\n # b'''",
            "\"\"\"\n\"\"\"",
            "None",
            "null",
            "true",
            "False",
            "1e400",
            "'\\x00'",
        ];
        if depth == 0 || self.choices.below(3) > 0 {
            return self.choices.of(&literals).to_owned();
        }
        let gap = self.choices.of(&["", " ", "\n", "  # why\n   ", "\n\n\t"]);
        let count = self.choices.below(3);
        let dict = self.choices.once_in(2);
        let items: Vec<String> = (0..count)
            .map(|i| match dict {
                true => format!("'k{i}'{gap}:{gap}{}", self.value(depth - 1)),
                false => self.value(depth - 1),
            })
            .collect();
        let comma = if count > 0 && self.choices.once_in(2) {
            ","
        } else {
            ""
        };
        let (open, close) = match (dict, self.choices.below(2)) {
            (true, _) => ("{", "}"),
            (false, 0) => ("[", "]"),
            (false, _) => ("(", ")"),
        };
        format!(
            "{open}{gap}{}{comma}{gap}{close}",
            items.join(&format!("{gap},{gap}"))
        )
    }

    /// A line, perhaps with a comment behind it, or blank and comment lines before it.
    fn line(&mut self, indent: &str, text: &str) {
        for _ in 0..self.choices.below(3) {
            let filler = match self.choices.below(4) {
                0 => "",
                1 => "   ",
                2 => "# a comment ",
                _ => "\t# deep",
            };
            self.text.push_str(filler);
            self.text.push_str(self.end);
        }
        self.text.push_str(indent);
        self.text.push_str(text);
        self.text
            .push_str(self.choices.of(&["", "", " ", "  # why", "\t#"]));
        self.text.push_str(self.end);
    }
}

/// All comments, in order.
fn comments(text: &str) -> Vec<String> {
    let sources = Sources::default();
    let id = sources.add("x.zkt", text.to_owned()).expect("small");
    let (document, errors) = parser::parse(&sources, id);
    assert_eq!(errors, []);
    let comments = document.lines.iter().filter_map(|line| line.comment);
    comments.map(|span| sources.text(span).to_owned()).collect()
}

fn formatted(text: &str) -> String {
    let sources = Sources::default();
    let id = sources.add("x.zkt", text.to_owned()).expect("small");
    let (document, errors) = parser::parse(&sources, id);
    assert_eq!(errors, [], "{text}");
    format(&document, &sources)
}

/// What a text declares, in full: data, directives, standing.
fn meaning(text: &str) -> BTreeMap<String, String> {
    let files = [("-", text), ("d/x.xml", "x"), ("d/a b", ""), ("d/c.md", "")];
    let declared = trees::declare_layers(&["-"], &Memory::from(files), "/")
        .unwrap_or_else(|errors| panic!("{}\n{text}", errors.join("\n")));
    let node = |(path, node): &(zkt::model::path::ZPath, zkt::model::node::Declared)| {
        let mut node = node.clone();
        node.origin = None;
        let says = format!(
            "{:?} {:?} {} {} {:?} {} {} {:?} {:?} {:?}",
            node.standing,
            node.data(),
            node.keep_children,
            node.keep_properties,
            node.ignore.patterns(),
            node.protect,
            node.ephemeral,
            node.secret,
            node.acl,
            node.moved_from,
        );
        (path.to_string(), says)
    };
    declared.tree.iter().map(node).collect()
}

#[test]
fn formatting_twice_is_formatting_once_and_changes_no_meaning() {
    law(
        3000,
        |choices| {
            let text = Writer::document(choices);
            let once = formatted(&text);
            assert_eq!(formatted(&once), once, "of {text}");
            assert_eq!(meaning(&once), meaning(&text), "{once}");
            assert_eq!(comments(&once), comments(&text), "{once}");
            assert!(
                !once.contains("\n\n\n")
                    || text.contains("'''")
                    || text.contains("\"\"\"")
                    || text.contains("\n\n\t")
            );
        },
        Writer::document,
    );
}

#[test]
fn what_is_shown_declares_the_same_tree() {
    law(
        3000,
        |choices| {
            let declared = choices.declared(&zkt::model::path::ZPath::root());
            let text = trees::show(&declared);
            let again = trees::declare(&text);
            let paths = |tree: &zkt::model::tree::Tree<zkt::model::node::Declared>| -> Vec<_> {
                tree.iter()
                    .map(|(path, node)| (path.clone(), node.standing))
                    .collect()
            };
            assert_eq!(paths(&again.tree), paths(&declared));
            for ((path, a), (_, b)) in declared.iter().zip(&again.tree) {
                assert_eq!(a.bytes(), b.bytes(), "{path}");
                assert_eq!(
                    (a.keep_children, a.keep_properties, a.protect, a.ephemeral),
                    (b.keep_children, b.keep_properties, b.protect, b.ephemeral)
                );
                assert_eq!(a.ignore.patterns(), b.ignore.patterns());
                assert_eq!(a.acl, b.acl, "{path}");
                assert_eq!(format!("{:?}", a.secret), format!("{:?}", b.secret));
            }
            assert_eq!(trees::show(&again.tree), text);
            assert_eq!(formatted(&text), text, "what is shown is formatted");
        },
        |choices| trees::show(&choices.declared(&zkt::model::path::ZPath::root())),
    );
}

#[test]
fn importing_an_export_changes_nothing() {
    law(
        3000,
        |choices| {
            let root = zkt::model::path::ZPath::root();
            let near = choices.declared(&root);
            let mut ensemble = choices.ensemble(&root, &near);
            // As a fetch of everything leaves it out.
            ensemble
                .nodes
                .retain(|path, _| !path.as_str().starts_with("/zookeeper"));
            let with_acls = choices.once_in(2);
            let mut live = ensemble.everything();
            if !with_acls {
                for (_, node) in live.iter_mut() {
                    if let zkt::model::node::Live::Read(node) = node {
                        node.acl = None;
                    }
                }
            }
            let exported = zkt::export::declare(&live, &root, &zkt::export::Options::default());
            let text = trees::show(&exported);
            let again = trees::declare_at(text.as_bytes(), "/").expect("an export can be read");
            let policy = zkt::plan::planner::Policy {
                trim: zkt::plan::scope::Trim::All,
                ..zkt::plan::planner::Policy::new(&again.sources)
            };
            let plan = zkt::plan::planner::plan(&again.tree, &ensemble.everything(), &policy);
            assert_eq!(plan.actions, [], "{text}");
            // Into an empty ensemble it makes the same nodes again.
            let made =
                zkt::plan::planner::plan(&again.tree, &zkt::model::tree::Tree::default(), &policy);
            let made = crate::ensemble::Ensemble::default()
                .after(&made)
                .expect("a legal plan");
            let persistent: Vec<_> = ensemble
                .nodes
                .iter()
                .filter(|(_, node)| !node.ephemeral)
                .collect();
            assert_eq!(made.nodes.len(), persistent.len(), "{text}");
            for (path, before) in persistent {
                let (before_data, after_data) = (ensemble.data(path), made.data(path));
                match (&before_data, &after_data) {
                    (
                        zkt::model::value::Data::Properties(a),
                        zkt::model::value::Data::Properties(b),
                    ) => {
                        assert!(zkt::model::value::equal_properties(a, b), "{path}");
                    }
                    _ => assert_eq!(before.data, made.nodes[path].data, "{path}"),
                }
                if with_acls {
                    assert_eq!(made.nodes[path].acl, before.acl, "{path}");
                }
            }
        },
        |_| String::new(),
    );
}

/// A live tree, what of it is exported, and how.
fn export_scene(choices: &mut Choices) -> (Tree<Live>, ZPath, export::Options) {
    let near = choices.declared(&ZPath::root());
    let live = choices.ensemble(&ZPath::root(), &near).everything();
    let mut live: Vec<_> = live.into_iter().collect();
    if live.first().is_none_or(|(path, _)| !path.is_root()) {
        let root = LiveNode::with_data(choices.bytes());
        live.insert(0, (ZPath::root(), Live::Read(root)));
    }
    for (_, node) in &mut live {
        if let Live::Read(node) = node {
            node.acl = None;
        }
    }
    // Below a node that may not be read nothing is found.
    if choices.once_in(2) {
        let top = live[choices.below(live.len())].0.clone();
        live.retain(|(path, _)| !path.is_within(&top) || *path == top);
        let node = live.iter_mut().find(|(path, _)| *path == top);
        node.expect("it was kept").1 = Live::Unreadable;
    }
    let top = live[choices.below(live.len())].0.clone();
    let options = export::Options {
        ephemeral: choices.once_in(2),
        name: choices.once_in(2).then(|| "other".to_owned()),
        exact: choices.once_in(2),
    };
    (live.into_iter().collect(), top, options)
}

/// What is exported while the rest is still read is what is exported in the end.
#[test]
fn pieces_in_path_order_are_the_whole_text() {
    law(
        1000,
        |choices| {
            let (live, top, options) = export_scene(choices);
            let mut whole = Vec::new();
            let nodes = export::nodes(&live, &top, &options);
            export::write_text(nodes, &mut whole).expect("memory takes it");

            let mut run = live.subtree(&top).to_vec();
            run.reverse();
            let count = run.len();
            let pieces = Pieces::of(run, &top, &options);
            let text: String = (0..count).rev().map(|at| pieces.get(at)).collect();
            assert_eq!(text, String::from_utf8(whole).expect("tree text is UTF-8"));
        },
        |choices| format!("{:#?}", export_scene(choices)),
    );
}
