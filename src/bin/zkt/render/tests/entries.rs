//! Entries beside the actions, and trims.

use super::*;

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
                lint: Lint::DanglingLink,
                level: Level::Warn,
                about: About::Trees,
                message: "link x -> /c dangles".to_owned(),
                origin: at("a.zkt", 3),
            },
            Warning {
                path: path("/a/c"),
                lint: Lint::DanglingLink,
                level: Level::Warn,
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
            Refusal::Strict {
                warnings: 1,
                extras: 1,
            },
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

    warning: /a/b: link x -> /c dangles (a.zkt:3:1) [dangling-link]
    warning: /a/c: \u001b[31m [dangling-link]

    refused: /p/q may not be trimmed: /p is protected (@protect) (a.zkt:9:1)
    refused: 40 of 50 nodes would be trimmed, more than the trim limit of 30%; --max-trim or --force allows more
    refused: warnings and extra nodes are not allowed, and there are 1 warning and 1 extra node; --strict or strict in zkt.toml forbids them

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
          "message": "40 of 50 nodes would be trimmed, more than the trim limit of 30%; --max-trim or --force allows more"
        },
        {
          "message": "warnings and extra nodes are not allowed, and there are 1 warning and 1 extra node; --strict or strict in zkt.toml forbids them"
        }
      ],
      "warnings": [
        {
          "level": "warn",
          "lint": "dangling-link",
          "message": "link x -> /c dangles",
          "path": "/a/b",
          "source": "a.zkt:3:1"
        },
        {
          "level": "warn",
          "lint": "dangling-link",
          "message": "\u001b[31m",
          "path": "/a/c"
        }
      ]
    }
    "#);
}
