//! What an apply writes, and what the server refuses.

use crate::cli::{Place, create};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn all_kinds_at_once() {
    let place = Place::new("apply-kinds").await;
    let client = place.client().await;
    create(&client, "/a", r#"{"x":1,"old":2}"#).await;
    create(&client, "/a/gone", "").await;
    create(&client, "/a/gone/too", "").await;
    place.file(
        "a.zkt",
        "/a\n  x = 2\n  l -> /b\n  /new : t\n/b\n  @data '{raw'\n",
    );
    insta::assert_snapshot!(place.run("apply a.zkt"), @"
    --- stderr
    error: there is no terminal to ask on
    hint: -y applies without asking; zkt plan shows what it would do
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("apply -y -t a.zkt"), @"
    zkt apply: SERVER <- a.zkt
      trim all

      + /a/new : t                                       a.zkt:4
      + /b                                               a.zkt:5
          @data '{raw'
      ~ /a
        - old = 2
          x = 1 -> 2
      @ /a
          l -> /b
      - /a/gone                                          (2 nodes)

    Plan: 2 to add, 1 to update, 1 to link, 2 to trim.
    Done: 2 added, 1 updated, 1 linked, 2 trimmed.
    --- exit 0
    ");
    insta::assert_snapshot!(place.nodes().await, @r#"
    /a "{\"l ->\":\"/b\",\"x\":2}" v1
    /a/new "{\"type\":\"t\"}" v0
    /b "{raw" v0
    "#);
    insta::assert_snapshot!(place.run("apply -y -t a.zkt"), @"
    zkt apply: SERVER <- a.zkt
      trim all

    No changes: 3 nodes are as declared.
    --- exit 0
    ");
    place.run_with("apply -y -", "/a\n").expect(0);
    assert_eq!(place.nodes().await.lines().next().unwrap(), r#"/a "{}" v2"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lines_of_json() {
    let place = Place::new("apply-json").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    insta::assert_snapshot!(place.run("apply -y --format json a.zkt"), @r#"
    {"actions":[{"action":"add","path":"/a","properties":{"x":1},"source":"a.zkt:1:1"}],"event":"plan","extras":[],"format_version":"1.2","kept":[],"path":"/","refusals":[],"summary":{"add":1,"link":0,"trim":0,"unchanged":0,"update":0},"warnings":[]}
    {"actions":1,"batch":1,"batches":1,"event":"batch","kind":"atomic","operations":1}
    {"data_only":[],"done":{"add":1,"link":0,"trim":0,"update":0},"event":"report","exit_code":0,"not_done":[],"unknown":[]}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("apply -y --format json a.zkt"), @r#"
    {"actions":[],"event":"plan","extras":[],"format_version":"1.2","kept":[],"path":"/","refusals":[],"summary":{"add":0,"link":0,"trim":0,"unchanged":1,"update":0},"warnings":[]}
    {"data_only":[],"done":{"add":0,"link":0,"trim":0,"update":0},"event":"report","exit_code":0,"not_done":[],"unknown":[]}
    --- exit 0
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn acls() {
    let place = Place::new("apply-acls").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    create(&client, "/a/b", "").await;
    place.file(
        "a.zkt",
        "/a\n  @acl world:anyone:r auth::cdrwa\n  x = 1\n  /b\n  /new\n",
    );
    insta::assert_snapshot!(place.run("apply -y a.zkt"), @"
    zkt apply: SERVER <- a.zkt

      + /a/new                                           a.zkt:5
          acl: world:anyone:r auth::cdrwa
      ~ /a
        + x = 1
        - acl: world:anyone:cdrwa
        + acl: world:anyone:r
        + acl: auth::cdrwa
      ~ /a/b
          acl: as /a

    refused: /a: @acl auth:: stands for the session's own identity, and it has none; give --auth or --sasl-user

    Plan: 1 to add, 2 to update, 0 to link, 0 to trim.
    --- exit 3
    ");
    assert_eq!(place.nodes().await, "/a \"\" v0\n/a/b \"\" v0\n");
    insta::assert_snapshot!(place.run("apply -y --auth digest:u:p a.zkt"), @"
    zkt apply: SERVER <- a.zkt

      + /a/new                                           a.zkt:5
          acl: world:anyone:r auth (u)
      ~ /a
        + x = 1
        - acl: world:anyone:cdrwa
        + acl: world:anyone:r
        + acl: auth (u)
      ~ /a/b
          acl: as /a

    Plan: 1 to add, 2 to update, 0 to link, 0 to trim.
    Done: 1 added, 2 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
    insta::assert_snapshot!(place.nodes().await, @r#"
    /a "{\"x\":1}" v1 world:anyone:r digest:u:x:cdrwa
    /a/b "" v0 world:anyone:r digest:u:x:cdrwa
    /a/new "{}" v0 world:anyone:r digest:u:x:cdrwa
    "#);
    let run = place
        .run("plan --detailed-exitcode --auth digest:u:p a.zkt")
        .expect(0);
    assert_eq!(run.last(), "No changes: 3 nodes are as declared.");
}

/// Its last write is one that it may still make.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_tree_may_take_its_own_permissions_away() {
    let place = Place::new("apply-lock").await;
    place.file("a.zkt", "/a\n  x = 1\n  /b\n").file(
        "b.zkt",
        "/a\n  @acl world:anyone:r\n  x = 2\n  /b\n    y = 1\n  /c\n",
    );
    place.run("apply -y a.zkt").expect(0);
    let refused = place.run("apply -y b.zkt").expect(3);
    let why = "refused: /a and 1 more node: @acl gives this session no admin right, \
               so it could not change them again; --force allows that (b.zkt:2:3)";
    assert!(refused.stdout.contains(why), "{refused}");
    place.run("apply -y --force b.zkt").expect(0);
    insta::assert_snapshot!(place.nodes().await, @r#"
    /a "{\"x\":2}" v1 world:anyone:r
    /a/b "{\"y\":1}" v1 world:anyone:r
    /a/c "{}" v0 world:anyone:r
    "#);
    assert_eq!(
        place.run("plan b.zkt").expect(0).last(),
        "No changes: 3 nodes are as declared."
    );
    insta::assert_snapshot!(place.run("apply -y a.zkt"), @"
    zkt apply: SERVER <- a.zkt

      ~ /a
          x = 2 -> 1
      ~ /a/b
        - y = 1

    Extra, left alone without --trim:
      /a/c

    refused: rights are missing at 2 nodes; --force tries it nevertheless
      /a  (write)
      /a/b  (write)

    Plan: 0 to add, 2 to update, 0 to link, 0 to trim.
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("apply -y --force a.zkt"), @"
    zkt apply: SERVER <- a.zkt

      ~ /a
          x = 2 -> 1
      ~ /a/b
        - y = 1

    Extra, left alone without --trim:
      /a/c

    Plan: 0 to add, 2 to update, 0 to link, 0 to trim.
    Nothing of this plan was written.
    --- stderr
    error: /a: not authorized
    hint: it takes the write right at /a; rights come from --auth or --sasl-user, and from the ACLs of a node and its parent
    --- exit 1
    ");
}

/// More than a batch holds, and last what the server refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_error_after_some_batches_is_partly_applied() {
    let place = Place::new("apply-partly").await;
    let many: String = (0..1200)
        .map(|i| format!("  /n{i}\n    x = '{}'\n", "x".repeat(1000)))
        .collect();
    place
        // Its ACL is not shown, so nobody can tell beforehand that it does not let the session create.
        .file("lock.zkt", "/z\n  @acl world:anyone:w\n")
        .file("a.zkt", format!("/a\n{many}/z/refused\n"));
    place.run("apply -y lock.zkt").expect(0);
    let run = place.run("apply -y a.zkt").expect(5);
    let (error, hint) = run.stderr.split_once('\n').unwrap();
    assert_eq!(error, "error: /z/refused: not authorized");
    assert!(
        hint.starts_with(
            "hint: it takes the create right at /z; rights come from --auth or --sasl-user"
        ),
        "{hint}"
    );
    let left = place.nodes().await.lines().count();
    let (_, report) = run.stdout.split_once("to trim.\nDone: ").unwrap();
    let lines: Vec<&str> = report.lines().collect();
    // One node was there before. How many a batch holds depends on the length of the chroot.
    assert!(
        lines[0].starts_with(&format!("{} added, 0 updated", left - 1)),
        "{report}"
    );
    assert!(left > 1 && left < 1201, "{left}");
    assert_eq!(lines[1..3], ["  add /a", "  add /a/n0"]);
    let more = left - 1 - 20;
    assert_eq!(lines[21], format!("  … and {more} more"));
    assert_eq!(lines[22], "Not done:");
    assert!(lines[23].starts_with("  add /a/n"), "{report}");
    let more = 1202 - (left - 1) - 20;
    assert_eq!(lines[43..], [format!("  … and {more} more")]);
    let again = place.run("apply -y --format json a.zkt");
    assert_eq!(again.code, 1, "nothing was written this time");
    let report = again.json().pop().unwrap();
    assert_eq!(report["done"]["add"], 0);
    assert_eq!(report["stop"]["path"], "/z/refused");
    assert_eq!(report["exit_code"], 1);
    assert_eq!(place.nodes().await.lines().count(), left);
}

/// A scheme may be one of the server's own: only it can tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_acl_entry_that_the_server_refuses_is_named_with_its_node() {
    let place = Place::new("unknown-scheme").await;
    place.file("a.zkt", "/a\n  @acl world:anyone:cdrwa wrold:anyone:r\n");
    insta::assert_snapshot!(place.run("apply -y a.zkt").expect(1).stderr, @"
    error: /a: the server refuses the ACL entry wrold:(secret):r: it does not know the scheme, or takes no such id
    hint: ZooKeeper's own schemes are world, auth, digest, ip, x509, sasl and super; a server may have more
    ");
    place.file("b.zkt", "/a\n");
    place.run("apply -y b.zkt").expect(0);
    let run = place.run("apply -y a.zkt").expect(1);
    assert!(
        run.stderr
            .contains("/a: the server refuses the ACL entry wrold:"),
        "{run}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_doubtful_value_is_a_warning_of_the_plan() {
    let place = Place::new("doubtful").await;
    place.file("a.zkt", "/a\n  mode = 0644\n/b\n  x = 'a',\n");
    let run = place.run("plan --strict a.zkt").expect(3);
    assert!(run.everything().contains("/a: mode: a number"), "{run}");
    assert!(run.everything().contains("/b: x: the comma"), "{run}");
    // Of what the plan is not about nothing is said.
    place.run("plan --strict --target /c a.zkt").expect(0);
}
