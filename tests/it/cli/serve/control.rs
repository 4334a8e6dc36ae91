//! The control socket, as programs of any language use it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zookeeper_client as zk;
use zookeeper_client::{Acls, Client, CreateMode, SessionState};

use super::Serving;
use crate::cli::Place;

/// Sends a request, and returns the status and the body of the answer.
fn exchange(mut stream: impl Read + Write, head: &str, body: &str) -> (u16, String) {
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // What is not read to its end resets the connection.
    _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A server with a control socket.
struct Controlled {
    serving: Serving,
    control: String,
}

impl Controlled {
    fn start(place: &Place, options: &str) -> Self {
        let mut serving = Serving::start(place, &format!("--control :0 {options}"));
        let control = serving.line();
        let control = control.strip_prefix("http://").unwrap().to_owned();
        Self { serving, control }
    }

    fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let stream = TcpStream::connect(&self.control).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}", self.control);
        let (status, body) = exchange(stream, &head, body);
        let value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body:?}"));
        (status, value)
    }

    fn get(&self, path: &str) -> Value {
        let (status, value) = self.send("GET", path, "");
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, value) = self.send("POST", path, &body.to_string());
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    async fn client(&self) -> Client {
        Client::connect(&self.serving.address).await.unwrap()
    }

    /// Waits for as long as even a slow machine may take.
    async fn until(&self, path: &str, what: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let value = self.get(path);
            if what(&value) {
                return;
            }
            assert!(Instant::now() < deadline, "{path}: {value}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test]
async fn sessions_are_shown_expired_and_cut() {
    let place = Place::offline();
    let server = Controlled::start(&place, "");
    let (first, second) = (server.client().await, server.client().await);
    let ephemeral = CreateMode::Ephemeral.with_acls(Acls::anyone_all());
    first.create("/e", b"x", &ephemeral).await.unwrap();
    let shown = server.get("/sessions");
    let sessions = shown["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let id = sessions[0]["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("0x1"), "{id}");
    assert_eq!(sessions[0]["ephemerals"], json!(["/e"]));
    assert_eq!(sessions[0]["identities"], json!(["ip:127.0.0.1"]));
    let ephemerals = json!({"ephemerals": [{"path": "/e", "session": id}]});
    assert_eq!(server.get("/ephemerals"), ephemerals);
    assert_eq!(server.get("/node?path=%2Fe")["data"], "x");
    assert_eq!(server.get("/node?path=/e")["session"], id.as_str());

    let mut states = first.state_watcher();
    let cut = server.post("/cut", &json!({"session": id}));
    assert_eq!(cut, json!({"cut": 1}));
    // Its session and its node are there when it is back.
    while first.get_data("/e").await.is_err() {}
    let expired = server.post("/expire", &json!({"session": id}));
    assert_eq!(expired, json!({"expired": 1}));
    while states.changed().await != SessionState::Expired {}
    let (status, error) = server.send("POST", "/expire", &json!({"session": id}).to_string());
    assert_eq!(status, 404);
    assert_eq!(error, json!({"error": format!("there is no session {id}")}));
    assert_eq!(server.send("GET", "/node?path=/e", "").0, 404);
    assert_eq!(server.post("/cut-all", &json!({})), json!({"cut": 1}));
    while second.get_data("/").await.is_err() {}
    assert_eq!(
        server.post("/expire-all", &json!({})),
        json!({"expired": 1})
    );
}

#[tokio::test]
async fn faults_are_injected_and_ended() {
    let place = Place::offline();
    place.file("a.zkt", "/a\n  x = 1\n");
    let server = Controlled::start(&place, "--tree a.zkt");
    let client = server.client().await;
    let fault = json!({
        "fault": "answer", "error": "NoAuth", "times": 2, "kinds": ["getData"], "below": "/a",
    });
    assert_eq!(server.post("/inject", &fault), json!({"injection": 1}));
    let lost = json!({"fault": "lose-reply", "path": "/new"});
    assert_eq!(server.post("/inject", &lost), json!({"injection": 2}));
    for _ in 0..2 {
        assert_eq!(client.get_data("/a").await, Err(zk::Error::NoAuth));
    }
    client.get_data("/a").await.unwrap();
    let persistent = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.create("/new", b"", &persistent).await.unwrap_err();
    assert_eq!(server.get("/node?path=/new")["kind"], "persistent");
    let shown = server.get("/injections");
    assert_eq!(shown["injections"][0]["struck"], 2);
    assert_eq!(shown["injections"][0]["error"], "NoAuth");
    assert_eq!(shown["injections"][1]["struck"], 1);

    let refused = server.post("/refuse-connections", &json!({}));
    assert_eq!(refused, json!({"refuses_connections": true}));
    let state = server.get("/state");
    assert_eq!(state["refuses_connections"], true);
    assert_eq!(state["refuses_for_ms"], Value::Null);
    assert_eq!(state["requests"]["getData"], 3);
    server.post("/refuse-connections", &json!({"for_ms": 3_600_000}));
    assert!(server.get("/state")["refuses_for_ms"].as_u64().unwrap() > 3_000_000);
    server.post("/accept-connections", &json!({}));
    server.post("/delay-replies", &json!({"by_ms": 50}));
    let start = Instant::now();
    client.get_data("/a").await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(50));
    server.post("/clear-faults", &json!({}));
    let state = server.get("/state");
    assert_eq!(state["delays_by_ms"], 0);
    assert_eq!(state["refuses_connections"], false);
    assert_eq!(server.get("/injections"), json!({"injections": []}));

    client.set_data("/a", b"other", None).await.unwrap();
    server.post("/reset", &json!({}));
    let paths = |value: &Value| -> Vec<String> {
        let nodes = value["nodes"].as_array().unwrap().iter();
        nodes
            .map(|node| node["path"].as_str().unwrap().to_owned())
            .filter(|path| !path.starts_with("/zookeeper"))
            .collect()
    };
    let tree = server.get("/tree");
    assert_eq!(paths(&tree), ["/", "/a"]);
    assert_eq!(server.get("/node?path=/a")["data"], r#"{"x":1}"#);
    assert_eq!(
        server.get("/node?path=/a")["acl"],
        json!(["world:anyone:cdrwa"])
    );
}

#[tokio::test]
async fn it_stands_still_and_goes_on() {
    let place = Place::offline();
    let server = Controlled::start(&place, "");
    let client = server.client().await;
    server.post("/pause", &json!({}));
    assert_eq!(server.get("/state")["is_paused"], true);
    let read = client.get_data("/");
    let mut other = TcpStream::connect(&server.serving.address).unwrap();
    other.write_all(b"ruok").unwrap();
    server
        .until("/state", |state| state["connections"] == 2)
        .await;
    other.set_nonblocking(true).unwrap();
    assert!(other.peek(&mut [0; 4]).is_err());
    server.post("/resume", &json!({}));
    read.await.unwrap();
    other.set_nonblocking(false).unwrap();
    let mut word = String::new();
    other.read_to_string(&mut word).unwrap();
    assert_eq!(word, "imok");
}

#[tokio::test]
async fn it_serves_reads_only() {
    let place = Place::offline();
    let server = Controlled::start(&place, "");
    server.post("/read-only", &json!({"on": true}));
    let refused = Client::connector()
        .with_fail_eagerly()
        .connect(&server.serving.address)
        .await;
    assert!(refused.is_err());
    let reader = Client::connector().with_readonly(true);
    let reader = reader.connect(&server.serving.address).await.unwrap();
    assert_eq!(reader.state(), SessionState::ConnectedReadOnly);
    reader.get_data("/").await.unwrap();
    let written = reader.set_data("/", b"", None).await;
    assert_eq!(written, Err(zk::Error::NotReadOnly));
    let mut states = reader.state_watcher();
    server.post("/read-only", &json!({"on": false}));
    while states.changed().await != SessionState::SyncConnected {}
    reader.set_data("/", b"", None).await.unwrap();
}

#[test]
fn what_there_is_is_listed_and_what_is_wrong_is_said() {
    let place = Place::offline();
    let server = Controlled::start(&place, "");
    let list = server.get("/");
    assert_eq!(list["server"], server.serving.address.as_str());
    let guide = include_str!("../../../../src/guide/server-for-tests.md");
    for call in list["calls"].as_array().unwrap() {
        let call = call["call"].as_str().unwrap();
        let path = call.split_once('/').unwrap().1;
        assert!(
            path.is_empty() || guide.contains(&format!("$ZKT/{path}")),
            "the guide does not show {call}"
        );
    }
    for (method, path, body, status, part) in [
        ("GET", "/nothing", "", 404, "GET / lists what there is"),
        ("POST", "/sessions", "", 405, "/sessions takes GET"),
        ("GET", "/expire", "", 405, "/expire takes POST"),
        ("POST", "/expire", "", 400, "missing field `session`"),
        ("POST", "/expire", "{", 400, "the body: "),
        (
            "POST",
            "/expire",
            r#"{"session": "x"}"#,
            400,
            "is no session",
        ),
        (
            "POST",
            "/expire-all",
            r#"{"session": 1}"#,
            400,
            "unknown field",
        ),
        (
            "POST",
            "/inject",
            r#"{"fault": "x"}"#,
            400,
            "there is no fault",
        ),
        (
            "POST",
            "/delay-replies",
            r#"{"by_ms": -1}"#,
            400,
            "expected u64",
        ),
        (
            "POST",
            "/cut",
            r#"{"session": 1}"#,
            404,
            "there is no connection",
        ),
        ("GET", "/node", "", 400, "expected a path"),
    ] {
        let (found, error) = server.send(method, path, body);
        assert_eq!(found, status, "{method} {path}: {error}");
        let error = error["error"].as_str().unwrap();
        assert!(error.contains(part), "{method} {path}: {error}");
    }
    let long = format!(r#"{{"session": "{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(server.send("POST", "/expire", &long).0, 413);
    // As a page of a browser asks, from elsewhere or by another name.
    for (line, status) in [
        ("Host: evil.example".to_owned(), 421),
        (
            format!("Host: {}\r\nOrigin: http://evil.example", server.control),
            403,
        ),
        (format!("Host: {}\r\nOrigin: null", server.control), 403),
    ] {
        let stream = TcpStream::connect(&server.control).unwrap();
        let head = format!("POST /expire-all HTTP/1.1\r\n{line}");
        let (found, body) = exchange(stream, &head, "");
        assert_eq!(found, status, "{line}: {body}");
        assert!(body.starts_with("{\"error\":"), "{body}");
    }
}

#[test]
fn it_may_be_a_socket_of_files() {
    let place = Place::offline();
    // One that was left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(place.path("control")).unwrap());
    let mut serving = Serving::start(&place, "--control unix:control");
    assert_eq!(serving.line(), "unix:control");
    let mode = std::fs::metadata(place.path("control"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let stream = UnixStream::connect(place.path("control")).unwrap();
    let (status, body) = exchange(stream, "GET /sessions HTTP/1.1\r\nHost: x", "");
    assert_eq!((status, body.as_str()), (200, "{\"sessions\":[]}\n"));
    let taken = place
        .run("serve --listen :0 --control unix:control")
        .expect(1);
    assert!(
        taken.stderr.contains("cannot listen on unix:control"),
        "{taken}"
    );
    assert_eq!(taken.stdout, "");
    place.file("text", "x");
    let other = place.run("serve --listen :0 --control unix:text").expect(1);
    assert!(
        other.stderr.contains("cannot listen on unix:text"),
        "{other}"
    );
    assert_eq!(std::fs::read(place.path("text")).unwrap(), b"x");
    let (code, log) = serving.stop("-TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(!place.path("control").exists());
}

#[test]
fn a_socket_of_files_asks_for_the_token_and_has_no_tls() {
    let place = Place::offline();
    place.file("token", "0123456789abcdef");
    let words = "--control unix:control --control-token-file token";
    let mut serving = Serving::start(&place, words);
    assert_eq!(serving.line(), "unix:control");
    for (more, status) in [
        ("", 401),
        ("\r\nAuthorization: Bearer 0123456789abcdeF", 401),
        ("\r\nAuthorization: Bearer 0123456789abcdef", 200),
    ] {
        let stream = UnixStream::connect(place.path("control")).unwrap();
        let head = format!("GET /sessions HTTP/1.1\r\nHost: x{more}");
        let (found, body) = exchange(stream, &head, "");
        assert_eq!(found, status, "{more}: {body}");
    }
    for (options, named) in [
        ("--control-cert c --control-key k", "--control-cert"),
        ("--control-allow-host x", "--control-allow-host"),
    ] {
        let words = format!("serve --listen :0 --control unix:other {options}");
        let run = place.run(&words).expect(1);
        let told = format!("{named} does nothing for unix:other: it is for an address of TCP");
        assert!(run.stderr.contains(&told), "{run}");
        assert_eq!(run.stdout, "");
    }
}

/// As the status address of a watch does.
#[test]
fn an_address_of_the_network_asks_for_a_token() {
    const TOKEN: &str = "5f1c-0123456789abcdef";
    let place = Place::offline();
    place.file("token", format!("{TOKEN}\n"));
    let ask = |address: &str, request: &str, host: &str, line: &str| {
        let stream = TcpStream::connect(address).unwrap();
        exchange(
            stream,
            &format!("{request} HTTP/1.1\r\nHost: {host}{line}"),
            "",
        )
    };
    let bearer = format!("\r\nAuthorization: Bearer {TOKEN}");
    let mut serving = Serving::start(
        &place,
        "--control 0.0.0.0:0 --control-token-file token --control-allow-host zk.test",
    );
    let line = serving.line();
    let port = line.strip_prefix("http://0.0.0.0:").unwrap();
    let address = format!("127.0.0.1:{port}");
    for request in [
        "GET /",
        "GET /tree",
        "GET /node?path=/",
        "POST /expire-all",
        "GET /none",
    ] {
        for line in ["", "\r\nAuthorization: Bearer 5f1c-0123456789abcdeF"] {
            let (status, body) = ask(&address, request, &address, line);
            assert_eq!(status, 401, "{request}: {body}");
            assert!(body.contains("--control-token-file"), "{body}");
        }
    }
    for (host, line, status) in [
        (address.as_str(), "", 200),
        ("zk.test", "", 200),
        ("evil.example", "", 421),
        (address.as_str(), "\r\nOrigin: http://evil.example", 403),
    ] {
        let (found, body) = ask(&address, "GET /tree", host, &format!("{bearer}{line}"));
        assert_eq!(found, status, "{host} {line}: {body}");
    }
    let (_, log) = serving.stop("-TERM");
    assert!(
        !log.contains("whoever reaches") && !log.contains(TOKEN),
        "{log}"
    );

    // Without a token it is said.
    let mut open = Serving::start(&place, "--control 0.0.0.0:0");
    open.line();
    let (_, log) = open.stop("-TERM");
    assert!(log.contains("whoever reaches 0.0.0.0:"), "{log}");
    assert!(
        log.contains("--control-token-file asks for a token"),
        "{log}"
    );
    let mut local = Serving::start(&place, "--control :0");
    local.line();
    let (_, log) = local.stop("-TERM");
    assert!(!log.contains("whoever reaches"), "{log}");

    place.file("short", "hunter2\n");
    let short = place.run("serve --listen :0 --control :0 --control-token-file short");
    let short = short.expect(1);
    assert!(
        short.stderr.contains("the token in short has 7 characters"),
        "{short}"
    );
    let alone = place
        .run("serve --listen :0 --control-token-file token")
        .expect(1);
    assert!(alone.stderr.contains("--control"), "{alone}");
}
