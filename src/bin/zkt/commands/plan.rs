//! `zkt plan`: what apply would do.

use std::path::{Path, PathBuf};
use std::slice;

use clap::{Args, ValueHint};
use zkt::declare::Source;
use zkt::model::node::Live;
use zkt::model::plan::{Plan, Refusal};
use zkt::model::tree::Tree;
use zkt::plan::saved::SavedPlan;
use zkt::reconcile::Options;

use crate::args::{LayerArgs, PlanFormat, PlanOptions, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::opening::{self, Opening};
use crate::output::Output;
use crate::render::{self, Bounds, Subject};
use crate::saved::{self, Made};
use crate::{owner, planning, review, words};

/// Show what apply would do; writes nothing
#[derive(Debug, Args)]
#[command(override_usage = "zkt plan [OPTIONS] <LAYER>...\n       \
                            zkt plan [OPTIONS] --show <FILE>")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    /// How the plan is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: PlanFormat,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// Find out, too, whether this session may write what apply would write; refuse the plan if it may not
    #[arg(long)]
    pub(crate) check_rights: bool,
    /// Save the plan, so that apply --plan does exactly this
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = plan_file)]
    pub(crate) out: Option<PathBuf>,
    /// Write secret values into the saved plan, which is then for its owner only
    #[arg(long, requires = "out")]
    pub(crate) with_secrets: bool,
    /// Show a saved plan; needs no server
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["layers", "check_rights", "out", "with_secrets", "path", "owner", "owner_path", "adopt", "trim", "target", "exclude",
                                "strict", "max_trim", "force", "allow_empty", "replace",
                                "allow_ephemeral", "allow", "warn", "deny", "policy", "connect"])]
    pub(crate) show: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Of Terraform's `-out=FILE`, `-o` would make the file `ut=FILE`.
fn plan_file(text: &str) -> Result<PathBuf, String> {
    if text == "ut" || text.starts_with("ut=") {
        return Err("expected -o FILE or --out FILE".to_owned());
    }
    if text == "-" {
        return Err("the plan itself goes to stdout: expected a file, as ./- is one".to_owned());
    }
    Ok(text.into())
}

pub(crate) async fn run(args: &PlanArgs, output: &Output) -> Result<Exit, Failure> {
    let layers = &args.sources.layers;
    // What was typed for the servers may hold what nobody is to see.
    let bounds = Bounds::of(&args.plan);
    let unplanned = |failure| {
        let subject = subject(&[], layers, &bounds);
        review::explained(failure, args.format, &subject, output)
    };
    if let Some(file) = &args.show {
        return show_saved(args, file, &saved::read(file).map_err(unplanned)?, output);
    }
    let planned = plan(args, output).await.map_err(unplanned)?;
    let Planned {
        plan,
        live,
        source,
        server,
    } = planned;
    let shows_checksum = match args.format {
        PlanFormat::Json | PlanFormat::Markdown => true,
        PlanFormat::Text => output.is_verbose(),
        PlanFormat::Github => false,
    };
    let revision = owner::revision_of(&args.plan.owner, layers, &source).await;
    let made = Made {
        source: &source,
        live: &live,
        args: &args.plan,
        layers,
        server: &server,
        revision: revision.as_deref(),
    };
    if args.with_secrets {
        require_secrets(&plan).map_err(unplanned)?;
    }
    let saved = match &args.out {
        Some(file) if plan.refusals.is_empty() => {
            Some((file, made.saved(&plan, args.with_secrets)?))
        }
        _ => None,
    };
    let checksum = match &saved {
        _ if !shows_checksum => None,
        Some((_, saved)) => Some(saved.checksum().to_owned()),
        None => Some(saved::checksum(&plan, &source, &live, &args.plan)?),
    };
    let subject = subject(slice::from_ref(&server), layers, &bounds);
    let shown = review::as_shown(&plan, args.format);
    review::print(args.format, &shown, &subject, checksum.as_deref(), output)?;
    output.hint_if_any(|| render::exposed(&shown));
    match (&saved, &args.out) {
        (Some((file, saved)), _) => saved::write(file, saved, &args.server.way, output)?,
        (None, Some(file)) => output.warning(&not_saved(file)),
        (None, None) => {}
    }
    Ok(exit(&plan, args.detailed_exitcode))
}

fn not_saved(file: &Path) -> String {
    let file = file.display();
    format!("a plan that is refused is not saved: {file} is as it was")
}

/// A plan that is to be saved with its secrets has to have them.
fn require_secrets(plan: &Plan) -> Result<(), Failure> {
    let Some(lacking) = plan.not_compared.first() else {
        return Ok(());
    };
    let refusal = words::refusal(&Refusal::NoSecret(lacking.clone()));
    Err(Failure::new(format!("--with-secrets: {refusal}")))
}

/// A plan, and what it was made of.
struct Planned {
    plan: Plan,
    live: Tree<Live>,
    source: Source,
    server: String,
}

async fn plan(args: &PlanArgs, output: &Output) -> Result<Planned, Failure> {
    if let Some(file) = &args.out
        && args
            .sources
            .layers
            .iter()
            .any(|layer| Path::new(layer) == file)
    {
        let message = format!(
            "--out {} is a layer, and would be overwritten",
            file.display()
        );
        return Err(Failure::new(message));
    }
    let options = Options {
        check_rights: args.check_rights,
        ..planning::options(&args.plan)?
    };
    let Opening {
        source,
        session,
        ahead,
    } = opening::open(&args.sources, &args.plan, &args.server, output).await?;
    let plan = planning::plan(&session, &source, ahead, &options, output).await;
    let server = session.hosts();
    session.close().await;
    let (plan, live) = plan?;
    Ok(Planned {
        plan,
        live,
        source,
        server,
    })
}

/// Shows a plan as it was saved.
fn show_saved(
    args: &PlanArgs,
    file: &Path,
    saved: &SavedPlan,
    output: &Output,
) -> Result<Exit, Failure> {
    let SavedPlan { origin, terms, .. } = saved;
    let options = saved::plan_options(terms, &args.plan);
    let bounds = Bounds::of_saved(&options, origin.context.as_deref());
    let subject = subject(slice::from_ref(&origin.server), &origin.layers, &bounds);
    let checksum = Some(saved.checksum());
    let shown = review::as_shown(saved.plan(), args.format);
    review::print(args.format, &shown, &subject, checksum, output)?;
    output.note(&format!("made {} by zkt {}", origin.made, origin.zkt));
    let mut way = args.server.way.clone();
    if let Some(context) = &origin.context
        && !way.words.iter().any(|word| word == "--context")
    {
        way.words.extend(["--context".to_owned(), context.clone()]);
    }
    let words = saved::words_to_apply(file, saved, &way);
    output.note(&format!("{words} does exactly this"));
    Ok(exit(saved.plan(), args.detailed_exitcode))
}

/// A plan for a server from layers.
fn subject<'a>(server: &'a [String], layers: &'a [String], bounds: &'a Bounds) -> Subject<'a> {
    Subject {
        title: "zkt plan",
        old: ("on", server),
        new: ("from", layers),
        bounds,
        stays: &[],
    }
}

fn exit(plan: &Plan, detailed: bool) -> Exit {
    if !plan.refusals.is_empty() {
        Exit::Refused
    } else if detailed && (!plan.is_empty() || plan.claims.are_asked_for()) {
        Exit::Changes
    } else {
        Exit::Done
    }
}
