//! Plans as comments on pull requests.

use proptest::prelude::*;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

use super::*;
use crate::render::markdown::LONGEST;

fn comment_of(plan: &Plan, server: &str, sources: &[String]) -> String {
    let bounds = Bounds::default();
    let subject = Subject {
        bounds: &bounds,
        title: "zkt plan",
        old: ("on", &[server.to_owned()]),
        new: ("from", sources),
        stays: &[],
    };
    plan_markdown(plan, &subject, None)
}

fn markdown(plan: &Plan) -> String {
    comment_of(plan, "127.0.0.1:2181/", &["examples/cms.zkt".to_owned()])
}

/// The lines of the block of code.
fn diff(plan: &Plan) -> String {
    let text = markdown(plan);
    let (_, diff) = text.split_once("```diff\n").unwrap();
    diff.split_once("```\n").unwrap().0.to_owned()
}

#[test]
fn the_example_as_a_comment() {
    insta::assert_snapshot!(markdown(&example()), @r##"
    **zkt plan: 1 to add, 1 to update, 1 to link, 3 to trim** on `127.0.0.1:2181/` from `examples/cms.zkt`

    <details><summary>6 actions</summary>

    ```diff
    + /cms : z4m cms  # examples/cms.zkt:11
    +     threads = 3
    ! /lb/pools/cms
    -     address = '1.2.3.4:80'
    +     address = '1.2.3.5:80'
    ! /lb/pools/cms  (links)
    +     providers -> /cms/providers
    - /lb/pools/retail  (3 nodes)
    ```

    </details>
    "##);
}

#[test]
fn what_a_reviewer_must_know_stands_first() {
    let refused = Plan {
        refusals: vec![Refusal::Protected {
            path: path("/a"),
            protected: path("/a"),
            origin: at("trees/`a`.zkt", 3),
        }],
        warnings: vec![Warning {
            path: path("/b"),
            lint: Lint::DanglingLink,
            level: Level::Warn,
            about: About::Node,
            message: "link x -> <b>@ops</b> leads nowhere".to_owned(),
            origin: at("b.zkt", 7),
        }],
        extras: vec![path("/lb/pools/x")],
        kept: vec![Kept {
            path: path("/e"),
            reason: KeptReason::Ephemeral,
        }],
        ..example()
    };
    insta::assert_snapshot!(markdown(&refused), @r##"
    **zkt plan: refused (1 to add, 1 to update, 1 to link, 3 to trim); 1 warning** on `127.0.0.1:2181/` from `examples/cms.zkt`

    - **refused**: `/a may not be trimmed: it is protected (@protect)` in ``trees/`a`.zkt:3:1``
    - **warning** (dangling-link): `/b: link x -> <b>@ops</b> leads nowhere` in `b.zkt:7:1`

    <details><summary>6 actions</summary>

    ```diff
    + /cms : z4m cms  # examples/cms.zkt:11
    +     threads = 3
    ! /lb/pools/cms
    -     address = '1.2.3.4:80'
    +     address = '1.2.3.5:80'
    ! /lb/pools/cms  (links)
    +     providers -> /cms/providers
    - /lb/pools/retail  (3 nodes)
    ```

    </details>

    <details><summary>Extra, left alone without --trim: 1 node</summary>

    ```text
    /lb/pools/x
    ```

    </details>

    <details><summary>Kept as they are: 1 node</summary>

    ```text
    /e  (ephemeral)
    ```

    </details>
    "##);
    let nothing = Plan {
        actions: Vec::new(),
        ..refused
    };
    insta::assert_snapshot!(markdown(&nothing).lines().next().unwrap(), @r##"**zkt plan: refused, nothing is planned; 1 warning** on `127.0.0.1:2181/` from `examples/cms.zkt`"##);
    insta::assert_snapshot!(markdown(&plan(vec![])), @r##"**zkt plan: no changes, 12 nodes are as declared** on `127.0.0.1:2181/` from `examples/cms.zkt`"##);
}

#[test]
fn what_changes_in_what_an_owner_has() {
    let claims = Claims {
        adopted: vec![
            Adopted {
                path: path("/free"),
                from: None,
                differs: false,
            },
            Adopted {
                path: path("/taken"),
                from: Some("other".to_owned()),
                differs: true,
            },
        ],
        equal: vec![path("/equal"), path("/same")],
        let_go: vec![LetGo {
            path: path("/old"),
            created: 5,
            to: "other".to_owned(),
        }],
    };
    let claiming = Plan {
        claims,
        ..plan(vec![])
    };
    insta::assert_snapshot!(markdown(&claiming), @r##"
    **zkt plan: no changes but in what the owner has, 12 nodes are as declared** on `127.0.0.1:2181/` from `examples/cms.zkt`

    <details><summary>Adopted with --adopt: 2 nodes</summary>

    ```text
    /free  (no owner had it)
    /taken  (the owner other has it, too; it differs)
    ```

    </details>

    <details><summary>Let go, since another owner has them, too: 1 node</summary>

    ```text
    /old  (the owner other has it)
    ```

    </details>

    <details><summary>Adopted as they are declared: 2 nodes</summary>

    ```text
    /equal  (1 node)
    /same  (1 node)
    ```

    </details>
    "##);
}

#[test]
fn values_by_key_by_line_and_by_hash() {
    let raw = |bytes: &[u8]| Some(ChangeValue::Raw(bytes.to_vec()));
    let mut binary = new_node("/new/binary", Data::raw(&[0, 255]), 4);
    binary.acl = Some(Arc::new(acl(&["world:anyone:r"])));
    insta::assert_snapshot!(diff(&plan(vec![
        add("/new", json!({"motd": "a\nb\n", "n": 1.50, "db ->": "/db"}), 3),
        Action::Add(binary),
        update("/a", vec![
            set("limits", json!({"cpu": 1, "m": {"x": [1, 2]}}), json!({"cpu": 2, "m": {"x": [2]}, "new": "l\nm"})),
            set("text", json!("a\nb\nc\n"), json!("a\nB\nc")),
            set("gone", json!([1]), json!("none")),
            set("kind", json!("x"), json!({"x": 1})),
            other("@acl", Some(ChangeValue::Acl(acl(&["world:anyone:cdrwa"]))),
                Some(ChangeValue::Acl(acl(&["world:anyone:r"])))),
        ]),
        update("/raw", vec![other("@data", raw(b"\xff\x00"), raw(b"text"))]),
        link("/a", vec![set("x ->", json!("/old"), json!("/new"))]),
    ])), @r##"
    + /new  # examples/cms.zkt:3
    +     motd = (2 lines)
    +     | a
    +     | b
    +     n = 1.5
    +     db -> /db
    + /new/binary  # examples/cms.zkt:4
    +     acl: world:anyone:r
    +     @data (binary, 2 bytes, sha256 06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8)
    ! /a
    -     limits.cpu = 1
    +     limits.cpu = 2
    -     limits.m.x[0] = 1
    +     limits.new = (2 lines)
    +     | l
    +     | m
    !     text = (3 lines)
    @@ -1,3 +1,3 @@
          | a
    -     | b
    -     | c
    +     | B
    +     | c
          \ no newline at the end
    -     gone = [1]
    -     kind = 'x'
    +     kind = {'x': 1}
    -     acl: world:anyone:cdrwa
    +     acl: world:anyone:r
    ! /raw
    -     @data (binary, 2 bytes, sha256 ea5dbf9596d187e9500f23e9a680109475341cf4e81f7e043f7d97152c10772f)
    +     @data 'text'
    ! /a  (links)
    -     x -> /old
    +     x -> /new
    "##);
}

#[test]
fn no_line_hides_a_difference_in_what_it_leaves_out() {
    let long = |middle: &str| json!("x".repeat(500) + middle + &"y".repeat(500));
    let lines = |middle: &str| json!(format!("first\n{}{middle}\nlast", "z".repeat(500)));
    insta::assert_snapshot!(diff(&plan(vec![update("/a", vec![
        set("one", long("1"), long("2")),
        set("two", lines("1"), lines("2")),
    ])])), @r##"
    ! /a
    -     one = 'xxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…yyyyyyyyyyyyyyyyyyy' (1001 characters)
    +     one = 'xxxxxxxxxxxxxxxxxxx…xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx2yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…yyyyyyyyyyyyyyyyyyy' (1001 characters)
    !     two = (3 lines)
    @@ -1,3 +1,3 @@
          | first
    -     | zzzzzzzzzzzzzzzzzzzz…zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz1
    +     | zzzzzzzzzzzzzzzzzzzz…zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz2
          | last
    "##);
}

#[test]
fn secrets_are_in_no_comment() {
    let hidden = |old, new| Change {
        secret: true,
        ..set("password", old, new)
    };
    let mut new = new_node("/new", data(json!({"password": "hunter2", "x": 1})), 1);
    new.secret = secret(&["pass*"]);
    let mut whole = new_node(
        "/whole",
        data(json!({"type": "hunter2", "b": "hunter2"})),
        1,
    );
    whole.secret = HiddenValues(Secret::Everything);
    let mut raw = new_node("/raw", Data::raw(b"hunter2"), 1);
    raw.secret = secret(&["x"]);
    let plan = plan(vec![
        Action::Add(new),
        Action::Add(whole),
        Action::Add(raw),
        update(
            "/a",
            vec![
                hidden(json!("hunter2\nx"), json!({"a": "hunter2"})),
                hidden(json!("none"), json!("hunter2")),
                hidden(json!("hunter2"), json!("none")),
                Change {
                    secret: true,
                    ..other(
                        "@acl",
                        Some(ChangeValue::Acl(acl(&["digest:hunter2:x:r"]))),
                        Some(ChangeValue::Acl(acl(&["digest:hunter2:y:r"]))),
                    )
                },
            ],
        ),
        link(
            "/a",
            vec![Change {
                secret: true,
                ..set("l ->", json!("/hunter2"), json!("/hunter2/x"))
            }],
        ),
    ]);
    assert!(!markdown(&plan).contains("hunter2"));
    insta::assert_snapshot!(diff(&plan), @r##"
    + /new  # examples/cms.zkt:1
    +     password = (secret)
    +     x = 1
    + /whole  # examples/cms.zkt:1
    +     @data (secret)
    + /raw  # examples/cms.zkt:1
    +     @data (secret)
    ! /a
    -     password = (secret)
    +     password = (secret)
    +     password = (secret)
    -     password = (secret)
    !     acl: (secret)
    ! /a  (links)
    -     l -> (secret)
    +     l -> (secret)
    "##);
}

#[test]
fn what_does_not_fit_is_cut_at_whole_actions_and_counted() {
    // Each letter takes two of the characters that are counted.
    let mut actions: Vec<Action> = (0..2000)
        .map(|i| add(&format!("/n{i:04}"), json!({"x": "😀".repeat(20)}), 1))
        .collect();
    actions.extend((0..500).rev().map(|i| trim(&format!("/old/n{i}"))));
    let text = markdown(&plan(actions));
    let length = text.encode_utf16().count();
    assert!((LONGEST - 1000..=LONGEST).contains(&length), "{length}");
    let shown = text.matches("+ /n").count();
    assert_eq!(text.matches("+     x = ").count(), shown);
    let (add, all) = (2000 - shown, 2500 - shown);
    let last = text.lines().last().unwrap();
    assert_eq!(
        last,
        format!("**Cut here: {all} of 2500 actions are not shown: {add} to add, 500 to trim.**")
    );
}

#[test]
fn one_large_action_is_cut_within_and_leaves_room_for_others() {
    let many: serde_json::Map<String, Value> =
        (0..3000).map(|i| (format!("k{i:04}"), i.into())).collect();
    let text = markdown(&plan(vec![
        add("/large", Value::Object(many), 1),
        trim("/old"),
    ]));
    let shown = text.matches("+     k").count();
    let more = format!(
        "\n      ({} more lines of this node)\n- /old\n",
        3000 - shown
    );
    assert!(text.contains(&more), "{text}");
}

#[test]
fn many_warnings_are_counted_beyond_some() {
    let warnings = (0..5000).map(|i| Warning {
        path: path(&format!("/n{i}")),
        lint: Lint::DanglingLink,
        level: Level::Warn,
        about: About::Node,
        message: "\u{e0001}`".repeat(3000),
        origin: at(&"`".repeat(500), i),
    });
    let paths = || (0..5000).map(|i| path(&format!("/n{i}")));
    let plan = Plan {
        warnings: warnings.collect(),
        extras: paths().collect(),
        kept: paths()
            .map(|path| Kept {
                path,
                reason: KeptReason::Binary,
            })
            .collect(),
        ..example()
    };
    let sources = vec!["`\u{e0001}".repeat(1000); 1000];
    let text = comment_of(&plan, &"`".repeat(5000), &sources);
    assert!(text.encode_utf16().count() <= LONGEST);
    let shown = text.matches("- **warning** (dangling-link)").count();
    let more = format!("- **{} more of these are not shown**\n", 5000 - shown);
    assert!(shown > 1 && text.contains(&more), "{text}");
    assert!(text.contains("- /lb/pools/retail"), "{text}");
}

/// What of a comment is not code: that must not depend on any value.
fn around_code(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut around = Vec::new();
    for event in Parser::new_ext(text, Options::all()) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => in_code = true,
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => in_code = false,
            Event::Code(_) => around.push("code".to_owned()),
            _ if in_code => {}
            event => around.push(format!("{event:?}")),
        }
    }
    around
}

/// A plan that has a text in each place where one can stand.
fn hostile(text: &str) -> Plan {
    let safe: String = text
        .chars()
        .filter(|c| !matches!(c, '\0'..='\x1f' | '/' | '\u{7f}'..='\u{9f}'))
        .collect();
    let name = path(&format!("/x{safe}"));
    let node = |action: Action| match action {
        Action::Add(add) => Action::Add(Add {
            path: name.clone(),
            origin: at(text, 1),
            ..add
        }),
        Action::Trim(trim) => Action::Trim(Trim {
            path: name.clone(),
            ..trim
        }),
        action => action,
    };
    let value = || json!(text);
    let raw = |text: &str| Some(ChangeValue::Raw(text.as_bytes().to_vec()));
    Plan {
        refusals: vec![Refusal::Protected {
            path: name.clone(),
            protected: path("/"),
            origin: at(text, 1),
        }],
        warnings: vec![Warning {
            path: name.clone(),
            lint: Lint::DanglingLink,
            level: Level::Warn,
            about: About::Node,
            message: text.to_owned(),
            origin: at(text, 1),
        }],
        extras: vec![name.clone()],
        kept: vec![Kept {
            path: name.clone(),
            reason: KeptReason::Ephemeral,
        }],
        ..plan(vec![
            node(add(
                "/a",
                json!({"type": value(), "x": value(), text: "x\ny"}),
                1,
            )),
            update(
                "/a",
                vec![
                    set(
                        "x",
                        json!(format!("a\n{text}\nb")),
                        json!(format!("{text}\nb")),
                    ),
                    set(text, json!({text: [1, value()]}), json!({text: [value()]})),
                    other("@data", raw(text), raw(&format!("{text}\n"))),
                ],
            ),
            link(
                "/a",
                vec![set(&format!("{text} ->"), json!("none"), value())],
            ),
            node(trim("/a")),
        ])
    }
}

proptest! {
    #[test]
    fn nothing_breaks_out_of_code(
        text in proptest::collection::vec(proptest::sample::select(vec![
            "`", "```", "\n", "\r", "~~~", "<", ">", "</details>", "<!--", "@ops", "#1", "|", "*", "_",
            "[", "](", "http://x.y", "\\", "&lt;", " ", "\t", "\u{2028}", "\u{202e}", "\u{0}", "-", "+",
            "a", "'", "\"", "$", "$$", ":", "::error::", "x\n\n    # y\n",
        ]), 1..12)
    ) {
        let text = text.concat();
        let ordinary = around_code(&comment_of(&hostile("a"), "a", &["a".to_owned()]));
        let comment = comment_of(&hostile(&text), &text, std::slice::from_ref(&text));
        prop_assert_eq!(around_code(&comment), ordinary, "{}", comment);
        // A runner on GitHub takes a line that begins so for a command.
        let is_command = |line: &str| line.trim_start().starts_with("::");
        prop_assert!(!comment.lines().any(is_command), "{}", comment);
    }
}
