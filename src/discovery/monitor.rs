//! What a process tells of its registrations to a monitor on the same machine.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::handle::ZooKeeper;
use super::registration::{RegistrationState, RegistrationView};
use super::supervision::ConnectionState;
use crate::path::ZPath;

/// How long a check of one address may take.
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// A local socket on which whoever connects is told, as one line of JSON, what a handle has
/// registered: whether each node stands and is this session's, and whether its address accepts
/// connections. It ends when this is dropped.
#[derive(Debug)]
pub struct Monitor {
    path: PathBuf,
    serving: JoinHandle<()>,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.serving.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the monitor's socket stays behind");
        }
    }
}

impl Monitor {
    /// Listens on a socket at this path, in the place of one that nobody listens on any more.
    ///
    /// # Errors
    /// Where the socket cannot be made: something else is at the path, or somebody listens there.
    pub fn listen(zookeeper: &ZooKeeper, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let listener = match UnixListener::bind(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                // A process that was killed has left it behind.
                let is_left = std::os::unix::net::UnixStream::connect(&path)
                    .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
                if !is_left {
                    return Err(error);
                }
                std::fs::remove_file(&path)?;
                UnixListener::bind(&path)?
            }
            result => result?,
        };
        let zookeeper = zookeeper.clone();
        let serving = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((mut stream, _)) => {
                        let zookeeper = zookeeper.clone();
                        tokio::spawn(async move {
                            let text = format!("{}\n", report(&zookeeper).await);
                            _ = timeout(CHECK_LIMIT, stream.write_all(text.as_bytes())).await;
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the monitor's socket fails");
                        tokio::time::sleep(CHECK_LIMIT).await;
                    }
                }
            }
        });
        Ok(Self { path, serving })
    }
}

/// What a handle has registered, checked now, as JSON:
/// `{"state", "ok", "registrations": [{"path", "names", "nodes", "properties", "state", "ok",
/// "checks": [{"address", "registered", "listening"}]}]}`.
///
/// A registration is `ok` where it is in order: all its nodes stand and are this session's, and its
/// addresses accept connections.
pub async fn report(zookeeper: &ZooKeeper) -> Value {
    let mut registrations = Vec::new();
    let mut ok = true;
    for view in zookeeper.registrations() {
        let report = check(zookeeper, &view).await;
        ok &= report["ok"] == json!(true);
        registrations.push(report);
    }
    let state = match zookeeper.state() {
        ConnectionState::Connected => "connected",
        ConnectionState::Suspended => "suspended",
        ConnectionState::Connecting => "connecting",
        ConnectionState::Closed => "closed",
    };
    json!({
        "format_version": "1.0",
        "ok": ok && state == "connected",
        "registrations": registrations,
        "state": state,
    })
}

async fn check(zookeeper: &ZooKeeper, view: &RegistrationView) -> Value {
    let state = match &view.state {
        RegistrationState::Pending => "pending".to_owned(),
        RegistrationState::Registered => "registered".to_owned(),
        RegistrationState::Withheld => "withheld".to_owned(),
        RegistrationState::Waiting { owner } => format!("waiting for session 0x{owner:x}"),
        RegistrationState::Refused(error) => format!("refused: {error}"),
        RegistrationState::Closed => "closed".to_owned(),
    };
    let mut checks = Vec::new();
    let mut ok = view.state == RegistrationState::Registered;
    for node in &view.nodes {
        let stat = timeout(CHECK_LIMIT, zookeeper.exists(node.as_str())).await;
        let owner = match stat {
            Ok(Ok(stat)) => stat.map(|stat| stat.ephemeral_owner),
            _ => None,
        };
        let is_registered = owner.is_some() && owner == zookeeper.session_id();
        let connected = timeout(CHECK_LIMIT, TcpStream::connect(node.name())).await;
        let is_listening = matches!(connected, Ok(Ok(_)));
        ok &= is_registered && is_listening;
        checks.push(json!({
            "address": node.name(),
            "listening": is_listening,
            "registered": is_registered,
        }));
    }
    let nodes: Vec<&str> = view.nodes.iter().map(ZPath::as_str).collect();
    json!({
        "checks": checks,
        "names": view.names,
        "nodes": nodes,
        "ok": ok,
        "path": view.path,
        "properties": view.properties,
        "state": state,
    })
}
