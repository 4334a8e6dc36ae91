//! Who is told of a change: a command, and a webhook that may be slow, broken, or gone.

mod hook;
#[cfg(feature = "otel")]
mod traces;

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::Place;
use super::{PATIENCE, Watching, becomes, grow_old};
use hook::{Answer, Hook};

/// A watch that tells of its changes.
fn watch(place: &Place, words: &str, variables: &[(&str, &str)]) -> Watching {
    grow_old(&place.path(""));
    let mut command = place.command(&format!("watch --log-format json --interval 1h {words}"));
    for proxy in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env_remove(proxy);
    }
    command.envs(variables.iter().copied());
    Watching::of(command.spawn().unwrap())
}

/// Waits until a file has as many lines.
async fn lines(place: &Place, file: &str, count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(place.path(file)).unwrap_or_default();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= count {
            return lines;
        }
        assert!(Instant::now() < deadline, "{file}: {text}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_for_each_change_and_no_secret_is_in_its_environment() {
    let place = Place::new("watch-on-change").await;
    place.file(
        "a.zkt",
        "/a\n  x = 1\n  @secret password\n  password = 'hunter2'\n",
    );
    place.file(
        "tell.sh",
        "#!/bin/sh\necho \"$ZKT_PREVIOUS>$ZKT_STATE\" >> states\ncat >> events\nenv >> environment\n\
         [ $ZKT_STATE = in_sync ] || { echo one >&2; echo two >&2; exit 7; }\n",
    );
    let script = place.path("tell.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Nobody listens there.
    let variables = [
        ("ZKT_AUTH", "digest:u:hunter3"),
        ("ZKT_TLS_PASSWORD", "hunter4"),
        ("ZKT_LISTEN_TOKEN", "hunter5-hunter5-hunter5"),
        ("ZKT_WEBHOOK", "http://127.0.0.1:1/hunter6"),
        ("ZKT_WEBHOOK_SECRET", "hunter7"),
    ];
    let mut watching = watch(&place, "a.zkt --on-change ./tell.sh", &variables);
    watching
        .says(&["the command of --on-change has run", "in_sync"])
        .await;
    place.file("a.zkt", "/a\n  x = oops\n");
    let line = watching.says(&["the command of --on-change failed"]).await;
    assert!(
        line.contains("\"last\":\"two\"") && line.contains("exit status: 7"),
        "{line}"
    );
    // A repair, and newer files that are sound, change nothing but what is broken.
    place.file("a.zkt", "/a\n  x = 2\n");
    let client = place.client().await;
    becomes(&client, "/a", Some("{\"x\":2}")).await;
    assert_eq!(
        lines(&place, "states", 3).await,
        [">in_sync", "in_sync>broken_files", "broken_files>in_sync"]
    );
    watching
        .says(&["the command of --on-change has run", "in_sync"])
        .await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("hunter"), "{log}");
    let events = place.read("events");
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 3);
    assert_eq!(events[1]["state"], "broken_files");
    assert_eq!(events[1]["previous"], "in_sync");
    let mistake = events[1]["source_errors"][0].as_str().unwrap();
    assert_eq!(mistake, "a.zkt:2:7: this cannot be parsed");
    assert_eq!(events[1]["source_errors_total"], 1);
    assert_eq!(events[1]["revision"], events[0]["revision"]);
    for file in ["events", "environment"] {
        let text = place.read(file);
        assert!(!text.contains("hunter") && !text.contains("oops"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_signed_events_and_python_verifies_them() {
    let place = Place::new("watch-webhook").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    place.file("secret", "key\n");
    place.run("apply -y a.zkt").expect(0);
    let client = place.client().await;
    let hook = Hook::start(vec![Answer::Close, Answer::Status("503 Busy")]).await;
    let url = format!(
        "http://user:hunter2@{}/T0/hunter3?token=hunter4",
        hook.address
    );
    let words = "a.zkt --mode warn --webhook-secret-file secret";
    let mut watching = watch(&place, words, &[("ZKT_WEBHOOK", &url)]);
    watching
        .says(&["the webhook is not told yet; trying again"])
        .await;
    watching.says(&["the webhook is told", "in_sync"]).await;
    client.set_data("/a", b"{\"x\":2}", None).await.unwrap();
    watching.says(&["the webhook is told", "out_of_sync"]).await;

    let requests = hook.requests();
    assert_eq!(requests.len(), 4);
    let event = |at: usize| -> Value { serde_json::from_str(&requests[at].body).unwrap() };
    for request in &requests {
        assert_eq!(request.first, "POST /T0/hunter3?token=hunter4 HTTP/1.1");
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.header("authorization"), "Basic dXNlcjpodW50ZXIy");
        let event: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(event["id"], request.header("zkt-event-id"));
        assert!(is_verified(request.header("zkt-signature"), &request.body));
        assert!(!is_verified(request.header("zkt-signature"), "{}"));
    }
    assert!(!is_verified("t=1700000000,v1=00", "{}"));
    // However often an event is sent, it is one.
    assert_eq!(event(0)["id"], event(1)["id"]);
    assert_eq!(event(1)["id"], event(2)["id"]);
    assert_ne!(event(2)["id"], event(3)["id"]);
    assert_eq!(event(3)["state"], "out_of_sync");
    assert_eq!(event(3)["previous"], "in_sync");
    assert_eq!(event(3)["actions"][0]["path"], "/a");
    assert_eq!(event(3)["actions_total"], 1);
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("hunter"), "{log}");
}

/// Whether the guide's example takes a request.
fn is_verified(header: &str, body: &str) -> bool {
    let chapter = include_str!("../../../../src/guide/drift.md");
    let (_, example) = chapter.split_once("```python\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let script = format!(
        "{example}\nimport sys\nsys.exit(not is_genuine(b'key', sys.argv[1], sys.argv[2].encode()))"
    );
    let mut python = Command::new("python3");
    python
        .args(["-c", &script, header, body])
        .stderr(Stdio::piped());
    let output = python.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "");
    output.status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_event_comes_first_and_nothing_waits_for_a_webhook() {
    let place = Place::new("watch-webhook-slow").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let later = Answer::Status("429 Slow Down\r\nRetry-After: 300");
    let hook = Hook::start(vec![
        later,
        Answer::Status("302 Found\r\nLocation: /b"),
        Answer::Hold,
    ])
    .await;
    let mut watching = watch(
        &place,
        &format!("a.zkt --webhook http://{}/a", hook.address),
        &[],
    );
    watching
        .says(&["the webhook is not told yet", "in_sync"])
        .await;
    // The other side has asked for five minutes, but there is something newer.
    place.file("a.zkt", "/a\n  x = oops\n");
    watching
        .says(&["the webhook refuses an event: 302", "broken_files"])
        .await;
    place.file("a.zkt", "/a\n  x = 2\n");
    let client = place.client().await;
    becomes(&client, "/a", Some("{\"x\":2}")).await;
    hook.holds().await;
    // Nobody answers, and all goes on.
    watching.signal("-HUP");
    watching.says(&["reconciled", "\"cause\":\"asked\""]).await;
    assert_eq!(hook.requests().len(), 3);
    assert_eq!(hook.requests()[1].first, "POST /a HTTP/1.1");
    assert_eq!(hook.requests()[0].header("zkt-signature"), "");
    let before = Instant::now();
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(before.elapsed() < PATIENCE / 4, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_sends_what_was_not_told() {
    let place = Place::new("watch-webhook-end").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let hook = Hook::start(vec![Answer::Status("429 Slow Down\r\nRetry-After: 300")]).await;
    let mut watching = watch(
        &place,
        &format!("a.zkt --webhook http://{}/a", hook.address),
        &[],
    );
    watching
        .says(&["the webhook is not told yet", "in_sync"])
        .await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(hook.requests().len(), 2);
    assert!(log.contains("the webhook is told"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_with_tls_is_told_if_its_certificate_is_trusted() {
    let place = Place::new("watch-webhook-tls").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    place.file("own.pem", own.cert.pem());
    place.file("other.pem", other.cert.pem());
    let hook = Hook::start_tls(&own).await;
    let port = hook.address.port();
    let words = format!("a.zkt --webhook https://localhost:{port}/");
    for (roots, said) in [
        ("own.pem", ["the webhook is told", "in_sync"]),
        ("other.pem", ["the webhook is not told yet", "certificate"]),
    ] {
        let roots = place.path(roots);
        let roots = [("SSL_CERT_FILE", roots.to_str().unwrap())];
        let mut watching = watch(&place, &words, &roots);
        watching.says(&said).await;
        let (code, log) = watching.stop();
        assert_eq!(code, Some(0), "{log}");
    }
    assert_eq!(hook.requests().len(), 1);
}

#[test]
fn an_address_that_is_none_is_not_repeated() {
    let place = Place::offline();
    place.file("a.zkt", "/a\n").file("empty", " \n");
    for words in [
        "watch a.zkt --webhook user:hunter2@example",
        "watch a.zkt --webhook https://?hunter2",
        "watch a.zkt --webhook http://a/ --webhook-secret-file empty",
        "watch a.zkt --webhook http://a/ --webhook-secret-file missing",
        "watch a.zkt --webhook-secret-file empty",
        "watch --once a.zkt --webhook http://a/",
        "watch --once a.zkt --on-change true",
    ] {
        let run = place.run(words).expect(1);
        assert!(!run.everything().contains("hunter2"), "{run}");
    }
}
