use base64::Engine as _;
use serde_json::{Map, Value};
use zkt::model::value;

use super::{Departure, Verdict, check, first, nested};
use crate::trees;

#[test]
fn texts_mean_what_they_meant() {
    check("parse.jsonl", DEPARTURES, |case| {
        let text = match case["text"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => base64::engine::general_purpose::STANDARD
                .decode(case["text_b64"].as_str().expect("a text"))
                .expect("base64"),
        };
        match trees::declare_at(&text, "/") {
            Ok(declared) => {
                let tree = nested(&declared.tree);
                let same = match (&case["ok"], &case["tree_flat"]) {
                    (Value::Bool(false), _) => false,
                    (_, Value::Null) => value::equal(&tree, &case["tree"]),
                    (_, flat) => {
                        let nodes = declared.tree.iter().map(|(path, node)| {
                            (
                                path.as_str().to_owned(),
                                node.properties().into_iter().collect(),
                            )
                        });
                        value::equal(&Value::Object(nodes.collect::<Map<_, _>>()), flat)
                    }
                };
                if same {
                    Verdict::Same
                } else {
                    Verdict::Other(tree["children"].to_string())
                }
            }
            Err(errors) => {
                let line = &case["error"]["line"];
                let same_line = line.is_null() || errors[0].starts_with(&format!("{line}:"));
                if case["ok"] == false && same_line {
                    Verdict::Same
                } else {
                    Verdict::Other(first(&errors))
                }
            }
        }
    });
}

const EVALUATED: &str = "Values are literals; zc.zk evaluates Python.";
const NODE_LINE: &str = "A line that starts with a slash is always a node line.";
const EMPTY_NAME: &str = "A node name may not be empty, or hold a slash: a slash divides names.";
const PASSED_THROUGH: &str =
    "`/a/b` is `b` in `a`, passed through; to zc.zk it was one name that no node can have.";
const CHARACTER: &str =
    "ZooKeeper refuses the character, so the name is refused where it stands; zc.zk failed later.";
const DOTS: &str = "A node name may not be `.` or `..`; zc.zk failed later.";
const COMMENT: &str = "A number sign after a blank ends a node or link line.";
const FIRST_OPERATOR: &str =
    "The first operator on a line decides; zc.zk's greedy patterns stumble.";
const SEVERAL_LINES: &str =
    "Added: inside brackets and triple quotes a value may run over several lines.";
const JSON_WORDS: &str = "`true`, `false` and `null` are values, as in JSON.";
const WHOLE_LINE: &str = "A link is a name, a path and perhaps a property; zc.zk's pattern dropped what followed in silence.";
const BYTES: &str = "A string is text; bytes JSON cannot hold.";
const INVISIBLE: &str =
    "A character that nobody sees needs quotes: more often it is a slip than a name.";
const UTF8: &str = "Text is UTF-8 throughout.";

const DEPARTURES: &[Departure] = &[
    (
        "comment-0",
        COMMENT,
        r#"{"a":{"children":{},"properties":{}}}"#,
    ),
    (
        "comment-9",
        COMMENT,
        r#"{"a":{"children":{},"properties":{"p =>":"/b x"}}}"#,
    ),
    (
        "value-016",
        "Numbers of any size keep their exact value.",
        r#"{"n":{"children":{},"properties":{"v":-1e+400}}}"#,
    ),
    (
        "value-042",
        "Values are literals, and this one JSON does not have.",
        r#"2:7: a complex number cannot be stored: JSON has no such value"#,
    ),
    (
        "value-043",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-048",
        JSON_WORDS,
        r#"{"n":{"children":{},"properties":{"v":false}}}"#,
    ),
    (
        "value-049",
        JSON_WORDS,
        r#"{"n":{"children":{},"properties":{"v":null}}}"#,
    ),
    (
        "value-067",
        BYTES,
        r#"2:7: a bytes value cannot be stored: JSON has no such value"#,
    ),
    (
        "value-071",
        BYTES,
        r#"2:7: a bytes value cannot be stored: JSON has no such value"#,
    ),
    (
        "value-135",
        "A dict with a key that is no string JSON cannot hold.",
        r#"2:8: a dict with a key that is no string cannot be stored: JSON has no such value"#,
    ),
    (
        "value-142",
        EVALUATED,
        r#"2:19: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-150",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-151",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-164",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-169",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-174",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-175",
        EVALUATED,
        r#"2:11: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-176",
        EVALUATED,
        r#"2:10: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-179",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-197",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-238",
        EVALUATED,
        r#"2:7: expected a literal value, found an expression; zkt never evaluates code"#,
    ),
    (
        "value-multiline-str",
        SEVERAL_LINES,
        r#"{"n":{"children":{},"properties":{"v":"a\nb"}}}"#,
    ),
    (
        "value-string_value-bin",
        BYTES,
        r#"2:18: \xff stands for a byte here, and the bytes of this string are not UTF-8 text"#,
    ),
    (
        "sub-031",
        NODE_LINE,
        r#"{"n":{"children":{"a=1":{"children":{},"properties":{}}},"properties":{}}}"#,
    ),
    (
        "sub-034",
        NODE_LINE,
        r#"2:7: expected the end of the line, found `1`"#,
    ),
    (
        "sub-037",
        NODE_LINE,
        r#"2:6: expected the end of the line, found `->`"#,
    ),
    (
        "sub-041",
        NODE_LINE,
        r#"2:6: expected the end of the line, found `=>`"#,
    ),
    (
        "top-074",
        "A type may hold a number sign after a blank only in quotes.",
        r#"1:6: expected a type, found `#t`"#,
    ),
    (
        "sub-087",
        CHARACTER,
        r#"2:4: ZooKeeper refuses the character U+1F600 in a node name"#,
    ),
    (
        "top-090",
        EMPTY_NAME,
        r#"1:1: a node name may not be empty"#,
    ),
    (
        "top-092",
        EMPTY_NAME,
        r#"1:3: a node name may not be empty"#,
    ),
    (
        "sub-093",
        PASSED_THROUGH,
        r#"{"n":{"children":{"a":{"children":{"b":{"children":{},"properties":{}}},"properties":{}}},"properties":{}}}"#,
    ),
    (
        "top-095",
        EMPTY_NAME,
        r#"1:3: a node name may not be empty"#,
    ),
    (
        "sub-095",
        EMPTY_NAME,
        r#"2:5: a node name may not be empty"#,
    ),
    (
        "sub-096",
        PASSED_THROUGH,
        r#"{"n":{"children":{"a":{"children":{"b":{"children":{},"properties":{"type":"t"}}},"properties":{}}},"properties":{}}}"#,
    ),
    ("top-099", DOTS, r#"1:2: a node name may not be "..""#),
    ("sub-099", DOTS, r#"2:4: a node name may not be "..""#),
    (
        "sub-113",
        NODE_LINE,
        r#"{"n":{"children":{"=>":{"children":{},"properties":{}}},"properties":{}}}"#,
    ),
    (
        "top-115",
        NODE_LINE,
        r#"{"==1":{"children":{},"properties":{}}}"#,
    ),
    (
        "top-116",
        NODE_LINE,
        r#"{"==":{"children":{},"properties":{}}}"#,
    ),
    (
        "sub-155",
        FIRST_OPERATOR,
        r#"2:5: expected a value, found the bare word b=>c"#,
    ),
    (
        "sub-160",
        FIRST_OPERATOR,
        r#"{"n":{"children":{},"properties":{"a ->":"b=>c"}}}"#,
    ),
    (
        "sub-170",
        FIRST_OPERATOR,
        r#"{"n":{"children":{},"properties":{"a":"x=>y"}}}"#,
    ),
    (
        "sub-188",
        NODE_LINE,
        r#"2:8: expected the end of the line, found `->`"#,
    ),
    (
        "sub-193",
        "Added: names may be JSON strings.",
        r#"{"n":{"children":{},"properties":{"a b":1}}}"#,
    ),
    (
        "sub-210",
        WHOLE_LINE,
        r#"2:12: expected the end of the line, found `/d`"#,
    ),
    (
        "sub-211",
        WHOLE_LINE,
        r#"2:13: expected the end of the line, found `/d`"#,
    ),
    (
        "sub-214",
        WHOLE_LINE,
        r#"2:13: expected the end of the line, found `/d`"#,
    ),
    (
        "node-more-0",
        NODE_LINE,
        r#"{"a":{"children":{},"properties":{"type":"b = 1"}}}"#,
    ),
    (
        "struct-004",
        "Mixed tabs and spaces are refused where zc.zk counts characters.",
        r#"3:3: the indentation mixes tabs and spaces so that it cannot be compared with the lines above"#,
    ),
    (
        "struct-052",
        FIRST_OPERATOR,
        r#"2:9: expected the end of the line, found `1`"#,
    ),
    (
        "struct-062",
        PASSED_THROUGH,
        r#"{"a":{"children":{"b":{"children":{},"properties":{"x":1}}},"properties":{}}}"#,
    ),
    (
        "struct-064",
        EMPTY_NAME,
        r#"2:3: a node name may not be empty"#,
    ),
    (
        "struct-089",
        SEVERAL_LINES,
        r#"{"a":{"children":{},"properties":{"x":[1,2]}}}"#,
    ),
    (
        "badutf8-0",
        UTF8,
        r#"<stdin>:2:8: expected UTF-8 text, found the byte 0xff"#,
    ),
    (
        "badutf8-1",
        UTF8,
        r#"<stdin>:1:2: expected UTF-8 text, found the byte 0xff"#,
    ),
    (
        "sub-080",
        INVISIBLE,
        "2:5: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes",
    ),
    (
        "top-082",
        INVISIBLE,
        "1:3: found the invisible character U+00A0 NO-BREAK SPACE outside of quotes",
    ),
    (
        "top-084",
        INVISIBLE,
        "1:3: found the invisible character U+3000 IDEOGRAPHIC SPACE outside of quotes",
    ),
    (
        "top-086",
        INVISIBLE,
        "1:3: found the invisible character U+0085 NEXT LINE outside of quotes",
    ),
];
