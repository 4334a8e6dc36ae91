//! What an apply starts from: layers, or a plan that was saved before.

use zkt::declare::Source;
use zkt::plan::saved::{SavedPlan, Secrets};
use zkt::zookeeper::live::ReadAhead;
use zkt::zookeeper::session::Session;

use super::ApplyArgs;
use crate::args::{PlanOptions, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::opening::{self, Opening};
use crate::output::Output;
use crate::saved::{self, Made};
use crate::{planning, settings};

/// A session, and what to do over it.
pub(super) struct Start {
    pub(super) session: Session,
    pub(super) ahead: ReadAhead,
    /// What is declared; empty where a saved plan says it all.
    pub(super) source: Source,
    /// The plan that was reviewed, where there is one.
    pub(super) saved: Option<SavedPlan>,
    /// What a plan may do.
    pub(super) plan: PlanOptions,
}

/// Reads what is to be applied, and connects.
pub(super) async fn start(args: &ApplyArgs, output: &Output) -> Result<Start, Failure> {
    if !args.yes && !output.can_ask() {
        return Err(Failure::new("there is no terminal to ask on")
            .hint("-y applies without asking; zkt plan shows what it would do"));
    }
    if let Some(file) = &args.saved {
        return of_saved(args, saved::read(file)?, output).await;
    }
    let start = declared(args, &args.plan, &args.server, output).await?;
    match &args.checksum {
        Some(checksum) => checked(args, checksum, start, output).await,
        None => Ok(start),
    }
}

/// From layers.
async fn declared(
    args: &ApplyArgs,
    plan: &PlanOptions,
    server: &ServerArgs,
    output: &Output,
) -> Result<Start, Failure> {
    let Opening {
        source,
        session,
        ahead,
    } = opening::open(&args.sources, plan, server, output).await?;
    Ok(Start {
        session,
        ahead,
        source,
        saved: None,
        plan: plan.clone(),
    })
}

/// From a saved plan, and from the layers that hold its secrets.
async fn of_saved(args: &ApplyArgs, saved: SavedPlan, output: &Output) -> Result<Start, Failure> {
    let layers = &args.sources.layers;
    if saved.secrets() == Secrets::Withheld && layers.is_empty() {
        let hint = format!(
            "give the layers that it was made from: {}",
            saved.origin.layers.join(" ")
        );
        return Err(Failure::new("the saved plan does not hold its secret values").hint(hint));
    }
    let server = ServerArgs {
        connect: Some(settings::saved_hosts(&args.server, &saved.origin.server)?),
        ..args.server.clone()
    };
    let plan = saved::plan_options(&saved.terms, args.plan.allow_empty);
    let start = if layers.is_empty() {
        let session = Session::open(&settings::session_options(&server)?).await?;
        session.check_chroot().await?;
        Start {
            session,
            ahead: ReadAhead::default(),
            source: Source::default(),
            saved: None,
            plan,
        }
    } else {
        let start = declared(args, &plan, &server, output).await?;
        let reviewed = saved.require_reviewed(start.source.tree());
        reviewed.map_err(|error| Failure::new(error).exit(Exit::Conflict))?;
        start
    };
    Ok(Start {
        saved: Some(saved),
        ..start
    })
}

/// The plan that there is now, if it is the one with this checksum.
async fn checked(
    args: &ApplyArgs,
    checksum: &str,
    start: Start,
    output: &Output,
) -> Result<Start, Failure> {
    let Start {
        session,
        ahead,
        source,
        ..
    } = start;
    let options = planning::options(&args.plan)?;
    let plan = planning::plan(&session, &source, ahead, &options, output).await?;
    let found = saved::checksum(&plan, &source);
    let is_it = found.eq_ignore_ascii_case(checksum);
    if !is_it && plan.refusals.is_empty() {
        let failure = Failure::new(format!(
            "the plan is not the one that was reviewed: its checksum is {found}"
        ));
        return Err(failure
            .hint("zkt plan shows what it is now; nothing was written")
            .exit(Exit::Conflict));
    }
    let server = session.hosts();
    let made = Made {
        source: &source,
        args: &args.plan,
        layers: &args.sources.layers,
        server: &server,
    };
    // One that is refused is shown and refused as any.
    let saved = match plan.refusals.is_empty() {
        true => Some(made.saved(&plan, true)?),
        false => None,
    };
    Ok(Start {
        session,
        ahead: ReadAhead::default(),
        source,
        saved,
        plan: args.plan.clone(),
    })
}
