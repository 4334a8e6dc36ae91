//! `zkt discover --exec`: a command that is run whenever the addresses are others.

use std::io;
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::output::Output;

const VARIABLE: &str = "ZKT_ADDRESSES";

/// Linux takes no longer string in the environment, with its name and the zero byte at its end.
const LONGEST_STRING: usize = 128 << 10;

/// The command for the addresses of a service, and those that it was run with last.
pub(super) struct Runner<'a> {
    command: &'a str,
    path: &'a str,
    last: Option<Vec<String>>,
}

impl<'a> Runner<'a> {
    /// A command for the service at `path`.
    pub(super) fn new(command: &'a str, path: &'a str) -> Self {
        Self {
            command,
            path,
            last: None,
        }
    }

    /// Whether the addresses are not those of the last time.
    pub(super) fn is_due(&self, addresses: &[String]) -> bool {
        self.last.as_deref() != Some(addresses)
    }

    /// Runs the command. If it fails, prints a warning and goes on.
    pub(super) async fn run(&mut self, addresses: Vec<String>, output: &Output) {
        let command = self.command;
        match self.execute(&addresses, output).await {
            Ok(status) if status.success() => {}
            Ok(status) => output.note(&format!("warning: {command}: {status}")),
            Err(error) => output.note(&format!("warning: cannot run {command}: {error}")),
        }
        self.last = Some(addresses);
    }

    async fn execute(&self, addresses: &[String], output: &Output) -> io::Result<ExitStatus> {
        let joined = addresses.join("\n");
        let warn = || {
            output.note(&format!(
                "warning: {} addresses are too long for the environment: {VARIABLE} is not set, \
                 the command gets all of them on stdin",
                addresses.len()
            ));
        };
        let mut shell = Command::new("sh");
        shell
            .args(["-c", self.command])
            .stdin(Stdio::piped())
            .kill_on_drop(true);
        shell.env("ZKT_PATH", self.path);
        let is_short = VARIABLE.len() + 1 + joined.len() < LONGEST_STRING;
        if is_short {
            shell.env(VARIABLE, &joined);
        } else {
            // One that is inherited would be of another list.
            shell.env_remove(VARIABLE);
            warn();
        }
        let child = match shell.spawn() {
            // Together with all else in the environment it may still be too long.
            Err(error) if is_short && error.kind() == io::ErrorKind::ArgumentListTooLong => {
                warn();
                shell.env_remove(VARIABLE).spawn()
            }
            child => child,
        };
        let mut child = child?;
        if let Some(mut stdin) = child.stdin.take() {
            let lines = if joined.is_empty() {
                joined
            } else {
                joined + "\n"
            };
            // It need not read them.
            _ = stdin.write_all(lines.as_bytes()).await;
        }
        child.wait().await
    }
}
