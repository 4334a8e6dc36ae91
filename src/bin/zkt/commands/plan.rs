//! `zkt plan`: what apply would do.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use zkt::model::plan::Plan;
use zkt::plan::saved::SavedPlan;

use crate::args::{Format, LayerArgs, PlanOptions, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::opening::{self, Opening};
use crate::output::Output;
use crate::planning;
use crate::render;
use crate::saved::{self, Made};

/// Show what apply would do; writes nothing
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    /// How the plan is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Save the plan, so that apply --plan does exactly this
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Write secret values into the saved plan, which is then for its owner only
    #[arg(long, requires = "out")]
    pub(crate) with_secrets: bool,
    /// Show a saved plan; needs no server
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["layers", "out"])]
    pub(crate) show: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &PlanArgs, output: &Output) -> Result<Exit, Failure> {
    if let Some(file) = &args.show {
        return show_saved(args, &saved::read(file)?, output);
    }
    let Opening {
        source,
        session,
        ahead,
    } = opening::open(&args.sources, &args.plan, &args.server, output).await?;
    let options = planning::options(&args.plan)?;
    let plan = planning::plan(&session, &source, ahead, &options, output).await;
    let server = session.hosts();
    session.close().await;
    let plan = plan?;
    let layers = &args.sources.layers;
    let shows_checksum = args.format == Format::Json || output.is_verbose();
    let checksum = shows_checksum.then(|| saved::checksum(&plan, &source));
    show(args, &plan, (&server, layers), checksum.as_deref(), output)?;
    if let Some(hint) = render::exposed(&plan) {
        output.hint(&hint);
    }
    if let Some(file) = &args.out {
        if plan.refusals.is_empty() {
            let made = Made {
                source: &source,
                args: &args.plan,
                layers,
                server: &server,
            };
            saved::write(file, &made.saved(&plan, args.with_secrets)?, output)?;
        } else {
            output.note("a plan that is refused is not saved");
        }
    }
    Ok(exit(&plan, args.detailed_exitcode))
}

/// Shows a plan as it was saved.
fn show_saved(args: &PlanArgs, saved: &SavedPlan, output: &Output) -> Result<Exit, Failure> {
    let SavedPlan { origin, .. } = saved;
    let from = (origin.server.as_str(), &origin.layers[..]);
    show(args, saved.plan(), from, Some(saved.checksum()), output)?;
    output.note(&format!("made {} by zkt {}", origin.made, origin.zkt));
    Ok(exit(saved.plan(), args.detailed_exitcode))
}

/// Prints a plan for a server from layers.
fn show(
    args: &PlanArgs,
    plan: &Plan,
    (server, layers): (&str, &[String]),
    checksum: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    let mut out = output.out();
    match args.format {
        Format::Json => {
            let mut object = render::plan_json(plan);
            object["checksum"] = checksum.into();
            writeln!(out, "{object}")?;
        }
        Format::Text => {
            let options = output.plan_text("zkt plan", server, layers);
            render::plan_text(plan, &options, &mut out)?;
            if let Some(checksum) = checksum.filter(|_| output.is_verbose()) {
                writeln!(out, "Checksum: {checksum}")?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

fn exit(plan: &Plan, detailed: bool) -> Exit {
    if !plan.refusals.is_empty() {
        Exit::Refused
    } else if detailed && !plan.is_empty() {
        Exit::Changes
    } else {
        Exit::Done
    }
}
