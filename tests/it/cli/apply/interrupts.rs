//! A signal at every moment of an apply, and what stands after it.

use std::io::Read as _;

use crate::cli::{Place, signal};

use super::{held, in_flight_after, large};

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
async fn an_interrupt_reports_all_that_is_in_flight() {
    let place = changed("apply-interrupts").await;
    let (_relay, child) = in_flight_after((1, 4), &place, "apply -y --format json a.zkt").await;
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
    let (_relay, child) = in_flight_after((1, 4), &place, "apply -y a.zkt").await;
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
