//! The signals that this process gets: the one place that waits for them.

use std::future::{pending, poll_fn};
use std::io::{self, IsTerminal as _};
use std::task::Poll;

use rustix::process::{Pid, Signal as Unix, kill_process};
use tokio::signal::unix::{self, SignalKind};

use crate::exit::Failure;

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signal(Unix);

/// ^C, and what a supervisor sends to end a process.
pub(crate) const ENDING: [Signal; 2] = [Signal::INTERRUPT, Signal::TERMINATE];

/// What a command that runs inside this one gets, too.
pub(crate) const PASSED_ON: [Signal; 6] = [
    Signal::TERMINATE,
    Signal::INTERRUPT,
    Signal::HANGUP,
    Signal(Unix::QUIT),
    Signal(Unix::USR1),
    Signal(Unix::USR2),
];

impl Signal {
    pub(crate) const CHILD: Self = Self(Unix::CHILD);
    pub(crate) const HANGUP: Self = Self(Unix::HUP);
    pub(crate) const INTERRUPT: Self = Self(Unix::INT);
    pub(crate) const TERMINATE: Self = Self(Unix::TERM);

    /// Whether it asks a command for its end.
    pub(crate) fn ends(self) -> bool {
        [Unix::TERM, Unix::INT, Unix::HUP, Unix::QUIT].contains(&self.0)
    }

    pub(crate) fn number(self) -> u8 {
        u8::try_from(self.0.as_raw()).unwrap_or(0)
    }

    /// Sends it to a child, unless a key of the terminal has sent it to both.
    pub(crate) fn pass_on(self, child: u32) {
        let is_of_a_key = [Unix::INT, Unix::QUIT].contains(&self.0);
        if is_of_a_key && io::stdin().is_terminal() {
            return;
        }
        let child = i32::try_from(child).ok().and_then(Pid::from_raw);
        if let Some(child) = child
            && let Err(error) = kill_process(child, self.0)
        {
            tracing::debug!(%error, "the signal did not arrive");
        }
    }
}

/// Signals that are caught as long as the process lives.
pub(crate) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    /// Catches these signals from now on: what comes before [`Self::next`] is called is not lost.
    pub(crate) fn catch(signals: &[Signal]) -> Result<Self, Failure> {
        let catch = |signal: &Signal| {
            let kind = SignalKind::from_raw(signal.0.as_raw());
            unix::signal(kind).map(|stream| (*signal, stream))
        };
        let streams: io::Result<Vec<_>> = signals.iter().map(catch).collect();
        streams
            .map(Self)
            .map_err(|error| Failure::new(format!("cannot wait for signals: {error}")))
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, stream) in &mut self.0 {
                if stream.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Waits for a signal that ends a command, for which nothing has to be ready beforehand.
pub(crate) async fn interrupt() {
    match Signals::catch(&ENDING) {
        Ok(mut signals) => _ = signals.next().await,
        // The signal ends the process, as it does where nobody waits for it.
        Err(failure) => {
            tracing::warn!("{}", failure.message);
            pending::<()>().await;
        }
    }
}
