//! Raw data, blank data, and numbers that JSON has not.

use zkt::model::node::Live;
use zkt::model::plan::Action;
use zkt::plan::planner::{self, Policy};

use crate::trees::{self, path};

use super::case;

#[test]
fn raw_data_is_compared_byte_for_byte() {
    check_plan!(case("/a\n  @data 'new'\n", "/a\n").raw("/a", b"old"), @r#"
    update /a v0  (1:1)
      @data: "old" -> "new"  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @data '{\"x\":1}'\n", "/a\n  x = 1\n"), @"unchanged 1, examined 1");
    check_plan!(case("/a\n  @data '{\"x\": 1}'\n", "/a\n  x = 1\n"), @r#"
    update /a v0  (1:1)
      @data: "{\"x\":1}" -> "{\"x\": 1}"  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @data base64 '/w=='\n", ""), @r#"
    add /a raw �  (1:1)
    unchanged 0, examined 0
    "#);
    check_plan!(case("/a\n  x = 1\n", "/a\n").raw("/a", b"\xff"), @r#"
    update /a v0  (1:1)
      @data: "�" -> nothing
      x: nothing -> 1  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n", "/a\n").raw("/a", b"\xff"), @r#"
    update /a v0  (1:1)
      @data: "�" -> nothing
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  string_value = 'x'\n", "/a\n").raw("/a", b"{\"string_value\":\"x\"}"), @r#"
    update /a v0  (1:1)
      @data: "{\"string_value\":\"x\"}" -> "x"
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  string_value = ' x'\n", "/a\n").raw("/a", b"x"), @r#"
    update /a v0  (1:1)
      string_value: "x" -> " x"  (2:3)
    unchanged 0, examined 1
    "#);
}

#[test]
fn blank_data_and_spelling_are_no_difference() {
    for data in [&b""[..], b" \n", b"{}", b" { } "] {
        assert_eq!(
            case("/a\n", "/a\n").raw("/a", data).plan(),
            "unchanged 1, examined 1"
        );
    }
    let live =
        case("/a\n  x = 100\n  y = 'é'\n", "/a\n").raw("/a", br#" {"y": "\u00e9", "x": 1e2}"#);
    assert_eq!(live.plan(), "unchanged 1, examined 1");
}

/// Of numbers that are equal, those under the names of links are no exception.
/// Python writes numbers that JSON has not; they are read as strings.
#[test]
fn no_declared_value_is_what_json_cannot_hold() {
    let python = br#"{"a":NaN,"b":[-Infinity],"c":"\ud83d","d":1}"#;
    let declared = "/a\n  a = 'NaN'\n  b = ['-Infinity']\n  c = '\u{fffd}'\n  d = 1\n";
    check_plan!(case(declared, "/a\n").raw("/a", python), @r#"
    update /a v0  (1:1)
      a: NaN -> "NaN"  (2:3)
      b: [-Infinity] -> ["-Infinity"]  (3:3)
      c: "\ud83d" -> "�"  (4:3)
    unchanged 0, examined 1
    "#);
    let ignored = declared.replace("/a\n", "/a\n  @ignore a b c\n");
    check_plan!(case(&ignored, "/a\n").raw("/a", python), @"unchanged 1, examined 1");
}

#[test]
fn what_is_written_is_spelled_as_it_is_declared() {
    let declared = trees::declare("/a\n  \"l ->\" = 0\n  x = 2\n  y = 1\n");
    let mut live = trees::live("/a\n");
    let Some(Live::Read(node)) = live.get_mut(&path("/a")) else {
        panic!("it is readable");
    };
    node.data = br#"{"x":1,"y":1.0,"l ->":-0.0}"#.to_vec();
    let plan = planner::plan(&declared.tree, &live, &Policy::new(&declared.sources));
    let [Action::Update(update)] = &plan.actions[..] else {
        panic!("{plan:?}");
    };
    let data = update.data.as_ref().expect("new data");
    assert_eq!(data.as_bytes(), br#"{"l ->":0,"x":2,"y":1}"#);
}
