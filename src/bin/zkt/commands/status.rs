//! `zkt status`: an owner's record, and whether its nodes are as they were.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};
use zkt::reconcile::{self, Drift, Owner, Status};
use zkt::syntax::spelling::printable;
use zkt::zookeeper::session::Session;

use crate::args::{Format, OwnerArgs, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render::{count, json_line, nodes_have, path_text};
use crate::{owner, settings};

/// How many nodes that drifted are named.
const MOST: usize = 20;

/// Show an owner's last apply, and what has changed since
#[derive(Debug, Args)]
#[command(mut_arg("owner", |owner| owner.help("The owner whose record it is")))]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) owner: OwnerArgs,
    /// How it is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    /// Exit with 2 when nodes have drifted
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &StatusArgs, output: &Output) -> Result<Exit, Failure> {
    let Some(owner) = owner::named(&args.owner, false)? else {
        return Err(Failure::new("no owner is named")
            .hint("--owner NAME says whose record, or the owner of a context: --context NAME"));
    };
    let session = Session::connect(&settings::session_options(&args.server)?).await?;
    let hosts = session.hosts();
    let status = reconcile::status(&session, &owner).await;
    session.close().await;
    let Some(status) = status? else {
        let message = format!("there is no record {} on {hosts}", owner.head());
        return Err(Failure::new(message)
            .hint("zkt apply --owner NAME makes one; --owner-path says where records are"));
    };
    let mut out = output.out();
    match args.format {
        Format::Text => text(&owner, &status, &hosts, &mut out)?,
        Format::Json => writeln!(out, "{}", json_line(&status_json(&owner, &status)))?,
    }
    out.flush()?;
    Ok(match status.drifted.is_empty() || !args.detailed_exitcode {
        true => Exit::Done,
        false => Exit::Changes,
    })
}

fn text(owner: &Owner, status: &Status, hosts: &str, out: &mut dyn Write) -> io::Result<()> {
    let name = printable(owner.name());
    writeln!(out, "{name}: {} on {}", owner.head(), printable(hosts))?;
    let mut line = |name: &str, value: &str| writeln!(out, "  {name:9} {}", printable(value));
    match &status.applied {
        Some(applied) => {
            line("applied", &at_by(&applied.at, &applied.by))?;
            line("revision", applied.revision.as_deref().unwrap_or("unknown"))?;
            line(
                "plan",
                applied
                    .plan
                    .as_deref()
                    .unwrap_or("none, as no node had to be written"),
            )?;
        }
        None => line("applied", "never to its end")?,
    }
    if let Some(begun) = &status.begun {
        line(
            "begun",
            &format!("{}, and has not ended", at_by(&begun.at, &begun.by)),
        )?;
    }
    let mut nodes = format!("{} created, {} adopted", status.created, status.adopted);
    if status.written > 0 {
        nodes.push_str(&format!("; {} written, and not owned", status.written));
    }
    line("nodes", &nodes)?;
    let shared = status.shared.iter();
    let shared: Vec<String> = shared
        .map(|(other, nodes)| format!("{} with {other}", count(*nodes, "node")))
        .collect();
    if !shared.is_empty() {
        line("shared", &shared.join(", "))?;
    }
    if status.drifted.is_empty() {
        return writeln!(out, "\nNo drift: all nodes hold what they held.");
    }
    writeln!(out)?;
    for (path, drift) in status.drifted.iter().take(MOST) {
        writeln!(out, "  {}: {}", path_text(path), word(*drift))?;
    }
    if status.drifted.len() > MOST {
        writeln!(out, "  and {} more", status.drifted.len() - MOST)?;
    }
    let drifted = nodes_have(status.drifted.len());
    writeln!(out, "\nDrift: {drifted} changed since.")
}

fn at_by(at: &str, by: &str) -> String {
    match by {
        "" => at.to_owned(),
        by => format!("{at} by {by}"),
    }
}

fn word(drift: Drift) -> &'static str {
    match drift {
        Drift::Gone => "gone",
        Drift::Replaced => "deleted and created again",
        Drift::Changed => "changed",
    }
}

fn status_json(owner: &Owner, status: &Status) -> Value {
    let drifted = status.drifted.iter().map(|(path, drift)| {
        let drift = match drift {
            Drift::Gone => "gone",
            Drift::Replaced => "replaced",
            Drift::Changed => "changed",
        };
        json!({"path": path.as_str(), "drift": drift})
    });
    let applied = status.applied.as_ref().map(|applied| {
        json!({
            "at": applied.at, "by": applied.by, "revision": applied.revision, "plan": applied.plan,
        })
    });
    let begun = status.begun.as_ref();
    let shared = status.shared.iter();
    let shared = shared.map(|(other, nodes)| json!({"owner": other, "nodes": nodes}));
    json!({
        "owner": owner.name(),
        "record": owner.head().as_str(),
        "applied": applied,
        "begun": begun.map(|begun| json!({"at": begun.at, "by": begun.by})),
        "nodes": {"created": status.created, "adopted": status.adopted, "written": status.written},
        "shared": shared.collect::<Vec<_>>(),
        "drifted": drifted.collect::<Vec<_>>(),
    })
}
