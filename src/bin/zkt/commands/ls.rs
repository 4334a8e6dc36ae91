//! `zkt ls`: live nodes.

use std::io::Write as _;

use clap::Args;
use serde_json::{Map, Value, json};
use zkt::model::node::{Live, LiveNode};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::scope::{Children, Want};
use zkt::zookeeper::session::Session;

use crate::args::{Format, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render;
use crate::{planning, settings};

/// List live nodes
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// The topmost node
    #[arg(default_value = "/")]
    pub(crate) path: String,
    /// Leave out ephemeral nodes
    #[arg(long)]
    pub(crate) no_ephemeral: bool,
    /// Go no deeper than N levels below PATH
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<usize>,
    /// Kind (e is ephemeral), version, bytes, children and time of the last change
    #[arg(short, long)]
    pub(crate) long: bool,
    /// How the list is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &LsArgs, output: &Output) -> Result<Exit, Failure> {
    let top = planning::path_argument("PATH", &args.path)?;
    let session = Session::connect(&settings::session_options(&args.server)?).await?;
    let live = walk(&session, &top, args.depth, output).await;
    let hosts = session.hosts();
    session.close().await;
    let live = live?;
    if live.get(&top).is_none() {
        return Err(Failure::new(format!("{top} does not exist on {hosts}")));
    }
    let shown = live
        .iter()
        .filter(|(_, live)| !args.no_ephemeral || live.node().is_none_or(|node| !node.ephemeral));
    let mut out = output.out();
    if args.format == Format::Json {
        let nodes: Vec<Value> = shown.map(|(path, live)| node_json(path, live)).collect();
        writeln!(
            out,
            "{}",
            render::json_line(&json!({"format_version": render::FORMAT_VERSION, "nodes": nodes}))
        )?;
    } else {
        for (path, live) in shown {
            let path = render::path_text(path);
            match (args.long, live.node()) {
                (false, _) => writeln!(out, "{path}")?,
                (true, Some(node)) => writeln!(out, "{} {path}", details(node))?,
                (true, None) => writeln!(out, "{:<47} {path}", "(not authorized to read)")?,
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// The nodes down to a depth. If there is a limit, each level is read by itself.
async fn walk(
    session: &Session,
    top: &ZPath,
    depth: Option<usize>,
    output: &Output,
) -> Result<Tree<Live>, Failure> {
    let Some(depth) = depth else {
        return planning::fetch_subtree(session, top, false, output).await;
    };
    let want = |path: ZPath, children| Want {
        path,
        children,
        acl: false,
    };
    let mut tree = Tree::default();
    let mut level = vec![top.clone()];
    for below in 0..=depth {
        let children = if below == depth {
            Children::Skip
        } else {
            Children::List
        };
        let wants: Vec<Want> = level.drain(..).map(|path| want(path, children)).collect();
        let found = planning::fetch(session, &wants, output).await?;
        let listed = found.iter().filter(|(_, live)| *live == Live::Listed);
        level.extend(listed.map(|(path, _)| path.clone()));
        let read = found.into_iter().filter(|(_, live)| *live != Live::Listed);
        tree = tree.into_iter().chain(read).collect();
        if level.is_empty() {
            break;
        }
    }
    Ok(tree)
}

fn details(node: &LiveNode) -> String {
    let kind = if node.ephemeral { 'e' } else { '-' };
    let LiveNode { children, .. } = node;
    format!(
        "{kind} v{:<5} {:>9} {children:>7} {}",
        node.version.reported(),
        node.data.len(),
        time(node)
    )
}

/// When the data last changed, in UTC, to the second.
fn time(node: &LiveNode) -> String {
    render::time_text(node.mtime)
}

fn node_json(path: &ZPath, live: &Live) -> Value {
    let mut object = Map::new();
    object.insert("path".to_owned(), path.as_str().into());
    match live.node() {
        Some(node) => object.extend([
            ("ephemeral".to_owned(), node.ephemeral.into()),
            ("version".to_owned(), node.version.reported().into()),
            ("bytes".to_owned(), node.data.len().into()),
            ("children".to_owned(), node.children.into()),
            ("modified".to_owned(), time(node).into()),
        ]),
        None => object.extend([("readable".to_owned(), false.into())]),
    }
    object.into()
}
