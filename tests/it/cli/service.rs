//! `register`, `discover`, `get --watch` and `graph`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zookeeper_client::{Client, CreateMode};

use super::{Place, create, create_as};

async fn service(name: &str) -> (Place, Client) {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/svc", "{}").await;
    (place, client)
}

/// A command that goes on until it is told to end.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(place: &Place, words: &[&str]) -> Self {
        let mut command = place.command("");
        let mut child = command.args(words).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// The exit code, and what is on stderr.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        (code, stderr)
    }
}

async fn data(client: &Client, path: &str) -> Option<Value> {
    let (data, _) = client.get_data(path).await.ok()?;
    Some(serde_json::from_slice(&data).unwrap())
}

/// Waits for what comes about by itself, for as long as even a slow machine may take.
async fn until(client: &Client, path: &str, expected: Option<Value>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while data(client, path).await != expected {
        assert!(
            Instant::now() < deadline,
            "{path}: {:?}",
            data(client, path).await
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

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
async fn a_monitor_is_told() {
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
        "format_version": "1.1", "ok": true, "state": "connected", "registrations": [{
            "checks": [{"address": address, "listening": true, "registered": true}],
            "names": [address], "nodes": [node], "ok": true, "path": "/svc", "properties": {},
            "state": "registered",
        }],
    });
    assert_eq!(ask(), expected);
    assert_eq!(super::mode(&place.path("socket")), 0o600);
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
    assert_eq!(super::mode(&place.path("open")), 0o666);
    open.signal("TERM");
    assert_eq!(open.end().0, Some(0));
    running.signal("INT");
    assert_eq!(running.end().0, Some(0));
    assert!(!place.path("socket").exists());
    assert_eq!(data(&client, &node).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover() {
    let (place, client) = service("discover").await;
    let appear = async |name: &str, data: &str| {
        create_as(
            &client,
            &format!("/svc/{name}"),
            data,
            CreateMode::Ephemeral,
        )
        .await;
    };
    appear("a:1", "{}").await;
    appear("b:1", r#"{"enabled":false}"#).await;
    create(&client, "/link", r#"{"svc ->":"/svc"}"#).await;
    assert_eq!(place.run("discover /link/svc").expect(0).stdout, "a:1\n");
    assert_eq!(
        place.run("discover /svc --all").expect(0).stdout,
        "a:1\nb:1\n"
    );
    insta::assert_snapshot!(place.run("discover /link/svc --format json"), @r#"
    {"addresses":[{"address":"a:1","draining":false,"enabled":true,"properties":{},"weight":1.0},{"address":"b:1","draining":false,"enabled":false,"properties":{"enabled":false},"weight":1.0}],"format_version":"1.1","held":null,"left_out":[],"path":"/link/svc","real_path":"/svc"}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("discover /nosuch"), @"
    --- stderr
    error: /nosuch does not exist
    --- exit 1
    ");
    let mut watching = Running::start(&place, &["discover", "/svc", "--watch"]);
    assert_eq!(watching.line(), "+ a:1\n");
    assert_eq!(watching.line(), "+ b:1 (disabled)\n");
    let words = ["discover", "/svc", "--watch", "--format", "json"];
    let mut json_lines = Running::start(&place, &words);
    json_lines.line();
    client
        .set_data("/svc/a:1", br#"{"draining":true}"#, None)
        .await
        .unwrap();
    assert_eq!(watching.line(), "~ a:1 (draining)\n");
    let updated: Value = serde_json::from_str(&json_lines.line()).unwrap();
    assert_eq!(updated["updated"][0]["draining"], json!(true));
    // Only now: who is slow is told of both changes at once.
    client.delete("/svc/a:1", None).await.unwrap();
    assert_eq!(watching.line(), "- a:1\n");
    let removed: Value = serde_json::from_str(&json_lines.line()).unwrap();
    assert_eq!(removed["removed"][0]["address"], json!("a:1"));
    assert_eq!(removed["addresses"].as_array().unwrap().len(), 1);
    for mut running in [watching, json_lines] {
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
}

/// Whoever may create a node names it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover_prints_addresses_only() {
    let (place, client) = service("discover-names").await;
    insta::assert_snapshot!(place.run("discover /svc"), @"
    --- stderr
    /svc has no addresses
    --- exit 0
    ");
    for name in [
        "1.2.3.4:80 ; server evil",
        "a b:80",
        "h:99999",
        "worker",
        "\u{202e}h:80",
    ] {
        create(&client, &format!("/svc/{name}"), "{}").await;
    }
    create(&client, "/svc/h:1", r#"{"enabled":false}"#).await;
    insta::assert_snapshot!(place.run("discover /svc"), @r#"
    --- stderr
    warning: /svc: "1.2.3.4:80 ; server evil" is no address and is left out: the port is no number from 1 to 65535
    warning: /svc: "a b:80" is no address and is left out: a host name has letters, digits, '-', '_' and dots only, and up to 63 between dots
    warning: /svc: "h:99999" is no address and is left out: the port is no number from 1 to 65535
    warning: /svc: "worker" is no address and is left out: it has no port; write HOST:PORT
    warning: /svc: "\u202eh:80" is no address and is left out: a host name has letters, digits, '-', '_' and dots only, and up to 63 between dots
    /svc has no usable addresses: 1 disabled, draining or without weight (--all prints them)
    --- exit 0
    "#);
    create(&client, "/svc/h:2", "{}").await;
    create(&client, &format!("/svc/{}", "x".repeat(90)), "{}").await;
    insta::assert_snapshot!(place.run("discover /svc"), @r#"
    h:2
    --- stderr
    warning: /svc: "1.2.3.4:80 ; server evil" is no address and is left out: the port is no number from 1 to 65535
    warning: /svc: "a b:80" is no address and is left out: a host name has letters, digits, '-', '_' and dots only, and up to 63 between dots
    warning: /svc: "h:99999" is no address and is left out: the port is no number from 1 to 65535
    warning: /svc: "worker" is no address and is left out: it has no port; write HOST:PORT
    warning: /svc: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… is no address and is left out: it has no port; write HOST:PORT
    warning: /svc: 1 more child is no address and is left out (--all-names prints all)
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("discover /svc --all --all-names"), @r#"
    h:1
    h:2
    "1.2.3.4:80 ; server evil"
    "a b:80"
    "h:99999"
    "worker"
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "\u202eh:80"
    --- exit 0
    "#);
    let json = &place.run("discover /svc --format json -q").expect(0).json()[0];
    assert_eq!(json["addresses"].as_array().unwrap().len(), 2);
    assert_eq!(
        json["left_out"][0]["name"],
        json!("1.2.3.4:80 ; server evil")
    );
    let mut watching = Running::start(&place, &["discover", "/svc", "--watch", "--all-names"]);
    for _ in 0..8 {
        watching.line();
    }
    create(&client, "/svc/a b", "{}").await;
    assert_eq!(watching.line(), "+ \"a b\"\n");
    client.delete("/svc/a b", None).await.unwrap();
    assert_eq!(watching.line(), "- \"a b\"\n");
    watching.child.kill().unwrap();
    watching.child.wait().unwrap();
}

/// A change that leaves the list as it was is none for the command.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover_runs_a_command_for_other_addresses_only() {
    let (place, client) = service("discover-same").await;
    create(&client, "/svc/a:1", "{}").await;
    let command = "echo $ZKT_ADDRESSES >> runs";
    let mut running = Running::start(&place, &["discover", "/svc", "--watch", "--exec", command]);
    assert_eq!(running.line(), "+ a:1\n");
    client
        .set_data("/svc/a:1", br#"{"weight":2}"#, None)
        .await
        .unwrap();
    assert_eq!(running.line(), "~ a:1\n");
    create(&client, "/svc/a", "{}").await;
    create(&client, "/svc/b:1", r#"{"enabled":false}"#).await;
    assert_eq!(running.line(), "+ b:1 (disabled)\n");
    client.set_data("/svc/b:1", b"{}", None).await.unwrap();
    assert_eq!(running.line(), "~ b:1\n");
    // The line before this one came after the command had run for what is before it.
    client
        .set_data("/svc/b:1", br#"{"x":1}"#, None)
        .await
        .unwrap();
    assert_eq!(running.line(), "~ b:1\n");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    assert_eq!(place.read("runs"), "a:1\na:1 b:1\n");
}

/// As people use it to write an upstream file.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover_runs_a_command_on_change() {
    let (place, client) = service("discover-exec").await;
    create_as(&client, "/svc/a:1", "{}", CreateMode::Ephemeral).await;
    let command = concat!(
        r##"(echo "# $ZKT_PATH:" $ZKT_ADDRESSES; sed 's/.*/server &;/') > new"##,
        " && mv new upstream"
    );
    let mut running = Running::start(&place, &["discover", "/svc", "--exec", command]);
    let becomes = async |expected: &str| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::fs::read_to_string(place.path("upstream")).unwrap_or_default() != expected {
            assert!(Instant::now() < deadline, "{expected}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    becomes("# /svc: a:1\nserver a:1;\n").await;
    create_as(&client, "/svc/b:1", "{}", CreateMode::Ephemeral).await;
    becomes("# /svc: a:1 b:1\nserver a:1;\nserver b:1;\n").await;
    client.delete("/svc/a:1", None).await.unwrap();
    client.delete("/svc/b:1", None).await.unwrap();
    becomes("# /svc:\n").await;
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    // A command that fails ends nothing.
    let mut failing = place.command("discover /svc");
    failing
        .args(["--exec", "exit 3", "--watch"])
        .stdout(Stdio::piped());
    let mut failing = failing.spawn().unwrap();
    create_as(&client, "/svc/c:1", "{}", CreateMode::Ephemeral).await;
    let mut line = String::new();
    BufReader::new(failing.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "+ c:1\n");
    failing.kill().unwrap();
    failing.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn get_can_watch() {
    let (place, client) = service("get-watch").await;
    client
        .set_data("/svc", br#"{"threads":1}"#, None)
        .await
        .unwrap();
    let mut one = Running::start(&place, &["get", "/svc", "threads", "--watch"]);
    let mut all = Running::start(&place, &["get", "/svc", "--watch"]);
    assert_eq!(one.line(), "1\n");
    assert_eq!(all.line(), "threads = 1\n");
    client
        .set_data("/svc", br#"{"threads":1,"x":0}"#, None)
        .await
        .unwrap();
    assert_eq!(
        [all.line(), all.line(), all.line()],
        ["\n", "threads = 1\n", "x = 0\n"]
    );
    client
        .set_data("/svc", br#"{"threads":2}"#, None)
        .await
        .unwrap();
    assert_eq!(one.line(), "2\n");
    for mut running in [one, all] {
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
}

const SYSTEM: &str = "\
/lb : ipvs
  /pools
    /cms
      providers -> /cms/providers
    /retail
      providers -> /retail/providers
/cms : z4m \"cms\"
  /providers
  /databases
    main -> /databases/cms/providers
/databases
  /cms
    /providers
    peer -> /cms/providers
";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn graph() {
    let place = Place::new("graph").await;
    place.file("a.zkt", SYSTEM);
    insta::assert_snapshot!(place.run("graph a.zkt"), @r#"
    digraph services {
      rankdir=LR;
      node [shape=box];
      "/cms" [label="/cms\nz4m \"cms\""];
      "/databases/cms";
      "/lb/pools/cms" [shape=ellipse];
      "/lb/pools/retail" [shape=ellipse];
      "/retail" [style=dashed];
      "/cms" -> "/databases/cms" [label="databases/main"];
      "/databases/cms" -> "/cms" [label="peer"];
      "/lb/pools/cms" -> "/cms" [label="providers"];
      "/lb/pools/retail" -> "/retail" [label="providers"];
    }
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run("graph --format mermaid a.zkt"), @r#"
    flowchart LR
      n0["/cms<br/>z4m #quot;cms#quot;"]
      n1["/databases/cms"]
      n2(["/lb/pools/cms"])
      n3(["/lb/pools/retail"])
      n4["/retail"]:::missing
      n0 -->|"databases/main"| n1
      n1 -->|"peer"| n0
      n2 -->|"providers"| n0
      n3 -->|"providers"| n4
      classDef missing stroke-dasharray: 4
    --- exit 0
    "#);
    let svg = place.run("graph --format svg a.zkt").expect(0).stdout;
    assert_eq!(svg.matches("<rect x=").count(), 5);
    assert_eq!(svg.matches("marker-end").count(), 4);
    assert!(svg.contains(">z4m &quot;cms&quot;</text>") && svg.ends_with("</svg>\n"));
    place.run("apply -y a.zkt").expect(0);
    let live = place.run("graph --live").expect(0).stdout;
    assert_eq!(live, place.run("graph a.zkt").expect(0).stdout);
    place.run("graph").expect(1);

    // Every link of a service is drawn; what is not is told.
    let more = "/a\n  /providers\n  conf -> /etc/a\n  port => /b port\n  self -> providers\n\
                /b\n  port = 1\n  back => /a port\n  c -> /c\n/c\n";
    place.file("b.zkt", more);
    insta::assert_snapshot!(place.run("graph b.zkt"), @r#"
    digraph services {
      rankdir=LR;
      node [shape=box];
      "/a";
      "/b" [shape=ellipse];
      "/etc/a" [style=dashed];
      "/a" -> "/etc/a" [label="conf"];
      "/a" -> "/b" [label="port", style=dashed];
      "/a" -> "/a" [label="self"];
      "/b" -> "/a" [label="back", style=dashed];
    }
    --- stderr
    1 link is left out: a link that leads nowhere, or with neither end in a service
      /b  c -> /c
    --- exit 0
    "#);
}
