//! Somebody else, who writes to the same ensemble in the meantime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use zookeeper_client::{Acls, Client, CreateMode};

/// Writes until it is told to end.
pub(super) struct Foreign {
    ends: Arc<AtomicBool>,
    writing: JoinHandle<Written>,
}

/// What it has written, as far as the servers have said so.
#[derive(Debug)]
pub(super) struct Written {
    /// The start of the names of its nodes.
    place: String,
    /// Nodes that nobody else knows, with their data.
    own: BTreeMap<String, String>,
    /// How often it has counted up in `/shared`, and how often it has tried.
    counted: u64,
    tried: u64,
    /// A node that a watch is to repair, and when.
    drifts: String,
    drifts_at: u64,
}

impl Foreign {
    /// Starts to write, each time in nodes of another name.
    pub(super) fn start(hosts: String, round: u64, drifts: String) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let writing = tokio::spawn(async move {
            let mut written = Written {
                place: format!("/foreign/r{round}-"),
                own: BTreeMap::new(),
                counted: 0,
                tried: 0,
                drifts,
                drifts_at: 2 + round % 20,
            };
            let mut client = None;
            for step in 0.. {
                if told.load(Ordering::Relaxed) {
                    break;
                }
                let writes = write(&mut client, &hosts, &mut written, step);
                if timeout(Duration::from_secs(5), writes).await.is_err() {
                    client = None;
                }
                sleep(Duration::from_millis(40)).await;
            }
            written
        });
        Self { ends, writing }
    }

    pub(super) async fn stop(self) -> Written {
        self.ends.store(true, Ordering::Relaxed);
        self.writing.await.unwrap()
    }
}

/// Makes a node, and counts up in a node that `zkt apply` writes to as well. Each may fail in any way.
async fn write(connected: &mut Option<Client>, hosts: &str, written: &mut Written, step: u64) {
    let client = match connected {
        Some(client) => client,
        None => match Client::connect(hosts).await {
            Ok(client) => connected.insert(client),
            Err(_) => return,
        },
    };
    let (path, data) = (format!("{}{step}", written.place), step.to_string());
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    match client.create(&path, data.as_bytes(), &options).await {
        Ok(_) => _ = written.own.insert(path, data),
        Err(zookeeper_client::Error::SessionExpired) => *connected = None,
        Err(_) => {}
    }
    let Some(client) = connected else { return };
    count_up(client, written).await;
    if step == written.drifts_at {
        _ = client.set_data(&written.drifts, b"{}", None).await;
    }
}

async fn count_up(client: &Client, written: &mut Written) {
    let Ok((data, stat)) = client.get_data("/shared").await else {
        return;
    };
    let mut properties: Value = serde_json::from_slice(&data).unwrap();
    let count = properties["count"].as_u64().unwrap_or(0) + 1;
    properties["count"] = json!(count);
    let data = properties.to_string();
    written.tried += 1;
    let set = client.set_data("/shared", data.as_bytes(), Some(stat.version));
    written.counted += u64::from(set.await.is_ok());
}

impl Written {
    /// What it wrote stands, beside what others wrote; of so many counts before.
    pub(super) async fn stands(&self, client: &Client, before: u64) -> u64 {
        for (path, data) in &self.own {
            let found = client.get_data(path).await;
            let found = found.map(|(data, _)| String::from_utf8(data).unwrap());
            assert_eq!(found.as_ref(), Ok(data), "{path} is somebody else's");
        }
        let (data, _) = client.get_data("/shared").await.unwrap();
        let properties: Value = serde_json::from_slice(&data).unwrap();
        let count = properties["count"].as_u64().unwrap_or(0);
        let possible = before + self.counted..=before + self.tried;
        assert!(
            possible.contains(&count),
            "{count} of {possible:?}: {self:?}"
        );
        count
    }
}
