//! `zkt rm`: deletes a node and all below it.

use std::collections::HashSet;
use std::io::Write as _;

use clap::Args;
use zkt::ZooKeeper;
use zkt::model::path::ZPath;
use zkt::services::{Removal, Removed, Spared, SparedReason};

use crate::args::ServerArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::signals::interrupt;
use crate::words::shell_word;
use crate::{planning, question, render, settings};

/// Delete a live node and all below it
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The topmost node; a link in its place is not followed
    pub(crate) path: String,
    /// Only print what would be deleted
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Do not ask on a terminal; elsewhere nothing is asked
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Ephemeral nodes, too, which otherwise stay with all above them
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// The most nodes that a question names; it counts the others.
const LONGEST_LIST: usize = 20;

pub(crate) async fn run(args: &RmArgs, output: &Output) -> Result<Exit, Failure> {
    let top = planning::path_argument("PATH", &args.path)?;
    if top.is_root() {
        return Err(Failure::new("/ is everything; name what is to go").exit(Exit::Refused));
    }
    let zookeeper = settings::zookeeper(&args.server).await?;
    let mut removed = Removed::default();
    let result = tokio::select! {
        biased;
        () = interrupt() => Err(Failure::new("interrupted")),
        result = remove(&zookeeper, &top, args, output, &mut removed) => result,
    };
    zookeeper.close().await;
    let printed = print_removed(&removed, args.dry_run, output);
    let sent = !removed.deleted.is_empty() || !removed.unknown.is_empty();
    let wrote = sent && !args.dry_run;
    let lifted = |failure: Failure| {
        let exit = match failure.exit {
            Exit::Error if wrote => Exit::Partial,
            exit => exit,
        };
        failure.exit(exit)
    };
    if let Some(exit) = result.map_err(lifted)? {
        return Ok(exit);
    }
    printed?;
    verdict(&top, &removed, args.dry_run)
}

/// Asks if somebody can answer, and deletes. Returns how the command ends, or `None` if what was
/// removed decides about that.
async fn remove(
    zookeeper: &ZooKeeper,
    top: &ZPath,
    args: &RmArgs,
    output: &Output,
    removed: &mut Removed,
) -> Result<Option<Exit>, Failure> {
    let removal = Removal {
        dry_run: args.dry_run,
        force: args.force,
        ignore_if_ephemeral: false,
    };
    if !args.dry_run && !args.yes && output.can_ask() {
        let agreed = agree(zookeeper, top, removal, output).await?;
        if !agreed {
            output.note("nothing was deleted");
            return Ok(Some(Exit::Error));
        }
    }
    zookeeper
        .delete_recursive_into(top.as_str(), removal, removed)
        .await?;
    Ok(None)
}

/// Whether a person agrees to delete exactly the nodes that exist. If other nodes were created before
/// the answer, they are shown and the question is asked again.
async fn agree(
    zookeeper: &ZooKeeper,
    top: &ZPath,
    removal: Removal,
    output: &Output,
) -> Result<bool, Failure> {
    let look = Removal {
        dry_run: true,
        ..removal
    };
    let mut shown = zookeeper.delete_recursive(top.as_str(), look).await?;
    // If nothing would be deleted, there is nothing to ask.
    while !shown.deleted.is_empty() {
        ask_for(&shown, output)?;
        let below = shown.deleted.len() - 1;
        let question = match below {
            0 => "Delete this node?".to_owned(),
            _ => format!("Delete these {} nodes?", below + 1),
        };
        if !question::ask(output, &question).await? {
            return Ok(false);
        }
        let now = zookeeper.delete_recursive(top.as_str(), look).await?;
        let seen: HashSet<_> = shown.found.iter().map(identity).collect();
        if now.found.iter().all(|node| seen.contains(&identity(node))) {
            return Ok(true);
        }
        output.note("other nodes have come since; these are there now:");
        shown = now;
    }
    Ok(true)
}

/// What identifies a node, whatever it holds.
fn identity((path, zxids): &(ZPath, Option<zkt::model::node::Zxids>)) -> (&ZPath, Option<i64>) {
    (path, zxids.map(|zxids| zxids.created))
}

fn ask_for(shown: &Removed, output: &Output) -> Result<(), Failure> {
    let mut err = output.err();
    let topmost_first = shown.deleted.iter().rev();
    let lines = topmost_first.map(|path| render::path_text(path).into_owned());
    Ok(render::write_first(lines, LONGEST_LIST, &mut err)?)
}

/// What is gone, what stays, what is unknown, and what is left.
fn print_removed(removed: &Removed, dry_run: bool, output: &Output) -> std::io::Result<()> {
    let mut out = output.out();
    let done = if dry_run { "would delete" } else { "deleted" };
    for path in &removed.deleted {
        writeln!(out, "{done} {}", render::path_text(path))?;
    }
    for kept in &removed.spared {
        let reason = match kept.reason {
            SparedReason::Ephemeral => "ephemeral",
            SparedReason::HoldsEphemeral => "holds an ephemeral node",
            SparedReason::Record => "the record of an owner",
            SparedReason::HoldsRecord => "holds the record of an owner",
            _ => "not authorized",
        };
        writeln!(out, "kept {} ({reason})", render::path_text(&kept.path))?;
    }
    for path in removed.unknown.iter().rev() {
        writeln!(out, "unknown {} (deleted or not)", render::path_text(path))?;
    }
    for path in removed.left.iter().rev() {
        writeln!(out, "left {}", render::path_text(path))?;
    }
    out.flush()
}

fn verdict(top: &ZPath, removed: &Removed, dry_run: bool) -> Result<Exit, Failure> {
    if removed.spared.is_empty() || dry_run {
        return Ok(Exit::Done);
    }
    let denied = |kept: &Spared| kept.reason == SparedReason::NoPermission;
    let failure = Failure::new(format!("{top} was not deleted"));
    let mut records = removed.spared.iter();
    let record = records.find(|kept| kept.reason == SparedReason::Record);
    if let Some(Spared { path, .. }) = record {
        let rm = |path: &ZPath| format!("`zkt rm {}`", shell_word(path.as_str()));
        return Err(failure.hint(format!(
            "{} gives the record up, and its owner owns nothing then; after that {} deletes the rest",
            rm(path),
            rm(top)
        )));
    }
    Err(if removed.spared.iter().any(denied) {
        failure
    } else {
        failure.hint("--force deletes ephemeral nodes, too")
    })
}
