//! One supervisor a handle: it makes a new session when one ends, and publishes the state of the connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::hub::Hub;
use super::lock::lock;
use crate::zookeeper::session::{Session, SessionState, Sessions, Wait};

/// How long closing may take at most.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(4);

/// How many sessions that have ended are remembered: their nodes are gone long before.
const MAX_PAST: usize = 100;

/// The state of a handle's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// There is a session, and a server answers.
    Connected,
    /// There is a session, but no server is reached. It may yet expire.
    Suspended,
    /// The session has ended, and a new one is being made.
    Connecting,
    /// The handle was closed, or made from a client whose session has ended.
    Closed,
}

impl ConnectionState {
    /// Whether it stays like this.
    #[must_use]
    pub fn is_over(self) -> bool {
        self == Self::Closed
    }
}

/// A session, and what lives as long as it does.
pub(crate) struct Connected {
    pub(crate) session: Session,
    pub(crate) hub: Hub,
}

impl Connected {
    fn new(session: Session) -> Arc<Self> {
        let hub = Hub::new(session.client().clone());
        Arc::new(Self { session, hub })
    }
}

/// What the supervisor publishes.
pub(crate) struct Line {
    /// How to connect anew. `None` if a client was given that cannot be replaced.
    sessions: Option<Sessions>,
    pub(crate) link: watch::Sender<Option<Arc<Connected>>>,
    pub(crate) state: watch::Sender<ConnectionState>,
    closing: watch::Sender<bool>,
    timeout: Duration,
    /// The sessions that have ended.
    past: Mutex<Vec<i64>>,
}

impl Line {
    pub(crate) fn new(session: Session, sessions: Option<Sessions>) -> Self {
        Self {
            timeout: session.timeout(),
            sessions,
            link: watch::Sender::new(Some(Connected::new(session))),
            state: watch::Sender::new(ConnectionState::Connected),
            closing: watch::Sender::new(false),
            past: Mutex::default(),
        }
    }

    pub(crate) fn connection(&self) -> Option<Arc<Connected>> {
        self.link.borrow().clone()
    }

    /// The session timeout that the first session was granted.
    pub(crate) fn session_timeout(&self) -> Duration {
        self.timeout
    }

    /// The sessions of this handle that have ended, the newest last.
    pub(crate) fn past(&self) -> Vec<i64> {
        lock(&self.past).clone()
    }

    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    /// The connection, as soon as there is one. `None` once the handle is closed.
    pub(crate) async fn next_connection(&self) -> Option<Arc<Connected>> {
        let mut link = self.link.subscribe();
        let mut state = self.state.subscribe();
        tokio::select! {
            biased;
            _ = state.wait_for(|state| state.is_over()) => None,
            link = link.wait_for(Option::is_some) => link.ok()?.clone(),
        }
    }

    /// Waits until this connection is not the current one any more.
    pub(crate) async fn gone(&self, connection: &Arc<Connected>) {
        let mut link = self.link.subscribe();
        let is_other = |now: &Option<Arc<Connected>>| {
            now.as_ref().is_none_or(|now| !Arc::ptr_eq(now, connection))
        };
        _ = link.wait_for(is_other).await;
    }

    /// Waits until the handle is being closed.
    pub(crate) async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        _ = closing.wait_for(|closing| *closing).await;
    }

    fn set(&self, state: ConnectionState) {
        self.state.send_if_modified(|old| {
            let changed = *old != state;
            *old = state;
            changed
        });
    }
}

/// Keeps a session until the handle is closed.
pub(crate) async fn supervise(line: Arc<Line>) {
    loop {
        tokio::select! {
            () = follow(&line) => {}
            () = line.closed() => break,
        }
        if let Some(ended) = line.link.send_replace(None) {
            let mut past = lock(&line.past);
            if past.len() == MAX_PAST {
                past.remove(0);
            }
            past.push(ended.session.id());
        }
        let Some(sessions) = &line.sessions else {
            tracing::warn!("the session of the given client has ended");
            break;
        };
        line.set(ConnectionState::Connecting);
        tracing::warn!("the session has ended; connecting anew");
        let session = tokio::select! {
            session = connect(sessions) => session,
            () = line.closed() => break,
        };
        tracing::info!(session = session.id(), "there is a new session");
        line.link.send_replace(Some(Connected::new(session)));
        line.set(ConnectionState::Connected);
    }
    if let Some(connection) = line.link.send_replace(None) {
        close(connection).await;
    }
    line.set(ConnectionState::Closed);
}

/// Publishes the state of the connection until its session ends.
async fn follow(line: &Line) {
    let Some(connection) = line.connection() else {
        return;
    };
    let resumes = connection.session.dialect().resumes_sessions();
    let mut states = connection.session.client().state_watcher();
    drop(connection);
    let mut state = states.state();
    loop {
        match state {
            state if state.is_terminated() => return,
            SessionState::Disconnected => line.set(ConnectionState::Suspended),
            _ => line.set(ConnectionState::Connected),
        }
        state = states.changed().await;
        // The client comes back with another session, without a word: what the old one registered goes
        // with its timeout.
        if !resumes {
            return;
        }
    }
}

/// Connects, however long it takes.
async fn connect(sessions: &Sessions) -> Session {
    let sessions = sessions.waiting(Wait::No);
    let mut pause = Duration::from_millis(100);
    loop {
        match Session::of(&sessions).await {
            Ok(session) => return session,
            Err(error) => tracing::warn!(%error, "cannot connect; trying again"),
        }
        // Many clients lose their sessions at the same moment.
        sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// Ends a session, as far as that can be done in a bounded time.
async fn close(connection: Arc<Connected>) {
    connection.hub.end();
    let mut states = connection.session.client().state_watcher();
    if connection.session.is_borrowed() {
        return;
    }
    drop(connection);
    let over = async {
        while !states.state().is_terminated() && !states.changed().await.is_terminated() {}
    };
    if timeout(CLOSE_LIMIT / 2, over).await.is_err() {
        tracing::debug!("the session did not close in time");
    }
}
