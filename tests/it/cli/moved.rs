//! Subtrees that move: `@moved from`.

use super::apply::held_after;
use super::owner::claims;
use super::{Place, create};
use crate::relay::Mode;

const TREE: &str = "/new\n  @moved from '/old'\n  @keep\n  x = 2\n";

async fn place(name: &str) -> Place {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/old", r#"{"x":1,"kept":true}"#).await;
    create(&client, "/old/kid", b"\xff\x00").await;
    create(
        &client,
        "/old/kid/n0000000007",
        r#"{"password":"hush","l ->":"/old"}"#,
    )
    .await;
    place.file("a.zkt", TREE);
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_subtree_is_moved_once_and_back_by_the_opposite_line() {
    let place = place("moved").await;
    let before = place.nodes().await;
    insta::assert_snapshot!(place.run("plan a.zkt").expect(0), @r"
    zkt plan: SERVER <- a.zkt

      > /old -> /new                                     (3 nodes)
          x = 1 -> 2

    warning: /new/kid/n0000000007: link l -> /old leads to the old place of /new (a.zkt:2:3) [link-to-old-place]

    Plan: 3 to add, 0 to update, 0 to link, 3 to trim.
    --- exit 0
    ");
    let markdown = place.run("plan --format markdown a.zkt").expect(0);
    assert!(
        markdown
            .stdout
            .contains("! /old -> /new  (3 nodes)  # a.zkt:2\n"),
        "{markdown}"
    );
    assert!(!markdown.stdout.contains("hush"), "{markdown}");
    let json = &place.run("plan --format json a.zkt").expect(0).json()[0];
    assert_eq!(json["moves"][0]["from"], "/old");
    assert_eq!(json["moves"][0]["to"], "/new");
    assert_eq!(json["actions"][0]["from"], "/old");
    assert_eq!(json["actions"][0]["changes"][0]["new"], 2);
    assert_eq!(json["actions"][5]["to"], "/new");
    assert!(!json.to_string().contains("hush"), "{json}");
    assert_eq!(
        place.run("apply -y a.zkt").expect(0).last(),
        "Done: 3 added, 0 updated, 0 linked, 3 trimmed."
    );
    let moved = before.replace("/old", "/new").replace(
        r#""{\"x\":1,\"kept\":true}""#,
        r#""{\"kept\":true,\"x\":2}""#,
    );
    // The link of a node that is carried along leads where it led.
    let moved = moved.replace(r#"\":\"/new\""#, r#"\":\"/old\""#);
    assert_eq!(place.nodes().await, moved);
    let run = place.run("plan --detailed-exitcode a.zkt").expect(0);
    assert_eq!(run.stderr, "");
    place.file("a.zkt", "/old\n  @moved from '/new'\n  @keep\n  x = 1\n");
    place.run("apply -y a.zkt").expect(0);
    let spelled =
        |text: &str| text.replace(r#"{\"kept\":true,\"x\":1}"#, r#"{\"x\":1,\"kept\":true}"#);
    assert_eq!(spelled(&place.nodes().await), spelled(&before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_saved_plan_moves_what_was_reviewed() {
    let place = place("moved-saved").await;
    place.run("plan -o plan.json a.zkt").expect(0);
    let shown = place.run("plan --show plan.json").expect(0);
    assert!(shown.stdout.contains("> /old -> /new"), "{shown}");
    assert!(!place.read("plan.json").contains("hush"));
    place.run("apply -y --plan plan.json a.zkt").expect(0);
    place.run("plan --detailed-exitcode a.zkt").expect(0);
    assert!(place.nodes().await.contains("hush"));
}

/// A subtree that takes several batches to move.
async fn large(name: &str) -> Place {
    let place = place(name).await;
    let client = place.client().await;
    for i in 0..4 {
        create(&client, &format!("/old/n{i}"), vec![b'x'; 400_000]).await;
    }
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_move_that_is_killed_at_any_request_is_finished_by_the_next() {
    for writes in 0..4 {
        let place = large(&format!("moved-killed-{writes}")).await;
        let (_relay, mut child) = held_after(writes, &place, "apply -y a.zkt").await;
        child.kill().unwrap();
        child.wait().unwrap();
        // Whoever still writes at the old place loses nothing.
        let client = place.client().await;
        create(&client, "/old/late", "late").await;
        place.run("apply -y a.zkt").expect(0);
        place.run("plan --detailed-exitcode a.zkt").expect(0);
        let nodes = place.nodes().await;
        assert!(nodes.contains("/new/late \"late\""), "{nodes}");
        assert_eq!(
            nodes
                .lines()
                .filter(|line| line.starts_with("/old"))
                .count(),
            0
        );
        assert_eq!(nodes.lines().count(), 8);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_written_during_a_move_is_not_lost() {
    for writes in 0..4 {
        let place = large(&format!("moved-busy-{writes}")).await;
        let client = place.client().await;
        let (relay, child) = held_after(writes, &place, "apply -y a.zkt").await;
        client.set_data("/old/kid", b"newer", None).await.unwrap();
        create(&client, "/old/kid/late", "late").await;
        relay.set(Mode::Forward);
        let run = place.finish(child);
        assert_eq!(run.code, 0, "{run}");
        let nodes = place.nodes().await;
        assert!(nodes.contains("/new/kid \"newer\""), "{writes}: {nodes}");
        assert!(
            nodes.contains("/new/kid/late \"late\""),
            "{writes}: {nodes}"
        );
        assert_eq!(
            nodes
                .lines()
                .filter(|line| line.starts_with("/old"))
                .count(),
            0
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nothing_is_copied_that_is_older_than_what_is_there() {
    let place = large("moved-stale").await;
    let client = place.client().await;
    let (relay, mut child) = held_after(0, &place, "apply -y a.zkt").await;
    client.set_data("/old/kid", b"newer", None).await.unwrap();
    // The first batch passes, and is the last that does.
    relay.set(Mode::HoldWriteAfter(0));
    relay.holds_a_write().await;
    child.kill().unwrap();
    child.wait().unwrap();
    place.run("apply -y a.zkt").expect(0);
    let nodes = place.nodes().await;
    assert!(nodes.contains("/new/kid \"newer\""), "{nodes}");
    assert!(!nodes.contains("/old/"), "{nodes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_diff_shows_a_declared_move() {
    let place = Place::offline();
    place.file("old.zkt", "/old\n  x = 1\n  /kid\n");
    place.file("new.zkt", "/new\n  @moved from '/old'\n  x = 1\n  /kid\n");
    insta::assert_snapshot!(place.run("diff --old old.zkt --new new.zkt"), @r"
    zkt diff: old.zkt <- new.zkt

      > /old -> /new                                     (2 nodes)

    Plan: 2 to add, 0 to update, 0 to link, 2 to trim.
    --- exit 1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_owner_moves_what_is_declared_and_its_record_follows() {
    let place = Place::new("moved-owner").await;
    place.file("a.zkt", "/old\n  x = 1\n  /kid\n");
    let apply = "apply -y --owner team --trim owned a.zkt";
    place.run(apply).expect(0);
    place.file("a.zkt", "/new\n  @moved from '/old'\n  x = 1\n  /kid\n");
    assert_eq!(
        place.run(apply).expect(0).last(),
        "Done: 2 added, 0 updated, 0 linked, 2 trimmed."
    );
    place.run(apply).expect(0);
    assert_eq!(
        claims(&place, "team").await,
        "/new Created\n/new/kid Created\n"
    );
    // A record that claimed what others made would let the next run trim it.
    create(&place.client().await, "/new/kid/theirs", "").await;
    place.file(
        "a.zkt",
        "/old\n  @moved from '/new'\n  @keep children\n  x = 1\n  /kid\n    @keep children\n",
    );
    let refused = place.run(apply).expect(3);
    assert!(
        refused
            .stdout
            .contains("/new/kid/theirs is not declared, and the owner's record would claim it"),
        "{refused}"
    );
    let plain = place.run("apply -y a.zkt").expect(0);
    assert_eq!(
        plain.last(),
        "Done: 3 added, 0 updated, 0 linked, 3 trimmed."
    );
    place.run(apply).expect(0);
    assert!(place.nodes().await.contains("/old/kid/theirs"));
    let claimed = claims(&place, "team").await;
    assert_eq!(claimed, "/old Adopted\n/old/kid Adopted\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn watch_moves_many_nodes() {
    let place = Place::new("moved-watch").await;
    let kids: String = (0..3000)
        .map(|i| format!("  /n{i}\n    x = '{i:0400}'\n"))
        .collect();
    place.file("a.zkt", format!("/old\n{kids}"));
    place.run("watch --once a.zkt").expect(0);
    let before = place.nodes().await;
    place.file("a.zkt", "/new\n  @moved from '/old'\n  @keep\n");
    place.run("watch --once a.zkt").expect(0);
    assert_eq!(before.lines().count(), 3001);
    assert_eq!(place.nodes().await, before.replace("/old", "/new"));
    place.run("plan --detailed-exitcode a.zkt").expect(0);
}
