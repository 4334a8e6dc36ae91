//! Two watches declare the same node differently, and each repairs what the other one writes.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use zkt::server::Server;
use zookeeper_client::Client;

struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn watch(hosts: &str, file: &str) -> Watching {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/cases");
    let child = Command::new(env!("CARGO_BIN_EXE_zkt"))
        .args(["watch", "--interval", "30s", "-c", hosts, file])
        .current_dir(folder.join("two-watchers"))
        .env_remove("ZKT_AUTH")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    Watching(child.unwrap())
}

/// Reads the log up to the `count`th repair.
fn until(watching: &mut Watching, count: usize) -> Vec<String> {
    let log = BufReader::new(watching.0.stderr.take().unwrap());
    let mut lines = Vec::new();
    let mut repairs = 0;
    for line in log.lines().map(Result::unwrap) {
        repairs += usize::from(line.contains("repaired path=\"/fight\""));
        lines.push(line);
        if repairs == count {
            return lines;
        }
    }
    panic!("it has ended: {lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_watches_of_one_node_repair_it_later_and_later() {
    let server = Server::start().unwrap();
    let hosts = server.handle().connect_string();
    let start = std::time::Instant::now();
    let mut first = watch(&hosts, "a.zkt");
    let _second = watch(&hosts, "b.zkt");
    // Five at once, and then after half a second, one, two seconds.
    let log = until(&mut first, 8);
    assert!(start.elapsed().as_millis() >= 3500, "{log:#?}");
    let client = Client::connect(&hosts).await.unwrap();
    let (_, stat) = client.get_data("/fight").await.unwrap();
    assert!(stat.version < 30, "{stat:?} {log:#?}");
    let warnings: Vec<&String> = log
        .iter()
        .filter(|line| line.contains("changed again after each repair"))
        .collect();
    assert_eq!(warnings.len(), 1, "{log:#?}");
    assert!(warnings[0].contains("/fight"), "{log:#?}");
}
