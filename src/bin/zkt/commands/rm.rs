//! `zkt rm`: deletes a node and all below it.

use std::io::Write as _;

use zkt::discovery::{Reason, Removal};

use crate::args::RmArgs;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::{planning, render, settings};

pub(crate) async fn run(args: &RmArgs, output: &Output) -> Result<Exit, Failure> {
    let top = planning::path_argument("PATH", &args.path)?;
    if top.is_root() {
        return Err(Failure::new("/ is everything; name what is to go").exit(Exit::Refused));
    }
    let zookeeper = settings::zookeeper(&args.server).await?;
    let removal = Removal {
        dry_run: args.dry_run,
        force: args.force,
        ignore_if_ephemeral: false,
    };
    let removed = zookeeper.delete_recursive(top.as_str(), removal).await;
    zookeeper.close().await;
    let removed = removed?;
    let mut out = output.out();
    let done = if args.dry_run {
        "would delete"
    } else {
        "deleted"
    };
    for path in &removed.deleted {
        writeln!(out, "{done} {}", render::path_text(path))?;
    }
    for kept in &removed.kept {
        let reason = match kept.reason {
            Reason::Ephemeral => "ephemeral",
            Reason::HoldsEphemeral => "holds an ephemeral node",
            _ => "no permission",
        };
        writeln!(out, "kept {} ({reason})", render::path_text(&kept.path))?;
    }
    out.flush()?;
    match removed.kept.last() {
        None => Ok(Exit::Done),
        Some(_) if args.dry_run => Ok(Exit::Done),
        Some(_) => {
            let only_ephemeral = removed
                .kept
                .iter()
                .all(|kept| kept.reason != Reason::NoPermission);
            let failure = Failure::new(format!("{top} was not deleted"));
            Err(if only_ephemeral {
                failure.hint("--force deletes ephemeral nodes, too")
            } else {
                failure
            })
        }
    }
}
