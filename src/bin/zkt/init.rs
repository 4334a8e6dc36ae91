//! Process 1: it runs this program again as its child, and reaps all processes that end. The system
//! makes it the parent of every process that loses its own.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

use crate::exit::{Exit, Failure};
use crate::signals::{PASSED_ON, Signal, Signals};

/// Whether this is process 1, as the first process of a container is.
pub(crate) fn is_first() -> bool {
    std::process::id() == 1
}

/// Runs this program again with the same arguments, passes signals on, and ends as it ends.
pub(crate) fn run() -> Result<Exit, Failure> {
    // Nobody but `collect` may collect processes: no command is started by way of this runtime.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(&error))?;
    runtime.block_on(supervise())
}

fn failed(error: &io::Error) -> Failure {
    Failure::new(format!("cannot run as process 1: {error}"))
}

async fn supervise() -> Result<Exit, Failure> {
    let mut signals = Signals::catch(&PASSED_ON)?;
    let mut ended = Signals::catch(&[Signal::CHILD])?;
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_else(|| "zkt".into());
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from(&name));
    let child = Command::new(program).arg0(name).args(words).spawn();
    let child = child.map_err(|error| failed(&error))?;
    loop {
        tokio::select! {
            exit = collect(&mut ended, child.id()) => return exit.map_err(|error| failed(&error)),
            signal = signals.next() => signal.pass_on(child.id()),
        }
    }
}

/// Collects processes until the child has ended, and returns how.
async fn collect(ended: &mut Signals, child: u32) -> io::Result<Exit> {
    loop {
        while let Some((pid, status)) = wait(WaitOptions::NOHANG)? {
            if is(pid, child) {
                return Ok(Exit::Command(code(status)));
            }
        }
        ended.next().await;
    }
}

fn is(pid: Pid, id: u32) -> bool {
    u32::try_from(pid.as_raw_nonzero().get()).is_ok_and(|pid| pid == id)
}

fn code(status: WaitStatus) -> u8 {
    let by_signal = status.terminating_signal().map(|signal| 128 + signal);
    let code = status.exit_status().or(by_signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}
