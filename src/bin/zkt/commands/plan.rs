//! `zkt plan`: what apply would do.

use std::io::Write as _;

use clap::Args;
use zkt::model::plan::Plan;

use crate::args::{Format, LayerArgs, PlanOptions, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::opening::{self, Opening};
use crate::output::Output;
use crate::planning;
use crate::render;

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
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &PlanArgs, output: &Output) -> Result<Exit, Failure> {
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
    let mut out = output.out();
    match args.format {
        Format::Json => writeln!(out, "{}", render::plan_json(&plan))?,
        Format::Text => {
            let options = output.plan_text("zkt plan", &server, &args.sources.layers);
            render::plan_text(&plan, &options, &mut out)?;
        }
    }
    out.flush()?;
    if let Some(hint) = render::exposed(&plan) {
        output.hint(&hint);
    }
    let exit = exit(&plan, args.detailed_exitcode);
    Ok(exit)
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
