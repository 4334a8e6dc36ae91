//! Values that are never shown.

use super::*;

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
      "format_version": "1.2",
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
fn plain_secrets_are_hinted_at_wherever_they_are_shown() {
    let raw = |path: &str, text: &str| {
        Action::Add(Add {
            raw: true,
            ..new_node(path, Data::Text(text.to_owned()), 1)
        })
    };
    let bytes = |text: &str| Some(ChangeValue::Raw(text.into()));
    for (action, hint) in [
        (
            add("/a", json!({"token": "x"}), 1),
            "token of /a has the name of a secret, and its value is shown: `@secret token` hides it",
        ),
        (
            add("/a", json!({"cfg": {"password": "x"}}), 1),
            "cfg of /a holds password, the name of a secret, and its value is shown: `@secret cfg` hides it",
        ),
        (
            update("/a", vec![set("cfg", json!("password=x"), json!("none"))]),
            "cfg of /a holds password, the name of a secret, and its value is shown: `@secret cfg` hides it",
        ),
        (
            raw("/a", "password=x"),
            "the data of /a holds password, the name of a secret, and is shown: `@secret` hides it",
        ),
        (
            update(
                "/a",
                vec![other(
                    "@data",
                    bytes("a"),
                    bytes("-----BEGIN PRIVATE KEY-----"),
                )],
            ),
            "the data of /a holds a private key, and is shown: `@secret` hides it",
        ),
        (
            raw("/password", "x"),
            "/password has the name of a secret, and its data is shown: `@secret` hides it",
        ),
    ] {
        assert_eq!(
            crate::render::exposed(&plan(vec![action])).as_deref(),
            Some(hint)
        );
    }
    for action in [
        add("/a", json!({"token": "", "x": "y"}), 1),
        raw("/a", "x"),
        update("/a", vec![set("x", json!(1), json!(2))]),
    ] {
        assert_eq!(crate::render::exposed(&plan(vec![action])), None);
    }
}

#[test]
fn what_goes_is_not_for_everybody() {
    let json = |value: Value| Some(ChangeValue::Json(value));
    let mut plan = plan(vec![update(
        "/a",
        vec![
            other("dsn", json(json!("LEAK")), None),
            other("l ->", json(json!("/old")), None),
            set("x", json!(1), json!(2)),
        ],
    )]);
    plan.hide_doubtful();
    let shown = text(&plan);
    assert!(!shown.contains("LEAK"), "{shown}");
    assert!(
        shown.contains("- dsn = (secret)") && shown.contains("/old"),
        "{shown}"
    );
    assert!(shown.contains("x = 1 -> 2"), "{shown}");
}
