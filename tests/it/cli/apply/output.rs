//! What an apply prints, and what becomes of it without a reader.

use std::io::Read as _;
use std::process::Stdio;

use crate::cli::{Place, create};

use super::large;

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
    insta::assert_snapshot!(report("-y acl.zkt", 3), @r#""refused" "/a: @acl auth:: stands for the session's own identity, and it has none; give --auth or --sasl-user" [{"action":"update","path":"/a"}]"#);
    insta::assert_snapshot!(report("-y -t --max-trim 0 a.zkt", 3), @r#""refused" "1 of 2 nodes would be trimmed, more than the trim limit of 0; --max-trim or --force allows more" [{"action":"update","path":"/a"},{"action":"trim","path":"/a/gone"}]"#);
    assert_eq!(place.nodes().await, "/a \"\" v0\n/a/gone \"\" v0\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn batches_are_reported_in_order() {
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
