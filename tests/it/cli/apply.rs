//! `apply`: what it writes, what it says, and how it ends where something is in its way.

use std::io::Read as _;
use std::process::Stdio;

use crate::relay::{Mode, Relay};
use crate::server::shared;

use super::{Place, create, signal};

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
    {"actions":[{"action":"add","path":"/a","properties":{"x":1},"source":"a.zkt:1:1"}],"event":"plan","extras":[],"format_version":"1.1","kept":[],"path":"/","refusals":[],"summary":{"add":1,"link":0,"trim":0,"unchanged":0,"update":0},"warnings":[]}
    {"actions":1,"batch":1,"batches":1,"event":"batch","kind":"atomic","operations":1}
    {"data_only":[],"done":{"add":1,"link":0,"trim":0,"update":0},"event":"report","exit_code":0,"not_done":[],"unknown":[]}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("apply -y --format json a.zkt"), @r#"
    {"actions":[],"event":"plan","extras":[],"format_version":"1.1","kept":[],"path":"/","refusals":[],"summary":{"add":0,"link":0,"trim":0,"unchanged":1,"update":0},"warnings":[]}
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

    refused: /a: @acl auth:: stands for the session's own identity, and it has none; give --auth

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

    Plan: 0 to add, 2 to update, 0 to link, 0 to trim.
    Nothing of this plan was written.
    --- stderr
    error: /a: not authorized
    hint: it takes the write right at /a; permissions come from --auth, and from the ACLs of a node and its parent
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
        .file("lock.zkt", "/z\n  @acl world:anyone:r\n")
        .file("a.zkt", format!("/a\n{many}/z\n  /refused\n"));
    place.run("apply -y lock.zkt").expect(0);
    let run = place.run("apply -y a.zkt").expect(5);
    let (error, hint) = run.stderr.split_once('\n').unwrap();
    assert_eq!(error, "error: /z/refused: not authorized");
    assert!(
        hint.starts_with("hint: it takes the create right at /z; permissions come from --auth"),
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

/// A relay that holds the first write, and an apply that has planned.
async fn held(place: &Place, words: &str) -> (Relay, std::process::Child) {
    held_after(0, place, words).await
}

/// The same, where so many writes pass before.
async fn held_after(writes: usize, place: &Place, words: &str) -> (Relay, std::process::Child) {
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::HoldWriteAfter(writes));
    let hosts = place.through(&relay.address());
    let child = place
        .command(&format!("{words} -c {hosts}"))
        .spawn()
        .unwrap();
    relay.holds_a_write().await;
    (relay, child)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_conflict_is_answered_by_planning_again() {
    let place = Place::new("apply-conflict").await;
    let client = place.client().await;
    create(&client, "/a", r#"{"x":1,"theirs":1}"#).await;
    place.file("a.zkt", "/a\n  @ignore theirs\n  x = 2\n");
    let (relay, child) = held(&place, "apply -y --no-progress a.zkt").await;
    client
        .set_data("/a", br#"{"x":1,"theirs":2}"#, None)
        .await
        .unwrap();
    relay.set(Mode::Forward);
    let run = place.finish(child).expect(0);
    assert_eq!(
        run.stderr,
        "/a: it was changed meanwhile; planning again (1 of 5)\n"
    );
    assert_eq!(run.last(), "Done: 0 added, 1 updated, 0 linked, 0 trimmed.");
    assert_eq!(
        place.nodes().await,
        "/a \"{\\\"theirs\\\":2,\\\"x\\\":2}\" v2\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_retries_a_conflict_is_the_end() {
    let place = Place::new("apply-conflicts").await;
    let client = place.client().await;
    create(&client, "/a", r#"{"x":1}"#).await;
    place.file("a.zkt", "/a\n  x = 2\n  /b\n");
    let (relay, child) = held(&place, "apply -y --retries 0 a.zkt").await;
    // The same data, but another node.
    client.delete("/a", None).await.unwrap();
    create(&client, "/a", "{}").await;
    client.set_data("/a", br#"{"x":3}"#, None).await.unwrap();
    let before = place.exactly().await;
    relay.set(Mode::Forward);
    let run = place.finish(child);
    let (_, report) = run.stdout.split_once("\nPlan: ").unwrap();
    insta::assert_snapshot!(format!("{report}{}--- exit {}", run.stderr, run.code), @"
    1 to add, 1 to update, 0 to link, 0 to trim.
    Nothing of this plan was written.
    error: /a: it was changed meanwhile
    hint: another writer changes these nodes; nothing of theirs was overwritten
    --- exit 4
    ");
    assert_eq!(place.exactly().await, before);

    let (relay, child) = held(&place, "apply -y --format json --retries 0 a.zkt").await;
    client.delete("/a", None).await.unwrap();
    relay.set(Mode::Forward);
    let report = place.finish(child).expect(4).json().pop().unwrap();
    assert_eq!(
        (&report["stop"]["kind"], &report["exit_code"]),
        (&"conflict".into(), &4.into())
    );
    assert_eq!(place.nodes().await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn where_planning_again_fails_it_says_what_stands() {
    let place = Place::new("apply-gone").await;
    let client = place.client().await;
    create(&client, "/p", "").await;
    place.file("a.zkt", "/a\n");
    let (relay, child) = held(&place, "apply -y --path /p a.zkt").await;
    client.delete("/p", None).await.unwrap();
    relay.set(Mode::Forward);
    let run = place.finish(child).expect(1);
    assert_eq!(run.last(), "Nothing of this plan was written.");
    let error = "error: --path /p does not exist";
    assert!(run.stderr.contains(error), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_lost_reply_is_looked_into() {
    let place = Place::new("apply-lost").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(shared().port()).await;
    relay.set(Mode::CutBeforeWriteReply);
    let hosts = place.through(&relay.address());
    let run = place.run(&format!("apply -y a.zkt -c {hosts}")).expect(0);
    assert!(
        run.stderr
            .contains("the batch in flight was committed; planning again"),
        "{run}"
    );
    assert_eq!(run.last(), "Done: 1 added, 0 updated, 0 linked, 0 trimmed.");
    assert_eq!(place.nodes().await, "/a \"{\\\"x\\\":1}\" v0\n");

    place.file("b.zkt", "/b\n");
    relay.set(Mode::CutBeforeWriteReply);
    let run = place
        .run(&format!("apply -y --format json b.zkt -c {hosts}"))
        .expect(0);
    let report = run.json().pop().unwrap();
    assert_eq!(
        (&report["event"], &report["done"]["add"]),
        (&"report".into(), &1.into())
    );

    place.file("a.zkt", "/a\n  x = 2\n");
    relay.set(Mode::CutBeforeWriteReply);
    let run = place
        .run(&format!("apply -y --retries 0 a.zkt -c {hosts}"))
        .expect(5);
    let (_, report) = run.stdout.split_once("\nPlan: ").unwrap();
    insta::assert_snapshot!(format!("{report}{}", run.stderr), @"
    0 to add, 1 to update, 0 to link, 0 to trim.
    Done: 0 added, 1 updated, 0 linked, 0 trimmed.
      update /a
    error: the connection was lost (connection to server has lost); the batch in flight was committed
    hint: run apply again: it finishes what is left
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_interrupt_says_what_may_stand() {
    let place = Place::new("apply-interrupt").await;
    place.file("a.zkt", "/a\n");
    for name in ["INT", "TERM"] {
        let (_relay, child) = held(&place, "apply -y a.zkt").await;
        signal(&child, name);
        let run = place.finish(child).expect(5);
        let (_, last) = run.stdout.split_once("\nPlan: ").unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(format!("{last}{}", run.stderr), @"
            1 to add, 0 to update, 0 to link, 0 to trim.
            Unknown, done or not:
              add /a
            error: interrupted: the batch in flight may be committed or not
            hint: run apply again: it finishes what is left
            ");
        }
        assert_eq!(place.nodes().await, "");
    }
}

/// A tree that takes four batches, with little to show.
fn large() -> String {
    let large = "x".repeat(400_000);
    let nodes = (0..4).map(|i| format!("  /n{i}\n    @secret x\n    x = '{large}'\n"));
    format!("/a\n{}", nodes.collect::<String>())
}

/// A place with such a tree, and files that add a node and change four: these are written together,
/// after the new node stands.
async fn changed(name: &str) -> Place {
    let place = Place::new(name).await;
    place.file("a.zkt", large().replace("/a\n", "/a\n  @keep children\n"));
    place.run("apply -y a.zkt").expect(0);
    let changed = large().replace("    x = 'x", "    x = 'y") + "/new\n";
    place.file("a.zkt", changed);
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_interrupt_tells_of_all_that_is_in_flight() {
    let place = changed("apply-interrupts").await;
    let (_relay, child) = held_after(1, &place, "apply -y --format json a.zkt").await;
    signal(&child, "INT");
    let run = place.finish(child).expect(5);
    insta::assert_snapshot!(run.stderr, @"
    error: interrupted: 1 of 5 batches were committed, and the 4 in flight may be committed or not
    hint: run apply again: it finishes what is left
    ");
    let lines = run.json();
    let events: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["plan", "batch", "report"]);
    let report = &lines[2];
    let count = |field: &str| report[field].as_array().unwrap().len();
    assert_eq!(report["done"]["add"], lines[1]["actions"]);
    assert_eq!(count("stands"), lines[1]["actions"]);
    assert_eq!((count("stands"), count("unknown")), (1, 4));
    assert_eq!(report["not_done"], serde_json::json!([]));
    assert_eq!(report["stop"]["kind"], "interrupted");
    assert_eq!(report["exit_code"], 5);
    let nodes = place.nodes().await;
    assert!(nodes.contains("/new ") && !nodes.contains("yyy"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_interrupt_lists_what_stands_and_what_does_not() {
    let place = changed("apply-lists").await;
    let (_relay, child) = held_after(1, &place, "apply -y a.zkt").await;
    signal(&child, "INT");
    let run = place.finish(child).expect(5);
    let (_, last) = run.stdout.split_once("\nPlan: ").unwrap();
    insta::assert_snapshot!(last, @"
    1 to add, 4 to update, 0 to link, 0 to trim.
    Done: 1 added, 0 updated, 0 linked, 0 trimmed.
      add /new
    Unknown, done or not:
      update /a/n0
      update /a/n1
      update /a/n2
      update /a/n3
    ");
}

/// Whatever ends it, the last line of JSON is the report.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_end_has_a_report() {
    let place = Place::new("apply-ends").await;
    let client = place.client().await;
    create(&client, "/a", "").await;
    create(&client, "/a/gone", "").await;
    place
        .file("a.zkt", "/a\n  x = 1\n")
        .file("broken.zkt", "/a\n  x = \n")
        .file("acl.zkt", "/a\n  @acl auth::cdrwa\n");
    let report = |words: &str, code: i32| {
        let lines = place
            .run(&format!("apply --format json {words}"))
            .expect(code);
        let report = lines.json().pop().unwrap();
        assert_eq!(
            (&report["event"], &report["exit_code"]),
            (&"report".into(), &code.into())
        );
        format!(
            "{} {} {}",
            report["stop"]["kind"], report["stop"]["message"], report["not_done"]
        )
    };
    insta::assert_snapshot!(report("a.zkt", 1), @r#""error" "there is no terminal to ask on" []"#);
    insta::assert_snapshot!(report("-y broken.zkt", 1), @r#""error" "stderr tells what is wrong" []"#);
    let unreachable = report("-y --wait=0s -c 127.0.0.1:1 a.zkt", 1);
    let expected = "\"error\" \"cannot reach a ZooKeeper server at 127.0.0.1:1";
    assert!(unreachable.starts_with(expected), "{unreachable}");
    insta::assert_snapshot!(report("-y acl.zkt", 3), @r#""refused" "/a: @acl auth:: stands for the session's own identity, and it has none; give --auth" [{"action":"update","path":"/a"}]"#);
    insta::assert_snapshot!(report("-y -t --max-trim 0 a.zkt", 3), @r#""refused" "1 of 2 nodes would be trimmed, more than the 0 that --max-trim allows" [{"action":"update","path":"/a"},{"action":"trim","path":"/a/gone"}]"#);
    assert_eq!(place.nodes().await, "/a \"\" v0\n/a/gone \"\" v0\n");
}

/// Nobody writes what it changes, but somebody always writes what it would write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contended_tree_is_applied() {
    let place = Place::new("apply-contended").await;
    let client = place.client().await;
    let mut tree = "/t\n".to_owned();
    create(&client, "/t", "{}").await;
    for i in 0..400 {
        tree += &format!("  /n{i}\n    @ignore beat\n    x = 1\n");
        create(&client, &format!("/t/n{i}"), r#"{"beat":0,"x":0}"#).await;
    }
    place.file("a.zkt", tree);
    let writer = tokio::spawn(async move {
        for i in (0_usize..).map(|i| i * 7 % 400) {
            let path = format!("/t/n{i}");
            let (data, stat) = client.get_data(&path).await.unwrap();
            let beats = String::from_utf8(data).unwrap().replace(":0,", ":1,");
            // Ours may come in between.
            _ = client
                .set_data(&path, beats.as_bytes(), Some(stat.version))
                .await;
        }
    });
    let child = place.command("apply -y a.zkt").spawn().unwrap();
    let run = tokio::task::spawn_blocking(move || {
        let run = place.finish(child);
        (place, run)
    });
    let (place, run) = run.await.unwrap();
    writer.abort();
    let run = run.expect(0);
    assert_eq!(
        run.last(),
        "Done: 0 added, 400 updated, 0 linked, 0 trimmed."
    );
    assert_eq!(place.run("plan --detailed-exitcode a.zkt").code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn batches_are_told_in_order() {
    let place = Place::new("apply-batches").await;
    place.file("a.zkt", large());
    let lines = place.run("apply -y --format json a.zkt").expect(0).json();
    let told = lines
        .iter()
        .map(|line| match line["event"].as_str().unwrap() {
            "batch" => format!("{} of {}", line["batch"], line["batches"]),
            event => event.to_owned(),
        });
    let told: Vec<String> = told.collect();
    let expected = ["plan", "1 of 4", "2 of 4", "3 of 4", "4 of 4", "report"];
    assert_eq!(told, expected);
    let nodes = place.nodes().await;
    assert_eq!(nodes.lines().count(), 5);
}

/// The signal comes while the plan is being shown, which waits for its reader.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_interrupt_before_the_first_write_writes_nothing() {
    let place = Place::new("apply-early").await;
    // More than a pipe holds.
    let many: String = (0..10_000)
        .map(|i| format!("  /node-number-{i}\n"))
        .collect();
    place.file("a.zkt", format!("/a\n{many}"));
    for name in ["INT", "TERM"] {
        let mut child = place.command("apply -y a.zkt").spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        signal(&child, name);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        let run = place.finish(child).expect(1);
        assert_eq!(run.stderr, "error: interrupted: nothing was written\n");
        assert_eq!(place.nodes().await, "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_cannot_be_shown_is_not_done() {
    let place = Place::new("apply-full").await;
    place.file("a.zkt", "/a\n");
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let child = place
        .command("apply -y a.zkt")
        .stdout(Stdio::from(full))
        .spawn()
        .unwrap();
    place.finish(child).expect(1);
    assert_eq!(place.nodes().await, "");
}

/// `zkt apply -y … | head` must not end well without having applied anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reader_that_goes_away_does_not_stop_it() {
    let place = Place::new("apply-head").await;
    let many: String = (0..3000).map(|i| format!("  /n{i}\n")).collect();
    place.file("a.zkt", format!("/a\n{many}"));
    let mut child = place.command("apply -y a.zkt").spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    place.finish(child).expect(0);
    assert_eq!(place.nodes().await.lines().count(), 3001);
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
