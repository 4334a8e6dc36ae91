//! `register`, `discover`, `get --watch` and `graph`.

mod discover;
mod graph;
mod register;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command};
use std::time::{Duration, Instant};

use serde_json::Value;
use zookeeper_client::Client;

use super::{Place, create};

async fn service(name: &str) -> (Place, Client) {
    let place = Place::new(name).await;
    let client = place.client().await;
    create(&client, "/svc", "{}").await;
    (place, client)
}

/// A command that goes on until it is told to end.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(place: &Place, words: &[&str]) -> Self {
        let mut command = place.command("");
        let mut child = command.args(words).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// The exit code, and what is on stderr.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
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
