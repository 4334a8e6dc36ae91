//! ZooKeeper's own `zkCli.sh` says the same of both servers.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use super::process::{MISSING, Server as Real, class_path};
use crate::cli::serve::Serving;

/// What is typed.
const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/it/real/zkcli/session.txt"
);

/// What `zkCli.sh` starts, without the script that looks for Java.
const MAIN: &str = "org.apache.zookeeper.ZooKeeperMain";

/// What a session with it said.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    stdout: String,
    stderr: String,
    /// They are said by another thread, which is in no step with what is asked.
    events: Vec<String>,
}

#[test]
fn zkcli_says_the_same_of_both_servers() {
    let real = Real::start();
    let serving = Serving::start(&crate::cli::Place::offline(), "");
    let sessions = [real.address(), serving.address.clone()].map(|address| {
        let client = start(&address);
        (address, client)
    });
    let [real, embedded] = sessions.map(|(address, client)| end(&address, client));
    assert_eq!(embedded.events, real.events);
    assert_eq!(embedded.stderr, real.stderr);
    assert_eq!(embedded.stdout, real.stdout);
    // Nothing is alike because nothing was done.
    let deleted = "WatchedEvent state:SyncConnected type:NodeDeleted path:/a/b/x";
    assert!(real.events.iter().any(|event| event == deleted), "{real:?}");
    assert!(
        real.stderr.contains("Node already exists: /a\n"),
        "{real:?}"
    );
    assert!(real.stdout.ends_with("Not connected\n"), "{real:?}");
}

fn start(address: &str) -> Child {
    Command::new("java")
        .args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", &class_path()])
        .args([MAIN, "-server", address])
        .stdin(File::open(SCRIPT).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{MISSING}: {error}"))
}

/// The end of a session, without what differs from run to run.
fn end(address: &str, client: Child) -> Said {
    let output = client.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(address, "SERVER");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let mut said = Said {
        stdout: String::new(),
        stderr,
        events: Vec::new(),
    };
    for line in stdout.lines() {
        match line.split_once(" = ") {
            Some((name @ ("ctime" | "mtime"), _)) => said.stdout += &format!("{name}\n"),
            Some(("ephemeralOwner", owner)) if owner != "0x0" => {
                said.stdout += "ephemeralOwner\n";
            }
            // Whether this is still said is a matter of luck.
            _ if line.contains("state:Closed") => {}
            _ if line.starts_with("WatchedEvent ") => said.events.push(line.to_owned()),
            _ if line.is_empty() || line == "WATCHER::" => {}
            _ => said.stdout += &format!("{line}\n"),
        }
    }
    said
}
