//! Owners: records of what they created, and trims of only that.

use std::collections::BTreeMap;

use zkt::model::path::ZPath;
use zkt::model::record::{Claim, Entry};
use zkt::zookeeper::live;
use zkt::zookeeper::record::{self, Stored};
use zkt::zookeeper::session::Session;

use super::apply::large;
use super::{Place, Run, create};
use crate::relay::{Mode, Relay, Way};
use crate::server::{self, shared};

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

/// The record of an owner, of which every entry is of a node that is there.
async fn record(place: &Place, owner: &str) -> Stored {
    let session = Session::connect(&server::options(&place.hosts)).await;
    let session = session.unwrap();
    let head = path("/zkt").join(owner);
    let stored = record::read(&session, &head).await.unwrap().unwrap();
    let paths: Vec<ZPath> = stored.record.iter().map(|(path, _)| path.clone()).collect();
    let live = live::lookup(&session, &paths).await.unwrap();
    for (path, entry) in stored.record.iter() {
        let node = live.get(path).and_then(|live| live.node());
        let node = node.unwrap_or_else(|| panic!("{path} is in the record and does not exist"));
        assert_eq!(
            (entry.created, entry.modified),
            (node.czxid, node.mzxid),
            "{path}"
        );
    }
    session.close().await;
    stored
}

/// What the record says that stands at a path.
async fn claims_at(place: &Place, head: &str) -> String {
    let session = Session::connect(&server::options(&place.hosts)).await;
    let session = session.unwrap();
    let stored = record::read(&session, &path(head)).await.unwrap().unwrap();
    session.close().await;
    claims_of(&stored)
}

/// What a record says of its nodes.
pub(super) async fn claims(place: &Place, owner: &str) -> String {
    let stored = record(place, owner).await;
    claims_of(&stored)
}

fn claims_of(stored: &Stored) -> String {
    assert!(!stored.is_open(), "{stored:?}");
    let claim = |(path, entry): (&ZPath, &Entry)| format!("{path} {:?}\n", entry.claim);
    stored.record.iter().map(claim).collect()
}

/// The nodes without those of records.
async fn nodes(place: &Place) -> String {
    let nodes = place.nodes().await;
    let others = nodes.lines().filter(|line| !line.starts_with("/zkt"));
    others.map(|line| format!("{line}\n")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_an_owner_created_goes_when_it_is_no_longer_declared() {
    let place = Place::new("owner").await;
    create(&place.client().await, "/theirs", "").await;
    place.file("a.zkt", "/a\n  x = 1\n  /b\n    /c\n/old\n  /one\n  /two\n");
    place.run("apply -y --owner team a.zkt").expect(0);
    insta::assert_snapshot!(claims(&place, "team").await, @"
    /a Created
    /a/b Created
    /a/b/c Created
    /old Created
    /old/one Created
    /old/two Created
    ");
    // To apply it again writes nothing.
    let before = place.exactly().await;
    place
        .run("apply -y --owner team --trim owned a.zkt")
        .expect(0);
    assert_eq!(place.exactly().await, before);

    place.file("a.zkt", "/a\n  x = 1\n  /b\n");
    let plan = place.run("plan --owner team --trim owned a.zkt").expect(0);
    insta::assert_snapshot!(plan, @"
    zkt plan: SERVER <- a.zkt
      trim owned, owner team, record /zkt/team

      - /a/b/c                                           (1 node)
      - /old                                             (3 nodes)

    Plan: 0 to add, 0 to update, 0 to link, 4 to trim.
    --- exit 0
    ");
    assert_eq!(place.exactly().await, before);
    let run = place
        .run("apply -y --owner team --trim owned a.zkt")
        .expect(0);
    assert_eq!(run.last(), "Done: 0 added, 0 updated, 0 linked, 4 trimmed.");
    assert_eq!(
        nodes(&place).await,
        "/a \"{\\\"x\\\":1}\" v0\n/a/b \"{}\" v0\n/theirs \"\" v0\n"
    );
    assert_eq!(claims(&place, "team").await, "/a Created\n/a/b Created\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_others_did_since_stays_and_is_named() {
    let place = Place::new("owner-foreign").await;
    place.file(
        "a.zkt",
        "/a\n/old\n  x = 1\n  /changed\n  /made-anew\n  /held\n    /own\n/last\n",
    );
    place.run("apply -y --owner team a.zkt").expect(0);
    let client = place.client().await;
    client
        .set_data("/old/changed", b"theirs", None)
        .await
        .unwrap();
    client.delete("/old/made-anew", None).await.unwrap();
    create(&client, "/old/made-anew", "").await;
    create(&client, "/old/held/theirs", "").await;
    place.file("a.zkt", "/a\n");
    let run = place
        .run("apply -y --owner team --trim owned a.zkt")
        .expect(0);
    insta::assert_snapshot!(run, @"
    zkt apply: SERVER <- a.zkt
      trim owned, owner team, record /zkt/team

      - /last                                            (1 node)
      - /old/held/own                                    (1 node)

    Kept as they are:
      /old  (/old/changed stays)
      /old/changed  (somebody else has changed it since its owner wrote it)
      /old/held  (/old/held/theirs stays)

    Plan: 0 to add, 0 to update, 0 to link, 2 to trim.
    Done: 0 added, 0 updated, 0 linked, 2 trimmed.
    --- exit 0
    ");
    let left = nodes(&place).await;
    let left: Vec<&str> = left
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    let expected = [
        "/a",
        "/old",
        "/old/changed",
        "/old/held",
        "/old/held/theirs",
        "/old/made-anew",
    ];
    assert_eq!(left, expected);
    // What was made anew is another node, so it is in the record no more.
    let session = Session::connect(&server::options(&place.hosts))
        .await
        .unwrap();
    let stored = record::read(&session, &path("/zkt/team"))
        .await
        .unwrap()
        .unwrap();
    assert!(stored.record.get(&path("/old/made-anew")).is_none());
    assert!(stored.record.get(&path("/old/changed")).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nodes_that_were_there_are_adopted_where_they_are_equal() {
    let place = Place::new("owner-adopt").await;
    let client = place.client().await;
    create(&client, "/equal", r#"{"x":1}"#).await;
    create(&client, "/differs", r#"{"x":0}"#).await;
    place.file("a.zkt", "/equal\n  x = 1\n/differs\n  x = 1\n/new\n");
    place.run("apply -y --owner team a.zkt").expect(0);
    let found = claims(&place, "team").await;
    assert_eq!(found, "/differs Written\n/equal Adopted\n/new Created\n");
    // That the owner has made it equal does not make it the owner's.
    place.run("apply -y --owner team a.zkt").expect(0);
    assert_eq!(claims(&place, "team").await, found);
    place.file("b.zkt", "/new\n");
    let run = place
        .run("plan --owner team --trim owned --max-trim 9 b.zkt")
        .expect(0);
    assert!(
        run.stdout.contains("/equal") && !run.stdout.contains("/differs"),
        "{run}"
    );
    // A hot fix that is declared later is the owner's as well.
    client
        .set_data("/equal", br#"{"x":2}"#, None)
        .await
        .unwrap();
    place.file("a.zkt", "/equal\n  x = 2\n/differs\n  x = 1\n/new\n");
    place.run("apply -y --owner team --adopt a.zkt").expect(0);
    assert_eq!(
        claims(&place, "team").await,
        "/differs Adopted\n/equal Adopted\n/new Created\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_owners_have_one_tree() {
    let place = Place::new("owner-two").await;
    let (a, b) = ("/top\n/shared\n  /a\n", "/other\n/shared/b\n");
    place.file("a.zkt", a).file("b.zkt", b);
    place.run("apply -y --owner a --trim owned a.zkt").expect(0);
    place.run("apply -y --owner b --trim owned b.zkt").expect(0);
    assert_eq!(
        claims(&place, "a").await,
        "/shared Created\n/shared/a Created\n/top Created\n"
    );
    assert_eq!(
        claims(&place, "b").await,
        "/other Created\n/shared/b Created\n"
    );
    place.file("b.zkt", "/other\n/top\n/shared/b\n");
    let run = place.run("plan --owner b b.zkt").expect(0);
    insta::assert_snapshot!(run, @"
    zkt plan: SERVER <- b.zkt
      owner b, record /zkt/b

    warning: /top: the owner a has it, and may remove it: whichever applies last wins (b.zkt:2:1) [other-owner]

    No changes: 3 nodes are as declared.
    --- exit 0
    ");
    place.run("plan --owner b --strict b.zkt").expect(3);
    // What another one has is adopted only where that is asked for.
    place.run("apply -y --owner b b.zkt").expect(0);
    assert_eq!(
        claims(&place, "b").await,
        "/other Created\n/shared/b Created\n"
    );
    let run = place.run("apply -y --owner b --adopt b.zkt").expect(0);
    insta::assert_snapshot!(run, @"
    zkt apply: SERVER <- b.zkt
      owner b, record /zkt/b

    Adopted with --adopt:
      /top  (the owner a has it, too)

    warning: /top: the owner a has it, too: whichever applies last wins until one of both no longer declares it (b.zkt:2:1) [other-owner]

    No changes but in what the owner has: 3 nodes are as declared.
    --- exit 0
    ");
    let run = place.run("status --owner a").expect(0);
    assert!(
        run.stdout.contains("\n  shared    1 node with b\n"),
        "{run}"
    );
    place.file("a.zkt", "/shared\n  /a\n");
    let plan = "plan --owner a --trim owned --detailed-exitcode a.zkt";
    let json = place.run(&format!("{plan} --format json")).expect(2);
    let let_go = serde_json::json!([{"path": "/top", "to": "b"}]);
    assert_eq!(json.json()[0]["claims"]["let_go"], let_go);
    let run = place.run("apply -y --owner a --trim owned a.zkt").expect(0);
    insta::assert_snapshot!(run, @"
    zkt apply: SERVER <- a.zkt
      trim owned, owner a, record /zkt/a

    Extra, left alone since they are not the owner's:
      /shared/b

    Let go, since another owner has them, too:
      /top  (the owner b has it)

    No changes but in what the owner has: 2 nodes are as declared.
    --- exit 0
    ");
    place.run(plan).expect(0);
    assert_eq!(
        claims(&place, "a").await,
        "/shared Created\n/shared/a Created\n"
    );
    // Now it is b's alone. Each removes its own, and nothing of the other.
    place.file("b.zkt", "/other\n");
    place.run("apply -y --owner b --trim owned b.zkt").expect(0);
    let left = nodes(&place).await;
    let left: Vec<&str> = left
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(left, ["/other", "/shared", "/shared/a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn guards_hold_for_owned_trims() {
    let place = Place::new("owner-guards").await;
    let many: String = (0..20).map(|i| format!("  /n{i}\n")).collect();
    place.file("a.zkt", format!("/a\n  @protect\n  /b\n/many\n{many}"));
    place.run("apply -y --owner team a.zkt").expect(0);
    place.file("b.zkt", "/a\n  @protect\n");
    let run = place.run("plan --owner team --trim owned b.zkt").expect(3);
    assert!(
        run.stdout
            .contains("/a/b may not be trimmed: /a is protected (@protect)"),
        "{run}"
    );
    assert!(
        run.stdout.contains("more than the trim limit of 30%"),
        "{run}"
    );
    place.file("b.zkt", "/a\n");
    let words = "plan --owner team --trim owned --max-trim 5 b.zkt";
    place.run(words).expect(3);
    // Nobody's plan takes a record for an extra node, or trims it.
    place.file("root.zkt", "/\n  x = 1\n/a\n");
    let run = place.run("plan -t --max-trim 100% root.zkt");
    assert!(!run.stdout.contains("/zkt"), "{run}");
    place.file("c.zkt", "/zkt/team/x\n/a\n");
    place.run("plan -o plan.json b.zkt").expect(0);
    for words in [
        "plan --owner team c.zkt",
        "plan --owner team --owner-path /owners c.zkt",
        "plan c.zkt",
        "plan -o plan.json c.zkt",
        "apply -y c.zkt",
        "watch --once c.zkt",
    ] {
        let run = place.run(words).expect(1);
        let error = "/zkt/team/x cannot be declared: owners keep their records at /zkt\n";
        assert!(run.stderr.contains(error), "{words}: {run}");
    }
    place.file("c.zkt", "/owners/x\n");
    let run = place.run("plan --owner team --owner-path /owners c.zkt");
    assert_eq!(
        run.expect(1).stderr,
        "error: /owners/x cannot be declared: owners keep their records at /owners\n\
         hint: --owner-path says where owners keep their records\n"
    );
    let export = place.run("export /").expect(0);
    assert!(!export.stdout.contains("zkt"), "{export}");
}

/// Whatever of an apply comes through, the next one ends it, and the record is exact.
async fn crash(trial: usize) {
    let place = Place::new(&format!("owner-crash-{trial}")).await;
    let client = place.client().await;
    let differs = trial % 2 == 1;
    create(&client, "/a", "").await;
    create(
        &client,
        "/a/theirs",
        if differs { "{}" } else { r#"{"x":1}"# },
    )
    .await;
    place.file(
        "a.zkt",
        "/old\n  /x\n/a\n  @keep properties\n  /theirs\n    x = 1\n",
    );
    if trial.is_multiple_of(3) {
        place.run("apply -y --owner team a.zkt").expect(0);
    }
    let declared = large().replace("/a\n", "/a\n  @keep properties\n  /theirs\n    x = 1\n");
    place.file("a.zkt", declared);
    let apply = "apply -y --owner team --trim owned --max-trim 9 a.zkt";
    let relay = Relay::to(shared().port()).await;
    let bytes = fastrand::Rng::with_seed(trial as u64).usize(..1_700_000);
    relay.set(match trial % 4 {
        0 => Mode::HoldWriteAfter(trial / 4 % 9),
        1 => Mode::CutAfter(Way::Request, bytes % 3000),
        2 => Mode::CutAfter(Way::Request, bytes),
        _ => Mode::CutAfter(Way::Reply, bytes % 4000),
    });
    relay.then(Mode::Refuse);
    let hosts = place.through(&relay.address());
    let mut child = place.command(&format!("{apply} -c {hosts}"));
    let mut child = child.spawn().unwrap();
    tokio::select! {
        () = relay.holds_a_write() => {}
        () = relay.refuses() => {}
        () = async {
            while child.try_wait().unwrap().is_none() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        } => {}
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.run(apply).expect(0);
    let stored = record(&place, "team").await;
    assert!(!stored.is_open(), "{trial}: {stored:?}");
    let theirs = match (differs, trial % 3) {
        (true, _) => Claim::Written,
        (false, _) => Claim::Adopted,
    };
    let mut expected: BTreeMap<ZPath, Claim> = BTreeMap::new();
    for i in 0..4 {
        expected.insert(path(&format!("/a/n{i}")), Claim::Created);
    }
    expected.insert(path("/a"), Claim::Adopted);
    expected.insert(path("/a/theirs"), theirs);
    let found: BTreeMap<ZPath, Claim> = stored
        .record
        .iter()
        .map(|(path, entry)| (path.clone(), entry.claim))
        .collect();
    assert_eq!(found, expected, "trial {trial}");
    let run = place.run(&format!("plan --detailed-exitcode {}", &apply[9..]));
    assert_eq!(run.code, 0, "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn wherever_an_apply_is_killed_the_record_is_exact() {
    let trials = std::env::var("ZKT_TEST_TRIALS").map_or(24, |text| text.parse().unwrap());
    for trial in 0..trials {
        crash(trial).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn status_shows_the_last_apply_and_what_drifted() {
    let place = Place::new("owner-status").await;
    let run = place.run("status --owner team").expect(1);
    assert_eq!(
        run.stderr,
        "error: there is no record /zkt/team on SERVER\n\
         hint: zkt apply --owner NAME makes one; --owner-path says where records are\n"
    );
    place.file("a.zkt", "/a\n  x = 1\n  /b\n  /c\n/d\n");
    let applied = place
        .run("apply -y --owner team --owner-path /records/zkt -v a.zkt")
        .expect(0);
    let status = "status --owner team --owner-path /records/zkt";
    let shown = place.run(&format!("{status} --format json")).expect(0);
    let shown = &shown.json()[0];
    assert_eq!(shown["nodes"]["created"], 4);
    assert_eq!(shown["drifted"], serde_json::json!([]));
    assert_eq!(shown["applied"]["revision"], serde_json::Value::Null);
    let plan = shown["applied"]["plan"].as_str().unwrap();
    assert!(
        applied.stdout.contains(plan) || plan.len() == 64,
        "{applied}"
    );
    let client = place.client().await;
    client.set_data("/a", b"theirs", None).await.unwrap();
    client.delete("/a/b", None).await.unwrap();
    client.delete("/d", None).await.unwrap();
    create(&client, "/d", "").await;
    place.run(status).expect(0);
    let run = place
        .run(&format!("{status} --detailed-exitcode"))
        .expect(2);
    let (_, drift) = run.stdout.split_once("\n\n").unwrap();
    insta::assert_snapshot!(drift, @"
      /a: changed
      /a/b: gone
      /d: deleted and created again

    Drift: 3 nodes have changed since.
    ");
    let (head, _) = run.stdout.split_once("  applied   20").unwrap();
    assert_eq!(head, "team: /records/zkt/team on SERVER\n");
    assert!(run.stdout.contains("\n  revision  unknown\n"), "{run}");
    assert!(
        run.stdout.contains("\n  nodes     4 created, 0 adopted\n"),
        "{run}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_others_may_write_is_no_drift() {
    let place = Place::new("owner-partial").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    place.run("apply -y --owner team a.zkt").expect(0);
    place.file(
        "a.zkt",
        "/a\n  @ignore n\n  x = 2\n/b\n  @keep properties\n",
    );
    let apply = "apply -y --owner team a.zkt";
    place.run(apply).expect(0);
    let before = place.exactly().await;
    place.run(apply).expect(0);
    assert_eq!(place.exactly().await, before);
    let client = place.client().await;
    for path in ["/a", "/b"] {
        let data = br#"{"n":1,"x":2}"#;
        client.set_data(path, data, None).await.unwrap();
    }
    let status = "status --owner team --detailed-exitcode";
    place.run(status).expect(0);
    client.delete("/b", None).await.unwrap();
    let run = place.run(status).expect(2);
    assert!(
        run.stdout.contains("/b: gone") && !run.stdout.contains("/a:"),
        "{run}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_stands_beside_a_record_stops_nobody() {
    let place = Place::new("owner-beside").await;
    place.file("a.zkt", "/a\n/old\n");
    place.run("apply -y --owner team a.zkt").expect(0);
    let client = place.client().await;
    create(&client, "/zkt/notes", "x").await;
    create(&client, "/a/theirs", "").await;
    place.file("a.zkt", "/a\n");
    let plan = "plan --owner team --trim owned --max-trim 9 a.zkt";
    let run = place.run(plan).expect(0);
    insta::assert_snapshot!(run, @"
    zkt plan: SERVER <- a.zkt
      trim owned, owner team, record /zkt/team

      - /old                                             (1 node)

    Extra, left alone since they are not the owner's:
      /a/theirs

    Plan: 0 to add, 0 to update, 0 to link, 1 to trim.
    --- exit 0
    ");
    // A newer zkt keeps it: what it holds is unknown.
    create(&client, "/zkt/other", r#"{"zkt_record":2}"#).await;
    let run = place.run(plan).expect(0);
    insta::assert_snapshot!(run, @"
    zkt plan: SERVER <- a.zkt
      trim owned, owner team, record /zkt/team

    Extra, left alone since they are not the owner's:
      /a/theirs

    Kept as they are:
      /old  (the owner other, whose record cannot be read, may have it, too)

    warning: /zkt/other: what the owner other has is unknown, so nothing of it is trimmed or adopted: /zkt/other, which belongs to an owner's record: it is of format 2, and this zkt reads format 1 [other-owner]

    No changes: 1 node is as declared.
    --- exit 0
    ");
    place.run("apply -y --owner team a.zkt").expect(0);
    // So it is where a hand has damaged it.
    create(&client, "/equal", "{}").await;
    place.file("b.zkt", "/a\n/equal\n");
    for damaged in [
        r#"{"zkt_record":1,"shards":["s0000000001-0-0000",]}"#,
        r#"{"zkt_record":"1","shards":[],"applied":null,"begun":null}"#,
    ] {
        let set = client.set_data("/zkt/other", damaged.as_bytes(), None);
        set.await.unwrap();
        let run = place.run(plan).expect(0);
        let kept = "/old  (the owner other, whose record cannot be read, may have it, too)";
        assert!(run.stdout.contains(kept), "{run}");
        place.run("apply -y --owner team b.zkt").expect(0);
        assert_eq!(claims(&place, "team").await, "/a Created\n/old Created\n");
    }
    // What has a shard is no node of somebody else's.
    client.set_data("/zkt/other", b"x", None).await.unwrap();
    let run = place.run(plan).expect(0);
    assert!(run.stdout.contains("\n  - /old "), "{run}");
    create(&client, "/zkt/other/s0000000001-0-0000", "").await;
    let run = place.run(plan).expect(0);
    assert!(
        run.stdout.contains("what the owner other has is unknown"),
        "{run}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_no_record_is_an_error_and_not_an_empty_record() {
    let place = Place::new("owner-broken").await;
    place.file("a.zkt", "/a\n");
    let client = place.client().await;
    create(&client, "/zkt", "").await;
    create(&client, "/zkt/team", r#"{"zkt_record":2}"#).await;
    let before = place.exactly().await;
    for words in [
        "plan --owner team a.zkt",
        "apply -y --owner team a.zkt",
        "status --owner team",
    ] {
        let run = place.run(words).expect(1);
        assert_eq!(
            run.stderr,
            "error: /zkt/team, which belongs to an owner's record: it is of format 2, and this zkt \
             reads format 1\n\
             hint: a newer zkt reads a newer format; nothing is removed or adopted without the record\n"
        );
    }
    assert_eq!(place.exactly().await, before);
    for (words, said) in [
        (
            "plan --trim owned a.zkt",
            "error: --trim owned is about the nodes of an owner\n",
        ),
        (
            "plan --adopt a.zkt",
            "error: --adopt is about the nodes of an owner\n",
        ),
        ("plan --owner a/b a.zkt", "error: --owner \"a/b\": "),
        ("status", "error: no owner is named\n"),
    ] {
        let run = place.run(words).expect(1);
        assert!(run.stderr.starts_with(said), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_takes_into_the_record_what_was_reviewed() {
    let place = Place::new("owner-saved").await;
    place
        .file(".gitignore", "plan.json\n")
        .file("b.zkt", "/b\n");
    place.file("a.zkt", "/a\n/old\n/shared\n");
    place.git("init -q -b main");
    place.commit();
    place.run("apply -y --owner team a.zkt").expect(0);
    place.file("b.zkt", "/shared\n/theirs\n/b\n");
    place.run("apply -y --owner b --adopt b.zkt").expect(0);
    let client = place.client().await;
    create(&client, "/differs", "{}").await;
    create(&client, "/equal", "{}").await;
    create(&client, "/moved", "{}").await;
    let declared =
        "/a\n  x = 1\n/differs\n  x = 1\n/equal\n/moved\n/new\n  @keep properties\n/theirs\n";
    place.file("a.zkt", declared);
    place.commit();
    let plan = "plan --owner team --adopt --trim owned --max-trim 9 -o plan.json a.zkt";
    let run = place.run(plan).expect(0);
    let (_, shown) = run.stdout.split_once("\n\nAdopted with").unwrap();
    insta::assert_snapshot!(shown, @"
     --adopt:
      /differs  (no owner had it; it differs)
      /theirs  (the owner b has it, too)

    Let go, since another owner has them, too:
      /shared  (the owner b has it)

    Adopted as they are declared: 2 nodes:
      /equal  (1 node)
      /moved  (1 node)

    warning: /theirs: the owner b has it, too: whichever applies last wins until one of both no longer declares it (a.zkt:9:1) [other-owner]

    Plan: 1 to add, 2 to update, 0 to link, 1 to trim.
    ");
    let again = place.run("plan --show plan.json").expect(0);
    assert!(again.stdout.contains(shown), "{again}");
    let reviewed = place.git("rev-parse HEAD").trim().to_owned();
    place.file("a.zkt", "/\n");
    place.commit();
    // What is made anew meanwhile is not what was reviewed.
    client.delete("/moved", None).await.unwrap();
    place.run("apply -y --plan plan.json").expect(0);
    let session = Session::connect(&server::options(&place.hosts)).await;
    let session = session.unwrap();
    let stored = record::read(&session, &path("/zkt/team")).await;
    let stored = stored.unwrap().unwrap();
    session.close().await;
    let applied = stored.head.applied.as_ref().unwrap();
    assert_eq!(applied.revision, Some(reviewed));
    let owned: Vec<&str> = stored
        .record
        .iter()
        .map(|(path, _)| path.as_str())
        .collect();
    let expected = ["/a", "/differs", "/equal", "/new", "/theirs"];
    assert_eq!(owned, expected);
    let is_partial = |text: &str| stored.record.get(&path(text)).unwrap().partial;
    assert!(is_partial("/new") && !is_partial("/a"));
    // It says that it was applied, and writes nothing.
    let before = place.exactly().await;
    let run = place.run("apply -y --plan plan.json").expect(0);
    assert!(
        run.stdout.contains("this plan was applied already"),
        "{run}"
    );
    assert_eq!(place.exactly().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_watch_keeps_a_record() {
    let place = Place::new("owner-watch").await;
    place.file("a.zkt", "/a\n  x = 1\n/old\n");
    place
        .run("watch --once --owner team --trim owned a.zkt")
        .expect(0);
    assert_eq!(claims(&place, "team").await, "/a Created\n/old Created\n");
    let before = place.exactly().await;
    place
        .run("watch --once --owner team --trim owned a.zkt")
        .expect(0);
    assert_eq!(place.exactly().await, before);
    place.file("a.zkt", "/a\n  x = 2\n");
    place
        .run("watch --once --owner team --trim owned a.zkt")
        .expect(0);
    assert_eq!(claims(&place, "team").await, "/a Created\n");
    assert_eq!(nodes(&place).await, "/a \"{\\\"x\\\":2}\" v1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_is_its_sessions_to_write_and_everybodys_to_read() {
    let place = Place::new("owner-acl").await;
    place.file("a.zkt", "/a\n").file("b.zkt", "/a\n/b\n");
    place
        .run("apply -y --auth digest:ops:pw --owner team a.zkt")
        .expect(0);
    // Somebody else may keep another record, and not write this one.
    place.run("apply -y --owner other b.zkt").expect(0);
    place.file("c.zkt", "/a\n/c\n");
    let run = place.run("apply -y --owner team c.zkt").expect(3);
    let why = "refused: /zkt/team: its ACL gives this session no write and no create and no delete";
    assert!(run.stdout.contains(why), "{run}");
    let run = place.run("apply -y --force --owner team c.zkt").expect(1);
    let why = "error: /zkt/team: the owner's record could not be";
    assert!(run.stderr.starts_with(why), "{run}");
    assert_eq!(claims(&place, "team").await, "/a Created\n");
    assert_eq!(claims(&place, "other").await, "/b Created\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_export_counts_no_acls_of_records() {
    let place = Place::new("owner-export").await;
    create(&place.client().await, "/chr", "").await;
    place.file("a.zkt", "/a\n/mine\n  @acl world:anyone:r auth::cdrwa\n");
    let apply = "apply -y --auth digest:ops:pw --owner team";
    place
        .run(&format!("{apply} -c {}/chr a.zkt", place.hosts))
        .expect(0);
    // The record is its session's alone to write, and so is the place of records, which is exported.
    let note = "note: 2 nodes have ACLs other than open, left out here; --acl exports ACLs\n";
    for export in ["export /chr", "export --format json /chr"] {
        let run = place.run(export).expect(0);
        assert_eq!(run.stderr, note, "{export}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_is_left_alone_wherever_it_stands() {
    let place = Place::new("owner-place").await;
    create(&place.client().await, "/chr", "").await;
    place.file("a.zkt", "/a\n/old\n");
    let below = format!("-y --owner team -c {}/chr a.zkt", place.hosts);
    place.run(&format!("apply {below}")).expect(0);
    let record = || async { claims_at(&place, "/chr/zkt/team").await };
    let before = record().await;
    assert_eq!(before, "/a Created\n/old Created\n");
    for export in ["export /chr", "export --acl /chr", "export --exact /chr"] {
        let run = place.run(export).expect(0);
        assert!(
            run.stdout.contains("/zkt") && !run.stdout.contains("team"),
            "{run}"
        );
        place.file("exported.zkt", &run.stdout);
        place.run("plan --detailed-exitcode exported.zkt").expect(0);
    }
    place.file("all.zkt", "/chr\n");
    let run = place
        .run("apply -y --trim all --max-trim 9 all.zkt")
        .expect(0);
    insta::assert_snapshot!(run, @"
    zkt apply: SERVER <- all.zkt
      trim all

      - /chr/a                                           (1 node)
      - /chr/old                                         (1 node)

    Kept as they are:
      /chr/zkt  (/chr/zkt/team is the record of an owner)

    Plan: 0 to add, 0 to update, 0 to link, 2 to trim.
    Done: 0 added, 0 updated, 0 linked, 2 trimmed.
    --- exit 0
    ");
    assert_eq!(record().await, before);
    // The record's node is no part of this plan, and what stands below it stays.
    place.file("all.zkt", "/chr/zkt/team\n");
    let run = place
        .run("apply -y --trim all --max-trim 9 --target /chr/zkt/team/* all.zkt")
        .expect(0);
    assert!(
        run.stdout
            .contains("(/chr/zkt/team is the record of an owner)"),
        "{run}"
    );
    assert_eq!(record().await, before);
    for (text, words, said) in [
        (
            "/chr/zkt/team\n",
            "plan a.zkt",
            "/chr/zkt/team cannot be declared: the record of an owner stands there; zkt rm /chr/zkt/team gives it up",
        ),
        (
            "/x\n",
            "plan --path /chr/zkt/team a.zkt",
            "/chr/zkt/team is no place for a tree: /chr/zkt/team is the record of an owner\nhint: zkt rm /chr/zkt/team gives it up",
        ),
        (
            "",
            "set /chr/zkt/team x=1",
            "/chr/zkt/team belongs to the record of an owner, and only applies for that owner write it",
        ),
        (
            "",
            "set --replace /chr/zkt/team x=1",
            "/chr/zkt/team belongs to the record of an owner",
        ),
        (
            "",
            "ln /a /chr/zkt/team/a",
            "/chr/zkt/team belongs to the record of an owner",
        ),
        (
            "",
            "rm -y /chr",
            "/chr was not deleted\nhint: `zkt rm /chr/zkt/team` gives the record up, and its owner owns nothing then; after that `zkt rm /chr` deletes the rest\n",
        ),
        ("", "rm -y --force /chr/zkt", "/chr/zkt was not deleted"),
    ] {
        place.file("a.zkt", text);
        let run = place.run(words);
        assert_ne!(run.code, 0, "{words}: {run}");
        assert!(run.to_string().contains(said), "{words}: {run}");
        assert_eq!(record().await, before);
    }
    place.run("rm -y /chr/zkt/team").expect(0);
    let run = place.run("rm -y /chr").expect(0);
    assert_eq!(run.stdout, "deleted /chr/zkt\ndeleted /chr\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_missing_of_a_record_is_named_and_nothing_is_done() {
    let place = Place::new("owner-damaged").await;
    place.file("a.zkt", "/a\n/old\n").file("b.zkt", "/b\n");
    place.run("apply -y --owner team a.zkt").expect(0);
    let client = place.client().await;
    // What stands below a record and is no part of it stays.
    create(&client, "/zkt/team/notes", "").await;
    create(&client, "/zkt/team/notes/x", "").await;
    place.file("a.zkt", "/a\n");
    place
        .run("apply -y --owner team --trim owned --max-trim 9 a.zkt")
        .expect(0);
    assert_eq!(claims(&place, "team").await, "/a Created\n");
    let names = client.list_children("/zkt/team").await.unwrap();
    let shard = names.iter().find(|name| name.starts_with('s')).unwrap();
    let (data, _) = client
        .get_data(&format!("/zkt/team/{shard}"))
        .await
        .unwrap();
    let (head, _) = client.get_data("/zkt/team").await.unwrap();
    let emptied = String::from_utf8(head.clone()).unwrap();
    let emptied = emptied.replace(&format!("{shard:?}"), "");
    let odd = emptied.replace("[]", "[\"../../a\"]");
    let delete = || async { client.delete(&format!("/zkt/team/{shard}"), None).await };
    for (head, is_there, said) in [
        (&emptied, true, format!("/zkt/team/{shard}, which belongs to an owner's record: the record's node does not name it, and so was written by somebody else")),
        (&odd, true, "/zkt/team, which belongs to an owner's record: it is no part of a record, or damaged (\"../../a\" names no shard)".to_owned()),
        (&String::from_utf8(head).unwrap(), false, format!("/zkt/team/{shard}, which belongs to an owner's record: it does not exist, and the record's node names it")),
    ] {
        client.set_data("/zkt/team", head.as_bytes(), None).await.unwrap();
        if !is_there {
            delete().await.unwrap();
        }
        let before = place.exactly().await;
        for words in ["apply -y --owner team a.zkt", "status --owner team", "watch --once --owner team a.zkt"] {
            let run = place.run(words).expect(1);
            assert!(run.stderr.contains(&said), "{words}: {run}");
        }
        let run = place.run("plan --owner team a.zkt").expect(1);
        assert_eq!(run.stderr, format!(
            "error: {said}\nhint: what the owner has is unknown, so nothing was done; zkt rm /zkt/team gives the \
             record up: the next apply adopts what is as declared, and no trim of owned nodes removes the rest any \
             more\n"
        ));
        // It stops nobody else.
        let run = place.run("plan --owner other b.zkt").expect(0);
        assert!(run.stdout.contains("what the owner team has is unknown"), "{run}");
        assert_eq!(place.exactly().await, before);
    }
    create(&client, &format!("/zkt/team/{shard}"), data).await;
    assert_eq!(claims(&place, "team").await, "/a Created\n");
    delete().await.unwrap();
    place.run("rm -y /zkt/team").expect(0);
    place.run("apply -y --owner team a.zkt").expect(0);
    assert_eq!(claims(&place, "team").await, "/a Adopted\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_is_read_again_only_where_it_has_changed() {
    let place = Place::new("owner-again").await;
    place.file("a.zkt", "/a\n");
    place.run("apply -y --owner team a.zkt").expect(0);
    let session = Session::connect(&server::options(&place.hosts)).await;
    let (session, head) = (session.unwrap(), path("/zkt/team"));
    let known = record::read(&session, &head).await.unwrap().unwrap();
    let client = place.client().await;
    let names = client.list_children("/zkt/team").await.unwrap();
    let shard = format!("/zkt/team/{}", names[0]);
    // Nobody writes a shard twice.
    client.set_data(&shard, b"x", None).await.unwrap();
    let again = || record::read_again(&session, &head, Some(&known));
    assert_eq!(again().await.unwrap(), Some(known.clone()));
    create(&client, "/zkt/team/notes", "").await;
    assert!(again().await.is_err());
    client.delete(&shard, None).await.unwrap();
    client.delete("/zkt/team/notes", None).await.unwrap();
    client.delete("/zkt/team", None).await.unwrap();
    assert_eq!(again().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_names_the_commit_of_the_layers_and_git_runs_nothing_for_it() {
    let (place, other) = (Place::new("owner-commit").await, Place::offline());
    for place in [&place, &other] {
        place.git("init -q -b main");
        place.file("trees/a.zkt", "/a\n").commit();
    }
    place.file(".gitignore", "ran\n").commit();
    let head = place.read(".git/refs/heads/main").trim().to_owned();
    let revision = |layer: &str| {
        let mut command = place.command(&format!("apply -y --owner team {layer}"));
        if !layer.starts_with("git:") {
            command.env("GIT_DIR", other.path(".git"));
        }
        place.finish(command.spawn().unwrap()).expect(0);
        let status = place.run("status --owner team --format json").expect(0);
        status.json()[0]["applied"]["revision"].clone()
    };
    assert_eq!(revision("trees"), head);
    assert_eq!(revision("trees/a.zkt"), head);
    place.file("trees/notes.txt", "x");
    assert_eq!(revision("trees"), format!("{head}-dirty"));
    assert_eq!(revision("git:main:trees"), head);
    // Only the filter knows what it would make of the file.
    place.file(".git/info/attributes", "*.zkt filter=evil\n");
    for name in ["filter.evil.clean", "filter.evil.process", "core.fsmonitor"] {
        place.git(&format!("config {name} {}", place.path("run").display()));
    }
    std::fs::remove_file(place.path("trees/notes.txt")).unwrap();
    place.file("run", "#!/bin/sh\ntouch ran\ncat\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path("run"), mode).unwrap();
    place.file(".git/info/exclude", "run\n");
    place.file("trees/a.zkt", "/a\n  x = 1\n");
    assert_eq!(revision("trees"), serde_json::Value::Null);
    assert!(!place.path("ran").exists());
}

/// Files that git ignores, files that the layers refer to, and what nobody can find again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_says_clean_only_of_what_is_in_the_commit() {
    let place = Place::new("owner-clean").await;
    place.git("init -q -b main");
    place
        .file(".gitignore", "*.local.zkt\n")
        .file("trees/a.zkt", "/a\n  @data file '../data'\n")
        .file("data", "x")
        .commit();
    let head = place.read(".git/refs/heads/main").trim().to_owned();
    let revision = |run: Run| {
        run.expect(0);
        let status = place.run("status --owner team --format json").expect(0);
        status.json()[0]["applied"]["revision"].clone()
    };
    let apply = "apply -y --owner team trees";
    assert_eq!(revision(place.run(apply)), head);
    place.file("data", "y");
    assert_eq!(revision(place.run(apply)), format!("{head}-dirty"));
    place.file("data", "x").file("trees/b.local.zkt", "/b\n");
    assert_eq!(revision(place.run(apply)), format!("{head}-dirty"));
    let from_input = place.run_with("apply -y --owner team trees/a.zkt -", "/c\n");
    assert_eq!(revision(from_input), serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_is_taken_from_another_owner_unseen() {
    let place = Place::new("owner-taken").await;
    place.file("b.zkt", "/bt\n  /k\n/si\n  /b\n");
    place.run("apply -y --owner b b.zkt").expect(0);
    place.file("a.zkt", "/at\n  @moved from \"/bt\"\n  /k\n");
    place.file("t.zkt", "/si\n/other\n");
    for (words, warning) in [
        (
            "plan --strict --owner a a.zkt",
            "warning: /bt: the owner b has them (and 1 more node), and this plan moves them away",
        ),
        (
            "plan --strict --owner a --trim all t.zkt",
            "warning: /si/b: the owner b has it, and this plan removes it",
        ),
    ] {
        let run = place.run(words).expect(3);
        assert!(run.stdout.contains(warning), "{run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_move_out_of_a_node_that_is_left_empty_converges_at_once() {
    let place = Place::new("owner-emptied").await;
    place.file("a.zkt", "/w1\n  /keep\n  /w2/x\n    a = 1\n");
    place.run("apply -y --owner w a.zkt").expect(0);
    let moved = "/w1\n  /keep\n  /y\n    @moved from \"/w1/w2/x\"\n    a = 1\n";
    place.file("a.zkt", moved);
    let words = "--owner w --trim owned --force a.zkt";
    place.run(&format!("apply -y {words}")).expect(0);
    let plan = place.run(&format!("plan --detailed-exitcode {words}"));
    plan.expect(0);
    let nodes = nodes(&place).await;
    assert!(!nodes.contains("/w2"), "{nodes}");
}
