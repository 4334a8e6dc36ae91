//! Reports the registrations of a process to a monitor on the same machine.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::handle::ZooKeeper;
use super::registration::{RegistrationState, RegistrationView};
use super::socket::{self, SocketFile};
use super::supervision::ConnectionState;
use crate::export::FORMAT_VERSION;
use crate::model::path::ZPath;

/// How long a check of one address may take.
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// A local socket that answers each connection with one line of JSON: what a handle has registered,
/// whether each node exists and is this session's, and whether its address accepts connections. It
/// ends when this is dropped.
#[derive(Debug)]
pub struct Monitor {
    serving: JoinHandle<()>,
    _file: SocketFile,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Monitor {
    /// Listens on a socket at this path, for this user only (mode 0600), in the place of one that
    /// nobody listens on any more.
    ///
    /// # Errors
    /// Where the socket cannot be made: somebody listens there, or something else is at the path,
    /// also a symbolic link. Nothing of that is touched.
    pub fn listen(zookeeper: &ZooKeeper, path: impl AsRef<Path>) -> io::Result<Self> {
        Self::listen_with_mode(zookeeper, path, 0o600)
    }

    /// As [`Monitor::listen`], for whom the socket's mode allows to write.
    ///
    /// # Errors
    /// Those of [`Monitor::listen`].
    pub fn listen_with_mode(
        zookeeper: &ZooKeeper,
        path: impl AsRef<Path>,
        mode: u32,
    ) -> io::Result<Self> {
        let (listener, file) = socket::listen(path.as_ref(), mode)?;
        let zookeeper = zookeeper.clone();
        let serving = tokio::spawn(serve(listener, zookeeper));
        Ok(Self {
            serving,
            _file: file,
        })
    }
}

async fn serve(listener: UnixListener, zookeeper: ZooKeeper) {
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
}

/// What a handle has registered, checked now, as JSON:
/// `{"state", "ok", "registrations": [{"path", "names", "nodes", "properties", "state", "ok",
/// "checks": [{"address", "registered", "listening"}]}]}`.
///
/// A registration is `ok` where it is in order: all its nodes stand and are this session's, and its
/// addresses accept connections.
///
/// # Cancellation safety
/// Nothing is written.
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
        "format_version": FORMAT_VERSION,
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
