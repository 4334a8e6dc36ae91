//! `zkt check`: parses, merges and lints.

use std::io::Write as _;

use clap::Args;
use serde_json::json;
use zkt::model::path::ZPath;
use zkt::model::plan::{About, Plan, Refusal, Warning};
use zkt::model::tree::Tree;
use zkt::plan::links::{self, Trees};
use zkt::plan::planner;
use zkt::zookeeper::session::MAX_REQUEST;

use crate::args::values::request_size;
use crate::args::{Format, LayerArgs};
use crate::declare::{self, DeclaredTree, Destination};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{render, words};

/// Parse, merge and lint tree files; no server needed
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    /// How the result is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
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
}

pub(crate) fn run(args: &CheckArgs, output: &Output) -> Result<Exit, Failure> {
    let loaded = declare::load(
        &args.sources.layers,
        args.allow_empty,
        &Destination::nowhere(),
        &args.sources.files.disk(),
    );
    let declared = match loaded.and_then(|source| source.require_size(args.max_request)) {
        Ok(source) => DeclaredTree::from(source),
        Err(problems) if args.format == Format::Json => {
            let mut out = output.out();
            let report = json!({
                "format_version": render::FORMAT_VERSION,
                "ok": false, "errors": declare::json(&problems), "warnings": [],
            });
            writeln!(out, "{report}")?;
            out.flush()?;
            return Ok(declare::exit(&problems));
        }
        Err(problems) => return Err(declare::tell(&problems, output)),
    };
    let warnings = lint(&declared);
    let refused = args.strict && !warnings.is_empty();
    let nodes = declared
        .tree
        .iter()
        .filter(|(_, node)| node.is_declared())
        .count();
    let files = declared.sources.len();
    let mut out = output.out();
    if args.format == Format::Json {
        let warnings: Vec<_> = warnings.iter().map(render::warning_json).collect();
        let report = json!({
            "format_version": render::FORMAT_VERSION,
            "ok": !refused, "files": files, "nodes": nodes, "errors": [], "warnings": warnings,
        });
        writeln!(out, "{report}")?;
    } else {
        render::write_warnings(&warnings, &mut output.err())?;
        if refused {
            let count = warnings.len();
            let refusal = words::refusal(&Refusal::Strict { count });
            return Err(Failure::new(refusal).exit(Exit::Refused));
        }
        writeln!(
            out,
            "ok: {} in {}",
            render::count(nodes, "node"),
            render::count(files, "file")
        )?;
    }
    out.flush()?;
    Ok(if refused { Exit::Refused } else { Exit::Done })
}

/// Warnings about the declared nodes that need no server.
fn lint(declared: &DeclaredTree) -> Vec<Warning> {
    let nothing = Tree::default();
    let trees = Trees::new(&declared.tree, &nothing);
    let plan = Plan::empty(ZPath::root());
    let linked = links::check(&trees, &plan, None, &declared.sources).warnings;
    let doubts = planner::doubts(&declared.tree, &declared.sources);
    let system = system_warning(declared).into_iter();
    system.chain(doubts).chain(linked).collect()
}

/// Where a tree goes is not known here: to the root of a server, or below a chroot.
fn system_warning(declared: &DeclaredTree) -> Option<Warning> {
    let system = ZPath::root().join("zookeeper");
    let (path, node) = declared.tree.subtree(&system).first()?;
    Some(Warning {
        path: path.clone(),
        about: About::Node,
        message: "it belongs to ZooKeeper itself, unless there is a chroot".to_owned(),
        origin: node.origin.map(|span| declared.sources.locate(span)),
    })
}
