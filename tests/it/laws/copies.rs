//! An export is a copy.

use zkt::export::{self, Options};
use zkt::model::node::{Content, Live, Standing};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::model::value::{Data, equal_properties};
use zkt::plan::planner::{self, Policy};

use super::choices::Choices;
use super::law;
use crate::ensemble::{Ensemble, Znode};
use crate::trees;

/// Bytes that are no JSON, that almost are, and JSON in spellings of its own.
const DATA: [&[u8]; 32] = [
    b"",
    b" ",
    b"\n",
    b"\t \r\n\x0b\x0c",
    b"{}",
    b"{ }",
    b" {}\n",
    b"[1, 2]",
    b"\"x\"",
    b"5",
    b"null",
    b"text\n",
    b"<a>\n <b/>\n</a>\n",
    b"a=1\r\nb = 2\r\n",
    b"\xff\xfe\x00",
    b"{\"a\":1}\xff",
    b"{\"a\":1,}",
    b"{'a': 1}",
    b"{\"a\":1} x",
    b"{\"a\":01}",
    b"{\"a\":NaN,\"b\":-Infinity}",
    b"{\"a\":\"\\ud83d\"}",
    b"\xef\xbb\xbf{\"a\":1}",
    b"{\"string_value\":\"x\"}",
    b"{\"string_value\":\"x\",\"y\":1}",
    b"{\"string_value\":1}",
    b"{\"b\":1,\"a\":2,\"b\":3}",
    b"{\"a\":{\"y\":1,\"x\":2}}",
    b"{\"n\":[1.10,1E5,1e-7,-0,-0.0,123456789012345678901234567890]}",
    b"{\"s\":\"\\/\\u00e9\\n\\u0001\\ud83d\\ude00\"}",
    b"{\"x ->\":\"/a\",\"p =>\":\"b x\",\"q ->\":1,\"type\":\"t # u\"}",
    b"{\"x\":\"$serde_json::private::Number\"}",
];

/// JSON, spelled in any way.
fn json(choices: &mut Choices, depth: usize, out: &mut String) {
    let blank = |choices: &mut Choices, out: &mut String| {
        if choices.once_in(6) {
            out.push_str(choices.of(&[" ", "\n", "\t", "\r\n  "]));
        }
    };
    blank(choices, out);
    match choices.below(if depth == 0 { 3 } else { 5 }) {
        0 => out.push_str(choices.of(&["1", "-2.50", "0", "1e3", "1E+3", "true", "null"])),
        1 => out.push_str(choices.of(&["\"a\"", "\"\"", "\"\\u0061\"", "\"é\\t\"", "\"\\/\""])),
        2 => out.push_str(&serde_json::Value::from(choices.text(4)).to_string()),
        3 => {
            out.push('[');
            for i in 0..choices.below(3) {
                out.push_str(if i == 0 { "" } else { "," });
                json(choices, depth - 1, out);
            }
            blank(choices, out);
            out.push(']');
        }
        _ => object(choices, depth - 1, out),
    }
    blank(choices, out);
}

fn object(choices: &mut Choices, depth: usize, out: &mut String) {
    out.push('{');
    for i in 0..choices.below(4) {
        out.push_str(if i == 0 { "" } else { "," });
        let names = [
            "\"a\"",
            "\"b\"",
            "\"\\u0062\"",
            "\"l ->\"",
            "\"type\"",
            "\"x y\"",
        ];
        out.push_str(choices.of(&names));
        out.push(':');
        json(choices, depth, out);
    }
    out.push('}');
}

/// A live tree, and where it is exported from.
fn scene(choices: &mut Choices) -> Tree<Live> {
    let mut ensemble = Ensemble::default();
    for i in 0..1 + choices.below(4) {
        let data = if choices.once_in(2) {
            let mut text = String::new();
            object(choices, 2, &mut text);
            text + choices.of(&["", "", "\n"])
        } else {
            String::from_utf8_lossy(b"").into_owned()
        };
        let data = match data.as_str() {
            "" => choices.of(&DATA).to_vec(),
            text => text.as_bytes().to_vec(),
        };
        let path = trees::path(&format!("/n{i}"));
        ensemble.nodes.insert(path, Znode::new(data));
    }
    let mut live = ensemble.everything();
    for (_, node) in live.iter_mut() {
        if let Live::Read(node) = node {
            node.acl = None;
        }
    }
    live
}

fn holds(live: &Tree<Live>, exact: bool) {
    let options = Options {
        exact,
        ..Options::default()
    };
    let mut text = Vec::new();
    let root = ZPath::root();
    let nodes = export::nodes(live, &root, &options);
    export::write_text(nodes, &mut text).expect("writing to memory");
    let again = trees::declare_at(&text, "/").expect("an export can be read");
    let text = String::from_utf8_lossy(&text);
    let policy = Policy::new(&again.sources);

    let plan = planner::plan(&again.tree, live, &policy);
    assert_eq!(plan.actions, [], "where it came from:\n{text}");

    let plan = planner::plan(&again.tree, &Tree::default(), &policy);
    let copy = Ensemble::default().after(&plan).expect("a legal plan");
    for (path, node) in live {
        let node = node.node().expect("all were read");
        let bytes = &copy.nodes[path].data;
        let respelled = export::is_respelled(node);
        assert_eq!(*bytes != node.data, respelled && !exact, "{path}:\n{text}");
        let both = (Data::decode(&node.data), Data::decode(bytes));
        match both {
            (Data::Properties(a), Data::Properties(b)) => assert!(equal_properties(&a, &b)),
            (a, b) => assert_eq!(a, b),
        }
        let declared = again.tree.get(path).expect("every node is declared");
        assert_eq!(declared.standing, Standing::Declared);
        if exact && respelled {
            assert!(matches!(declared.content, Content::Raw { .. }), "{text}");
        }
    }
}

#[test]
fn an_export_is_a_copy() {
    law(
        3000,
        |choices| {
            let live = scene(choices);
            holds(&live, false);
            holds(&live, true);
        },
        |choices| format!("{:#?}", scene(choices)),
    );
}

/// What zkt itself stores is never respelled, so that an export need not say it is.
#[test]
fn what_zkt_stores_is_spelled_as_it_stands() {
    law(
        1000,
        |choices| {
            let data = Data::of(choices.properties());
            let node = zkt::model::node::LiveNode::with_data(data.encode());
            let declared = export::declare_node(&node);
            if let Content::Properties(properties) = &declared.content {
                let shown = trees::show(
                    &[(trees::path("/x"), declared.clone())]
                        .into_iter()
                        .collect(),
                );
                let again = trees::declare(&shown).tree;
                let (_, again) = again.iter().next().expect("one node");
                let stored = again.bytes() == properties.encoded().as_bytes();
                assert_eq!(export::is_respelled(&node), !stored, "{shown}");
            }
        },
        |choices| format!("{:?}", choices.properties()),
    );
}
