//! New nodes.

use super::*;

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
          @data (1000 bytes, sha256 b4f73dff046400b76728ab32619e3d89e00132653725f660c62ab9fca975b372)
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
      "format_version": "1.2",
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
