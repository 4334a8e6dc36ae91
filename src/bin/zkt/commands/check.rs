//! `zkt check`: parses, merges and lints.

use std::io::Write as _;

use clap::Args;
use serde_json::json;
use zkt::model::plan::Refusal;
use zkt::reconcile;
use zkt::zookeeper::session::MAX_REQUEST;

use crate::args::values::request_size;
use crate::args::{Format, LayerArgs};
use crate::declare::{self, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{render, words};

/// Parse, merge and lint tree files; no server needed
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// How the result is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Warnings are errors
    #[arg(long)]
    pub(crate) strict: bool,
    /// The largest request that the servers take, their jute.maxbuffer, as in 10MiB [default: 1048575]
    #[arg(long, value_name = "SIZE", default_value_t = MAX_REQUEST, hide_default_value = true,
          value_parser = request_size)]
    pub(crate) max_request: usize,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

pub(crate) fn run(args: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let loaded = declare::load(
        &args.sources.layers,
        args.allow_empty,
        &Destination::nowhere(),
        &args.sources.files.files(),
    );
    let source = match loaded.and_then(|source| source.require_size(args.max_request)) {
        Ok(source) => source,
        Err(problems) if args.format == Format::Json => {
            let mut out = output.out();
            let report = json!({
                "format_version": render::FORMAT_VERSION,
                "ok": false, "errors": declare::json(&problems), "warnings": [],
            });
            writeln!(out, "{report}")?;
            out.flush()?;
            return Ok(declare::exit(&problems));
        }
        Err(problems) => return Err(declare::report(&problems, output)),
    };
    let warnings = reconcile::lint(&source);
    let refused = args.strict && !warnings.is_empty();
    let nodes = source.tree().iter();
    let nodes = nodes.filter(|(_, node)| node.is_declared()).count();
    let files = source.texts().len();
    let mut out = output.out();
    if args.format == Format::Json {
        let warnings: Vec<_> = warnings.iter().map(render::warning_json).collect();
        let report = json!({
            "format_version": render::FORMAT_VERSION,
            "ok": !refused, "files": files, "nodes": nodes, "errors": [], "warnings": warnings,
        });
        writeln!(out, "{report}")?;
    } else {
        render::write_warnings(&warnings, &mut output.err())?;
        if refused {
            let count = warnings.len();
            let refusal = words::refusal(&Refusal::Strict { count });
            return Err(Failure::new(refusal).exit(Exit::Refused));
        }
        writeln!(
            out,
            "ok: {} in {}",
            render::count(nodes, "node"),
            render::count(files, "file")
        )?;
    }
    out.flush()?;
    Ok(if refused { Exit::Refused } else { Exit::Done })
}
