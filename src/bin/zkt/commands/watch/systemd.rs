//! Notifications to systemd: readiness, status and heartbeats.

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zkt::watch::State;

use super::health;
use crate::render::count;

/// Tells systemd of every change, where it started the process and wants to know.
pub(super) fn start(mut state: watch::Receiver<State>) -> Option<JoinHandle<()>> {
    std::env::var_os("NOTIFY_SOCKET")?;
    Some(tokio::spawn(async move {
        let mut ready = false;
        let mut sent = String::new();
        // The loop turns every second at least; where it does not, the watchdog gets no sign of life.
        while state.changed().await.is_ok() {
            let (line, turns, succeeded) = {
                let state = state.borrow_and_update();
                let turns = health::turns(&state).is_ok();
                (line(&state), turns, state.last_success.is_some())
            };
            let mut news = Vec::new();
            if turns {
                news.push(NotifyState::Watchdog);
            }
            if succeeded && !ready {
                ready = true;
                news.push(NotifyState::Ready);
            }
            if line != sent {
                news.push(NotifyState::Status(&line));
            }
            if let Err(error) = sd_notify::notify(false, &news) {
                tracing::debug!(%error, "systemd cannot be told");
            }
            sent.clone_from(&line);
        }
        _ = sd_notify::notify(false, &[NotifyState::Stopping]);
    }))
}

fn line(state: &State) -> String {
    let Some(last) = state.history.front() else {
        return "starting".to_owned();
    };
    let declared = state
        .files
        .in_force()
        .map_or(0, |revision| revision.source.tree().len());
    let mut line = format!("{}, {} declared", last.ending, count(declared, "node"));
    if let Some(revision) = &last.revision {
        line += &format!(", revision {revision}");
    }
    if let Some(error) = &last.error {
        line += &format!(": {error}");
    }
    // A status is one line.
    line.replace('\n', " ")
}
