//! The client core: requests that outlive sessions, of which there is one at a time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::Error;
use super::lock::lock;
use super::supervision::{self, CLOSE_LIMIT, Connected, ConnectionState, Line};
use crate::model::path::ZPath;
use crate::zookeeper::session::{
    Client, ClientError, Session, Sessions, is_fatal, is_outcome_unknown,
};

/// How often a read is tried again after its connection was lost.
const READ_ATTEMPTS: usize = 4;

/// What everybody asks the server through. The session ends with the last clone.
#[derive(Clone)]
pub(crate) struct Core(Arc<Shared>);

struct Shared {
    line: Arc<Line>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.line.close();
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Core").field(&self.state()).finish()
    }
}

impl Core {
    /// Keeps this session, and makes new ones where that is possible.
    pub(crate) fn supervised(session: Session, sessions: Option<Sessions>) -> Self {
        let line = Arc::new(Line::new(session, sessions));
        let supervisor = tokio::spawn(supervision::supervise(line.clone()));
        let supervisor = Mutex::new(Some(supervisor));
        Self(Arc::new(Shared { line, supervisor }))
    }

    pub(crate) fn line(&self) -> &Line {
        &self.0.line
    }

    /// Returns the current state of the connection.
    pub(crate) fn state(&self) -> ConnectionState {
        *self.0.line.state.borrow()
    }

    /// Returns the state of the connection, to be watched.
    pub(crate) fn states(&self) -> watch::Receiver<ConnectionState> {
        self.0.line.state.subscribe()
    }

    /// The number of the current session. `None` while there is none.
    pub(crate) fn session_id(&self) -> Option<i64> {
        let connection = self.0.line.connection();
        connection.map(|connection| connection.session.id())
    }

    /// The session timeout that the first session was granted.
    pub(crate) fn session_timeout(&self) -> Duration {
        self.0.line.session_timeout()
    }

    /// Whether nodes may be left after the handle has ended: somebody else keeps the session, or the server
    /// does not say that it has ended.
    pub(crate) fn keeps_nodes(&self) -> bool {
        let connection = self.0.line.connection();
        connection.is_some_and(|connection| {
            let session = &connection.session;
            session.is_borrowed() || !session.dialect().resumes_sessions()
        })
    }

    /// Ends the session, and waits for that for a few seconds at most.
    pub(crate) async fn close(&self) {
        self.0.line.close();
        let supervisor = lock(&self.0.supervisor).take();
        if let Some(supervisor) = supervisor {
            _ = supervisor.await;
        }
        let mut state = self.states();
        let closed = state.wait_for(|state| state.is_over());
        _ = timeout(CLOSE_LIMIT, closed).await;
    }

    /// The connection as it is now, or as soon as there is one again.
    pub(crate) async fn connection(&self) -> Result<Arc<Connected>, Error> {
        let line = &self.0.line;
        let mut link = line.link.subscribe();
        let mut state = line.state.subscribe();
        let limit = line.session_timeout();
        let wait = async {
            loop {
                if let Some(connection) = link.borrow_and_update().clone()
                    && !connection.session.is_dead()
                {
                    return Ok(connection);
                }
                if state.borrow_and_update().is_over() {
                    return Err(Error::Closed);
                }
                tokio::select! {
                    changed = link.changed() => changed.map_err(|_| Error::Closed)?,
                    changed = state.changed() => changed.map_err(|_| Error::Closed)?,
                }
            }
        };
        match timeout(limit, wait).await {
            Ok(result) => result,
            Err(_) => Err(Error::Unavailable(limit)),
        }
    }

    /// Asks something that changes nothing, again where the connection was lost.
    pub(crate) async fn read<T, F>(
        &self,
        path: &ZPath,
        request: impl Fn(Client) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut attempt = 0;
        let begun = Instant::now();
        loop {
            let connection = self.connection().await?;
            let client = connection.session.client().clone();
            let limit = client.limit().saturating_mul(2);
            match request(client).await {
                Ok(answer) => return Ok(answer),
                Err(error) if is_outcome_unknown(&error) || is_fatal(&error) => {
                    attempt += 1;
                    if attempt == READ_ATTEMPTS || begun.elapsed() >= limit {
                        let path = path.clone();
                        return Err(Error::Lost {
                            path,
                            reason: error,
                        });
                    }
                }
                Err(error) => return Err(Error::of(path, error)),
            }
        }
    }

    /// Writes something, once.
    pub(crate) async fn write<T, F>(
        &self,
        path: &ZPath,
        request: impl FnOnce(Client) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let connection = self.connection().await?;
        let result = request(connection.session.client().clone()).await;
        result.map_err(|error| Error::of_write(path, error))
    }
}
