//! Ports on this machine behind which servers speak TLS, or are told by SASL who the client is.
//!
//! zookeeper-client speaks TLS, but without a name for the certificate, without words for what failed, and
//! with a second library of cryptography; and SASL, with the faults that [`sasl`](super::sasl) lists. So it
//! connects to a port of the loopback interface, and a task here carries what it says to the server.
//!
//! Every user of the machine can connect to such a port, and behind it is this side's certificate, or its
//! user. So a connection is served only if its other end is a socket of this process; see [`own`].

use std::fmt;
use std::io::{self, Cursor};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, Chain, Join, join};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
#[cfg(feature = "sasl")]
use tokio::time::timeout;
use tokio::time::{Instant, sleep};

use super::RawClient;
use super::dial;
use super::hosts::{Server, Servers};
#[cfg(feature = "sasl")]
use super::sasl::{Halt, Login, SaslTrouble, introduce};
use super::tls::Security;
#[cfg(feature = "tls")]
use super::tls::{Material, closed, connect, of_io};
use super::trouble::Trouble;

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
const TOO_LATE: &str = "it takes longer than the session has time for";

/// The servers as the client library is to know them. Whoever speaks TLS or SASL is a port of this machine, as
/// long as this lives.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// `127.0.0.1:40001,h2:2181`.
    list: String,
    /// What the ports are called in logs.
    _names: Vec<Name>,
    #[cfg(feature = "sasl")]
    refusals: Arc<Refusals>,
    /// End with it.
    tasks: JoinSet<()>,
}

/// What connections through a port take.
#[derive(Debug, Clone)]
struct Needs {
    #[cfg(feature = "tls")]
    material: Option<Arc<Material>>,
    #[cfg(feature = "sasl")]
    login: Option<Arc<Login>>,
}

impl Needs {
    fn are_none(&self) -> bool {
        #[cfg(feature = "sasl")]
        if self.login.is_some() {
            return false;
        }
        !self.speak_tls()
    }

    fn speak_tls(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.material.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}

/// The servers that do not take part in SASL or refuse, and why, the last one last. Who takes part again, or has
/// another trouble now, is forgotten.
#[cfg(feature = "sasl")]
#[derive(Debug, Default)]
struct Refusals(Mutex<Vec<(String, SaslTrouble)>>);

#[cfg(feature = "sasl")]
impl Refusals {
    fn note(&self, server: &str, trouble: Option<SaslTrouble>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|(noted, _)| noted != server);
        held.extend(trouble.map(|trouble| (server.to_owned(), trouble)));
    }

    fn last(&self) -> Option<(String, SaslTrouble)> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.last().cloned()
    }
}

impl Tunnel {
    /// Opens a port for each server that speaks TLS, or for all if there is something to say by SASL.
    /// `limit`: how long connecting to a server may take, and SASL then.
    pub(super) async fn open(
        servers: &Servers,
        #[cfg_attr(not(feature = "tls"), expect(unused, reason = "none speaks TLS"))]
        security: &Security,
        #[cfg(feature = "sasl")] login: Option<&Arc<Login>>,
        limit: Duration,
    ) -> io::Result<Self> {
        let mut list = Vec::with_capacity(servers.each.len());
        let (mut tasks, mut names) = (JoinSet::new(), Vec::new());
        #[cfg(feature = "sasl")]
        let refusals = Arc::new(Refusals::default());
        for server in &servers.each {
            let needs = Needs {
                #[cfg(feature = "tls")]
                material: security.for_server(server).cloned(),
                #[cfg(feature = "sasl")]
                login: login.cloned(),
            };
            if needs.are_none() {
                list.push(server.shown.clone());
                continue;
            }
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            list.push(address.to_string());
            names.push(Name::give(address.port(), server, needs.speak_tls()));
            let gate = Gate {
                server: server.clone(),
                needs,
                limit,
                #[cfg(feature = "sasl")]
                refusals: refusals.clone(),
                fails: AtomicBool::new(false),
                warned: Mutex::new(None),
            };
            tasks.spawn(Arc::new(gate).serve(listener, address));
        }
        let list = list.join(",");
        Ok(Self {
            list,
            _names: names,
            #[cfg(feature = "sasl")]
            refusals,
            tasks,
        })
    }

    /// The last server that does not take part in SASL or refuses, and why.
    #[cfg(feature = "sasl")]
    pub(super) fn refusal(&self) -> Option<(String, SaslTrouble)> {
        self.refusals.last()
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
    needs: Needs,
    limit: Duration,
    #[cfg(feature = "sasl")]
    refusals: Arc<Refusals>,
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
        match self.through(stream).await {
            None => self.fail(&TOO_LATE),
            Some(Ok(0)) => {}
            Some(Ok(_)) => self.fails.store(false, Ordering::Relaxed),
            Some(Err(trouble)) => self.fail(&trouble),
        }
    }

    /// Returns how many bytes the server has sent. `None` if the client did not wait for it.
    async fn through(&self, stream: TcpStream) -> Option<Result<u64, Trouble>> {
        #[cfg(feature = "tls")]
        if let Some(material) = &self.needs.material {
            let connecting = connect(&self.server, material, self.limit);
            let (client, connected) = while_waited_for(stream, connecting).await?;
            let server = match connected {
                Ok(server) => server,
                Err(trouble) => return Some(Err(trouble)),
            };
            let asked = server.asked();
            // What a server thinks of this side's certificate comes after the handshake of TLS 1.3.
            let ended = |error: Option<io::Error>| match error {
                None => Trouble::Handshake(closed(asked)),
                Some(error) => of_io(&error, asked).map_or_else(
                    || Trouble::Unconnected(dial::words(&error)),
                    Trouble::Handshake,
                ),
            };
            return Some(self.converse(client, server.inner).await.map_err(ended));
        }
        let connecting = dial::connect(&self.server, self.limit);
        let (client, connected) = while_waited_for(stream, connecting).await?;
        let server = match connected {
            Ok(server) => server,
            Err(trouble) => return Some(Err(trouble)),
        };
        _ = server.set_nodelay(true);
        let ended = |error: Option<io::Error>| match error {
            None => Trouble::Closed,
            Some(error) => Trouble::Unconnected(dial::words(&error)),
        };
        Some(self.converse(client, server).await.map_err(ended))
    }

    /// Says by SASL who this is, where that is asked for, and carries what both say. Returns how many bytes the
    /// server has sent; the error is that of the connection to it, which may end without one.
    async fn converse(
        &self,
        #[cfg_attr(not(feature = "sasl"), expect(unused_mut, reason = "all is carried"))]
        mut client: Client,
        #[cfg_attr(not(feature = "sasl"), expect(unused_mut, reason = "all is carried"))]
        mut server: impl AsyncRead + AsyncWrite + Unpin,
    ) -> Result<u64, Option<io::Error>> {
        #[cfg(feature = "sasl")]
        if self.needs.login.is_some() {
            if !self.introduce(&mut client, &mut server).await? {
                return Ok(0);
            }
            self.fails.store(false, Ordering::Relaxed);
            return carry::carry(client, server).await.or(Ok(0));
        }
        carry::carry(client, server).await
    }

    /// Authenticates by SASL. Returns whether the connection goes on; the error is that of the connection to the
    /// server, which may end without one.
    #[cfg(feature = "sasl")]
    async fn introduce(
        &self,
        client: &mut (impl AsyncRead + AsyncWrite + Unpin),
        server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<bool, Option<io::Error>> {
        let Some(login) = &self.needs.login else {
            return Ok(true);
        };
        let server_name = &self.server.shown;
        let note = |trouble: &SaslTrouble| {
            self.note(&format_args!("SASL ({}): {trouble}", login.mechanism()));
            self.refusals.note(server_name, Some(trouble.clone()));
        };
        // A KDC that does not answer ends before the whole does, so that the error can name it.
        let of_kdc = self.limit / 5 * 4;
        let introduced = async {
            let conversation = login.begin(&self.server.host, of_kdc).await;
            introduce(client, server, conversation, note).await
        };
        let halt = match timeout(self.limit, introduced).await {
            Ok(Ok(())) => {
                self.refusals.note(server_name, None);
                return Ok(true);
            }
            Ok(Err(halt)) => halt,
            Err(_) => {
                return Err(Some(io::Error::other("it does not answer")));
            }
        };
        match halt {
            Halt::Client | Halt::Refused(_) => Ok(false),
            Halt::Server(error) => Err(error),
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

    /// Notes that the server has another trouble than SASL now.
    fn fail(&self, trouble: &dyn fmt::Display) {
        #[cfg(feature = "sasl")]
        self.refusals.note(&self.server.shown, None);
        self.note(trouble);
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

#[cfg(all(test, feature = "tls"))]
mod tests;
