//! Ports on this machine behind which servers speak TLS.
//!
//! zookeeper-client speaks TLS, but without a name for the certificate, without words for what failed, and
//! with a second library of cryptography. So it connects to a port of the loopback interface, and a task
//! here carries what it says to the server, over TLS.
//!
//! Every user of the machine can connect to such a port, and behind it is this side's certificate. So a
//! connection is served only if its other end is a socket of this process; see [`own`].

use std::fmt;
use std::io::{self, Cursor};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, Chain, Join, join};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::RawClient;
use super::hosts::{Server, Servers};
use super::tls::{Material, Security, connect};

use names::Name;

mod carry;
mod names;
mod own;

pub(super) use names::with_names;

/// How long to wait before another connection is accepted, where that fails.
const PAUSE: Duration = Duration::from_millis(100);
/// How long nothing more is said of strangers after a warning.
const SILENCE: Duration = Duration::from_secs(60);
/// How many bytes are taken from the client library before its server is there. It says less before it has an
/// answer.
const MOST_SAID: usize = 64 << 10;
/// What is wrong with a server that the client library does not wait for any longer.
const TOO_LATE: &str = "it does not speak TLS in the time that the session has for it";

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
    /// Opens a port for each server that speaks TLS. `limit`: how long connecting to a server may take.
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
                warned: Mutex::new(None),
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
    /// When the log told of a stranger last.
    warned: Mutex<Option<Instant>>,
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
            match Peer::of(&stream, address, peer) {
                Peer::Own => {
                    connections.spawn(self.clone().pass(stream));
                }
                Peer::Gone => {}
                Peer::Stranger => self.warn_of_stranger(address),
            }
        }
    }

    /// Carries what one connection of the client library says.
    async fn pass(self: Arc<Self>, stream: TcpStream) {
        // It only makes small requests wait.
        _ = stream.set_nodelay(true);
        let connecting = connect(&self.server, &self.material, self.limit);
        let Some((client, connected)) = while_waited_for(stream, connecting).await else {
            return self.note(&TOO_LATE);
        };
        let server = match connected {
            Ok(server) => server,
            Err(trouble) => return self.note(&trouble),
        };
        match carry::carry(client, server).await {
            Ok(0) => {}
            Ok(_) => self.fails.store(false, Ordering::Relaxed),
            Err(trouble) => self.note(&trouble),
        }
    }

    /// Logs that another process has connected, not too often.
    fn warn_of_stranger(&self, address: SocketAddr) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_some_and(|warned| warned.elapsed() < SILENCE) {
            return;
        }
        *warned = Some(Instant::now());
        tracing::warn!(
            "another process connects to the port {} of this machine, behind which is {}: it is sent \
             away, and so are all others",
            address.port(),
            self.server.shown
        );
    }

    /// Logs what is wrong with the server, once until it answers again.
    fn note(&self, trouble: &dyn fmt::Display) {
        let server = &self.server.shown;
        match self.fails.swap(true, Ordering::Relaxed) {
            false => tracing::info!("cannot connect to {server}: {trouble}"),
            true => tracing::debug!("cannot connect to {server}: {trouble}"),
        }
    }
}

/// A connection of the client library, and before it what was read of it already.
type Client = Join<Chain<Cursor<Vec<u8>>, OwnedReadHalf>, OwnedWriteHalf>;

/// Returns what `connecting` comes to, and the client. `None` if the client closes its connection before: then
/// the server must hear nothing of it, since what it says may be known to another server by then.
async fn while_waited_for<T>(
    mut stream: TcpStream,
    connecting: impl Future<Output = T>,
) -> Option<(Client, T)> {
    let mut said = Vec::new();
    let mut connecting = pin!(connecting);
    let connected = loop {
        tokio::select! {
            biased;
            read = stream.read_buf(&mut said), if said.len() < MOST_SAID => match read {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            },
            connected = &mut connecting => break connected,
        }
    };
    let (reader, writer) = stream.into_split();
    Some((join(Cursor::new(said).chain(reader), writer), connected))
}

/// Who has connected to a port.
#[derive(Debug, PartialEq, Eq)]
enum Peer {
    /// This process.
    Own,
    /// Nobody who is still there. Whether it was this process can no longer be told.
    Gone,
    /// Another process.
    Stranger,
}

impl Peer {
    fn of(stream: &TcpStream, address: SocketAddr, peer: SocketAddr) -> Self {
        let (SocketAddr::V4(address), SocketAddr::V4(peer)) = (address, peer) else {
            return Self::Stranger;
        };
        if own::is_connected(peer, address) {
            return Self::Own;
        }
        match own::is_closed(stream) {
            true => Self::Gone,
            false => Self::Stranger,
        }
    }
}

#[cfg(test)]
mod tests;
