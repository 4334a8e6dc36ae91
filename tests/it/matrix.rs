//! What works where: one test for each thing that users know, on whichever server a run is for.
//!
//! `make test-servers` runs these on each kind of server. What passed there is in `tests/matrix`, and the guide's
//! table is made from that.

mod ground;
mod page;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use ground::Ground;

use crate::cli::Place;
use crate::cli::service::Running;
use crate::cli::watch::Watching;

/// How long what comes about by an event may take; a timer does not come by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a command until it prints this.
async fn until(place: &Place, words: &str, expected: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let run = place.run(words);
        if run.stdout == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{words}: {run}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_read() {
    let (place, on) = Ground::place("read").await;
    on.create("/a", "{\"x\":1}").await;
    on.create("/a/b", "raw").await;
    let run = place.run(&format!("get /a x {}", on.options));
    assert_eq!(run.expect(0).stdout, "1\n");
    let run = place.run(&format!("ls /a {}", on.options));
    assert_eq!(run.expect(0).stdout, "/a\n/a/b\n");
    let run = place.run(&format!("export {}", on.options));
    let text = run.expect(0).stdout;
    assert!(text.contains("x = 1") && text.contains("'raw'"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_links_acls_and_trims_are_applied() {
    let (place, on) = Ground::place("update").await;
    for path in ["/a", "/a/gone", "/b"] {
        on.create(path, "{}").await;
    }
    place.file(
        "a.zkt",
        "/a\n  x = 2\n  l -> /b\n/b\n  @acl world:anyone:cdrwa digest:ops:MDEyMzQ1Njc4OWFiY2RlZmdoaWo=:r\n",
    );
    place
        .run(&format!("apply -y --trim a.zkt {}", on.options))
        .expect(0);
    let plan = format!("plan --trim --detailed-exitcode a.zkt {}", on.options);
    place.run(&plan).expect(0);
    let run = place.run(&format!("get /a x {}", on.options));
    assert_eq!(run.expect(0).stdout, "2\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_created() {
    let (place, on) = Ground::place("create").await;
    place.file("a.zkt", "/a\n  x = 1\n  /b\n    /c\n");
    place
        .run(&format!("apply -y a.zkt {}", on.options))
        .expect(0);
    let plan = format!("plan --detailed-exitcode a.zkt {}", on.options);
    place.run(&plan).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_one_batch_of_which_all_or_nothing_stands() {
    let (place, on) = Ground::place("batch").await;
    let mut tree = "/a\n".to_owned();
    for number in 0..50 {
        _ = writeln!(tree, "  /n{number}\n    x = {number}");
    }
    place.file("a.zkt", tree);
    let run = place.run(&format!("apply -y --format json a.zkt {}", on.options));
    let lines = run.expect(0).json();
    let batches = lines.iter().filter(|line| line["event"] == "batch");
    let batches: Vec<_> = batches
        .map(|line| (&line["kind"], &line["actions"]))
        .collect();
    assert_eq!(batches, [(&"atomic".into(), &51.into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_keep_records() {
    let (place, on) = Ground::place("owner").await;
    place
        .file("a.zkt", "/a\n  x = 1\n/b\n")
        .file("b.zkt", "/a\n  x = 1\n");
    let apply = |words: &str| {
        let words = format!(
            "apply -y --owner team --trim owned --force {words} {}",
            on.options
        );
        place.run(&words).expect(0)
    };
    apply("a.zkt");
    // What is not declared any more goes, since it is the owner's.
    let run = apply("b.zkt");
    assert!(run.stdout.contains("1 trimmed"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_rights_are_listed_before_the_first_write() {
    let (place, on) = Ground::place("rights").await;
    on.create("/a", "{}").await;
    on.create("/b", "{}").await;
    // This session is "me", and may only read.
    let shut = "/b\n  @acl digest:me:016djjlksVQS5RgX3M7biBGyYwY=:r digest:ops:MDEyMzQ1Njc4OWFiY2RlZmdoaWo=:cdrwa\n";
    place.file("shut.zkt", shut);
    place
        .run(&format!("apply -y --force shut.zkt {}", on.options))
        .expect(0);
    place.file("a.zkt", "/a\n  x = 1\n/b\n  x = 1\n");
    let apply = format!("apply -y a.zkt --auth digest:me:secret {}", on.options);
    let run = place.run(&apply).expect(3);
    assert!(
        run.everything()
            .contains("refused: /b: its ACL gives this session no write right"),
        "{run}"
    );
    let run = place.run(&format!("get /a {}", on.options));
    assert_eq!(run.expect(0).stdout, "");
}

/// Watches, and has a node changed.
async fn watched(name: &str, words: &str) {
    let (place, on) = Ground::place(name).await;
    on.create("/a", "{}").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let words = format!("a.zkt {words} {}", on.options);
    let mut watching = Watching::start(&place, &words);
    watching.says(&["reconciled", "applied"]).await;
    place.run(&format!("set /a x=2 {}", on.options)).expect(0);
    until(&place, &format!("get /a x {}", on.options), "1\n").await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_repairs_as_soon_as_it_hears_of_a_change() {
    watched("events", "--interval 1h").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_repairs_when_its_interval_is_over() {
    watched("timer", "--interval 1s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_registered_and_discovered() {
    let (place, on) = Ground::place("services").await;
    on.create("/svc", "{}").await;
    let run = |words: &str| {
        let words = format!("{words} {}", on.options);
        Running::start(&place, &words.split_whitespace().collect::<Vec<_>>())
    };
    let mut discovering = run("discover --watch /svc");
    let mut registered = run("register /svc 10.0.0.1:80 --no-pid");
    assert_eq!(registered.line(), "/svc/10.0.0.1:80\n");
    assert_eq!(discovering.line(), "+ 10.0.0.1:80\n");
    registered.signal("TERM");
    assert_eq!(registered.end().0, Some(0));
    assert_eq!(discovering.line(), "- 10.0.0.1:80\n");
    discovering.signal("KILL");
    discovering.end();
}
