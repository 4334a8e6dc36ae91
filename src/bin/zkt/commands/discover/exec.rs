//! `zkt discover --exec`: a command that is run whenever the addresses are others.

use std::io;
use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use zkt::services::{Endpoint, Endpoints};

use super::{DiscoverArgs, is_shown, note_empty};
use crate::output::Output;

const VARIABLE: &str = "ZKT_ADDRESSES";

/// Linux takes no longer string in the environment, with its name and the zero byte at its end.
const LONGEST_STRING: usize = 128 << 10;

/// The command, and the addresses that it was run with last.
pub(super) struct Runner<'a> {
    command: &'a str,
    last: Option<Vec<String>>,
}

impl<'a> Runner<'a> {
    pub(super) fn new(command: &'a str) -> Self {
        Self {
            command,
            last: None,
        }
    }

    /// Runs the command if the addresses are not those of the last time. If it fails, prints a warning
    /// and goes on.
    pub(super) async fn run(
        &mut self,
        endpoints: &Endpoints,
        args: &DiscoverArgs,
        output: &Output,
    ) {
        let shown = endpoints.iter().filter(|one| is_shown(one, args));
        let shown: Vec<String> = shown.map(Endpoint::address).map(str::to_owned).collect();
        if self.last.as_ref() == Some(&shown) {
            return;
        }
        note_empty(endpoints, args, output);
        let command = self.command;
        match self.execute(&shown, args, output).await {
            Ok(status) if status.success() => {}
            Ok(status) => output.note(&format!("warning: {command}: {status}")),
            Err(error) => output.note(&format!("warning: cannot run {command}: {error}")),
        }
        self.last = Some(shown);
    }

    async fn execute(
        &self,
        addresses: &[String],
        args: &DiscoverArgs,
        output: &Output,
    ) -> io::Result<ExitStatus> {
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
        shell.env("ZKT_PATH", &args.path);
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
