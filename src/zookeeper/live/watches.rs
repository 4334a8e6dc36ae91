//! Persistent watches of a session, and their events.

use std::pin::pin;
use std::task::{Context, Poll};

use zookeeper_client::{AddWatchMode, Error as ClientError, EventType, SessionState};

use super::Error;
use crate::model::path::ZPath;
use crate::zookeeper::session::{PersistentWatcher, Session};

/// What a watch is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The node alone.
    Node,
    /// The node and all below it.
    Subtree,
}

/// Persistent watches of a session.
#[derive(Debug)]
pub(crate) enum Watches {
    /// Every change has its event.
    Alive(Vec<PersistentWatcher>),
    /// Events may have been missed; only those of the connection still come. After a lost connection,
    /// the client does not restore persistent watches, and the server does not send what happened
    /// meanwhile (ZOOKEEPER-4698). They must be added again.
    Lost(Vec<PersistentWatcher>),
    /// Servers before 3.6 have no such watches: no event comes.
    Unsupported,
    /// The session is dead.
    Ended,
}

/// What a watch reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WatchNews {
    /// A node was created, written or deleted.
    Touched(ZPath),
    /// The connection is lost; the session may still live.
    Disconnected,
    /// The connection is back.
    Reconnected,
    /// The session is dead.
    Ended,
}

impl Watches {
    /// Before any was added.
    pub(crate) fn none() -> Self {
        Self::Lost(Vec::new())
    }

    /// Adds a watch at each of these places. Whoever replaces others by them drops those only
    /// afterwards: with the last one of a path the server's watch would go, too.
    ///
    /// # Cancellation safety
    /// Those that were added are removed in the background.
    pub(crate) async fn add<'p>(
        session: &Session,
        places: impl IntoIterator<Item = (&'p ZPath, Reach)>,
    ) -> Result<Self, Error> {
        let client = session.client();
        let add = |(path, reach): (&'p ZPath, Reach)| {
            let mode = match reach {
                Reach::Node => AddWatchMode::Persistent,
                Reach::Subtree => AddWatchMode::PersistentRecursive,
            };
            (path, client.watch(path.as_str(), mode))
        };
        let pending: Vec<_> = places.into_iter().map(add).collect();
        let mut watchers = Vec::with_capacity(pending.len());
        for (path, watch) in pending {
            match watch.await {
                Ok(watcher) => watchers.push(watcher),
                // Servers before 3.6 also close the connection after this answer.
                Err(ClientError::Unimplemented) => return Ok(Self::Unsupported),
                Err(reason) => return Err(Error::of(session, path, reason)),
            }
        }
        Ok(Self::Alive(watchers))
    }

    /// Whether they must be added again before events come.
    pub(crate) fn are_lost(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Ended)
    }

    /// From now on they count as lost.
    pub(crate) fn lose(&mut self) {
        if let Self::Alive(watchers) = self {
            *self = Self::Lost(std::mem::take(watchers));
        }
    }

    /// Returns the next event of any of them, each once. After the session's end none comes.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<WatchNews> {
        loop {
            let (Self::Alive(watchers) | Self::Lost(watchers)) = self else {
                return Poll::Pending;
            };
            let mut events = watchers
                .iter_mut()
                .map(|watcher| pin!(watcher.changed()).poll(context));
            let Some(Poll::Ready(event)) = events.find(Poll::is_ready) else {
                return Poll::Pending;
            };
            return Poll::Ready(match (event.event_type, event.session_state) {
                (EventType::Session, SessionState::Disconnected) => {
                    self.lose();
                    WatchNews::Disconnected
                }
                (
                    EventType::Session,
                    SessionState::SyncConnected | SessionState::ConnectedReadOnly,
                ) => {
                    self.lose();
                    WatchNews::Reconnected
                }
                (EventType::Session, _) => {
                    // The client panics when a watcher is asked again after this.
                    *self = Self::Ended;
                    WatchNews::Ended
                }
                // Ignored: each child sends an event of its own.
                (EventType::NodeChildrenChanged, _) => continue,
                _ => match ZPath::parse(&event.path) {
                    Ok(path) => WatchNews::Touched(path),
                    Err(_) => continue,
                },
            });
        }
    }
}

/// Warns of a server that has no persistent watches, with what is done instead.
pub(crate) fn warn_of_old_server(instead: &str) {
    tracing::warn!("this server is older than ZooKeeper 3.6 and cannot watch: {instead}");
}
