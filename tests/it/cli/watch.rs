//! `zkt watch`: what wakes it, what it does, and what it outlives.

mod back;
mod election;
mod files;
mod guarded;
mod history;
mod hostile;
pub(super) mod live;
mod owner;
mod prometheus;
mod real;
mod reports;
pub(in crate::cli) mod status;
mod told;

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use zookeeper_client::Client;

use super::Place;
use crate::relay::{Mode, Relay, Way};
use crate::server;

/// Nothing that is waited for takes so long, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `zkt watch`; it is killed where it is not stopped.
pub(crate) struct Watching {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// How many lines were looked at.
    seen: usize,
}

impl Watching {
    /// Starts to watch with these words, files that were written long ago: new ones are waited for.
    pub(crate) fn start(place: &Place, words: &str) -> Self {
        grow_old(&place.path(""));
        Self::start_at_once(place, words)
    }

    /// Starts to watch with these words.
    fn start_at_once(place: &Place, words: &str) -> Self {
        let mut command = place.command(&format!("watch --log-format json {words}"));
        Self::of(command.spawn().unwrap())
    }

    pub(in crate::cli) fn of(mut child: Child) -> Self {
        let stderr = child.stderr.take().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let Ok(line) = line else { return };
                lines.lock().unwrap().push(line);
            }
        });
        Self {
            child,
            log,
            seen: 0,
        }
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Waits for a line of the log with all these words, later than the last one that was found.
    pub(crate) async fn says(&mut self, words: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            {
                let log = self.log.lock().unwrap();
                while let Some(line) = log.get(self.seen) {
                    self.seen += 1;
                    if words.iter().all(|word| line.contains(word)) {
                        return line.clone();
                    }
                }
            }
            assert!(
                Instant::now() < deadline,
                "{words:?} is not said:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// How many lines of the log have all these words.
    fn count(&self, words: &[&str]) -> usize {
        let log = self.log.lock().unwrap();
        let has_all = |line: &&String| words.iter().all(|word| line.contains(word));
        log.iter().filter(has_all).count()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let kill = std::process::Command::new("kill")
            .args([signal, &id])
            .status();
        assert!(kill.unwrap().success());
    }

    /// Sends SIGTERM, and tells how it ended.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        if self.child.try_wait().unwrap().is_none() {
            self.signal("-TERM");
        }
        let status = self.child.wait().unwrap();
        (status.code(), self.log())
    }
}

/// Makes all files below a folder an hour old.
fn grow_old(folder: &std::path::Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            grow_old(&path);
            continue;
        }
        let hour = Duration::from_secs(3600);
        if let Ok(file) = std::fs::File::options().append(true).open(&path) {
            file.set_modified(std::time::SystemTime::now() - hour)
                .unwrap();
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Waits until a node holds this; no data stands for no node.
pub(crate) async fn becomes(client: &Client, path: &str, data: Option<&str>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = client.get_data(path).await.ok();
        let found = found.map(|(data, _)| String::from_utf8(data).unwrap());
        if found.as_deref() == data {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{path} is {found:?}, not {data:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_ends_as_apply_does() {
    let place = Place::new("watch-once").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    place.run("watch --once a.zkt").expect(0);
    assert_eq!(place.nodes().await, "/a \"{\\\"x\\\":1}\" v0\n");
    let run = place.run("watch --once a.zkt").expect(0);
    assert!(run.stderr.contains("in sync"), "{run}");

    place.file("b.zkt", "/a\n  y = 2\n");
    place.run("watch --once --mode warn b.zkt").expect(0);
    assert_eq!(place.nodes().await, "/a \"{\\\"x\\\":1}\" v0\n");

    place.file("empty.zkt", "# nothing\n");
    place.run("watch --once empty.zkt").expect(3);
    place.file("broken.zkt", "nonsense\n");
    let run = place.run("watch --once broken.zkt").expect(1);
    assert!(run.stderr.contains("broken.zkt:1:9"), "{run}");
    place.file("strict.zkt", "/a\n  x = 1\n  l -> /nowhere\n");
    let run = place.run("watch --once --strict strict.zkt").expect(3);
    assert!(
        run.stderr.contains("--strict or strict in zkt.toml"),
        "{run}"
    );
    place.run("watch --once -c 127.0.0.1:1 a.zkt").expect(1);
    place.run("watch --once --elect a/b a.zkt").expect(1);
    assert_eq!(place.nodes().await, "/a \"{\\\"x\\\":1}\" v0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reconcile_now_or_end_it() {
    let place = Place::new("watch-signals").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    for signal in ["-TERM", "-INT"] {
        let mut watching = Watching::start(&place, "a.zkt");
        watching.says(&["reconciled", "\"cause\":\"start\""]).await;
        watching.signal("-HUP");
        watching
            .says(&["reconciled", "\"cause\":\"asked\"", "in sync"])
            .await;
        watching.signal(signal);
        let status = watching.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{}", watching.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_mid_apply_too() {
    let place = Place::new("watch-stop").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    for (once, expected) in [("", 0), ("--once", 5)] {
        let relay = Relay::to(server::shared().port()).await;
        let through = place.through(&relay.address());
        relay.set(Mode::HoldWrite);
        let mut watching = Watching::start(&place, &format!("{once} a.zkt -c {through}"));
        relay.holds_a_write().await;
        watching.signal("-TERM");
        watching
            .says(&["may have been written or not", "\"path\":\"/a\""])
            .await;
        watching
            .says(&["\"stands\":0,\"unknown\":1,\"left\":0"])
            .await;
        let (code, log) = watching.stop();
        assert_eq!(code, Some(expected), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_that_is_interrupted_between_two_executions_reports_what_stands() {
    let place = Place::new("watch-between").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let relay = Relay::to(server::shared().port()).await;
    let through = place.through(&relay.address());
    relay.set(Mode::HoldWrite);
    let mut watching = Watching::start(&place, &format!("--once a.zkt -c {through}"));
    relay.holds_a_write().await;
    // The next request reads again what was written.
    relay.set(Mode::SwallowFrame(Way::Request, 0));
    watching.says(&["added", "\"path\":\"/a\""]).await;
    watching.signal("-TERM");
    watching
        .says(&[
            "interrupted in the middle",
            "\"stands\":1,\"unknown\":0,\"left\":0",
        ])
        .await;
    watching
        .says(&["error: interrupted between two attempts"])
        .await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(5), "{log}");
    assert!(!log.contains("may have been written"), "{log}");
}

/// What systemd hears.
#[tokio::test(flavor = "multi_thread")]
async fn systemd_is_notified() {
    let place = Place::new("watch-systemd").await;
    place.file("a.zkt", "/a\n  x = 1\n");
    let path = place.path("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = place.command("watch a.zkt");
    command.env("NOTIFY_SOCKET", &path);
    let child = command.spawn().unwrap();
    let watching = Watching::of(child);
    let heard = move |word: &str| {
        let mut buffer = [0; 4096];
        loop {
            let count = match socket.recv(&mut buffer) {
                // A process that was stopped and goes on is interrupted in this.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                count => count.unwrap(),
            };
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if text.contains(word) {
                return text;
            }
        }
    };
    let text = heard("READY=1");
    assert!(text.contains("STATUS=applied, 1 node declared"), "{text}");
    heard("WATCHDOG=1");
    watching.signal("-TERM");
    heard("STOPPING=1");
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
}
