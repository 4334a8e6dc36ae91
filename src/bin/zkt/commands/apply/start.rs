//! What an apply starts from: layers, or a plan that was saved before.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use zkt::declare::Source;
use zkt::plan::saved::{SavedPlan, Secrets};
use zkt::reconcile::Options;
use zkt::zookeeper::live::ReadAhead;
use zkt::zookeeper::session::Session;

use crate::args::{LayerArgs, PlanOptions, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::opening::{self, Opening};
use crate::output::Output;
use crate::saved::{self, Made};
use crate::{owner, planning, settings, words};

/// What is to be applied.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// Carry out a saved plan, just that; with layers where it lacks their secret values
    #[arg(long = "plan", id = "saved", value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["path", "owner", "owner_path", "adopt", "trim", "extras", "target", "exclude", "strict", "max_trim",
                                "replace", "allow_ephemeral", "allow", "warn", "deny"])]
    pub(crate) saved: Option<PathBuf>,
    /// Apply only if the plan has this checksum, which zkt plan -v prints
    #[arg(long, value_name = "HEX", conflicts_with = "saved")]
    pub(crate) checksum: Option<String>,
    /// The layers of the context, which a saved plan takes its secret values from
    #[arg(skip)]
    pub(crate) of_context: Vec<String>,
}

/// A saved plan, and the layers that hold its secrets.
pub(super) struct Reviewed {
    file: PathBuf,
    saved: SavedPlan,
    sources: LayerArgs,
}

/// Reads the saved plan, if one is to be applied.
pub(super) fn reviewed(args: &StartArgs) -> Result<Option<Reviewed>, Failure> {
    let Some(file) = &args.saved else {
        return Ok(None);
    };
    let saved = saved::read(file)?;
    let mut sources = args.sources.clone();
    if saved.secrets() == Secrets::Withheld && sources.layers.is_empty() {
        sources.layers.clone_from(&args.of_context);
        if sources.layers.is_empty() {
            let hint = format!(
                "give the layers that it was made from: {}",
                saved.origin.layers.join(" ")
            );
            let message = "the saved plan does not hold its secret values";
            return Err(Failure::new(message).hint(hint));
        }
    }
    let file = file.clone();
    Ok(Some(Reviewed {
        file,
        saved,
        sources,
    }))
}

/// A session, and what to do over it.
pub(super) struct Start {
    pub(super) session: Session,
    pub(super) ahead: ReadAhead,
    /// What is declared; empty where a saved plan says it all.
    pub(super) source: Source,
    /// The plan that was reviewed, where there is one.
    pub(super) saved: Option<SavedPlan>,
    /// What a plan may do.
    pub(super) options: Options,
}

/// Reads layers, and connects.
pub(super) async fn of_layers(
    args: &StartArgs,
    plan: &PlanOptions,
    server: &ServerArgs,
    output: &Output,
) -> Result<Start, Failure> {
    let start = declared(&args.sources, plan, server, output).await?;
    match &args.checksum {
        Some(checksum) => checked(&args.sources, checksum, start, plan, output).await,
        None => Ok(start),
    }
}

/// From layers.
async fn declared(
    sources: &LayerArgs,
    plan: &PlanOptions,
    server: &ServerArgs,
    output: &Output,
) -> Result<Start, Failure> {
    // What is wrong with them is said before anybody connects.
    let options = planning::options(plan)?;
    let Opening {
        source,
        session,
        ahead,
    } = opening::open(sources, plan, server, output).await?;
    Ok(Start {
        session,
        ahead,
        source,
        saved: None,
        options,
    })
}

/// From a saved plan, and from the layers that hold its secrets.
pub(super) async fn of_saved(
    reviewed: Reviewed,
    plan: &PlanOptions,
    server: &ServerArgs,
    output: &Output,
) -> Result<Start, Failure> {
    let Reviewed {
        file,
        saved,
        sources,
    } = reviewed;
    let forced = plan.force;
    let plan = saved::plan_options(&saved.terms, plan);
    let server = settings::saved_server(server, &saved.origin.server, &file)?;
    let mut start = if sources.layers.is_empty() {
        let options = planning::options(&plan)?;
        let session = Session::open(&settings::session_options(&server)?).await?;
        session.check_chroot().await?;
        Start {
            session,
            ahead: ReadAhead::default(),
            source: Source::default(),
            saved: None,
            options,
        }
    } else {
        let start = declared(&sources, &plan, &server, output).await?;
        let reviewed = saved.require_reviewed(start.source.tree());
        reviewed.map_err(|error| Failure::new(error).exit(Exit::Conflict))?;
        start
    };
    // Who made the plan had perhaps other rights.
    start.options.check_rights = !forced;
    Ok(Start {
        saved: Some(saved),
        ..start
    })
}

/// The plan that there is now, if it is the one with this checksum.
async fn checked(
    sources: &LayerArgs,
    checksum: &str,
    start: Start,
    terms: &PlanOptions,
    output: &Output,
) -> Result<Start, Failure> {
    let Start {
        session,
        ahead,
        source,
        options,
        ..
    } = start;
    let (plan, live) = planning::plan(&session, &source, ahead, &options, output).await?;
    let server = session.hosts();
    let revision = owner::revision_of(&terms.owner, &sources.layers, &source).await;
    let made = Made {
        source: &source,
        live: &live,
        args: terms,
        layers: &sources.layers,
        server: &server,
        revision: revision.as_deref(),
    };
    let saved = made.saved(&plan, true)?;
    let found = saved.checksum();
    if !found.eq_ignore_ascii_case(checksum) {
        let failure = Failure::new(format!(
            "the plan is not the one that was reviewed: its checksum is {found}"
        ));
        return Err(failure
            .hint("zkt plan shows what it is now; nothing was written")
            .exit(Exit::Conflict));
    }
    if let Some(refusal) = plan.refusals.first() {
        let failure = Failure::new(words::refusal(refusal));
        return Err(failure.hint("zkt plan shows it").exit(Exit::Refused));
    }
    Ok(Start {
        session,
        ahead: ReadAhead::default(),
        source,
        saved: Some(saved),
        options,
    })
}
