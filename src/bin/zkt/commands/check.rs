//! `zkt check`: parses, merges and lints.

mod explain;

use std::io::{self, Write};
use std::slice;

use clap::Args;
use serde_json::{Value, json};
use zkt::declare::{Problems, Source};
use zkt::model::lint::Lint;
use zkt::model::plan::Warning;
use zkt::model::request::MAX_REQUEST;
use zkt::reconcile;
use zkt::syntax::spelling::printable;

use crate::args::values::request_size;
use crate::args::{CheckFormat, FileSays, LayerArgs, LintArgs, lints};
use crate::declare::{self, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render::{self, Bounds, Finding, Found, Remark, Root};
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
    /// Check each context of zkt.toml that has layers, and say of which one each finding is
    #[arg(long, conflicts_with_all = ["layers", "explain"])]
    pub(crate) all_contexts: bool,
    #[command(flatten)]
    pub(crate) lints: LintArgs,
    /// Say why a lint exists, and what to do; without its name, list all
    #[arg(long, value_name = "LINT", num_args = 0..=1, default_missing_value = lints::ALL,
          value_parser = lints::names(), hide_possible_values = true, help_heading = "Lints",
          conflicts_with_all = ["layers", "format", "strict"])]
    pub(crate) explain: Option<String>,
    /// What zkt.toml says of the check
    #[arg(skip)]
    pub(crate) of_file: Option<FileSays>,
}

pub(crate) fn run(args: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    if let Some(name) = &args.explain {
        let mut out = output.plain_out();
        let text = Lint::named(name).map_or_else(explain::listed, explain::explained);
        write!(out, "{text}")?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    check(args, output)
}

/// Checks each context, by its name and what it says. Ends as the worst of them.
pub(crate) fn run_all(contexts: &[(String, CheckArgs)], output: &Output) -> Result<Exit, Failure> {
    let is_sarif = |(_, args): &(String, CheckArgs)| args.format == CheckFormat::Sarif;
    if contexts.iter().any(is_sarif) {
        return print_sarif_of_all(contexts, output);
    }
    let mut worst = Exit::Done;
    for (name, args) in contexts {
        let exit = check(args, output).unwrap_or_else(|mut failure| {
            if !failure.message.is_empty() {
                failure.message = format!("context {name}: {}", failure.message);
            }
            output.failure(&failure);
            failure.exit
        });
        worst = worse(worst, exit);
    }
    Ok(worst)
}

/// Layers with an error are worse than those that a guard refuses.
fn worse(one: Exit, other: Exit) -> Exit {
    let rank = |exit: &Exit| match exit {
        Exit::Done => 0,
        Exit::Refused => 1,
        _ => 2,
    };
    std::cmp::max_by_key(one, other, rank)
}

/// Prints one report for code scanning; each finding says of which context it is.
fn print_sarif_of_all(contexts: &[(String, CheckArgs)], output: &Output) -> Result<Exit, Failure> {
    let (mut all, mut worst) = (Vec::new(), Exit::Done);
    let mut refused = Vec::new();
    for (name, args) in contexts {
        let (findings, exit) = match load(args) {
            Ok(source) => {
                let warnings = reconcile::lint(&source, &args.lints.levels);
                let exit = match args.refusal(&warnings) {
                    Some(refusal) => {
                        refused.push(format!("context {name}: {refusal}"));
                        Exit::Refused
                    }
                    None => Exit::Done,
                };
                (args.findings(&warnings), exit)
            }
            Err(problems) => (declare::findings(&problems), declare::exit(&problems)),
        };
        all.extend(findings.into_iter().map(|finding| Finding {
            message: format!("context {name}: {}", finding.message),
            ..finding
        }));
        worst = worse(worst, exit);
    }
    let bounds = contexts
        .iter()
        .map(|(_, args)| Bounds::of_file(args.of_file.clone()));
    let bounds: Vec<Bounds> = bounds.collect();
    let log = render::sarif(
        &all,
        &bounds,
        (&refused, Exit::Refused.code()),
        &Root::of_environment(),
    );
    let mut out = output.out();
    writeln!(out, "{}", render::json_line(&log))?;
    out.flush()?;
    Ok(worst)
}

fn load(args: &CheckArgs) -> Result<Source, Problems> {
    let loaded = declare::load(
        &args.sources.layers,
        args.allow_empty,
        &Destination::nowhere(),
        &args.sources.files.files(),
    );
    loaded.and_then(|source| source.require_size(args.max_request))
}

fn check(args: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let bounds = Bounds::of_file(args.of_file.clone());
    let said = bounds.lines(output.width());
    if args.format == CheckFormat::Text && !said.is_empty() {
        output.note(said.trim());
    }
    match load(args) {
        Ok(source) => print_sound(&source, args, &bounds, output),
        Err(problems) => print_problems(&problems, args.format, &bounds, output),
    }
}

/// Prints why layers are not sound.
fn print_problems(
    problems: &Problems,
    format: CheckFormat,
    bounds: &Bounds,
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
            write_json(report, bounds, &mut out)?;
            Ok(declare::exit(problems))
        }
        CheckFormat::Github => {
            let failure = declare::report(problems, output);
            let remarks = failure.remarks();
            let errors = render::count(remarks.len(), "error");
            let (title, root) = (bounds.titled(TITLE), Root::of_environment());
            render::write_annotations(&title, &remarks, &root, &mut out)?;
            render::write_notice(&title, &errors, bounds, &mut out)?;
            Err(failure)
        }
        CheckFormat::Sarif => {
            let findings = declare::findings(problems);
            let (bounds, none) = (slice::from_ref(bounds), (&[][..], 0));
            let log = render::sarif(&findings, bounds, none, &Root::of_environment());
            writeln!(out, "{}", render::json_line(&log))?;
            Ok(declare::exit(problems))
        }
    };
    out.flush()?;
    exit
}

/// Prints what sound layers come to, and what is probably wrong with them.
fn print_sound(
    source: &Source,
    args: &CheckArgs,
    bounds: &Bounds,
    output: &Output,
) -> Result<Exit, Failure> {
    let warnings = reconcile::lint(source, &args.lints.levels);
    let refusal = args.refusal(&warnings);
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
            write_json(report, bounds, &mut out)?;
        }
        CheckFormat::Text => {
            render::write_warnings(&warnings, &mut output.err())?;
            if let Some(refusal) = refusal {
                return Err(Failure::new(refusal).exit(Exit::Refused));
            }
            match bounds.context().filter(|_| args.all_contexts) {
                Some(name) => writeln!(out, "{}: {ok}", printable(name))?,
                None => writeln!(out, "{ok}")?,
            }
        }
        CheckFormat::Github => {
            let refused = refusal.iter();
            let refused = refused.map(|refusal| Remark::error(refusal, None, None));
            let remarks = refused.chain(warnings.iter().map(Remark::warning));
            let remarks: Vec<Remark> = remarks.collect();
            let line = refusal.as_ref().unwrap_or(&ok);
            let (title, root) = (bounds.titled(TITLE), Root::of_environment());
            render::write_annotations(&title, &remarks, &root, &mut out)?;
            render::write_notice(&title, line, bounds, &mut out)?;
        }
        CheckFormat::Sarif => {
            let findings = args.findings(&warnings);
            let refused = (refusal.as_slice(), Exit::Refused.code());
            let bounds = slice::from_ref(bounds);
            let log = render::sarif(&findings, bounds, refused, &Root::of_environment());
            writeln!(out, "{}", render::json_line(&log))?;
        }
    }
    out.flush()?;
    Ok(match refusal {
        Some(_) => Exit::Refused,
        None => Exit::Done,
    })
}

fn write_json(mut report: Value, bounds: &Bounds, out: &mut dyn Write) -> io::Result<()> {
    if let Some(bounds) = bounds.json() {
        report["bounds"] = bounds;
    }
    writeln!(out, "{}", render::json_line(&report))
}

impl CheckArgs {
    fn findings(&self, warnings: &[Warning]) -> Vec<Finding> {
        let layers = &self.sources.layers;
        let findings = warnings.iter().map(|warning| finding(warning, layers));
        findings.collect()
    }

    /// Why files with these warnings do not pass.
    fn refusal(&self, warnings: &[Warning]) -> Option<String> {
        if let Some(denied) = Warning::denied(warnings) {
            return Some(words::refusal(&denied));
        }
        let by_file = self.of_file.as_ref().filter(|of_file| {
            let mut names = of_file.settings.iter().map(|(name, _)| *name);
            names.any(|name| name == "strict")
        });
        let by = match by_file {
            Some(of_file) => format!("strict = true in {}", of_file.file),
            None => "--strict".to_owned(),
        };
        let found = render::count(warnings.len(), "warning");
        (self.strict && !warnings.is_empty()).then(|| format!("{found}, and {by} allows none"))
    }
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
