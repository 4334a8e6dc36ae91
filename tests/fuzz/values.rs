//! What nodes may hold, whoever wrote it: values, owners' records, and the exports that are made of them.

use zkt::export;
use zkt::model::node::{Live, LiveNode};
use zkt::model::record::{Head, decode_journal, decode_shard, is_head, is_shard};
use zkt::model::tree::Tree;
use zkt::model::value::{Data, Encoded, beyond_json, entries, equal_properties, kind_of_text};
use zkt::plan::planner::{self, Policy};
use zkt::{Options, ZPath};

use crate::engine::{Bounds, Line, Target, Traits, fuzz};

pub(crate) const TARGET: Target = Target {
    name: "values",
    words: &[
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "{}",
        "[]",
        "null",
        "true",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-0.0",
        "0.1000000000000000055511151231257827",
        "1E+2",
        "123456789012345678901234567890",
        "\\ud800",
        "\\udc00",
        "\\u0000",
        "\\u001b",
        "\u{1b}[31m",
        "\u{feff}",
        "\u{202e}",
        "\u{85}",
        "é",
        "😀",
        "\"string_value\":",
        "\"type\":\"t\"",
        "\"l ->\":\"/a\"",
        "\"m =>\":\"../a x\"",
        "{\"x\":1}",
        ",\"x\":2",
        "$serde_json::private::Number",
        "\r\n",
        "\0",
        "zktr\u{1}s",
        "zktr\u{1}j",
        "{\"zkt\":",
        "\"shards\":[",
        "/a/b",
        "\\",
    ],
    longest: 8 << 10,
    cases: 8000,
    bounds: Bounds {
        // What a shard holds is bounded, and not by its own size.
        at_once: Line(64 << 20, 2000),
        in_all: Line(128 << 20, 20_000),
    },
};

pub(crate) fn one(bytes: &[u8]) -> Traits {
    let mut traits = Traits::default();
    let data = Data::decode(bytes);
    traits.note(std::mem::discriminant(&data));
    let encoded = Encoded::from(data.clone());
    let again = Data::decode(encoded.as_bytes());
    match (&data, &again) {
        (Data::Properties(a), Data::Properties(b)) => {
            assert!(equal_properties(a, b), "{a:?} {b:?}");
        }
        (a, b) => assert_eq!(a, b),
    }
    assert_eq!(encoded.decode(), data);
    for (name, value) in data.clone().into_properties() {
        assert_eq!(encoded.get(&name), Some(value), "{name}");
    }
    let over = data.clone().encode_over(bytes, |_| false).decode();
    match (&over, &data) {
        (Data::Properties(a), Data::Properties(b)) => {
            assert!(equal_properties(a, b), "{a:?} {b:?}");
        }
        (a, b) => assert_eq!(a, b),
    }
    traits.note_size("beyond", beyond_json(bytes).len());
    traits.note_size("entries", entries(bytes).count());
    if let Ok(text) = std::str::from_utf8(bytes) {
        traits.note_message(&kind_of_text(text));
    }
    records(bytes, &mut traits);
    exports(bytes, &mut traits);
    traits
}

fn records(bytes: &[u8], traits: &mut Traits) {
    traits.note((is_head(bytes), is_shard(bytes)));
    match Head::from_json(bytes) {
        Ok(head) => assert_eq!(Head::from_json(&head.to_json()).as_ref(), Ok(&head)),
        Err(broken) => traits.note_message(&broken.to_string()),
    }
    match decode_shard(bytes) {
        Ok(entries) => traits.note_size("shard", entries.len()),
        Err(broken) => traits.note_message(&broken.to_string()),
    }
    match decode_journal(bytes) {
        Ok(notes) => traits.note_size("journal", notes.len()),
        Err(broken) => traits.note_message(&broken.to_string()),
    }
}

/// What is exported declares the node that it was made of.
fn exports(bytes: &[u8], traits: &mut Traits) {
    let path = ZPath::parse("/n").unwrap();
    let node = || Live::Read(LiveNode::with_data(bytes.to_vec()));
    let root = Live::Read(LiveNode::with_data(Vec::new()));
    let live: Tree<Live> = [(ZPath::root(), root), (path.clone(), node())]
        .into_iter()
        .collect();
    let declared = export::declare(&live, &path, &export::Options::default());
    let mut text = Vec::new();
    export::write_text(&declared, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    if let Some(steering) = crate::engine::steering(&text.replace("\r\n", "\n")) {
        panic!("an export holds {steering}\n{text}");
    }
    let source = zkt::declare(&text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    let policy = Policy::new(source.texts());
    let plan = planner::plan(source.tree(), &live, &policy);
    assert_eq!(plan.actions, [], "{text}");
    traits.note_size("lines", text.lines().count());
    match export::parse_json(bytes, &ZPath::root()) {
        Ok(tree) => {
            traits.note_size("parsed", tree.len());
            let mut again = Vec::new();
            export::write_text(&tree, &mut again).unwrap();
            let again = String::from_utf8(again).unwrap();
            if !tree.is_empty() {
                let source =
                    zkt::declare(&again).unwrap_or_else(|wrong| panic!("{wrong}\n{again}"));
                _ = zkt::compare(&source, &source, &Options::default());
            }
        }
        Err(error) => traits.note_message(&error.to_string()),
    }
}

#[test]
fn fuzzed() {
    fuzz(&TARGET, Vec::new(), crate::measured, one);
}
