//! `register`: as long as it runs, or as its command does.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cli::{Place, create};

use super::{Running, data, service, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_registration_is_held_until_a_signal() {
    let (place, client) = service("register").await;
    let words = [
        "register",
        "/svc",
        "10.0.0.1:80",
        "weight=2",
        "zone=b",
        "--instance",
        "i-1",
    ];
    let mut running = Running::start(&place, &words);
    assert_eq!(running.line(), "/svc/10.0.0.1:80\n");
    let pid = running.child.id();
    let expected = json!({"instance": "i-1", "pid": pid, "weight": 2, "zone": "b"});
    assert_eq!(
        data(&client, "/svc/10.0.0.1:80").await,
        Some(expected.clone())
    );
    // One that was killed is replaced at once by the same instance.
    running.signal("KILL");
    assert_eq!(running.end().0, None);
    let mut running = Running::start(&place, &words);
    assert_eq!(running.line(), "/svc/10.0.0.1:80\n");
    assert_ne!(data(&client, "/svc/10.0.0.1:80").await, Some(expected));
    let run = place.run("register /svc 10.0.0.1:80 --patience 10ms");
    assert_eq!(run.code, 1);
    assert!(
        run.stderr
            .contains("error: /svc/10.0.0.1:80 is registered by another session"),
        "{run}"
    );
    running.signal("TERM");
    assert_eq!(running.end(), (Some(0), String::new()));
    assert_eq!(data(&client, "/svc/10.0.0.1:80").await, None);
    insta::assert_snapshot!(place.run("register /nosuch h:1"), @"
    --- stderr
    error: /nosuch does not exist
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("register /svc h:1 novalue"), @r#"
    --- stderr
    error: expected NAME=VALUE or NAME-, found "novalue"
    --- exit 1
    "#);
    create(&client, "/svc/h:1", "{}").await;
    insta::assert_snapshot!(place.run("register /svc h:1"), @"
    --- stderr
    error: /svc/h:1 is a persistent node, which no registration made and which does not go by itself: delete it, or register elsewhere
    --- exit 1
    ");
}

/// Before anything is started or connected.
#[test]
fn registered_addresses_are_checked() {
    let place = Place::offline();
    let runs = ["0.0.0.0:80", ":0", "h:99999", "h", "http://h:80", "::1:80"].map(|address| {
        place
            .run(&format!("register /svc {address} -- touch started"))
            .to_string()
    });
    insta::assert_snapshot!(runs.concat(), @r#"
    --- stderr
    error: "0.0.0.0:80" is no address to register: 0.0.0.0 stands for all addresses of a machine, and nobody else can reach it
    --- exit 1
    --- stderr
    error: ":0" is no address to register: the port is no number from 1 to 65535
    --- exit 1
    --- stderr
    error: "h:99999" is no address to register: the port is no number from 1 to 65535
    --- exit 1
    --- stderr
    error: "h" is no address to register: it has no port; write HOST:PORT
    --- exit 1
    --- stderr
    error: "http://h:80" is no address to register: a host name has letters, digits, '-', '_' and dots only, and up to 63 between dots
    --- exit 1
    --- stderr
    error: "::1:80" is no address to register: an IPv6 address stands in brackets, as in [2001:db8::1]:80
    --- exit 1
    "#);
    assert!(!place.path("started").exists());
}

/// A program that is started in a container is process 1, which nobody else collects for.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn process_1_collects_orphans_and_passes_signals_on() {
    let (place, client) = service("register-init").await;
    // A zombie can be signalled. The trap runs when process 1 has passed the signal on.
    let script = "trap 'exit 7' USR1; (sh -c 'echo $$ > orphan; exec sleep 0.01' &) ; \
                  until test -s orphan; do sleep 0.01; done; \
                  while kill -0 $(cat orphan) 2> /dev/null; do sleep 0.01; done; \
                  kill -USR1 1; while :; do sleep 0.01; done";
    let mut command = std::process::Command::new("unshare");
    command
        .args([
            "--map-root-user",
            "--pid",
            "--fork",
            env!("CARGO_BIN_EXE_zkt"),
        ])
        .args([
            "register", "/svc", "h:1", "--no-pid", "--", "sh", "-c", script,
        ]);
    place.prepare(&mut command);
    let run = place.finish(command.spawn().unwrap());
    assert_eq!((run.code, run.stdout.as_str()), (7, ""), "{run}");
    assert_eq!(data(&client, "/svc/h:1").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_command_is_registered_as_long_as_it_runs() {
    let (place, client) = service("register-command").await;
    let script = "trap 'exit 7' USR1; echo up $$; while :; do sleep 0.02; done";
    let words = ["register", "/svc", "h:1", "--", "sh", "-c", script];
    let mut running = Running::start(&place, &words);
    // Stdout is the command's alone.
    let up = running.line();
    let pid: u32 = up.strip_prefix("up ").unwrap().trim().parse().unwrap();
    until(&client, "/svc/h:1", Some(json!({"pid": pid}))).await;
    running.signal("USR1");
    let told = "registered: /svc/h:1\n".to_owned();
    assert_eq!(running.end(), (Some(7), told));
    assert_eq!(data(&client, "/svc/h:1").await, None);
    // What is killed by a signal ends as in a shell.
    let mut run = place.command("register /svc h:1");
    let run = run.args(["--", "sh", "-c", "kill -9 $$"]).spawn().unwrap();
    assert_eq!(place.finish(run).code, 137);
    let run = place.run("register /svc h:1 -- /no/such/program");
    assert_eq!(run.code, 127);
    assert!(
        run.stderr.starts_with("error: cannot run /no/such/program"),
        "{run}"
    );
    // The command does not run on when it cannot be registered.
    let run = place.run("register /nosuch h:1 -- sleep 600");
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (1, "error: /nosuch does not exist\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn health_and_draining() {
    let (place, client) = service("register-health").await;
    let words = [
        "register",
        "/svc",
        "h:1",
        "--no-pid",
        "--health-command",
        "test -e well",
        "--health-interval",
        "10ms",
        "--drain",
        "1h",
    ];
    let mut running = Running::start(&place, &words);
    assert_eq!(data(&client, "/svc/h:1").await, None);
    place.file("well", "");
    assert_eq!(running.line(), "/svc/h:1\n");
    assert_eq!(data(&client, "/svc/h:1").await, Some(json!({})));
    std::fs::remove_file(place.path("well")).unwrap();
    until(&client, "/svc/h:1", None).await;
    place.file("well", "");
    assert_eq!(running.line(), "/svc/h:1\n");
    running.signal("TERM");
    until(&client, "/svc/h:1", Some(json!({"draining": true}))).await;
    // Who says so twice does not want to wait.
    running.signal("TERM");
    let (code, stderr) = running.end();
    assert_eq!(code, Some(0));
    assert!(
        stderr.contains("not registered: the health check fails"),
        "{stderr}"
    );
    assert_eq!(data(&client, "/svc/h:1").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_monitor_is_notified() {
    let (place, client) = service("register-monitor").await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // One that nobody listens on any more is in the way.
    drop(std::os::unix::net::UnixListener::bind(place.path("socket")).unwrap());
    let words = [
        "register",
        "/svc",
        &address,
        "--no-pid",
        "--monitor",
        "socket",
    ];
    let mut running = Running::start(&place, &words);
    running.line();
    let ask = || -> Value {
        let mut stream = std::os::unix::net::UnixStream::connect(place.path("socket")).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let node = format!("/svc/{address}");
    let mut expected = json!({
        "format_version": "1.2", "ok": true, "state": "connected", "registrations": [{
            "checks": [{"address": address, "listening": true, "registered": true}],
            "names": [address], "nodes": [node], "ok": true, "path": "/svc", "properties": {},
            "state": "registered",
        }],
    });
    assert_eq!(ask(), expected);
    assert_eq!(crate::cli::mode(&place.path("socket")), 0o600);
    drop(listener);
    expected["ok"] = json!(false);
    expected["registrations"][0]["ok"] = json!(false);
    expected["registrations"][0]["checks"][0]["listening"] = json!(false);
    // A process that another test just forks holds the listener until it is executed.
    let deadline = Instant::now() + Duration::from_secs(60);
    while ask() != expected && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ask(), expected);
    let run = place.run("register /svc h:2 --monitor socket");
    insta::assert_snapshot!(run, @"
    --- stderr
    error: --monitor socket: somebody else listens there
    --- exit 1
    ");
    place.file("file", "mine");
    insta::assert_snapshot!(place.run("register /svc h:2 --monitor file -- touch started"), @"
    --- stderr
    error: --monitor file: a regular file is there, and only a socket that nobody listens on is replaced
    --- exit 1
    ");
    assert_eq!(place.read("file"), "mine");
    assert!(!place.path("started").exists());
    let words = [
        "register",
        "/svc",
        "h:2",
        "--monitor",
        "open",
        "--monitor-mode",
        "0666",
    ];
    let mut open = Running::start(&place, &words);
    open.line();
    assert_eq!(crate::cli::mode(&place.path("open")), 0o666);
    open.signal("TERM");
    assert_eq!(open.end().0, Some(0));
    running.signal("INT");
    assert_eq!(running.end().0, Some(0));
    assert!(!place.path("socket").exists());
    assert_eq!(data(&client, &node).await, None);
}
