//! `plan` and `diff` against a live tree.

use zookeeper_client::CreateMode;

use super::{Place, create, create_as};

const CMS: &str = "\
/cms : z4m cms
  threads = 3
  /providers
/lb : ipvs
  /pools
    /cms
      address = '1.2.3.5:80'
      providers -> /cms/providers
";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn into_an_empty_tree() {
    let place = Place::new("plan-empty").await;
    place.file("cms.zkt", CMS);
    insta::assert_snapshot!(place.run("plan cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3
      + /lb : ipvs                                       cms.zkt:4
      + /lb/pools                                        cms.zkt:5
      + /lb/pools/cms                                    cms.zkt:6
          address = '1.2.3.5:80'
      @ /lb/pools/cms
          providers -> /cms/providers

    Plan: 5 to add, 0 to update, 1 to link, 0 to trim.
    --- exit 0
    ");
    place.run("plan --detailed-exitcode cms.zkt").expect(2);
    assert_eq!(place.nodes().await, "");
    place.run("apply -y cms.zkt").expect(0);
    insta::assert_snapshot!(place.run("plan --detailed-exitcode cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

    No changes: 5 nodes are as declared.
    --- exit 0
    ");
    let run = place.run_with("plan -", CMS).expect(0);
    assert!(
        run.stdout.starts_with("zkt plan: SERVER <- <stdin>\n"),
        "{run}"
    );
}

/// The tree of the example on the specification's page.
async fn example(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/lb", r#"{"type":"ipvs"}"#).await;
    create(&client, "/lb/pools", "").await;
    create(&client, "/lb/pools/cms", "").await;
    let data = br#"{"address": "1.2.3.4:80", "x": 1}"#;
    client.set_data("/lb/pools/cms", data, None).await.unwrap();
    create(&client, "/lb/pools/retail", "").await;
    create(&client, "/lb/pools/retail/a", "").await;
    create(&client, "/lb/pools/retail/b", "").await;
    place.file("cms.zkt", CMS);
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_kind_of_action() {
    let place = example("plan-kinds").await;
    insta::assert_snapshot!(place.run("plan -t cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3
      ~ /lb/pools/cms
          address = '1.2.3.4:80' -> '1.2.3.5:80'
        - x = 1
      @ /lb/pools/cms
          providers -> /cms/providers
      - /lb/pools/retail                                 (3 nodes)

    Plan: 2 to add, 1 to update, 1 to link, 3 to trim.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("plan cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3
      ~ /lb/pools/cms
          address = '1.2.3.4:80' -> '1.2.3.5:80'
        - x = 1
      @ /lb/pools/cms
          providers -> /cms/providers

    Extra, left alone without --trim:
      /lb/pools/retail

    Plan: 2 to add, 1 to update, 1 to link, 0 to trim.
    --- exit 0
    ");
    let mut json = place.run("plan -t --format json cms.zkt").expect(0).json();
    for action in json[0]["actions"].as_array_mut().unwrap() {
        let action = action.as_object_mut().unwrap();
        let zxids = ["czxid", "mzxid"].map(|name| action.remove(name));
        // What is there already is told by which transactions made it.
        let [Some(created), Some(modified)] = zxids.map(|zxid| zxid?.as_i64()) else {
            assert_eq!(action["action"], "add");
            continue;
        };
        assert!(0 < created && created <= modified);
        assert_eq!(created == modified, action["version"] == 0);
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&json[0]).unwrap(), @r#"
    {
      "actions": [
        {
          "action": "add",
          "path": "/cms",
          "properties": {
            "threads": 3,
            "type": "z4m cms"
          },
          "source": "cms.zkt:1:1"
        },
        {
          "action": "add",
          "path": "/cms/providers",
          "properties": {},
          "source": "cms.zkt:3:3"
        },
        {
          "action": "update",
          "changes": [
            {
              "name": "address",
              "new": "1.2.3.5:80",
              "old": "1.2.3.4:80",
              "op": "set",
              "source": "cms.zkt:7:7"
            },
            {
              "name": "x",
              "old": 1,
              "op": "remove"
            }
          ],
          "path": "/lb/pools/cms",
          "source": "cms.zkt:6:5",
          "version": 1
        },
        {
          "action": "link",
          "changes": [
            {
              "name": "providers ->",
              "new": "/cms/providers",
              "old": null,
              "op": "set",
              "source": "cms.zkt:8:7"
            }
          ],
          "path": "/lb/pools/cms",
          "source": "cms.zkt:6:5",
          "version": 1
        },
        {
          "action": "trim",
          "path": "/lb/pools/retail/b",
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
        "add": 2,
        "link": 1,
        "trim": 3,
        "unchanged": 2,
        "update": 1
      },
      "warnings": []
    }
    "#);
    let coloured = place.run("--color always plan -t cms.zkt").expect(0).stdout;
    insta::assert_snapshot!(coloured.replace('\u{1b}', "␛"), @"
    ␛[1mzkt plan␛[0m: SERVER <- cms.zkt

      ␛[32m+␛[0m ␛[1m/cms : z4m cms␛[0m                                   ␛[2mcms.zkt:1␛[0m
          threads = 3
      ␛[32m+␛[0m ␛[1m/cms/providers␛[0m                                   ␛[2mcms.zkt:3␛[0m
      ␛[33m~␛[0m ␛[1m/lb/pools/cms␛[0m
          address = ␛[31m'1.2.3.␛[0m␛[1m␛[4m␛[31m4␛[0m␛[31m:80'␛[0m -> ␛[32m'1.2.3.␛[0m␛[1m␛[4m␛[32m5␛[0m␛[32m:80'␛[0m
        ␛[31m-␛[0m x = ␛[31m1␛[0m
      ␛[36m@␛[0m ␛[1m/lb/pools/cms␛[0m
          providers -> ␛[32m/cms/providers␛[0m
      ␛[31m-␛[0m ␛[1m/lb/pools/retail␛[0m                                 ␛[2m(3 nodes)␛[0m

    Plan: 2 to add, 1 to update, 1 to link, 3 to trim.
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn target_exclude_and_extras() {
    let place = example("plan-target").await;
    insta::assert_snapshot!(place.run("plan --target /cms/** cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3

    Plan: 2 to add, 0 to update, 0 to link, 0 to trim.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("plan -t --exclude /lb/pools/* cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3

    Plan: 2 to add, 0 to update, 0 to link, 0 to trim.
    --- exit 0
    ");
    let hidden = place.run("plan --extras hide cms.zkt").expect(0).stdout;
    assert!(!hidden.contains("retail"), "{hidden}");
    place.run("plan --strict --extras hide cms.zkt").expect(0);
    insta::assert_snapshot!(place.run("plan --strict --target /lb cms.zkt"), @"
    zkt plan: SERVER <- cms.zkt

    No changes: 1 node is as declared.
    --- exit 0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn below_a_path() {
    let place = Place::new("plan-path").await;
    let client = place.client().await;
    create(&client, "/deep", "").await;
    create(&client, "/deep/er", "mine").await;
    place.file("a.zkt", "/a\n  l -> /deep/er\n");
    insta::assert_snapshot!(place.run("plan --path /deep/er/ a.zkt"), @"
    zkt plan: SERVER <- a.zkt

      + /deep/er/a                                       a.zkt:1
      @ /deep/er/a
          l -> /deep/er

    Plan: 1 to add, 0 to update, 1 to link, 0 to trim.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("plan --path /deep/no a.zkt"), @"
    --- stderr
    error: --path /deep/no does not exist on SERVER
    hint: a tree that brings its own place says /deep/no/… itself
    --- exit 1
    ");
    place.run("apply -y --path /deep/er a.zkt").expect(0);
    insta::assert_snapshot!(place.nodes().await, @r#"
    /deep "" v0
    /deep/er "mine" v0
    /deep/er/a "{\"l ->\":\"/deep/er\"}" v0
    "#);
    let inside = format!("{}/deep", place.hosts);
    insta::assert_snapshot!(place.run(&format!("plan -c {inside} --path /er a.zkt")), @"
    zkt plan: SERVER/deep <- a.zkt

    warning: /er/a: link l -> /deep/er dangles: /deep does not exist (a.zkt:2:3)

    No changes: 1 node is as declared.
    --- exit 0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_kept() {
    let place = Place::new("plan-kept").await;
    let client = place.client().await;
    for path in [
        "/svc",
        "/svc/old",
        "/svc/old/p",
        "/svc/older",
        "/svc/kept",
        "/svc/kept/x",
    ] {
        create(&client, path, "").await;
    }
    create_as(&client, "/svc/old/p/10.0.0.1:80", "", CreateMode::Ephemeral).await;
    create_as(&client, "/svc/me", r#"{"x":1}"#, CreateMode::Ephemeral).await;
    place.file(
        "a.zkt",
        "/svc\n  /me\n    x = 2\n    /below\n  /kept\n    @keep\n",
    );
    insta::assert_snapshot!(place.run("plan -t a.zkt"), @"
    zkt plan: SERVER <- a.zkt

      - /svc/older                                       (1 node)

    Kept as they are:
      /svc/me  (ephemeral)
      /svc/old  (holds an ephemeral node)
      /svc/me/below  (cannot exist below an ephemeral node)
      /svc/old/p/10.0.0.1:80  (ephemeral)

    Plan: 0 to add, 0 to update, 0 to link, 1 to trim.
    --- exit 0
    ");
    let json = place.run("plan -t --format json a.zkt").expect(0).json();
    insta::assert_snapshot!(json[0]["kept"], @r#"[{"path":"/svc/me","reason":"ephemeral"},{"path":"/svc/me/below","reason":"cannot exist below an ephemeral node"},{"path":"/svc/old","reason":"holds an ephemeral node"},{"path":"/svc/old/p/10.0.0.1:80","reason":"ephemeral"}]"#);
    place.run("apply -y -t a.zkt").expect(0);
    let left = place.run("ls /svc").expect(0).stdout;
    insta::assert_snapshot!(left, @"
    /svc
    /svc/kept
    /svc/kept/x
    /svc/me
    /svc/old
    /svc/old/p
    /svc/old/p/10.0.0.1:80
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn guards() {
    let place = Place::new("plan-guards").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    for i in 0..9 {
        create(&client, &format!("/a/old{i}"), "").await;
    }
    place
        .file("a.zkt", "/a\n")
        .file("link.zkt", "/a\n  l -> /nowhere\n");
    let run = place.run("plan -t a.zkt").expect(3);
    assert!(
        run.stdout
            .contains("refused: 9 of the 10 nodes at and below /a"),
        "{run}"
    );
    create(&client, "/a/old9", "").await;
    insta::assert_snapshot!(place.run("plan -t a.zkt"), @"
    zkt plan: SERVER <- a.zkt

      - /a/old0                                          (1 node)
      - /a/old1                                          (1 node)
      - /a/old2                                          (1 node)
      - /a/old3                                          (1 node)
      - /a/old4                                          (1 node)
      - /a/old5                                          (1 node)
      - /a/old6                                          (1 node)
      - /a/old7                                          (1 node)
      - /a/old8                                          (1 node)
      - /a/old9                                          (1 node)

    refused: 10 of 11 nodes would be trimmed, more than the 30% that --max-trim allows

    Plan: 0 to add, 0 to update, 0 to link, 10 to trim.
    --- exit 3
    ");
    place.run("plan -t --force a.zkt").expect(0);
    place.run("plan -t --max-trim 10 a.zkt").expect(0);
    place.run("plan -t --max-trim 95% a.zkt").expect(0);
    place.run("plan -t --max-trim 9 a.zkt").expect(3);
    place.run("plan -t --max-trim 0 a.zkt").expect(3);
    let json = place
        .run("plan -t --max-trim 50% --format json a.zkt")
        .expect(3)
        .json();
    insta::assert_snapshot!(json[0]["refusals"], @r#"[{"message":"10 of 11 nodes would be trimmed, more than the 50% that --max-trim allows"}]"#);
    insta::assert_snapshot!(place.run("plan --strict link.zkt --extras hide"), @"
    zkt plan: SERVER <- link.zkt

      @ /a
          l -> /nowhere

    warning: /a: link l -> /nowhere dangles: /nowhere does not exist (link.zkt:2:3)

    refused: --strict allows no warning and no extra node, and there is 1

    Plan: 0 to add, 0 to update, 1 to link, 0 to trim.
    --- exit 3
    ");
    place
        .run("apply -y --strict --extras hide link.zkt")
        .expect(3);
    let before = place.exactly().await;
    insta::assert_snapshot!(place.run("apply -y -t a.zkt"), @"
    zkt apply: SERVER <- a.zkt

      - /a/old0                                          (1 node)
      - /a/old1                                          (1 node)
      - /a/old2                                          (1 node)
      - /a/old3                                          (1 node)
      - /a/old4                                          (1 node)
      - /a/old5                                          (1 node)
      - /a/old6                                          (1 node)
      - /a/old7                                          (1 node)
      - /a/old8                                          (1 node)
      - /a/old9                                          (1 node)

    refused: 10 of 11 nodes would be trimmed, more than the 30% that --max-trim allows

    Plan: 0 to add, 0 to update, 0 to link, 10 to trim.
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("apply -y -t --format json a.zkt").json()[0]["refusals"], @r#"[{"message":"10 of 11 nodes would be trimmed, more than the 30% that --max-trim allows"}]"#);
    assert_eq!(place.exactly().await, before);
    place.run("apply -y -t --force a.zkt").expect(0);
    assert_eq!(place.nodes().await, "/a \"\" v0\n");
}

/// What goes by itself is nobody's to declare, and no reason to refuse.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_ephemeral_extra_is_kept() {
    let place = Place::new("plan-ephemeral-extra").await;
    let client = place.client().await;
    place.file("a.zkt", "/a\n  /declared\n");
    place.run("apply -y a.zkt").expect(0);
    for name in ["z:1", "b:1"] {
        create_as(&client, &format!("/a/{name}"), "{}", CreateMode::Ephemeral).await;
    }
    insta::assert_snapshot!(place.run("plan --strict a.zkt"), @"
    zkt plan: SERVER <- a.zkt

    Kept as they are:
      /a/b:1  (ephemeral)
      /a/z:1  (ephemeral)

    No changes: 2 nodes are as declared.
    --- exit 0
    ");
    create(&client, "/a/extra", "").await;
    insta::assert_snapshot!(place.run("plan --strict a.zkt"), @"
    zkt plan: SERVER <- a.zkt

    Extra, left alone without --trim:
      /a/extra

    Kept as they are:
      /a/b:1  (ephemeral)
      /a/z:1  (ephemeral)

    refused: --strict allows no warning and no extra node, and there is 1

    No changes: 2 nodes are as declared.
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("plan --strict -q a.zkt"), @"
    refused: --strict allows no warning and no extra node, and there is 1
    No changes: 2 nodes are as declared.
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("plan -q a.zkt"), @"
    No changes: 2 nodes are as declared.
    --- exit 0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_may_not_be_read() {
    let place = Place::new("plan-unreadable").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    place.file(
        "lock.zkt",
        "/a\n  /locked\n    @acl digest:u:WtGjfkcdVMTnZhfV7KHJ0t0mtNw=:cdrwa\n    x = 1\n  /open\n",
    );
    place.run("apply -y lock.zkt").expect(0);
    place
        .file("a.zkt", "/a\n  /locked\n    x = 2\n")
        .file("other.zkt", "/a\n  /open\n");
    insta::assert_snapshot!(place.run("plan a.zkt"), @"
    --- stderr
    error: not authorized to read /a/locked
    hint: --auth or --auth-file gives credentials
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("diff a.zkt live"), @"
    --- stderr
    error: not authorized to read /a/locked
    hint: --auth or --auth-file gives credentials
    --- exit 2
    ");
    insta::assert_snapshot!(place.run("plan -t other.zkt"), @"
    zkt plan: SERVER <- other.zkt

    Kept as they are:
      /a/locked  (not authorized to read it or a node below it)

    No changes: 2 nodes are as declared.
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("ls -l /a/locked"), @"
    (not authorized to read)                        /a/locked
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("export /a"), @"
    /a
      @data ''
      /open
    --- stderr
    error: not authorized to read /a/locked
    hint: --auth or --auth-file gives credentials
    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn diff_with_the_live_tree() {
    let place = example("diff-live").await;
    insta::assert_snapshot!(place.run("diff live cms.zkt"), @"
    zkt diff: live SERVER <- cms.zkt

      + /cms : z4m cms                                   cms.zkt:1
          threads = 3
      + /cms/providers                                   cms.zkt:3
      ~ /lb/pools/cms
          address = '1.2.3.4:80' -> '1.2.3.5:80'
        - x = 1
      @ /lb/pools/cms
          providers -> /cms/providers
      - /lb/pools/retail                                 (3 nodes)

    Plan: 2 to add, 1 to update, 1 to link, 3 to trim.
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("diff cms.zkt live"), @"
    zkt diff: cms.zkt <- live SERVER

      + /lb/pools/retail
      + /lb/pools/retail/a
      + /lb/pools/retail/b
      ~ /lb/pools/cms
          address = '1.2.3.5:80' -> '1.2.3.4:80'
        + x = 1
      @ /lb/pools/cms
        - providers -> /cms/providers
      - /cms                                             (2 nodes)

    Plan: 3 to add, 1 to update, 1 to link, 2 to trim.
    --- exit 1
    ");
    place.run("apply -y -t cms.zkt").expect(0);
    insta::assert_snapshot!(place.run("diff live cms.zkt"), @"
    zkt diff: live SERVER <- cms.zkt

    No changes: 5 nodes are as declared.
    --- exit 0
    ");
    place.run("diff cms.zkt live").expect(0);
    place.run("diff nosuch live").expect(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn secrets_are_never_shown() {
    let place = Place::new("secrets").await;
    let client = place.client().await;
    create(
        &client,
        "/a",
        r#"{"pw":"hunter1","token":"hunter2","x":1,"pw ->":"/hunter3"}"#,
    )
    .await;
    create(&client, "/all", "hunter4").await;
    create(&client, "/broken", r#"{"pw": "hunter5""#).await;
    create(&client, "/typed", r#"{"type":"hunter6"}"#).await;
    let text = "\
/a
  @secret pw tok*
  pw = 'hunterA'
  x = 2
  pw -> /hunterB
/all
  @secret
  @data 'hunterC'
/broken
  @secret pw
  pw = 'hunterD'
/new
  @secret pw
  pw = 'hunterE'
  @acl world:anyone:cdrwa
/newall
  @secret
  y = 'hunterF'
/typed : hunterG
  @secret type
";
    place.file("a.zkt", text);
    let no_hunter = |words: &str, code| {
        let run = place.run(words).expect(code);
        assert!(!run.everything().contains("hunter"), "{words}: {run}");
        run
    };
    insta::assert_snapshot!(no_hunter("plan a.zkt", 0), @"
    zkt plan: SERVER <- a.zkt

      + /new                                             a.zkt:12
          acl: world:anyone:cdrwa
          pw = (secret)
      + /newall                                          a.zkt:16
          @data (secret)
      ~ /a
          pw = (secret) -> (secret)
        - token = (secret)
          x = 1 -> 2
      ~ /all
          @data (secret) -> (secret)
      ~ /broken
        + pw = (secret)
        - string_value = (secret)
      ~ /typed
          type = (secret) -> (secret)
      @ /a
          pw -> (secret)  (was (secret))

    warning: /a: link pw -> (secret) leads nowhere (a.zkt:5:3)

    Plan: 2 to add, 4 to update, 1 to link, 0 to trim.
    --- exit 0
    ");
    no_hunter("plan -vvv --log-format json --format json a.zkt", 0);
    no_hunter("diff a.zkt live", 1);
    no_hunter("diff --format json live a.zkt", 1);
    no_hunter("apply -y -vvv a.zkt", 0);
    no_hunter("apply -y --format json a.zkt", 0);
    place.file("b.zkt", text.replace("hunter", "more-hunter"));
    no_hunter("apply -y -vvv --format json b.zkt", 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_live_cannot_steer_a_terminal() {
    let place = Place::new("hostile").await;
    let client = place.client().await;
    create(&client, "/\u{202e}evil", "").await;
    let properties = "{\"\u{202e}\\u001b[2J\":\"\\u001b]0;owned\\u0007\u{200b}\"}";
    create(&client, "/\u{202e}evil/a b", properties).await;
    create(&client, "/\u{202e}evil/raw", "\u{1b}[2J").await;
    place.file("a.zkt", "/\"\u{202e}evil\"\n  /raw\n    x = 1\n");
    insta::assert_snapshot!(place.run("export"), @r#"
    /"\u202eevil"
      @data ''
      /"a b"
        "\u202e\u001b[2J" = '\u001b]0;owned\u0007\u200b'
      /raw
        string_value = '\u001b[2J'
    --- exit 0
    "#);
    for words in [
        "export",
        "ls",
        "ls -l",
        "plan -t a.zkt",
        "diff live a.zkt",
        "diff a.zkt live",
        "apply -y a.zkt",
    ] {
        let run = place.run(&format!("--color never {words}")).everything();
        let steers =
            |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202e}' | '\u{200b}'));
        assert!(!run.contains(steers), "{words}: {}", run.escape_debug());
    }
}

/// A value under such a name may be meant to be seen, so it is shown, and said how to hide it.
#[tokio::test(flavor = "multi_thread")]
async fn values_under_the_names_of_secrets_bring_a_hint() {
    let place = Place::new("plan-exposed").await;
    let client = place.client().await;
    create(&client, "/a", r#"{"password":"old"}"#).await;
    let hint = "hint: password of /a has the name of a secret, and its value is shown: \
                `@secret password` hides it\n";
    place.file("a.zkt", "/a\n  password = 'new'\n");
    assert_eq!(place.run("plan a.zkt").expect(0).stderr, hint);
    assert_eq!(place.run("plan --format json a.zkt").expect(0).stderr, hint);
    place.file(
        "a.zkt",
        "/a\n  @secret pass*\n  password = 'new'\n/b\n  api_key = 1\n",
    );
    let new = place.run("apply -y a.zkt").expect(0);
    assert!(new.stderr.contains("hint: api_key of /b "), "{new}");
    assert_eq!(place.run("plan a.zkt").expect(0).stderr, "");
}
