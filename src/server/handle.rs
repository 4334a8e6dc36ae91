//! The handle of a running server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::connection::{Shared, lock};
use super::faults::{Fault, FaultsView, Injection, Matching};
use super::inspection::{NodeView, SessionView};
use super::request::RequestKind;

/// Controls a [`Server`](super::Server) from a test, and inspects it.
///
/// No method waits for a client. When a method returns, what it asked for is in effect, and what it
/// returns was true at that moment. A handle may outlive its server; then it changes nothing and
/// shows the last state.
#[derive(Debug, Clone)]
pub struct Handle {
    address: SocketAddr,
    shared: Shared,
}

impl Handle {
    pub(crate) fn new(address: SocketAddr, shared: Shared) -> Self {
        Self { address, shared }
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connection string for clients: `127.0.0.1:41234`.
    #[must_use]
    pub fn connect_string(&self) -> String {
        self.address.to_string()
    }
}

/// # Faults
impl Handle {
    /// Expires a session now: its ephemeral nodes are deleted and its connection is closed, and
    /// its client learns when it reconnects. Returns `false` if there is no such session.
    pub fn expire(&self, session: i64) -> bool {
        lock(&self.shared).expire_session(session)
    }

    /// Expires all sessions. Returns how many there were.
    pub fn expire_all(&self) -> usize {
        let mut state = lock(&self.shared);
        let sessions: Vec<i64> = state.sessions.iter().map(|(id, _)| id).collect();
        for &session in &sessions {
            state.expire_session(session);
        }
        sessions.len()
    }

    /// Cuts the connection of a session; the session lives on until its timeout, and its client
    /// may reconnect. Returns `false` if the session has no connection.
    pub fn cut(&self, session: i64) -> bool {
        let mut state = lock(&self.shared);
        let found = state.sessions.get(session);
        match found.and_then(|session| session.connection) {
            Some(connection) => {
                state.disconnect(connection);
                true
            }
            None => false,
        }
    }

    /// Cuts all connections. Returns how many there were.
    pub fn cut_all(&self) -> usize {
        let mut state = lock(&self.shared);
        let connections: Vec<_> = state.connections.keys().copied().collect();
        for &connection in &connections {
            state.disconnect(connection);
        }
        connections.len()
    }

    /// Closes every new connection at once, for this long. Existing connections
    /// stay; [`Handle::cut_all`] cuts them. A second call replaces the first.
    pub fn refuse_connections(&self, duration: Duration) {
        let mut state = lock(&self.shared);
        state.faults.refuse(duration, Instant::now());
    }

    /// New connections are accepted again.
    pub fn accept_connections(&self) {
        self.refuse_connections(Duration::ZERO);
    }

    /// Delays everything that is sent from now on, replies and events, by this much. The order
    /// stays; zero ends the delay. Requests are executed when they arrive.
    pub fn delay_replies(&self, delay: Duration) {
        lock(&self.shared).faults.set_delay(delay);
    }

    /// Stands still, as a process that is stopped: connections are accepted, nothing is read and nothing
    /// is sent, and no session expires by itself. What a test does to sessions and connections is done.
    pub fn pause(&self) {
        lock(&self.shared).pause();
    }

    /// Goes on after [`Handle::pause`]. Sessions have their whole timeouts again.
    pub fn resume(&self) {
        lock(&self.shared).resume();
    }

    /// Whether to be as a server of an ensemble that has lost its majority, in its read-only mode: only
    /// clients that ask for such a server are taken, and writes fail with
    /// [`NotReadOnly`](super::ErrorCode::NotReadOnly). A change cuts all connections.
    pub fn read_only(&self, on: bool) {
        lock(&self.shared).set_read_only(on);
    }

    /// Brings the tree back to what it was at the start. Those who watch get the events of that. Sessions
    /// stay, without their ephemeral nodes, and transactions count on.
    pub fn reset(&self) {
        lock(&self.shared).reset();
    }

    /// Applies a fault to the next request that matches, and to that one alone, or to as many as
    /// [`Matching::times`] says. If several faults match a request, the oldest applies.
    pub fn inject(&self, matching: Matching, fault: Fault) -> Injection {
        lock(&self.shared).faults.inject(matching, fault)
    }

    /// Ends everything that [`Handle::inject`], [`Handle::delay_replies`],
    /// [`Handle::refuse_connections`], [`Handle::pause`] and [`Handle::read_only`] began.
    pub fn clear_faults(&self) {
        lock(&self.shared).clear_faults();
    }

    /// The faults that are in effect.
    #[must_use]
    pub fn faults(&self) -> FaultsView {
        lock(&self.shared).faults.view(Instant::now())
    }
}

/// # Inspection
impl Handle {
    /// All nodes, sorted by path, those below `/zookeeper` included.
    #[must_use]
    pub fn tree(&self) -> Vec<NodeView> {
        lock(&self.shared).view_tree()
    }

    /// One node.
    #[must_use]
    pub fn node(&self, path: &str) -> Option<NodeView> {
        lock(&self.shared).view_node(path)
    }

    /// All sessions, oldest first.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionView> {
        lock(&self.shared).view_sessions()
    }

    /// The paths of all ephemeral nodes, each with its session, sorted by path.
    #[must_use]
    pub fn ephemerals(&self) -> Vec<(String, i64)> {
        let sessions = self.sessions();
        let of = |session: SessionView| {
            let id = session.id;
            session.ephemerals.into_iter().map(move |path| (path, id))
        };
        let mut paths: Vec<(String, i64)> = sessions.into_iter().flat_map(of).collect();
        paths.sort_unstable();
        paths
    }

    /// How many connections there are, also those without a session.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.shared).connections.len()
    }

    /// How many requests of a kind have come since the start, also those that a fault struck.
    #[must_use]
    pub fn requests(&self, kind: RequestKind) -> u64 {
        lock(&self.shared).counts.requests(kind)
    }

    /// The number of the last transaction.
    #[must_use]
    pub fn last_zxid(&self) -> i64 {
        lock(&self.shared).zxids.processed
    }
}
