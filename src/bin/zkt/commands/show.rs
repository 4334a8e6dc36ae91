//! `zkt show`: the merged declared tree.

use std::io::Write as _;

use clap::Args;
use zkt::export;

use crate::args::{LayerArgs, TreeFormat};
use crate::declare::{self, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Print the merged declared tree
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// How the tree is printed
    #[arg(long, default_value = "zkt")]
    pub(crate) format: TreeFormat,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

pub(crate) fn run(args: &ShowArgs, output: &Output) -> Result<Exit, Failure> {
    let source = declare::load_or_report(
        &args.sources.layers,
        args.allow_empty,
        &Destination::nowhere(),
        &args.sources.files.files(),
        output,
    )?;
    let mut out = output.plain_out();
    match args.format {
        TreeFormat::Zkt => export::write_text(source.tree(), &mut out)?,
        TreeFormat::Json => export::write_json(source.tree(), &mut out)?,
    }
    out.flush()?;
    Ok(Exit::Done)
}
