//! A command that runs inside this one.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::signals::Signal;

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

    /// Waits for its end. Returns the exit code or, as shells do, 128 plus the signal that ended it.
    pub(crate) async fn wait(&mut self) -> io::Result<u8> {
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        let code = code(self.child.wait().await?);
        self.ended = Some(code);
        Ok(code)
    }

    /// Asks it to end, and kills it if it does not.
    pub(crate) async fn stop(&mut self) {
        self.pass_on(Signal::TERMINATE);
        if timeout(GRACE, self.wait()).await.is_err() {
            _ = self.child.start_kill();
            _ = self.wait().await;
        }
    }

    /// Passes a signal on.
    pub(crate) fn pass_on(&self, signal: Signal) {
        if let (None, Some(id)) = (self.ended, self.id) {
            signal.pass_on(id);
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    let by_signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(by_signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}
