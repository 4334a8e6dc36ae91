//! A command that runs inside this one, and signals that are passed on to it.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a command has to end when it is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// A running command.
pub(crate) struct Process {
    child: Child,
    id: Option<u32>,
    ended: Option<u8>,
}

impl Process {
    pub(crate) fn start(program: &OsString, arguments: &[OsString]) -> io::Result<Self> {
        let child = Command::new(program).args(arguments).spawn()?;
        Ok(Self {
            id: child.id(),
            child,
            ended: None,
        })
    }

    pub(crate) fn id(&self) -> Option<u32> {
        self.id
    }

    /// Waits for its end; tells the exit code, or as shells do 128 and the signal that ended it.
    pub(crate) async fn wait(&mut self) -> io::Result<u8> {
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        let code = code(self.child.wait().await?);
        self.ended = Some(code);
        Ok(code)
    }

    /// Asks it to end, and kills it where it does not.
    pub(crate) async fn stop(&mut self) {
        self.pass_on(Signal::TERMINATE);
        if timeout(GRACE, self.wait()).await.is_err() {
            _ = self.child.start_kill();
            _ = self.wait().await;
        }
    }

    /// Passes a signal on. Those of the terminal's keys have reached it already.
    pub(crate) fn pass_on(&self, signal: Signal) {
        if let (None, Some(id)) = (self.ended, self.id) {
            send(signal, id);
        }
    }
}

/// Passes a signal on to a child, unless a key of the terminal has sent it to both.
pub(crate) fn send(signal: Signal, to: u32) {
    if !(signal.is_of_a_key() && io::stdin().is_terminal()) {
        signal.send(to);
    }
}

#[cfg(unix)]
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let by_signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(by_signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

#[cfg(not(unix))]
fn code(status: ExitStatus) -> u8 {
    u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)
}

#[cfg(unix)]
pub(crate) use unix::{Signal, Signals};

#[cfg(unix)]
mod unix {
    use std::io;

    use rustix::process::{Pid, kill_process};
    use tokio::signal::unix::{SignalKind, signal};

    /// A signal that came.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Signal(rustix::process::Signal);

    impl Signal {
        pub(crate) const TERMINATE: Self = Self(rustix::process::Signal::TERM);

        /// Whether it asks for the end.
        pub(crate) fn ends(self) -> bool {
            use rustix::process::Signal as S;
            [S::TERM, S::INT, S::HUP, S::QUIT].contains(&self.0)
        }

        pub(super) fn is_of_a_key(self) -> bool {
            use rustix::process::Signal as S;
            [S::INT, S::QUIT].contains(&self.0)
        }

        pub(crate) fn number(self) -> u8 {
            u8::try_from(self.0.as_raw()).unwrap_or(0)
        }

        pub(super) fn send(self, to: u32) {
            let to = i32::try_from(to).ok().and_then(Pid::from_raw);
            if let Some(to) = to
                && let Err(error) = kill_process(to, self.0)
            {
                tracing::debug!(%error, "the signal did not arrive");
            }
        }
    }

    /// The signals that are passed on.
    pub(crate) struct Signals(tokio::sync::mpsc::UnboundedReceiver<Signal>);

    impl Signals {
        pub(crate) fn new() -> io::Result<Self> {
            use rustix::process::Signal as S;
            let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
            for one in [S::TERM, S::INT, S::HUP, S::QUIT, S::USR1, S::USR2] {
                let mut stream = signal(SignalKind::from_raw(one.as_raw()))?;
                let sender = sender.clone();
                tokio::spawn(async move {
                    while stream.recv().await.is_some() && sender.send(Signal(one)).is_ok() {}
                });
            }
            Ok(Self(receiver))
        }

        pub(crate) async fn next(&mut self) -> Signal {
            match self.0.recv().await {
                Some(signal) => signal,
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(not(unix))]
pub(crate) use other::{Signal, Signals};

#[cfg(not(unix))]
mod other {
    use std::io;

    /// The one signal that there is everywhere.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Signal;

    impl Signal {
        pub(crate) const TERMINATE: Self = Self;

        pub(crate) fn ends(self) -> bool {
            true
        }

        pub(super) fn is_of_a_key(self) -> bool {
            true
        }

        pub(crate) fn number(self) -> u8 {
            2
        }

        pub(super) fn send(self, _: u32) {}
    }

    pub(crate) struct Signals;

    impl Signals {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn next(&mut self) -> Signal {
            _ = tokio::signal::ctrl_c().await;
            Signal
        }
    }
}

/// ^C, or what a supervisor sends to end a process.
#[cfg(unix)]
pub(crate) async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => _ = tokio::signal::ctrl_c().await,
    }
}

#[cfg(not(unix))]
pub(crate) async fn interrupt() {
    _ = tokio::signal::ctrl_c().await;
}
