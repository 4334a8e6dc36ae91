use std::sync::Arc;

use serde_json::{Value, json};
use zkt::model::acl::{Acl, AclEntry};
use zkt::model::node::{AclVersion, DataVersion, Globs, Secret};
use zkt::model::path::ZPath;
use zkt::model::plan::{
    About, Action, Add, Change, ChangeValue, HiddenValues, Kept, KeptReason, Link, MaxTrim, Plan,
    Refusal, Trim, Update, Warning,
};
use zkt::model::value::Data;
use zkt::syntax::source::Location;

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
      "format_version": "1.1",
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
    insta::assert_snapshot!(plan_json(&plan(vec![])), @r#"{"actions":[],"extras":[],"format_version":"1.1","kept":[],"path":"/","refusals":[],"summary":{"add":0,"link":0,"trim":0,"unchanged":12,"update":0},"warnings":[]}"#);
}

#[test]
fn properties_of_a_new_node() {
    let values = json!({
        "a": "it's\n\t\u{1b}[31m \u{202e}\u{e0001} \\ é 日本 😀", "b": [1, "x", null], "c": {"k": true, "l": false},
        "d": 1, "type": "x # y", "two words": 1, "e ->": "/x", "f =>": "/x y", "g ->": "", "@h": 0, "i=": 0,
    });
    let mut numbers = json!({});
    numbers["n"] = serde_json::from_str("1.50000000000000000000000000000001e+400").unwrap();
    numbers["type"] = json!(["no", "type"]);
    insta::assert_snapshot!(text(&plan(vec![
        add("/a b/é\u{200b}/c:", values, 1),
        add("/numbers", numbers, 2),
        add("/empty", json!({}), 3),
        add("/empty-type", json!({"type": ""}), 4),
    ])), @r#"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      + /"a b"/"é\u200b"/"c:" : "x # y"                  examples/cms.zkt:1
          "@h" = 0
          a = 'it\'s\n\t\u001b[31m \u202e\U000e0001 \\ é 日本 😀'
          b = [1, 'x', None]
          c = {'k': True, 'l': False}
          d = 1
          "i=" = 0
          "two words" = 1
          e -> /x
          f => /x y
          g -> ''
      + /numbers                                         examples/cms.zkt:2
          n = 1.50000000000000000000000000000001e+400
          type = ['no', 'type']
      + /empty                                           examples/cms.zkt:3
      + /empty-type                                      examples/cms.zkt:4
          type = ''

    Plan: 4 to add, 0 to update, 0 to link, 0 to trim.
    "#);
}

#[test]
fn raw_data_and_acl() {
    let protected = Add {
        acl: Some(Arc::new(acl(&["world:anyone:r", "digest:ops:x:cdrwa"]))),
        ..new_node("/acl", data(json!({})), 1)
    };
    let raw = |bytes: &[u8]| Some(ChangeValue::Raw(bytes.to_vec()));
    let list = |entries: &[&str]| Some(ChangeValue::Acl(acl(entries)));
    let change = other(
        "@acl",
        list(&["world:anyone:cdrwa", "ip:10.0.0.0/8:r"]),
        list(&["ip:10.0.0.0/8:r", "auth::cdrwa"]),
    );
    let acl_only = Update {
        path: path("/v"),
        expected_version: DataVersion::new(2).unwrap(),
        seen: None,
        data: None,
        acl: Some((AclVersion::new(7).unwrap(), Arc::new(Acl::open()))),
        changes: vec![change],
        origin: at("a.zkt", 3),
    };
    let plan = plan(vec![
        Action::Add(protected),
        Action::Add(new_node("/text", Data::Text("it's".to_owned()), 2)),
        Action::Add(new_node("/binary", Data::Binary(vec![255; 1000]), 3)),
        Action::Update(acl_only),
        update("/raw", vec![other("@data", raw(b"text"), raw(&[255, 0]))]),
        update(
            "/raw2",
            vec![
                other("@data", None, raw(b"new")),
                set("x", json!(1), json!("none")),
            ],
        ),
    ]);
    insta::assert_snapshot!(text(&plan), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      + /acl                                             examples/cms.zkt:1
          acl: world:anyone:r digest:ops:x:cdrwa
      + /text                                            examples/cms.zkt:2
          @data 'it\'s'
      + /binary                                          examples/cms.zkt:3
          @data (1000 bytes, sha1 c2fbe7c95d9be373d9bb6ee58fb3a24411e1a2a8)
      ~ /v
        - acl: world:anyone:cdrwa
          acl: ip:10.0.0.0/8:r
        + acl: auth::cdrwa
      ~ /raw
          @data 'text' -> base64 '/wA='
      ~ /raw2
        + @data 'new'
        - x = 1

    Plan: 3 to add, 3 to update, 0 to link, 0 to trim.
    ");
    insta::assert_snapshot!(json(&plan), @r#"
    {
      "actions": [
        {
          "acl": [
            "world:anyone:r",
            "digest:ops:x:cdrwa"
          ],
          "action": "add",
          "path": "/acl",
          "properties": {},
          "source": "examples/cms.zkt:1:1"
        },
        {
          "action": "add",
          "data": {
            "base64": "aXQncw=="
          },
          "path": "/text",
          "source": "examples/cms.zkt:2:1"
        },
        {
          "action": "add",
          "data": {
            "base64": "/////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////w=="
          },
          "path": "/binary",
          "source": "examples/cms.zkt:3:1"
        },
        {
          "acl_version": 7,
          "action": "update",
          "changes": [
            {
              "name": "@acl",
              "new": [
                "ip:10.0.0.0/8:r",
                "auth::cdrwa"
              ],
              "old": [
                "world:anyone:cdrwa",
                "ip:10.0.0.0/8:r"
              ],
              "op": "set"
            }
          ],
          "path": "/v",
          "source": "a.zkt:3:1",
          "version": 2
        },
        {
          "action": "update",
          "changes": [
            {
              "name": "@data",
              "new": {
                "base64": "/wA="
              },
              "old": {
                "base64": "dGV4dA=="
              },
              "op": "set"
            }
          ],
          "path": "/raw",
          "version": 4
        },
        {
          "action": "update",
          "changes": [
            {
              "name": "@data",
              "new": {
                "base64": "bmV3"
              },
              "old": null,
              "op": "set"
            },
            {
              "name": "x",
              "old": 1,
              "op": "remove"
            }
          ],
          "path": "/raw2",
          "version": 4
        }
      ],
      "extras": [],
      "format_version": "1.1",
      "kept": [],
      "path": "/",
      "refusals": [],
      "summary": {
        "add": 3,
        "link": 0,
        "trim": 0,
        "unchanged": 12,
        "update": 3
      },
      "warnings": []
    }
    "#);
}

#[test]
fn secrets_are_never_shown() {
    let hidden = "hunter2";
    let values = json!({"password": hidden, "user": "u", "pass ->": hidden, "type": hidden});
    let some = Add {
        secret: secret(&["pass*", "type"]),
        ..new_node("/some", data(values.clone()), 1)
    };
    let everything = HiddenValues(Secret::Everything);
    let all = Add {
        secret: everything.clone(),
        ..new_node("/all", data(values), 2)
    };
    let raw = Add {
        secret: everything,
        ..new_node("/raw", Data::Text(hidden.to_owned()), 3)
    };
    let named = Add {
        secret: secret(&["string_value"]),
        ..new_node("/named", Data::Text(hidden.to_owned()), 4)
    };
    let secret = |change: Change| Change {
        secret: true,
        ..change
    };
    let bytes = |text: &str| Some(ChangeValue::Raw(text.into()));
    let (gone, old, new) = (
        json!("none"),
        json!(hidden),
        json!(format!("{hidden}\nx\n")),
    );
    let plan = plan(vec![
        Action::Add(some),
        Action::Add(all),
        Action::Add(raw),
        Action::Add(named),
        update(
            "/u",
            vec![
                secret(set("a", old.clone(), new.clone())),
                secret(set("b", gone.clone(), new.clone())),
                secret(set("c", old.clone(), gone.clone())),
                secret(other("@data", bytes(hidden), bytes("hunter2 x"))),
                secret(other(
                    "@acl",
                    None,
                    Some(ChangeValue::Acl(acl(&["digest:hunter2:x:r"]))),
                )),
            ],
        ),
        link(
            "/u",
            vec![
                secret(set("a ->", old.clone(), new.clone())),
                secret(set("b =>", gone.clone(), new)),
                secret(set("c =>", old, gone)),
            ],
        ),
    ]);
    insta::assert_snapshot!(text(&plan), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      + /some : (secret)                                 examples/cms.zkt:1
          password = (secret)
          user = 'u'
          pass -> (secret)
      + /all                                             examples/cms.zkt:2
          @data (secret)
      + /raw                                             examples/cms.zkt:3
          @data (secret)
      + /named                                           examples/cms.zkt:4
          @data (secret)
      ~ /u
          a = (secret) -> (secret)
        + b = (secret)
        - c = (secret)
          @data (secret) -> (secret)
          acl: (secret)
      @ /u
          a -> (secret)  (was (secret))
          b => (secret)
        - c => (secret)

    Plan: 4 to add, 1 to update, 1 to link, 0 to trim.
    ");
    insta::assert_snapshot!(json(&plan), @r#"
    {
      "actions": [
        {
          "action": "add",
          "path": "/some",
          "properties": {
            "pass ->": "(secret)",
            "password": "(secret)",
            "type": "(secret)",
            "user": "u"
          },
          "source": "examples/cms.zkt:1:1"
        },
        {
          "action": "add",
          "data": "(secret)",
          "path": "/all",
          "source": "examples/cms.zkt:2:1"
        },
        {
          "action": "add",
          "data": "(secret)",
          "path": "/raw",
          "source": "examples/cms.zkt:3:1"
        },
        {
          "action": "add",
          "data": "(secret)",
          "path": "/named",
          "source": "examples/cms.zkt:4:1"
        },
        {
          "action": "update",
          "changes": [
            {
              "name": "a",
              "new": "(secret)",
              "old": "(secret)",
              "op": "set"
            },
            {
              "name": "b",
              "new": "(secret)",
              "old": null,
              "op": "set"
            },
            {
              "name": "c",
              "old": "(secret)",
              "op": "remove"
            },
            {
              "name": "@data",
              "new": "(secret)",
              "old": "(secret)",
              "op": "set"
            },
            {
              "name": "@acl",
              "new": "(secret)",
              "old": null,
              "op": "set"
            }
          ],
          "path": "/u",
          "version": 4
        },
        {
          "action": "link",
          "changes": [
            {
              "name": "a ->",
              "new": "(secret)",
              "old": "(secret)",
              "op": "set"
            },
            {
              "name": "b =>",
              "new": "(secret)",
              "old": null,
              "op": "set"
            },
            {
              "name": "c =>",
              "old": "(secret)",
              "op": "remove"
            }
          ],
          "path": "/u",
          "version": 4
        }
      ],
      "extras": [],
      "format_version": "1.1",
      "kept": [],
      "path": "/",
      "refusals": [],
      "summary": {
        "add": 4,
        "link": 1,
        "trim": 0,
        "unchanged": 12,
        "update": 1
      },
      "warnings": []
    }
    "#);
    assert!(!coloured_as(&plan, Mode::Plan, 80).contains(hidden) && !json(&plan).contains(hidden));
}

#[test]
fn changes() {
    let none = || json!("none");
    let plan = plan(vec![
        update(
            "/a",
            vec![
                set("new", none(), json!([1])),
                set("gone", json!(null), none()),
                set("type", json!("old type"), json!("new type")),
                set("kind", json!(1), json!("1")),
                set("@data", json!("no"), json!("directive")),
                set("a = b", json!({"k": 1}), json!({"k": 2})),
            ],
        ),
        link(
            "/a",
            vec![
                set("x ->", json!("/old"), json!("/new")),
                set("y =>", none(), json!("/new prop")),
                set("z =>", json!("/old prop"), none()),
            ],
        ),
    ]);
    insta::assert_snapshot!(text(&plan), @r#"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      ~ /a
        + new = [1]
        - gone = None
          type = 'old type' -> 'new type'
          kind = 1 -> '1'
          "@data" = 'no' -> 'directive'
          "a = b" = {'k': 1} -> {'k': 2}
      @ /a
          x -> /new  (was /old)
          y => /new prop
        - z => /old prop

    Plan: 0 to add, 1 to update, 1 to link, 0 to trim.
    "#);
    let colours = coloured_as(&plan, Mode::Plan, 80).replace('\u{1b}', "␛");
    insta::assert_snapshot!(colours.lines().skip(2).collect::<Vec<_>>().join("\n"), @r#"
      ␛[33m~␛[0m ␛[1m/a␛[0m
        ␛[32m+␛[0m new = ␛[32m[1]␛[0m
        ␛[31m-␛[0m gone = ␛[31mNone␛[0m
          type = ␛[31m'␛[0m␛[1m␛[4m␛[31mold␛[0m␛[31m type'␛[0m -> ␛[32m'␛[0m␛[1m␛[4m␛[32mnew␛[0m␛[32m type'␛[0m
          kind = ␛[31m1␛[0m -> ␛[1m␛[4m␛[32m'␛[0m␛[32m1␛[0m␛[1m␛[4m␛[32m'␛[0m
          "@data" = ␛[31m'␛[0m␛[31mno␛[0m␛[31m'␛[0m -> ␛[32m'␛[0m␛[32mdirective␛[0m␛[32m'␛[0m
          "a = b" = ␛[31m{'k': ␛[0m␛[1m␛[4m␛[31m1␛[0m␛[31m}␛[0m -> ␛[32m{'k': ␛[0m␛[1m␛[4m␛[32m2␛[0m␛[32m}␛[0m
      ␛[36m@␛[0m ␛[1m/a␛[0m
          x -> ␛[32m/new␛[0m  (was ␛[31m/old␛[0m)
          y => ␛[32m/new prop␛[0m
        ␛[31m-␛[0m z => ␛[31m/old prop␛[0m

    Plan: 0 to add, 1 to update, 1 to link, 0 to trim.
    "#);
    insta::assert_snapshot!(plan_json(&plan)["actions"][1], @r#"{"action":"link","changes":[{"name":"x ->","new":"/new","old":"/old","op":"set"},{"name":"y =>","new":"/new prop","old":null,"op":"set"},{"name":"z =>","old":"/old prop","op":"remove"}],"path":"/a","version":4}"#);
}

#[test]
fn long_values_keep_what_differs_in_sight() {
    let (left, right) = ("left ".repeat(20_000), "\nright".repeat(20_000));
    let long = |middle: &str| json!(format!("{left}{middle}{right}").replace('\n', " "));
    insta::assert_snapshot!(text(&plan(vec![
        add("/a", json!({"x": long("middle"), "y": vec![1; 1000]}), 1),
        update("/b", vec![
            set("x", long("port=80"), long("port=8080")),
            set("y", json!("short"), long("")),
            set("z", json!("a".repeat(1000)), json!("b".repeat(1000))),
        ]),
    ])), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      + /a                                               examples/cms.zkt:1
          x = 'left left left left left left left left left left left left left left left left left left left left…ght right right right right right right' (220006 characters)
          y = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, …, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] (3000 characters)
      ~ /b
          x = 'left left left left…ft left left left left port=80 right right right right right…t right right right' (220007 characters) -> 'left left left left…ft left left left left port=8080 right right right right right…t right right right' (220009 characters)
          y = 'short' -> 'left left left left left left left left left left left left left left left left left left left left …right right right right right right right' (220000 characters)
          z = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' (1000 characters) -> 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' (1000 characters)

    Plan: 1 to add, 1 to update, 0 to link, 0 to trim.
    ");
}

#[test]
fn of_a_long_nested_value_the_keys_that_changed_are_shown() {
    let large = |cpu: u32, list: serde_json::Value, note: &str| {
        let many: serde_json::Map<String, serde_json::Value> =
            (0..100).map(|i| (format!("key{i}"), i.into())).collect();
        json!({"many": many, "limits": {"cpu": cpu, "note": note}, "list": list})
    };
    let mut came = large(2, json!([1, 3]), "a\nb\nd");
    came["many"]["new key"] = json!({"x": 1});
    let all = |by: u32| -> serde_json::Value { (0..100).map(|i| i + by).collect() };
    insta::assert_snapshot!(text(&plan(vec![update("/a", vec![
        set("large", large(1, json!([1, 2, 3]), "a\nb\nc"), came),
        set("list", all(0), all(1000)),
        set("short", json!({"a": 1}), json!({"a": 2})),
        set("text", json!("one line"), json!("a long line\n".repeat(30))),
    ])])), @r#"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      ~ /a
          large = (4 changes inside)
            limits.cpu = 1 -> 2
            limits.note = (3 lines)
              @@ -1,3 +1,3 @@
                a
                b
              - c
              \ no newline at the end
              + d
              \ no newline at the end
          - list[1] = 2
          + many['new key'] = {'x': 1}
          list = (100 changes inside)
            [0] = 0 -> 1000
            [1] = 1 -> 1001
            [2] = 2 -> 1002
            [3] = 3 -> 1003
            [4] = 4 -> 1004
            [5] = 5 -> 1005
            [6] = 6 -> 1006
            [7] = 7 -> 1007
            [8] = 8 -> 1008
            [9] = 9 -> 1009
            [10] = 10 -> 1010
            [11] = 11 -> 1011
            [12] = 12 -> 1012
            [13] = 13 -> 1013
            [14] = 14 -> 1014
            [15] = 15 -> 1015
            [16] = 16 -> 1016
            [17] = 17 -> 1017
            [18] = 18 -> 1018
            [19] = 19 -> 1019
            [20] = 20 -> 1020
            [21] = 21 -> 1021
            [22] = 22 -> 1022
            [23] = 23 -> 1023
            [24] = 24 -> 1024
            [25] = 25 -> 1025
            [26] = 26 -> 1026
            [27] = 27 -> 1027
            [28] = 28 -> 1028
            [29] = 29 -> 1029
            [30] = 30 -> 1030
            [31] = 31 -> 1031
            [32] = 32 -> 1032
            [33] = 33 -> 1033
            [34] = 34 -> 1034
            [35] = 35 -> 1035
            [36] = 36 -> 1036
            [37] = 37 -> 1037
            [38] = 38 -> 1038
            [39] = 39 -> 1039
            (60 more changes)
          short = {'a': 1} -> {'a': 2}
          text = (1 line -> 30 lines)
            @@ -1,1 +1,30 @@
            - one line
            \ no newline at the end
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line
            + a long line

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    "#);
}

#[test]
fn of_bytes_the_length_and_the_hash_are_shown() {
    let raw = |byte: u8| zkt::model::plan::ChangeValue::Raw(vec![byte; 1000]);
    let change = zkt::model::plan::Change {
        name: zkt::model::plan::DATA_CHANGE.to_owned(),
        old: Some(raw(0xfe)),
        new: Some(raw(0xff)),
        secret: false,
        origin: None,
    };
    insta::assert_snapshot!(text(&plan(vec![update("/a", vec![change])])), @"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      ~ /a
          @data (1000 bytes, sha1 4ecd2dd49ee574fbd5b190ff4edb1fb151840e27) -> (1000 bytes, sha1 c2fbe7c95d9be373d9bb6ee58fb3a24411e1a2a8)

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    ");
}

#[test]
fn texts_of_several_lines_are_compared_by_line() {
    let lines = |change: &str| {
        let line = |i: u32| format!("line {i}\n");
        (1..=8).map(line).collect::<String>() + change + &(9..=20).map(line).collect::<String>()
    };
    let many = |word: &str| {
        (0..100)
            .map(|i| format!("{word} {i}\n"))
            .collect::<String>()
    };
    insta::assert_snapshot!(text(&plan(vec![update("/a", vec![
        set("script", json!(lines("host = a\n")), json!(lines("host = b \n\u{1b}\n"))),
        set("end", json!("a\nb\tc\n"), json!("a\nb\tc")),
        set("crlf", json!("a\r\nb"), json!("a\nb")),
    ])])), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      ~ /a
          script = (21 lines -> 22 lines)
            @@ -7,5 +7,6 @@
              line 7
              line 8
            - host = a
            + host = b\x20
            + \u001b
              line 9
              line 10
          end = (2 lines)
            @@ -1,2 +1,2 @@
              a
            - b\tc
            + b\tc
            \ no newline at the end
          crlf = (2 lines)
            @@ -1,2 +1,2 @@
            - a\r
            + a
              b
            \ no newline at the end

    Plan: 0 to add, 1 to update, 0 to link, 0 to trim.
    ");
    let flood = text(&plan(vec![update(
        "/a",
        vec![set("x", json!(many("a")), json!(many("b")))],
    )]));
    assert_eq!(flood.lines().count(), 4 + 40 + 1 + 2);
    insta::assert_snapshot!(flood.lines().rev().nth(2).unwrap(), @r"        (161 more lines of this diff)");
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
fn trims_stand_under_their_topmost_node() {
    let trims = ["/b/x/y", "/b/x", "/a-", "/a/x/y", "/a/x", "/a"];
    insta::assert_snapshot!(text(&plan(trims.map(trim).to_vec())), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      - /a                                               (3 nodes)
      - /a-                                              (1 node)
      - /b/x                                             (2 nodes)

    Plan: 0 to add, 0 to update, 0 to link, 6 to trim.
    ");
}

#[test]
fn extras_kept_warnings_and_refusals() {
    let many = (0..30).map(|i| path(&format!("/svc/x{i:02}")));
    let eleven = (0..11).map(|i| path(&format!("/elf/x{i:02}")));
    let kept = |text: &str, reason| Kept {
        path: path(text),
        reason,
    };
    let plan = Plan {
        extras: many
            .chain(eleven)
            .chain([path("/a b"), path("/z/old")])
            .collect(),
        kept: vec![
            kept("/svc/10.0.0.1:80", KeptReason::Ephemeral),
            kept("/svc/b", KeptReason::HoldsEphemeral),
        ],
        warnings: vec![
            Warning {
                path: path("/a/b"),
                about: About::Trees,
                message: "link x -> /c dangles".to_owned(),
                origin: at("a.zkt", 3),
            },
            Warning {
                path: path("/a/c"),
                about: About::Node,
                message: "\u{1b}[31m".to_owned(),
                origin: None,
            },
        ],
        refusals: vec![
            Refusal::Protected {
                path: path("/p/q"),
                protected: path("/p"),
                origin: at("a.zkt", 9),
            },
            Refusal::TooManyTrims {
                trims: 40,
                examined: 50,
                limit: MaxTrim::Default,
            },
            Refusal::Strict { count: 2 },
        ],
        ..plan(vec![trim("/p/q")])
    };
    insta::assert_snapshot!(text(&plan), @r#"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      - /p/q                                             (1 node)

    Extra, left alone without --trim:
      /"a b"
      /elf/x00
      /elf/x01
      /elf/x02
      /elf/x03
      /elf/x04
      /elf/x05
      /elf/x06
      /elf/x07
      /elf/x08
      /elf/x09
      /elf/x10
      /svc/x00
      /svc/x01
      /svc/x02
      /svc/x03
      /svc/x04
      /svc/x05
      /svc/x06
      /svc/x07
      /svc/x08
      /svc/x09
      … and 20 more in /svc
      /z/old

    Kept as they are:
      /svc/10.0.0.1:80  (ephemeral)
      /svc/b  (holds an ephemeral node)

    warning: /a/b: link x -> /c dangles (a.zkt:3:1)
    warning: /a/c: \u001b[31m

    refused: /p/q may not be trimmed: /p is protected (@protect) (a.zkt:9:1)
    refused: 40 of 50 nodes would be trimmed, more than the 30% that --max-trim allows
    refused: --strict allows no warning and no extra node, and there are 2

    Plan: 0 to add, 0 to update, 0 to link, 1 to trim.
    "#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&json!({
        "kept": plan_json(&plan)["kept"], "warnings": plan_json(&plan)["warnings"],
        "refusals": plan_json(&plan)["refusals"],
    })).unwrap(), @r#"
    {
      "kept": [
        {
          "path": "/svc/10.0.0.1:80",
          "reason": "ephemeral"
        },
        {
          "path": "/svc/b",
          "reason": "holds an ephemeral node"
        }
      ],
      "refusals": [
        {
          "message": "/p/q may not be trimmed: /p is protected (@protect)",
          "source": "a.zkt:9:1"
        },
        {
          "message": "40 of 50 nodes would be trimmed, more than the 30% that --max-trim allows"
        },
        {
          "message": "--strict allows no warning and no extra node, and there are 2"
        }
      ],
      "warnings": [
        {
          "message": "link x -> /c dangles",
          "path": "/a/b",
          "source": "a.zkt:3:1"
        },
        {
          "message": "\u001b[31m",
          "path": "/a/c"
        }
      ]
    }
    "#);
}

#[test]
fn locations_keep_their_column_where_they_can() {
    let long = "environments/production/services/everything.zkt";
    let named = |text: &str, source: &str| {
        Action::Add(Add {
            origin: at(source, 1100),
            ..new_node(text, data(json!({})), 1)
        })
    };
    let show = |actions: Vec<Action>, width| {
        anstream::adapter::strip_str(&coloured_as(&plan(actions), Mode::Plan, width)).to_string()
    };
    insta::assert_snapshot!(show(vec![
        named("/a", "a.zkt"), named("/services/a-rather-long-name/of/a/node/that/goes/on", "a.zkt"),
        named("/日本/語", "a.zkt"),
    ], 80), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      + /a                                                   a.zkt:1100
      + /services/a-rather-long-name/of/a/node/that/goes/on  a.zkt:1100
      + /日本/語                                             a.zkt:1100

    Plan: 3 to add, 0 to update, 0 to link, 0 to trim.
    ");
    insta::assert_snapshot!(show(vec![
        named("/a", long), named("/services/a-rather-long-name/of/a/node", long),
    ], 80), @r"
    zkt plan: 127.0.0.1:2181/ <- examples/cms.zkt

      + /a                        environments/production/services/everything.zkt:1100
      + /services/a-rather-long-name/of/a/node  environments/production/services/everything.zkt:1100

    Plan: 2 to add, 0 to update, 0 to link, 0 to trim.
    ");
}
