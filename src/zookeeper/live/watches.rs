//! Persistent watches of a session, and their events.

use std::pin::pin;
use std::task::{Context, Poll};

use zookeeper_client::{AddWatchMode, Error as ClientError, EventType, SessionState};

use super::Error;
use crate::model::path::ZPath;
use crate::zookeeper::session::{Dialect, PersistentWatcher, Session};

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
    Alive(Vec<Watch>),
    /// Events may have been missed; only those of the connection still come. After a lost connection,
    /// the client does not restore persistent watches, and the server does not send what happened
    /// meanwhile (ZOOKEEPER-4698). They must be added again.
    Lost(Vec<Watch>),
    /// Servers before 3.6 have no such watches, nor has an older ClickHouse Keeper: no event comes.
    Unsupported,
    /// The session is dead.
    Ended,
}

/// One watch.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: PersistentWatcher,
    /// Its place, if an event with this path may be that of any node below.
    vague: Option<ZPath>,
}

/// What a watch reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WatchNews {
    /// A node was created, written or deleted.
    Touched(ZPath),
    /// This node or any below it was created, written or deleted.
    TouchedBelow(ZPath),
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
        let dialect = session.dialect();
        if !dialect.watches() {
            return Ok(Self::Unsupported);
        }
        let add = |(path, reach): (&'p ZPath, Reach)| {
            let mode = match reach {
                Reach::Node => AddWatchMode::Persistent,
                Reach::Subtree => AddWatchMode::PersistentRecursive,
            };
            let is_vague = reach == Reach::Subtree && !dialect.names_changed_nodes();
            let vague = is_vague.then(|| path.clone());
            (path, vague, client.watch(path.as_str(), mode))
        };
        let pending: Vec<_> = places.into_iter().map(add).collect();
        let mut watches = Vec::with_capacity(pending.len());
        for (path, vague, watch) in pending {
            match watch.await {
                Ok(watcher) => watches.push(Watch { watcher, vague }),
                // Servers before 3.6 also close the connection after this answer.
                Err(ClientError::Unimplemented) => return Ok(Self::Unsupported),
                Err(reason) => return Err(Error::of(session, path, reason)),
            }
        }
        Ok(Self::Alive(watches))
    }

    /// Whether they must be added again before events come.
    pub(crate) fn are_lost(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Ended)
    }

    /// From now on they count as lost.
    pub(crate) fn lose(&mut self) {
        if let Self::Alive(watches) = self {
            *self = Self::Lost(std::mem::take(watches));
        }
    }

    /// Returns the next event of any of them, each once. After the session's end none comes.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<WatchNews> {
        loop {
            let (Self::Alive(watches) | Self::Lost(watches)) = self else {
                return Poll::Pending;
            };
            let mut events = watches.iter_mut().map(|watch| {
                let event = pin!(watch.watcher.changed()).poll(context);
                event.map(|event| (event, &watch.vague))
            });
            let Some(Poll::Ready((event, vague))) = events.find(Poll::is_ready) else {
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
                    Ok(path) if vague.as_ref() == Some(&path) => WatchNews::TouchedBelow(path),
                    Ok(path) => WatchNews::Touched(path),
                    Err(_) => continue,
                },
            });
        }
    }
}

/// Warns of a server that has no persistent watches, with what is done instead.
pub(crate) fn warn_of_old_server(dialect: Dialect, instead: &str) {
    let server = match dialect {
        Dialect::ZooKeeper => "this server is older than ZooKeeper 3.6 and",
        Dialect::Keeper(_) => {
            "this ClickHouse Keeper is older than 25.12, or has persistent_watches switched off, and"
        }
        _ => "this RaftKeeper",
    };
    tracing::warn!("{server} cannot watch: {instead}");
}
