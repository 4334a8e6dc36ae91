//! Plans as text and JSON.

mod changes;
mod entries;
mod markdown;
mod nodes;
mod secrets;

use std::sync::Arc;

use serde_json::{Value, json};
use zkt::model::acl::{Acl, AclEntry};
use zkt::model::lint::{Level, Lint};
use zkt::model::node::{AclVersion, DataVersion, Secret};
use zkt::model::path::ZPath;
use zkt::model::plan::{
    About, Action, Add, Adopted, Change, ChangeValue, Claims, HiddenValues, Kept, KeptReason,
    LetGo, Link, MaxTrim, Plan, Refusal, Trim, Update, Warning,
};
use zkt::model::value::Data;
use zkt::syntax::names::Globs;
use zkt::syntax::place::Location;

use super::*;

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

fn at(source: &str, line: u32) -> Option<Location> {
    Some(Location {
        source: source.into(),
        line,
        column: 1,
    })
}

fn data(properties: Value) -> Data {
    Data::Properties(serde_json::from_value(properties).unwrap())
}

fn acl(entries: &[&str]) -> Acl {
    Acl {
        entries: entries
            .iter()
            .map(|text| AclEntry::parse(text).unwrap())
            .collect(),
    }
}

fn secret(globs: &[&str]) -> HiddenValues {
    let globs = globs.iter().map(|&glob| glob.to_owned()).collect();
    HiddenValues(Secret::Properties(Globs::new(globs).unwrap()))
}

fn new_node(text: &str, data: Data, line: u32) -> Add {
    let origin = at("examples/cms.zkt", line);
    Add {
        path: path(text),
        raw: !matches!(data, Data::Properties(_)),
        data: data.into(),
        acl: None,
        secret: HiddenValues::default(),
        origin,
    }
}

fn add(text: &str, properties: Value, line: u32) -> Action {
    Action::Add(new_node(text, data(properties), line))
}

fn set(name: &str, old: Value, new: Value) -> Change {
    let value = |value| {
        if value == json!("none") {
            None
        } else {
            Some(ChangeValue::Json(value))
        }
    };
    Change {
        name: name.to_owned(),
        old: value(old),
        new: value(new),
        secret: false,
        origin: None,
    }
}

fn other(name: &str, old: Option<ChangeValue>, new: Option<ChangeValue>) -> Change {
    Change {
        name: name.to_owned(),
        old,
        new,
        secret: false,
        origin: None,
    }
}

fn update(text: &str, changes: Vec<Change>) -> Action {
    let expected_version = DataVersion::new(4).unwrap();
    let data = Some(Data::Properties([].into()));
    Action::Update(Update {
        path: path(text),
        expected_version,
        seen: None,
        data: data.map(Into::into),
        acl: None,
        changes,
        origin: None,
    })
}

fn link(text: &str, changes: Vec<Change>) -> Action {
    let expected_version = DataVersion::new(4);
    let data = Data::Properties([].into());
    Action::Link(Link {
        path: path(text),
        expected_version,
        seen: None,
        data: data.into(),
        changes,
        origin: None,
    })
}

fn trim(text: &str) -> Action {
    Action::Trim(Trim {
        path: path(text),
        expected_version: DataVersion::NEW,
        seen: None,
    })
}

fn plan(actions: Vec<Action>) -> Plan {
    Plan {
        actions,
        unchanged: 12,
        ..Plan::empty(ZPath::root())
    }
}

fn example() -> Plan {
    plan(vec![
        add("/cms", json!({"type": "z4m cms", "threads": 3}), 11),
        update(
            "/lb/pools/cms",
            vec![set("address", json!("1.2.3.4:80"), json!("1.2.3.5:80"))],
        ),
        link(
            "/lb/pools/cms",
            vec![set("providers ->", json!("none"), json!("/cms/providers"))],
        ),
        trim("/lb/pools/retail/providers"),
        trim("/lb/pools/retail/a"),
        trim("/lb/pools/retail"),
    ])
}

fn coloured_as(plan: &Plan, mode: Mode, width: usize) -> String {
    let sources = ["examples/cms.zkt".to_owned()];
    let options = TextOptions {
        title: "zkt plan",
        server: "127.0.0.1:2181/",
        sources: &sources,
        bounds: &Bounds::default(),
        mode,
        width,
        extras: true,
        brief: false,
        colors: true,
    };
    let mut out = Vec::new();
    plan_text(plan, &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(plan: &Plan) -> String {
    anstream::adapter::strip_str(&coloured_as(plan, Mode::Plan, 80)).to_string()
}

fn json(plan: &Plan) -> String {
    serde_json::to_string_pretty(&plan_json(plan)).unwrap()
}

#[test]
fn the_example() {
    insta::assert_snapshot!(text(&example()), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      + /cms : z4m cms                                   examples/cms.zkt:11
          threads = 3
      ~ /lb/pools/cms
          address = '1.2.3.4:80' -> '1.2.3.5:80'
      @ /lb/pools/cms
          providers -> /cms/providers
      - /lb/pools/retail                                 (3 nodes)

    Plan: 1 to add, 1 to update, 1 to link, 3 to trim.
    ");
    insta::assert_snapshot!(json(&example()), @r#"
    {
      "actions": [
        {
          "action": "add",
          "path": "/cms",
          "properties": {
            "threads": 3,
            "type": "z4m cms"
          },
          "source": "examples/cms.zkt:11:1"
        },
        {
          "action": "update",
          "changes": [
            {
              "name": "address",
              "new": "1.2.3.5:80",
              "old": "1.2.3.4:80",
              "op": "set"
            }
          ],
          "path": "/lb/pools/cms",
          "version": 4
        },
        {
          "action": "link",
          "changes": [
            {
              "name": "providers ->",
              "new": "/cms/providers",
              "old": null,
              "op": "set"
            }
          ],
          "path": "/lb/pools/cms",
          "version": 4
        },
        {
          "action": "trim",
          "path": "/lb/pools/retail/providers",
          "version": 0
        },
        {
          "action": "trim",
          "path": "/lb/pools/retail/a",
          "version": 0
        },
        {
          "action": "trim",
          "path": "/lb/pools/retail",
          "version": 0
        }
      ],
      "extras": [],
      "format_version": "1.2",
      "kept": [],
      "path": "/",
      "refusals": [],
      "summary": {
        "add": 1,
        "link": 1,
        "trim": 3,
        "unchanged": 12,
        "update": 1
      },
      "warnings": []
    }
    "#);
}

#[test]
fn the_example_in_colour() {
    let text = coloured_as(&example(), Mode::Done, 80).replace('\u{1b}', "␛");
    insta::assert_snapshot!(text, @r"
    ␛[1mzkt plan␛[0m: 127.0.0.1:2181/ <- examples/cms.zkt

      ␛[32m+␛[0m ␛[1m/cms : z4m cms␛[0m                                   ␛[2mexamples/cms.zkt:11␛[0m
          threads = 3
      ␛[33m~␛[0m ␛[1m/lb/pools/cms␛[0m
          address = ␛[31m'1.2.3.␛[0m␛[1m␛[4m␛[31m4␛[0m␛[31m:80'␛[0m -> ␛[32m'1.2.3.␛[0m␛[1m␛[4m␛[32m5␛[0m␛[32m:80'␛[0m
      ␛[36m@␛[0m ␛[1m/lb/pools/cms␛[0m
          providers -> ␛[32m/cms/providers␛[0m
      ␛[31m-␛[0m ␛[1m/lb/pools/retail␛[0m                                 ␛[2m(3 nodes)␛[0m

    Done: 1 added, 1 updated, 1 linked, 3 trimmed.
    ");
}

#[test]
fn nothing_to_do() {
    insta::assert_snapshot!(text(&plan(vec![])), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

    No changes: 12 nodes are as declared.
    ");
    let one = Plan {
        unchanged: 1,
        ..Plan::empty(ZPath::root())
    };
    insta::assert_snapshot!(coloured_as(&one, Mode::Done, 80).lines().last().unwrap(), @r"No changes: 1 node is as declared.");
    insta::assert_snapshot!(plan_json(&plan(vec![])), @r#"{"actions":[],"extras":[],"format_version":"1.2","kept":[],"path":"/","refusals":[],"summary":{"add":0,"link":0,"trim":0,"unchanged":12,"update":0},"warnings":[]}"#);
}

#[test]
fn many_actions_are_written_in_their_order() {
    let actions: Vec<Action> = (0..10_000)
        .map(|i| update(&format!("/n{i}"), vec![set("x", json!(i), json!(-1))]))
        .collect();
    let text = text(&plan(actions.clone()));
    let mut lines = text.lines().skip(2);
    for i in 0..actions.len() {
        assert_eq!(lines.next(), Some(&*format!("  ~ /n{i}")));
        assert_eq!(lines.next(), Some(&*format!("      x = {i} -> -1")));
    }
    assert_eq!(lines.count(), 2);
}

#[test]
fn json_holds_nothing_that_nobody_sees() {
    let value = json!({"a\u{7f}": "b\u{9b}\u{1b}\u{202e}é"});
    assert_eq!(json_line(&value), r#"{"a\u007f":"b\u009b\u001b\u202eé"}"#);
}
