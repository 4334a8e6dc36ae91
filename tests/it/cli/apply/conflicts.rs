//! Other writers and lost replies: planning again, or stopping.

use crate::cli::{Place, create};
use crate::relay::{Mode, Relay};
use crate::server::shared;

use super::held;

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
