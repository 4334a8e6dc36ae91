//! `zkt diff`: the plan that turns one tree into another.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use clap::{ArgGroup, Args, ValueHint};
use zkt::declare::{Files as _, GitFiles, Source};
use zkt::export;
use zkt::model::node::{Content, Declared, LiveNode};
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Plan};
use zkt::model::tree::{Tree, tops};
use zkt::model::value::Data;
use zkt::plan::scope::{Children, Want};
use zkt::reconcile::{self, Options};
use zkt::zookeeper::live::ReadAhead;
use zkt::zookeeper::session::Session;

use crate::args::values::layer;
use crate::args::{FileArgs, PlanFormat, PlanOptions, ServerArgs, TrimArg};
use crate::config::Config;
use crate::declare::{self, Destination, System};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render::{Bounds, Subject, path_text};
use crate::{planning, render, review, settings};

/// Print the plan that turns one tree into another; each side is a layer, an export or `live`
#[derive(Debug, Args)]
#[command(override_usage = "zkt diff [OPTIONS] <OLD> <NEW>\n       \
                            zkt diff [OPTIONS] --old <LAYER>... --new <LAYER>...\n       \
                            zkt diff [OPTIONS] --since <REV> [--old-context <NAME>] --context <NAME>\n       \
                            zkt diff [OPTIONS] --old-context <NAME> --context <NAME>")]
#[command(group = ArgGroup::new("old_side").multiple(true)
          .args(["old_layers", "old_context", "since"]))]
pub(crate) struct DiffArgs {
    /// The tree to start from: a layer, the JSON of an export (FILE.json), or `live`
    #[arg(value_parser = layer, value_hint = ValueHint::AnyPath, required_unless_present = "old_side",
          conflicts_with_all = ["old_side", "new_layers"])]
    pub(crate) old: Option<String>,
    /// The tree to end with: a layer, the JSON of an export (FILE.json), or `live`
    #[arg(value_parser = layer, value_hint = ValueHint::AnyPath, required_unless_present = "new_layers")]
    pub(crate) new: Option<String>,
    /// The layers of the tree to start from, or `live`, instead of OLD
    #[arg(long = "old", id = "old_layers", value_name = "LAYER", num_args = 1.., value_parser = layer,
          value_hint = ValueHint::AnyPath, requires = "new_layers",
          conflicts_with_all = ["old_context", "since"])]
    pub(crate) old_layers: Vec<String>,
    /// The context of zkt.toml whose layers are the tree to start from [default with --since: the one that
    /// holds]
    #[arg(long, value_name = "NAME")]
    pub(crate) old_context: Option<String>,
    /// The commit of the tree to start from: the context as zkt.toml and the layers are there
    #[arg(long, value_name = "REV")]
    pub(crate) since: Option<String>,
    /// The layers of the tree to end with, or `live`, instead of NEW
    #[arg(long = "new", id = "new_layers", value_name = "LAYER", num_args = 1.., value_parser = layer,
          value_hint = ValueHint::AnyPath, requires = "old_side")]
    pub(crate) new_layers: Vec<String>,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    /// How the plan is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: PlanFormat,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

const LIVE: &str = "live";

impl DiffArgs {
    /// Takes the layers of the tree to start from out of a context, where one is named.
    pub(crate) fn heed(mut self, config: &Config, output: &Output) -> Result<Self, Failure> {
        let (name, revision) = (self.old_context.as_deref(), self.since.as_deref());
        if name.is_some() || revision.is_some() {
            self.old_layers = config.layers_of(name, revision, output)?;
        }
        Ok(self)
    }
}

pub(crate) async fn run(args: &DiffArgs, output: &Output) -> Result<Exit, Failure> {
    let sides = Sides::of(args)?;
    let bounds = Bounds::of(&args.plan);
    let unplanned = |failure| {
        let subject = subject(sides.old, sides.new, &bounds);
        review::explained(failure, args.format, &subject, output)
    };
    let (plan, old, new) = plan(args, &sides, output).await.map_err(unplanned)?;
    let stays = match is_live(sides.new) {
        true => Vec::new(),
        false => staying(&plan),
    };
    let subject = Subject {
        stays: &stays,
        ..subject(&old, &new, &bounds)
    };
    // Of a tree of files it is known what is secret.
    let shown = match is_live(sides.old) {
        true => review::as_shown(&plan, args.format),
        false => Cow::Borrowed(&plan),
    };
    review::print(args.format, &shown, &subject, None, output)?;
    output.hint_if_any(|| render::exposed(&shown));
    note_staying(&stays, output);
    Ok(if !plan.refusals.is_empty() {
        Exit::Refused
    } else if plan.is_empty() && plan.extras.is_empty() {
        Exit::Done
    } else {
        Exit::Different
    })
}

/// The top-level nodes that only the old tree has: an apply of the new one leaves them.
fn staying(plan: &Plan) -> Vec<ZPath> {
    let moved = plan.moved_nodes();
    let moved: BTreeSet<&ZPath> = moved.into_values().collect();
    let paths = plan.actions.iter().filter_map(|action| match action {
        Action::Trim(trim) if !moved.contains(&trim.path) => Some(&trim.path),
        _ => None,
    });
    let gone = paths.filter(|path| path.parent().as_ref() == Some(&plan.path));
    gone.cloned().collect()
}

/// Says that an apply leaves these nodes.
fn note_staying(stays: &[ZPath], output: &Output) {
    let [first, others @ ..] = stays else { return };
    let more = match others.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    output.note(&format!(
        "note: an apply leaves top-level nodes that are not declared, here\n  \
         {}{more}; --trim owned removes those of its owner",
        path_text(first)
    ));
}

/// The plan, and what people call its sides.
async fn plan(
    args: &DiffArgs,
    sides: &Sides<'_>,
    output: &Output,
) -> Result<(Plan, Vec<String>, Vec<String>), Failure> {
    let place = planning::place(&args.plan)?;
    let system = if is_live(sides.old) || is_live(sides.new) {
        System::of(&settings::session_options(&args.server)?)
    } else {
        System::Ordinary
    };
    let to = Destination {
        at: place.clone(),
        system,
    };
    let files = args.files.files();
    let load = |layers: &[String]| match layers {
        [export] if is_json(export) => exported(export, &place, &files),
        _ => declare::load_with_secrets(layers, args.plan.allow_empty, &to, &args.files, output),
    };
    let mut options = args.plan.clone();
    // The plan that turns one tree into the other removes what only the first one has.
    options.trim.get_or_insert(TrimArg::All);
    options.force = true;
    if options.owner.owner.is_some() || options.adopt || options.trim == Some(TrimArg::Owned) {
        return Err(Failure::new("diff compares trees, which have no owner"));
    }
    let rules = planning::options(&options)?;
    let (mut old, mut new) = (sides.old.to_vec(), sides.new.to_vec());
    let plan = if is_live(sides.old) {
        let source = planning::narrow(load(sides.new)?, &options, output)?;
        let session = Session::connect(&settings::session_options(&args.server)?).await?;
        let plan = planning::plan(&session, &source, ReadAhead::default(), &rules, output).await;
        old = vec![format!("live {}", session.hosts())];
        session.close().await;
        plan?.0
    } else if is_live(sides.new) {
        let source = load(sides.old)?;
        let session = Session::connect(&settings::session_options(&args.server)?).await?;
        let tree = live_side(&session, &source, &place, output).await;
        new = vec![format!("live {}", session.hosts())];
        session.close().await;
        compare(&source, tree?.into(), &rules)
    } else {
        compare(&load(sides.old)?, load(sides.new)?, &rules)
    };
    Ok((plan, old, new))
}

/// The layers of each tree, or `live` alone.
struct Sides<'a> {
    old: &'a [String],
    new: &'a [String],
}

impl<'a> Sides<'a> {
    fn of(args: &'a DiffArgs) -> Result<Self, Failure> {
        let side = |one: &'a Option<String>, layers: &'a [String]| match one {
            Some(one) => std::slice::from_ref(one),
            None => layers,
        };
        let sides = Self {
            old: side(&args.old, &args.old_layers),
            new: side(&args.new, &args.new_layers),
        };
        for side in [sides.old, sides.new] {
            if side.len() > 1 && side.iter().any(|layer| layer == LIVE) {
                return Err(Failure::new(
                    "live is a whole side: no layer stands beside it",
                ));
            }
        }
        if is_live(sides.old) && is_live(sides.new) {
            return Err(Failure::new("one side must be a layer"));
        }
        let has_input = |side: &[String]| side.iter().any(|layer| layer == "-");
        if has_input(sides.old) && has_input(sides.new) {
            return Err(Failure::new("standard input (-) can be one side only"));
        }
        Ok(sides)
    }
}

/// Whether a side is an export as JSON, by its name.
fn is_json(side: &str) -> bool {
    let extension = Path::new(side).extension();
    extension.is_some_and(|extension| extension == "json")
}

/// The tree that `zkt export --format json` has written to a file, which may be in a commit.
fn exported(name: &str, place: &ZPath, files: &GitFiles) -> Result<Source, Failure> {
    let path = Path::new(name);
    let text = files.root(path).and_then(|root| files.read(path, &root));
    let text =
        text.map_err(|error| Failure::new(format!("{name}: {}", declare::file_error(&error))))?;
    let tree = export::parse_json(&text, place);
    Ok(tree
        .map_err(|error| Failure::new(format!("{name}: {error}")))?
        .into())
}

fn is_live(side: &[String]) -> bool {
    matches!(side, [layer] if layer == LIVE)
}

/// The plan from one tree to the other.
fn subject<'a>(old: &'a [String], new: &'a [String], bounds: &'a Bounds) -> Subject<'a> {
    Subject {
        title: "zkt diff",
        old: ("from", old),
        new: ("to", new),
        bounds,
        stays: &[],
    }
}

/// The live tree under the top-level nodes of the other side, as if it were declared.
async fn live_side(
    session: &Session,
    old: &Source,
    place: &ZPath,
    output: &Output,
) -> Result<Tree<Declared>, Failure> {
    reconcile::require_place(session, place).await?;
    let wants: Vec<Want> = tops(old.tree().declared().map(|(path, _)| path))
        .map(|path| Want {
            path: path.clone(),
            children: Children::Subtree,
            acl: false,
        })
        .collect();
    let live = planning::fetch(session, &wants, output).await?;
    reconcile::require_readable(old.tree(), &live)?;
    let mut nodes: Vec<(ZPath, Declared)> = export::declarable(live.as_slice(), false)
        .map(|(path, node)| (path.clone(), beside(old.tree().get(path), node)))
        .collect();
    // What is only passed through on one side is passed through on the other.
    let is_through =
        |(path, node): &&(ZPath, Declared)| node.is_passed_through() && live.get(path).is_none();
    let through = old.tree().iter().filter(is_through);
    nodes.extend(through.map(|(path, node)| (path.clone(), node.clone())));
    Ok(nodes.into_iter().collect())
}

/// A live node as it would be declared, in the form of the declared one: as raw data if that is raw,
/// and without properties if the live node has no bytes and that is not raw.
fn beside(old: Option<&Declared>, live: &LiveNode) -> Declared {
    let mut node = export::declare_node(live);
    match (old.map(|old| &old.content), &node.content) {
        (Some(Content::Raw { .. }), Content::Properties(_)) => {
            node.content = Content::Raw {
                bytes: live.data.clone().into(),
                origin: None,
            };
        }
        (_, Content::Raw { bytes, .. }) => match Data::decode(bytes) {
            Data::Properties(properties) if properties.is_empty() => {
                node.content = Content::default();
            }
            _ => {}
        },
        _ => {}
    }
    node
}

/// The plan between two declared trees: the old one as if it were live.
fn compare(old: &Source, new: Source, options: &Options) -> Plan {
    let new = new.change(|tree| options.filter.apply(tree));
    reconcile::compare(old, &new, options)
}
