//! Whether a loop is alive, and whether it does what it is there for.

use std::time::Duration;

use tokio::time::Instant;
use zkt::watch::{Connection, State};

/// A loop that has not turned for this long hangs.
const HANGS: Duration = Duration::from_secs(30);

/// Whether the loop turns.
pub(super) fn turns(state: &State) -> Result<(), String> {
    let ago = Instant::now().saturating_duration_since(state.turned);
    if ago > HANGS {
        return Err(format!("the loop has not turned for {} s", ago.as_secs()));
    }
    Ok(())
}

/// An outage with its reason, as far as that is known.
pub(super) fn outage(what: &str, state: &State) -> String {
    match &state.outage {
        Some(why) => format!("{what}: {why}"),
        None => what.to_owned(),
    }
}

/// Whether the live tree is kept as declared: the session is up, and the last success is not older
/// than twice the interval.
pub(super) fn is_ready(state: &State, interval: Duration) -> Result<(), String> {
    turns(state)?;
    match state.connection {
        Connection::Up => {}
        Connection::Lost => return Err(outage("the connection is lost", state)),
        Connection::None => return Err(outage("there is no session", state)),
    }
    let Some((_, success)) = state.last_success else {
        return Err("no reconcile has succeeded yet".to_owned());
    };
    let ago = Instant::now().saturating_duration_since(success);
    if ago > interval * 2 {
        return Err(format!(
            "the last reconcile that succeeded was {} s ago",
            ago.as_secs()
        ));
    }
    Ok(())
}
