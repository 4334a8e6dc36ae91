//! What tells of changes: of the state of a session, and of nodes.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;
use zookeeper_client as zk;
use zookeeper_client::{SessionState, WatchedEvent};

use super::life::{Life, unwinding};

/// As [`zk::StateWatcher`], but it also reports the death of the client's task, as
/// [`SessionState::Closed`].
#[derive(Debug)]
pub(crate) struct StateWatcher {
    pub(super) inner: zk::StateWatcher,
    pub(super) died: watch::Receiver<bool>,
    pub(super) is_over: bool,
}

impl StateWatcher {
    /// Returns the state. [`StateWatcher::changed`] does not return it again.
    pub(crate) fn state(&mut self) -> SessionState {
        if *self.died.borrow() {
            return SessionState::Closed;
        }
        self.inner.state()
    }

    pub(crate) fn peek_state(&self) -> SessionState {
        if *self.died.borrow() {
            return SessionState::Closed;
        }
        self.inner.peek_state()
    }

    /// Waits for the next state; for ever after a terminal one.
    ///
    /// # Cancellation safety
    /// Dropping the future loses nothing: the next call returns it.
    pub(crate) async fn changed(&mut self) -> SessionState {
        if self.is_over {
            pending::<()>().await;
        }
        let state = tokio::select! {
            biased;
            state = self.inner.changed() => state,
            Ok(_) = self.died.wait_for(|died| *died) => SessionState::Closed,
        };
        self.is_over = state.is_terminated();
        state
    }
}

/// As [`zk::PersistentWatcher`], but where that one panics because the client's task has died, this
/// one returns the event that the session is closed.
#[derive(Debug)]
pub(crate) struct PersistentWatcher {
    pub(super) inner: zk::PersistentWatcher,
    pub(super) life: Arc<Life>,
    pub(super) is_over: bool,
}

impl PersistentWatcher {
    /// Waits for the next event; for ever after the end of the session.
    ///
    /// # Cancellation safety
    /// Dropping the future loses nothing: the next call returns it.
    pub(crate) async fn changed(&mut self) -> WatchedEvent {
        if self.is_over {
            pending::<()>().await;
        }
        let event = unwinding(self.inner.changed()).await;
        let event = event.unwrap_or_else(|| {
            self.life.end();
            WatchedEvent::new_session(SessionState::Closed)
        });
        self.is_over =
            event.event_type == zk::EventType::Session && event.session_state.is_terminated();
        event
    }
}
