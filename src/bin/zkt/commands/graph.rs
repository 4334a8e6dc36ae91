//! `zkt graph`: services and links as a diagram.

use std::io::Write as _;

use clap::{Args, ValueEnum, ValueHint};
use zkt::graph::{self, LeftOut};
use zkt::model::path::ZPath;
use zkt::syntax::spelling::printable;
use zkt::zookeeper::session::Session;

use crate::args::{FileArgs, ServerArgs};
use crate::declare::{self, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render::{count, write_first};
use crate::{planning, settings};

/// Print services and links as a diagram
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// Files or directories of tree files, git:REV:PATH for those of a commit, or - for standard input;
    /// later ones lie over earlier
    #[arg(value_name = "LAYER", required_unless_present = "live", value_hint = ValueHint::AnyPath)]
    pub(crate) layers: Vec<String>,
    /// The live tree instead
    #[arg(long, conflicts_with = "layers")]
    pub(crate) live: bool,
    /// For Graphviz, for Mermaid, or a picture
    #[arg(long, default_value = "dot")]
    pub(crate) format: GraphFormat,
    /// Accept a layer that declares no node
    #[arg(long)]
    pub(crate) allow_empty: bool,
    #[command(flatten)]
    pub(crate) files: FileArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Dot,
    Mermaid,
    Svg,
}

/// The graph of tree files.
pub(crate) fn offline(args: &GraphArgs, output: &Output) -> Result<Exit, Failure> {
    let source = declare::load_or_report(
        &args.layers,
        args.allow_empty,
        &Destination::nowhere(),
        &args.files.files(),
        output,
    )?;
    print(&graph::graph(source.tree()), args, output)
}

/// The graph of the live tree.
pub(crate) async fn live(args: &GraphArgs, output: &Output) -> Result<Exit, Failure> {
    let session = Session::connect(&settings::session_options(&args.server)?).await?;
    let root = ZPath::root();
    let live = planning::fetch_subtree(&session, &root, false, output).await;
    session.close().await;
    let tree = zkt::export::declare(&live?, &root, &zkt::export::Options::default());
    print(&graph::graph(&tree), args, output)
}

/// Of more links that are left out the first are named.
const MOST_NAMED: usize = 10;

fn tell_left_out(left_out: &[LeftOut], output: &Output) -> Result<(), Failure> {
    if left_out.is_empty() {
        return Ok(());
    }
    let mut err = output.err();
    let links = count(left_out.len(), "link");
    let are = if left_out.len() == 1 { "is" } else { "are" };
    writeln!(
        err,
        "{links} {are} left out: a link that leads nowhere, or with neither end in a service"
    )?;
    let lines = left_out.iter().map(|LeftOut { path, name, target }| {
        let target = target.as_ref().map_or("?", |target| target.as_str());
        let [path, name, target] = [path.as_str(), name, target].map(printable);
        format!("{path}  {name} {target}")
    });
    Ok(write_first(lines, MOST_NAMED, &mut err)?)
}

fn print(graph: &graph::Graph, args: &GraphArgs, output: &Output) -> Result<Exit, Failure> {
    let text = match args.format {
        GraphFormat::Dot => graph::dot(graph),
        GraphFormat::Mermaid => graph::mermaid(graph),
        GraphFormat::Svg => graph::svg(graph),
    };
    let mut out = output.plain_out();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    tell_left_out(&graph.left_out, output)?;
    Ok(Exit::Done)
}
