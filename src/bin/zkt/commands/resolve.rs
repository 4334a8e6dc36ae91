//! `zkt resolve`: the real path behind links.

use std::io::Write as _;

use clap::Args;

use crate::args::ServerArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{planning, render, settings};

/// Print the real path for a path that leads through links
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// The path
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &ResolveArgs, output: &Output) -> Result<Exit, Failure> {
    planning::require_absolute(&args.path)?;
    let zookeeper = settings::zookeeper(&args.server).await?;
    let real = zookeeper.resolve(&args.path).await;
    zookeeper.close().await;
    let mut out = output.plain_out();
    writeln!(out, "{}", render::path_text(&real?))?;
    out.flush()?;
    Ok(Exit::Done)
}
