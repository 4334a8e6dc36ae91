//! Ports on this machine behind which servers speak TLS.
//!
//! zookeeper-client speaks TLS, but without a name for the certificate, without words for what failed, and
//! with a second library of cryptography. So it connects to a port of the loopback interface, and a task
//! here carries what it says to the server, over TLS.
//!
//! Every user of the machine can connect to such a port, and behind it is this side's certificate. So a
//! connection is served only if its other end is a socket of this process; see [`own`].

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::RawClient;
use super::hosts::{Server, Servers};
use super::tls::{Material, Security, connect};
use super::trouble::Trouble;

use names::Name;

mod carry;
mod names;
mod own;

pub(super) use names::with_names;

/// How long to wait before another connection is accepted, where that fails.
const PAUSE: Duration = Duration::from_millis(100);

/// The servers as the client library is to know them. Whoever speaks TLS is a port of this machine, as long
/// as this lives.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// `127.0.0.1:40001,h2:2181`.
    list: String,
    /// What the ports are called in logs.
    _names: Vec<Name>,
    /// End with it.
    tasks: JoinSet<()>,
}

impl Tunnel {
    /// Opens a port for each server that speaks TLS. To connect to it may take so long.
    pub(super) async fn open(
        servers: &Servers,
        security: &Security,
        limit: Duration,
    ) -> io::Result<Self> {
        let mut list = Vec::with_capacity(servers.each.len());
        let (mut tasks, mut names) = (JoinSet::new(), Vec::new());
        for server in &servers.each {
            let Some(material) = security.for_server(server) else {
                list.push(server.shown.clone());
                continue;
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            list.push(address.to_string());
            names.push(Name::give(address.port(), server));
            let gate = Gate {
                server: server.clone(),
                material: material.clone(),
                limit,
                fails: AtomicBool::new(false),
                warned: AtomicBool::new(false),
            };
            tasks.spawn(Arc::new(gate).serve(listener, address));
        }
        let list = list.join(",");
        Ok(Self {
            list,
            _names: names,
            tasks,
        })
    }

    /// What the client library is to connect to.
    pub(super) fn list(&self) -> &str {
        &self.list
    }

    /// Keeps the ports until a session has ended for good: it ends after its last client is gone, and says
    /// so to the server.
    pub(super) fn keep_for(self: &Arc<Self>, client: &RawClient) {
        if self.tasks.is_empty() {
            return;
        }
        let this = self.clone();
        let mut states = client.state_watcher();
        tokio::spawn(async move {
            let mut state = states.state();
            while !state.is_terminated() {
                state = states.changed().await;
            }
            drop(this);
        });
    }
}

/// The port of one server.
#[derive(Debug)]
struct Gate {
    server: Server,
    material: Arc<Material>,
    limit: Duration,
    /// Whether the last connection to the server failed, which the log has said.
    fails: AtomicBool,
    /// Whether the log has told of a stranger.
    warned: AtomicBool,
}

impl Gate {
    async fn serve(self: Arc<Self>, listener: TcpListener, address: SocketAddr) {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(
                        "cannot accept a connection for {}: {error}",
                        self.server.shown
                    );
                    sleep(PAUSE).await;
                    continue;
                }
            };
            if is_own(address, peer) {
                connections.spawn(self.clone().pass(stream));
            } else if !self.warned.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    "another process connects to the port {} of this machine, behind which is {}: it is \
                     sent away, and so are all others",
                    address.port(),
                    self.server.shown
                );
            }
        }
    }

    async fn pass(self: Arc<Self>, stream: TcpStream) {
        // It only makes small requests wait.
        _ = stream.set_nodelay(true);
        let server = match connect(&self.server, &self.material, self.limit).await {
            Ok(server) => server,
            Err(trouble) => return self.note(&trouble),
        };
        self.fails.store(false, Ordering::Relaxed);
        if let Err(trouble) = carry::carry(stream, server).await {
            self.note(&Trouble::Handshake(trouble));
        }
    }

    /// Logs what is wrong with the server, the first time.
    fn note(&self, trouble: &Trouble) {
        let server = &self.server.shown;
        match self.fails.swap(true, Ordering::Relaxed) {
            false => tracing::info!("cannot connect to {server}: {trouble}"),
            true => tracing::debug!("cannot connect to {server}: {trouble}"),
        }
    }
}

fn is_own(address: SocketAddr, peer: SocketAddr) -> bool {
    match (address, peer) {
        (SocketAddr::V4(address), SocketAddr::V4(peer)) => own::is_connected(peer, address),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
