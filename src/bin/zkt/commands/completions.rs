//! `zkt completions`: completion scripts for shells, for packagers.

use std::io::Write as _;

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::shells;

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Prints the script for `zkt`, the whole command.
pub(crate) fn run(args: &CompletionsArgs, output: &Output) -> Result<Exit, Failure> {
    let script = shells::script(&args.shell.to_string())?;
    let mut out = output.plain_out();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}
