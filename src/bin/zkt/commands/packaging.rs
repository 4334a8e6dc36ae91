//! `zkt completions` and `zkt man`, for packagers.

use std::io::Write as _;

use crate::args::{self, CompletionsArgs};
use crate::exit::{Exit, Failure};
use crate::output::Output;

pub(crate) fn completions(args: &CompletionsArgs, output: &Output) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "zkt", &mut script);
    let mut out = output.plain_out();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}

pub(crate) fn man(output: &Output) -> Result<Exit, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(args::command()).render(&mut page)?;
    let mut out = output.plain_out();
    out.write_all(&page)?;
    out.flush()?;
    Ok(Exit::Done)
}
