//! `zkt check`: parses, merges and lints.

mod explain;

use std::io::Write as _;

use clap::Args;
use serde_json::json;
use zkt::declare::{Problems, Source};
use zkt::model::lint::Lint;
use zkt::model::plan::{Refusal, Warning};
use zkt::model::request::MAX_REQUEST;
use zkt::reconcile;

use crate::args::values::request_size;
use crate::args::{CheckFormat, LayerArgs, LintArgs, lints};
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
    #[command(flatten)]
    pub(crate) lints: LintArgs,
    /// Say why a lint exists, and what to do; without its name, list all
    #[arg(long, value_name = "LINT", num_args = 0..=1, default_missing_value = lints::ALL,
          value_parser = lints::names(), hide_possible_values = true, help_heading = "Lints",
          conflicts_with_all = ["layers", "format", "strict"])]
    pub(crate) explain: Option<String>,
}

pub(crate) fn run(args: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    if let Some(name) = &args.explain {
        let mut out = output.plain_out();
        let text = Lint::named(name).map_or_else(explain::listed, explain::explained);
        write!(out, "{text}")?;
        out.flush()?;
        return Ok(Exit::Done);
    }
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
    let warnings = reconcile::lint(source, &args.lints.levels);
    let refusal = refusal(&warnings, args.strict);
    let nodes = source.tree().declared().count();
    let files = source.texts().len();
    let (files_text, nodes_text) = (render::count(files, "file"), render::count(nodes, "node"));
    let ok = format!("ok: {nodes_text} in {files_text}");
    let mut out = output.out();
    match args.format {
        CheckFormat::Json => {
            let warnings: Vec<_> = warnings.iter().map(render::warning_json).collect();
            let report = json!({
                "format_version": render::FORMAT_VERSION,
                "ok": refusal.is_none(), "files": files, "nodes": nodes, "errors": [],
                "warnings": warnings,
            });
            writeln!(out, "{report}")?;
        }
        CheckFormat::Text => {
            render::write_warnings(&warnings, &mut output.err())?;
            if let Some(refusal) = refusal {
                return Err(Failure::new(refusal).exit(Exit::Refused));
            }
            writeln!(out, "{ok}")?;
        }
        CheckFormat::Github => {
            let refused = refusal.iter();
            let refused = refused.map(|refusal| Remark::error(refusal, None, None));
            let remarks = refused.chain(warnings.iter().map(Remark::warning));
            let remarks: Vec<Remark> = remarks.collect();
            let line = refusal.as_ref().unwrap_or(&ok);
            render::write_annotations(TITLE, &remarks, &Root::of_environment(), &mut out)?;
            render::write_notice(TITLE, line, &mut out)?;
        }
        CheckFormat::Sarif => {
            let layers = &args.sources.layers;
            let findings = warnings.iter().map(|warning| finding(warning, layers));
            let findings: Vec<Finding> = findings.collect();
            writeln!(out, "{}", render::sarif(&findings, &Root::of_environment()))?;
        }
    }
    out.flush()?;
    Ok(match refusal {
        Some(_) => Exit::Refused,
        None => Exit::Done,
    })
}

/// Why files with these warnings do not pass.
fn refusal(warnings: &[Warning], strict: bool) -> Option<String> {
    let count = warnings.len();
    let strict = (strict && count > 0).then_some(Refusal::Strict { count });
    let refusal = Warning::denied(warnings).or(strict)?;
    Some(words::refusal(&refusal))
}

/// A warning for code scanning, at the start of the layers if it is about no line.
fn finding(warning: &Warning, layers: &[String]) -> Finding {
    let Remark { message, place, .. } = Remark::warning(warning);
    let layer = layers.first().map(String::as_str);
    let place = place.unwrap_or_else(|| declare::start_of(layer.unwrap_or("-")));
    Finding {
        found: Found::Lint(warning.lint, warning.level),
        message,
        place,
    }
}
