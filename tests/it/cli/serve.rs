//! `zkt serve`: the embedded server as a process.

mod control;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command};

use zookeeper_client::{Acls, Client, CreateMode};

use super::Place;
use crate::tls::Authority;

/// A running `zkt serve`; it is killed where it is not stopped.
pub(crate) struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Serving {
    pub(crate) fn start(place: &Place, arguments: &str) -> Self {
        let mut child = place
            .command(&format!("serve --listen :0 {arguments}"))
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut serving = Self {
            child,
            stdout,
            address: String::new(),
        };
        serving.address = serving.line();
        serving
    }

    /// The next line that it prints.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends it a signal, and tells how it ended and what it logged.
    fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args([signal, &id]).status();
        assert!(kill.unwrap().success());
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut log).unwrap();
        (status.code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

#[tokio::test]
async fn serves_until_it_gets_a_signal() {
    let place = Place::offline();
    for signal in ["-INT", "-TERM"] {
        let serving = Serving::start(&place, "");
        assert!(
            serving.address.starts_with("127.0.0.1:"),
            "{}",
            serving.address
        );
        let client = Client::connect(&serving.address).await.unwrap();
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        client.create("/secret-path", b"x", &options).await.unwrap();
        let (code, log) = serving.stop(signal);
        assert_eq!(code, Some(0), "{log}");
        let lines: Vec<&str> = log.lines().collect();
        // Only what it is not for is told without -v.
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines[0].contains("for development and tests"), "{log}");
        assert!(lines[1].contains("production is Apache ZooKeeper"), "{log}");
        assert!(lines[..2].iter().all(|line| line.len() <= 80), "{log}");
    }
}

#[tokio::test]
async fn logs_sessions_and_requests_but_no_data() {
    let place = Place::offline();
    let serving = Serving::start(&place, "-v");
    let client = Client::connect(&serving.address).await.unwrap();
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.create("/a", b"hidden-data", &options).await.unwrap();
    let (_, log) = serving.stop("-TERM");
    assert!(
        log.lines()
            .next()
            .unwrap()
            .contains("for development and tests"),
        "{log}"
    );
    assert!(log.contains("established, timeout"), "{log}");
    assert!(
        log.contains(": create2 xid ") || log.contains(": create xid "),
        "{log}"
    );
    assert!(log.contains("\"/a\""), "{log}");
    assert!(!log.contains("hidden-data"), "{log}");
}

#[tokio::test]
async fn declared_trees_are_there_from_the_start() {
    let place = Place::offline();
    place.file(
        "base.zkt",
        "/cms : z4m cms\n  threads = 3\n  database -> /db\n  /providers\n/db\n  @data 'raw'\n",
    );
    place.file(
        "more.zkt",
        "/a/b\n  @acl world:anyone:r\n  /c\n/cms\n  threads = 4\n",
    );
    let serving = Serving::start(&place, "--tree base.zkt more.zkt");
    let hosts = serving.address.clone();
    // Nothing is left to do, so the exit code tells of no changes.
    let plan = format!("plan base.zkt more.zkt -c {hosts} --detailed-exitcode");
    place.run(&plan).expect(0);
    let client = Client::connect(&hosts).await.unwrap();
    let (data, _) = client.get_data("/db").await.unwrap();
    assert_eq!(data, b"raw");
    let denied = client.set_data("/a/b/c", b"", None).await;
    assert_eq!(denied, Err(zookeeper_client::Error::NoAuth));
}

#[test]
fn speaks_tls() {
    let authority = Authority::new();
    let (own, client) = (
        authority.certify(&["127.0.0.1"]),
        authority.certify(&["me"]),
    );
    let place = Place::offline();
    place
        .file("ca.pem", authority.pem())
        .file("cert.pem", own.certificate())
        .file("key.pem", own.key())
        .file("client.pem", client.both())
        .file("a.zkt", "/a\n");
    let files = "--tls-cert cert.pem --tls-key key.pem --tls-client-ca ca.pem";
    let serving = Serving::start(&place, &format!("{files} --tree a.zkt"));
    let hosts = format!("-c tcp+tls://{} --tls-ca ca.pem", serving.address);
    let run = place.run(&format!("ls {hosts} --tls-cert client.pem"));
    assert_eq!(run.expect(0).stdout, "/\n/a\n");
    let run = place.run(&format!("ls {hosts}")).expect(1);
    assert!(run.stderr.contains("demands a certificate"), "{run}");

    place.file("wrong.pem", "x");
    for (options, said) in [
        ("--tls-cert cert.pem", "--tls-key"),
        ("--tls-client-ca ca.pem", "--tls-cert"),
        (
            "--tls-cert cert.pem --tls-key wrong.pem",
            "error: wrong.pem: expected PEM, PKCS#12 or a Java key store",
        ),
        (
            "--tls-cert cert.pem --tls-key client.pem",
            "error: the key of client.pem is not that of the certificate of cert.pem",
        ),
        (
            "--tls-cert nosuch.pem --tls-key key.pem",
            "error: nosuch.pem: ",
        ),
        (
            "--tls-cert cert.pem --tls-key key.pem --tls-client-ca key.pem",
            "error: key.pem: it holds a private key, and no certificate",
        ),
    ] {
        let run = place.run(&format!("serve --listen :0 {options}")).expect(1);
        assert!(run.stderr.contains(said), "{options}: {run}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn what_is_wrong_with_a_tree_or_an_address_is_reported() {
    let place = Place::offline();
    place.file("wrong.zkt", "/a\n  x = 1\n  x = 2\n");
    place.file("empty.zkt", "");
    place.file("auth.zkt", "/a\n  @acl auth::cdrwa\n");
    let wrong = place.run("serve --listen :0 --tree wrong.zkt").expect(1);
    assert!(wrong.stderr.contains("wrong.zkt:3:3"), "{}", wrong.stderr);
    assert_eq!(wrong.stdout, "");
    place.run("serve --listen :0 --tree empty.zkt").expect(3);
    place.run("serve --listen :0 --tree missing.zkt").expect(1);
    let auth = place.run("serve --listen :0 --tree auth.zkt").expect(1);
    assert!(
        auth.stderr.contains("cannot create /a: InvalidAcl"),
        "{}",
        auth.stderr
    );
    assert!(auth.stderr.contains("hint: "), "{}", auth.stderr);

    for (users, expected) in [
        ("ops", "users:1: expected NAME:PASSWORD"),
        ("# one\nops:secret\n:x\n", "users:3: expected NAME:PASSWORD"),
        ("ops:a\nops:b\n", "users:2: the user ops is there twice"),
        ("\n", "users: it has no user"),
    ] {
        place.file("users", users);
        let run = place.run("serve --listen :0 --sasl-users users").expect(1);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    }
    place.run("serve --listen :0 --require-sasl").expect(1);
    let keeper = "serve --listen :0 --dialect keeper --sasl-users users";
    place.run(keeper).expect(1);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let run = place.run(&format!("serve --listen {address}")).expect(1);
    let expected = format!("cannot listen on {address}: ");
    assert!(run.stderr.contains(&expected), "{}", run.stderr);
    assert!(run.stderr.contains("--listen :0"), "{}", run.stderr);
    let usage = place.run("serve --listen nowhere").expect(1);
    assert!(
        usage.stderr.contains("127.0.0.1:2181 or :0"),
        "{}",
        usage.stderr
    );
}

#[test]
fn the_demo_runs() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo.sh");
    let mut command = Command::new(demo);
    let output = command.env("ZKT", env!("CARGO_BIN_EXE_zkt")).output();
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    let end = "\nNo changes: 13 nodes are as declared.\n";
    assert!(stdout.ends_with(end), "{stdout}{stderr}");
}
