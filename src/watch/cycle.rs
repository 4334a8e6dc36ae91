//! The loop itself: waits for what happens, and reconciles when that is due.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::Error;
use super::keeper::{self, Keeper, show_connection};
use super::schedule::{Cause, Schedule};
use super::state::{Connection, Ending, Leadership, Reconcile, State};
use super::{Mode, Options};
use crate::zookeeper::session::Pulse;

/// What somebody wants of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// To read everything and reconcile now.
    Reconcile,
    /// To come to its end.
    Stop,
}

/// What wakes the loop. All but a stop only moves the next reconcile.
enum Event {
    Stop,
    Asked,
    Happened(keeper::Event),
    Due,
    /// Nothing but time has passed.
    Turn,
}

/// Heartbeat interval.
const TURN: Duration = Duration::from_secs(1);

/// Keeps the live tree as declared until it is told to stop, or nobody is left to tell it. What there
/// is to show is sent to `shown`.
///
/// A reconcile that is under way when it is told to stop is dropped: the batches in flight may be
/// committed or not, and no other one is sent. Then the session is closed.
pub async fn run(
    options: Options,
    commands: &mut mpsc::Receiver<Command>,
    shown: &watch::Sender<State>,
) {
    let mut state = first_state(&options);
    let seed = fastrand::u64(..);
    let mut schedule = Schedule::new(options.pace.clone(), seed, Instant::now());
    let mut keeper = Keeper::new(options, true);
    loop {
        state.turned = Instant::now();
        shown.send_replace(state.clone());
        let next = schedule.next(Instant::now());
        let event = tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(Command::Reconcile) => Event::Asked,
                Some(Command::Stop) | None => Event::Stop,
            },
            () = sleep_until(next) => Event::Due,
            event = keeper.event() => Event::Happened(event),
            () = sleep(TURN) => Event::Turn,
        };
        let now = Instant::now();
        match event {
            Event::Stop => break,
            // Failed attempts come later and later; a server that is back ends the wait.
            Event::Turn => match timeout(TURN, keeper.comes_back()).await {
                Ok(true) => schedule.note(Cause::Session, now),
                _ => continue,
            },
            Event::Asked => schedule.note(Cause::Asked, now),
            Event::Happened(event) => {
                if let Some(cause) = keeper.note(&event, &mut state) {
                    schedule.note(cause, now);
                }
            }
            Event::Due => {}
        }
        let Some(causes) = schedule.due(now) else {
            continue;
        };
        let mut stopped = false;
        let mut asked = false;
        let mut pulse = keeper.pulse();
        let mut told = None;
        let ended = {
            let beat = async |pulse: &mut Option<Pulse>| match pulse {
                Some(pulse) => pulse.changed().await,
                None => std::future::pending().await,
            };
            let mut work = std::pin::pin!(keeper.reconcile(&causes, &mut state));
            loop {
                tokio::select! {
                    biased;
                    command = commands.recv() => match command {
                        Some(Command::Reconcile) => asked = true,
                        Some(Command::Stop) | None => {
                            stopped = true;
                            break None;
                        }
                    },
                    ended = &mut work => break ended,
                    () = beat(&mut pulse) => if let Some(pulse) = &pulse {
                        shown.send_modify(|state| {
                            show_connection(pulse, state);
                            told = Some(state.connection);
                        });
                    },
                    () = sleep(TURN) => shown.send_modify(|state| state.turned = Instant::now()),
                }
            }
        };
        if stopped {
            tracing::info!("stopped in the middle of a reconcile");
            break;
        }
        let now = Instant::now();
        match &ended {
            Some((reconcile, Some(error))) if !error.is_of_nodes() => {
                let wait = schedule.failed(now);
                // What is wrong with the files was told when they were read.
                if !matches!(error, Error::Source { .. }) {
                    tell(reconcile, &state, Some(wait));
                }
            }
            Some((reconcile, _)) => {
                schedule.succeeded(now);
                tell(reconcile, &state, None);
            }
            None => schedule.succeeded(now),
        }
        schedule.hold(keeper.next_held());
        if asked {
            schedule.note(Cause::Asked, now);
        }
        if let Some(told) = told.filter(|_| state.connection != Connection::None) {
            state.connection = told;
        }
        if let Some(cause) = keeper.leftover(&mut state) {
            schedule.note(cause, now);
        }
    }
    keeper.close().await;
}

/// Reconciles once. What came of it is told with the state that there is to show; where it failed,
/// with the error.
///
/// # Cancellation safety
/// As [`executor::execute`](crate::zookeeper::executor::execute).
pub async fn once(options: Options) -> (State, Option<Error>) {
    let mut state = first_state(&options);
    let mut keeper = Keeper::new(options, false);
    let causes = Cause::Start.into();
    let ended = keeper.reconcile(&causes, &mut state).await;
    let error = ended.and_then(|(reconcile, error)| {
        tell(&reconcile, &state, None);
        error
    });
    keeper.close().await;
    (state, error)
}

fn first_state(options: &Options) -> State {
    let mut state = State::new();
    state.hosts.clone_from(&options.session.hosts);
    if options.elect.is_some() {
        state.leadership = Leadership::Follows;
    }
    if options.mode == Mode::Warn {
        tracing::info!("nothing is written: differences are only told");
    }
    state
}

/// One line for each reconcile.
fn tell(reconcile: &Reconcile, state: &State, wait: Option<Duration>) {
    let Reconcile {
        causes,
        took,
        revision,
        ending,
        found,
        done,
        error,
        ..
    } = reconcile;
    let revision = revision.as_deref().unwrap_or("none");
    let commit = state.commit.as_deref().map(tracing::field::display);
    // JSON has no number for 128 bits: the log would write a string.
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    macro_rules! line {
        ($level:ident, $($more:tt)*) => {
            tracing::$level!(
                cause = %causes, revision, commit, result = %ending,
                found.add, found.update, found.link, found.trim,
                done.add, done.update, done.link, done.trim,
                ms, $($more)*
            )
        };
    }
    let failed = match ending {
        Ending::InSync | Ending::Applied => return line!(info, "reconciled"),
        Ending::Drift => return line!(warn, "reconciled"),
        Ending::Refused => "a guard refuses to reconcile",
        Ending::Conflict | Ending::Failed => "cannot reconcile",
        Ending::Partial => "cannot reconcile all",
    };
    let then = match wait {
        Some(wait) => format!("; trying again in {:.1} s", wait.as_secs_f64()),
        None => String::new(),
    };
    let error = error.as_deref().map(tracing::field::display);
    line!(error, error, "{failed}{then}");
}
