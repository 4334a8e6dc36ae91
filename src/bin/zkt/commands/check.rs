//! `zkt check`: parses, merges and lints.

use std::io::Write as _;

use clap::Args;
use serde_json::json;
use zkt::declare::{Problems, Source};
use zkt::model::plan::{Refusal, Warning};
use zkt::model::request::MAX_REQUEST;
use zkt::reconcile::{self, Lint};

use crate::args::values::request_size;
use crate::args::{CheckFormat, LayerArgs};
use crate::declare::{self, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render::{self, Finding, Found, Remark, Root};
use crate::words;

const TITLE: &str = "zkt check";

/// Parse, merge and lint tree files; no server needed
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// How the result is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: CheckFormat,
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
    match loaded.and_then(|source| source.require_size(args.max_request)) {
        Ok(source) => print_sound(&source, args, output),
        Err(problems) => print_problems(&problems, args.format, output),
    }
}

/// Prints why layers are not sound.
fn print_problems(
    problems: &Problems,
    format: CheckFormat,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut out = output.out();
    let exit = match format {
        CheckFormat::Text => return Err(declare::report(problems, output)),
        CheckFormat::Json => {
            let report = json!({
                "format_version": render::FORMAT_VERSION,
                "ok": false, "errors": declare::json(problems), "warnings": [],
            });
            writeln!(out, "{report}")?;
            Ok(declare::exit(problems))
        }
        CheckFormat::Github => {
            let failure = declare::report(problems, output);
            let remarks = failure.remarks();
            let errors = render::count(remarks.len(), "error");
            let root = Root::of_environment();
            render::write_annotations(TITLE, &remarks, &root, &mut out)?;
            render::write_notice(TITLE, &errors, &mut out)?;
            Err(failure)
        }
        CheckFormat::Sarif => {
            let findings = declare::findings(problems);
            writeln!(out, "{}", render::sarif(&findings, &Root::of_environment()))?;
            Ok(declare::exit(problems))
        }
    };
    out.flush()?;
    exit
}

/// Prints what sound layers come to, and what is probably wrong with them.
fn print_sound(source: &Source, args: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let lints = reconcile::lint(source);
    let warnings = lints.iter().map(|(_, warning)| warning);
    let refused = args.strict && !lints.is_empty();
    let nodes = source.tree().iter();
    let nodes = nodes.filter(|(_, node)| node.is_declared()).count();
    let files = source.texts().len();
    let (files_text, nodes_text) = (render::count(files, "file"), render::count(nodes, "node"));
    let ok = format!("ok: {nodes_text} in {files_text}");
    let refusal = || words::refusal(&Refusal::Strict { count: lints.len() });
    let mut out = output.out();
    match args.format {
        CheckFormat::Json => {
            let warnings: Vec<_> = warnings.map(render::warning_json).collect();
            let report = json!({
                "format_version": render::FORMAT_VERSION,
                "ok": !refused, "files": files, "nodes": nodes, "errors": [],
                "warnings": warnings,
            });
            writeln!(out, "{report}")?;
        }
        CheckFormat::Text => {
            let warnings: Vec<Warning> = warnings.cloned().collect();
            render::write_warnings(&warnings, &mut output.err())?;
            if refused {
                return Err(Failure::new(refusal()).exit(Exit::Refused));
            }
            writeln!(out, "{ok}")?;
        }
        CheckFormat::Github => {
            let mut remarks: Vec<Remark> = warnings.map(Remark::warning).collect();
            if refused {
                remarks.insert(0, Remark::error(&refusal(), None, None));
            }
            let line = if refused { refusal() } else { ok };
            render::write_annotations(TITLE, &remarks, &Root::of_environment(), &mut out)?;
            render::write_notice(TITLE, &line, &mut out)?;
        }
        CheckFormat::Sarif => {
            let findings: Vec<Finding> = {
                let layers = &args.sources.layers;
                lints.iter().map(|lint| finding(lint, layers)).collect()
            };
            writeln!(out, "{}", render::sarif(&findings, &Root::of_environment()))?;
        }
    }
    out.flush()?;
    Ok(if refused { Exit::Refused } else { Exit::Done })
}

/// A warning for code scanning, at the start of the layers if it is about no line.
fn finding((lint, warning): &(Lint, Warning), layers: &[String]) -> Finding {
    let found = match lint {
        Lint::System => Found::System,
        Lint::Doubt => Found::Doubt,
        Lint::Link => Found::Link,
    };
    let Remark { message, place, .. } = Remark::warning(warning);
    let layer = layers.first().map(String::as_str);
    let place = place.unwrap_or_else(|| declare::start_of(layer.unwrap_or("-")));
    Finding {
        found,
        message,
        place,
    }
}
