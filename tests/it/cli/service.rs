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
    assert_eq!(running.end(), (Some(7), String::new()));
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
        "format_version": "1.0", "ok": true, "state": "connected", "registrations": [{
            "checks": [{"address": address, "listening": true, "registered": true}],
            "names": [address], "nodes": [node], "ok": true, "path": "/svc", "properties": {},
            "state": "registered",
        }],
    });
    assert_eq!(ask(), expected);
    drop(listener);
    expected["ok"] = json!(false);
    expected["registrations"][0]["ok"] = json!(false);
    expected["registrations"][0]["checks"][0]["listening"] = json!(false);
    assert_eq!(ask(), expected);
    let run = place.run("register /svc h:2 --monitor socket");
    assert!(run.stderr.starts_with("error: --monitor socket: "), "{run}");
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
    {"addresses":[{"address":"a:1","draining":false,"enabled":true,"properties":{},"weight":1.0},{"address":"b:1","draining":false,"enabled":false,"properties":{"enabled":false},"weight":1.0}],"format_version":"1.0","held":null,"path":"/link/svc","real_path":"/svc"}
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

/// As people use it to write an upstream file.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discover_runs_a_command_on_change() {
    let (place, client) = service("discover-exec").await;
    create_as(&client, "/svc/a:1", "{}", CreateMode::Ephemeral).await;
    let command = concat!(
        r##"(echo "# $ZKT_PATH: $ZKT_ADDRESSES"; sed 's/.*/server &;/') > new"##,
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
    becomes("# /svc: \n").await;
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
    assert_eq!(svg.matches("<rect ").count(), 5);
    assert_eq!(svg.matches("marker-end").count(), 4);
    assert!(svg.contains(">z4m &quot;cms&quot;</text>") && svg.ends_with("</svg>\n"));
    place.run("apply -y a.zkt").expect(0);
    let live = place.run("graph --live").expect(0).stdout;
    assert_eq!(live, place.run("graph a.zkt").expect(0).stdout);
    place.run("graph").expect(1);
}
