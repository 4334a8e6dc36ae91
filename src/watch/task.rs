//! The task of a loop: waits for what happens, and reconciles when that is due.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::Options;
use super::error::Error;
use super::history;
use super::reconciler::{Ended, Hint, Reconciler, SoFar};
use super::schedule::{Cause, Causes, Schedule};
use super::shown::{Next, OfWork, Shown, show_connection};
use super::state::{Connection, State};
use crate::reconcile::Account;
use crate::zookeeper::session::{Pulse, Sessions};

/// What somebody wants of a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// To read everything and reconcile now.
    Reconcile,
    /// To come to its end.
    Stop,
}

/// What wakes the loop. All but a stop only moves the next reconcile.
enum Wake {
    Stop,
    Asked,
    Hint(Hint),
    Due,
    /// Nothing but time has passed.
    Turn,
}

/// Heartbeat interval.
const TURN: Duration = Duration::from_secs(1);

/// Keeps the live tree as declared until `stop` says so, or its sender is gone. Sends its state to
/// `shown`.
///
/// A reconcile that is under way then is dropped: the batches in flight may be
/// committed or not, and no other one is sent. Then the session is closed.
pub async fn run(
    options: Options,
    commands: &mut mpsc::Receiver<Command>,
    shown: &watch::Sender<State>,
) {
    let seed = fastrand::u64(..);
    let told = Shown::new(&options);
    let recording = options.history.clone().map(|history| {
        let sessions = Sessions::new(options.session.clone());
        let scope = (sessions, options.layers.clone(), options.pace.interval);
        tokio::spawn(history::run(history, scope, told.declared()))
    });
    let mut task = WatchTask {
        published: shown,
        shown: told,
        schedule: Schedule::new(options.pace.clone(), seed, Instant::now()),
        reconciler: Reconciler::new(options, true),
    };
    while task.turn(commands).await.is_continue() {}
    let WatchTask {
        shown, reconciler, ..
    } = task;
    reconciler.close().await;
    drop(shown);
    if let Some(recording) = recording {
        _ = recording.await;
    }
}

/// How a single reconcile came to its end.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it in a process")]
pub enum Once {
    /// The reconcile ended: the final state, and the error if it failed.
    Ended(State, Option<Error>),
    /// Interrupted. The account lists done, unknown and remaining actions.
    Interrupted(Account),
}

/// Reconciles once, unless `interrupt` comes first.
///
/// A reconcile that is under way then is dropped: the batches in flight may be committed or not, and no
/// other one is sent.
pub async fn once(options: Options, interrupt: impl Future<Output = ()>) -> Once {
    let mut shown = Shown::new(&options);
    let mut so_far = SoFar::new(&options);
    let mut reconciler = Reconciler::new(options, false);
    let causes = Cause::Start.into();
    let ended = tokio::select! {
        ended = reconciler.reconcile(&causes, &mut so_far, &mut shown) => Some(ended),
        () = interrupt => None,
    };
    let once = match ended {
        None => {
            shown.work(OfWork::Interrupted(so_far.run.account()));
            Once::Interrupted(so_far.run.into_account())
        }
        Some(ended) => {
            let error = match ended {
                Ended::Idle | Ended::Done => None,
                Ended::Failed(error) => Some(error),
            };
            let is_of_nodes = error.as_ref().is_some_and(Error::is_of_nodes);
            shown.work(OfWork::Next(match is_of_nodes {
                true => Next::Nodes,
                false => Next::Rest,
            }));
            Once::Ended(shown.state().clone(), error)
        }
    };
    reconciler.close().await;
    once
}

/// A running loop.
struct WatchTask<'s> {
    /// What everybody sees.
    published: &'s watch::Sender<State>,
    /// What everybody is to see next.
    shown: Shown,
    schedule: Schedule,
    reconciler: Reconciler,
}

impl WatchTask<'_> {
    /// Waits for what happens next, and reconciles if that is due.
    async fn turn(&mut self, commands: &mut mpsc::Receiver<Command>) -> ControlFlow<()> {
        self.publish();
        let wake = self.wake(commands).await;
        let now = Instant::now();
        match wake {
            Wake::Stop => return ControlFlow::Break(()),
            // Failed attempts come later and later; a server that is back ends the wait.
            Wake::Turn => {
                if !self.reconciler.comes_back(&mut self.shown, TURN).await {
                    return ControlFlow::Continue(());
                }
                self.schedule.note(Cause::Session, now);
            }
            Wake::Asked => self.schedule.note(Cause::Asked, now),
            Wake::Hint(hint) => {
                if let Some(cause) = self.reconciler.note(&hint, &mut self.shown) {
                    self.schedule.note(cause, now);
                }
            }
            Wake::Due => {}
        }
        match self.schedule.due(now) {
            Some(causes) => self.reconcile(&causes, commands).await,
            None => ControlFlow::Continue(()),
        }
    }

    fn publish(&self) {
        self.published.send_replace(State {
            turned: Instant::now(),
            ..self.shown.state().clone()
        });
    }

    async fn wake(&mut self, commands: &mut mpsc::Receiver<Command>) -> Wake {
        let next = self.schedule.next(Instant::now());
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(Command::Reconcile) => Wake::Asked,
                Some(Command::Stop) | None => Wake::Stop,
            },
            () = sleep_until(next) => Wake::Due,
            hint = self.reconciler.hint() => Wake::Hint(hint),
            () = sleep(TURN) => Wake::Turn,
        }
    }

    /// Reconciles, and goes on to listen to commands and the connection meanwhile.
    async fn reconcile(
        &mut self,
        causes: &Causes,
        commands: &mut mpsc::Receiver<Command>,
    ) -> ControlFlow<()> {
        // What this turn has found out so far is shown, too: what changes meanwhile is seen against it.
        self.publish();
        let mut so_far = SoFar::new(self.reconciler.options());
        let mut pulse = self.reconciler.pulse();
        let mut latest = None;
        let ended = {
            let work = self
                .reconciler
                .reconcile(causes, &mut so_far, &mut self.shown);
            let mut work = std::pin::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    command = commands.recv() => match command {
                        Some(Command::Reconcile) => {
                            self.schedule.note(Cause::Asked, Instant::now());
                        }
                        Some(Command::Stop) | None => break None,
                    },
                    ended = &mut work => break Some(ended),
                    connection = next(&mut pulse) => {
                        self.published.send_modify(|state| show_connection(connection, state));
                        latest = Some(connection);
                    }
                    () = sleep(TURN) => {
                        self.published.send_modify(|state| state.turned = Instant::now());
                    }
                }
            }
        };
        let Some(ended) = ended else {
            self.shown.work(OfWork::Interrupted(so_far.run.account()));
            self.shown.work(OfWork::Stopped);
            return ControlFlow::Break(());
        };
        if let Some(connection) = latest {
            self.shown.catch_up(connection);
        }
        self.rest(ended);
        ControlFlow::Continue(())
    }

    /// Decides what comes after a reconcile.
    fn rest(&mut self, ended: Ended) {
        let now = Instant::now();
        match ended {
            Ended::Idle => self.schedule.succeeded(now),
            Ended::Failed(error) if !error.is_of_nodes() => {
                let wait = self.schedule.failed(now);
                self.shown.work(OfWork::Next(match error {
                    // What is wrong with the files was logged when they were read.
                    Error::Source { .. } => Next::QuietRetry,
                    _ => Next::Retry(wait),
                }));
            }
            Ended::Done => {
                self.schedule.succeeded(now);
                self.shown.work(OfWork::Next(Next::Rest));
            }
            Ended::Failed(_) => {
                self.schedule.succeeded(now);
                self.shown.work(OfWork::Next(Next::Nodes));
            }
        }
        self.schedule.hold(self.reconciler.next_held());
        if let Some(cause) = self.reconciler.leftover(&mut self.shown) {
            self.schedule.note(cause, now);
        }
    }
}

/// Waits for news of the connection; for ever where there is no session.
async fn next(pulse: &mut Option<Pulse>) -> Connection {
    match pulse {
        Some(pulse) => {
            pulse.changed().await;
            Connection::of(pulse)
        }
        None => std::future::pending().await,
    }
}
