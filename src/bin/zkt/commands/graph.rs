//! `zkt graph`: services and links as a diagram.

use std::io::Write as _;

use zkt::graph;
use zkt::path::ZPath;
use zkt::session::Session;

use crate::args::{GraphArgs, GraphFormat};
use crate::declare::{self, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{planning, settings};

/// The graph of tree files.
pub(crate) fn offline(args: &GraphArgs, output: &Output) -> Result<Exit, Failure> {
    let declared = declare::load_or_tell(
        &args.layers,
        args.allow_empty,
        &Destination::nowhere(),
        &args.files.disk(),
        output,
    )?;
    print(&graph::graph(&declared.tree), args, output)
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

fn print(graph: &graph::Graph, args: &GraphArgs, output: &Output) -> Result<Exit, Failure> {
    let text = match args.format {
        GraphFormat::Dot => graph::dot(graph),
        GraphFormat::Mermaid => graph::mermaid(graph),
        GraphFormat::Svg => graph::svg(graph),
    };
    let mut out = output.plain_out();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Exit::Done)
}
