//! `zkt discover`: the addresses of a service.

mod exec;
mod names;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use zkt::services::{Discovery, Endpoint, Endpoints, EndpointsChange, Held, LeftOut};
use zkt::syntax::spelling;

use crate::args::values::duration;
use crate::args::{Format, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::output::{Output, write_now};
use crate::{render, settings};
use exec::Runner;
use names::Names;

/// Print the addresses of a service
#[derive(Debug, Args)]
pub(crate) struct DiscoverArgs {
    /// The node of the providers; links are followed
    pub(crate) path: String,
    /// Print a line for each address that comes (+), goes (-) or changes (~), for ever
    #[arg(long)]
    pub(crate) watch: bool,
    /// Addresses, too, that are disabled, draining or without weight
    #[arg(long)]
    pub(crate) all: bool,
    /// Names, too, that are no addresses, in double quotes and escaped; else they are left out with a
    /// warning
    #[arg(long, conflicts_with = "exec")]
    pub(crate) all_names: bool,
    /// Keep the last addresses for this time when all vanish at once
    #[arg(long, visible_alias = "stabilize", value_name = "DURATION", default_value = "0s",
          value_parser = duration)]
    pub(crate) stabilise: Duration,
    /// Run a shell command at first and whenever the addresses change, with them one a line on stdin
    /// and in $ZKT_ADDRESSES
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<String>,
    /// How addresses are printed; json has all of them, with their properties
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &DiscoverArgs, output: &Output) -> Result<Exit, Failure> {
    let zookeeper = settings::zookeeper(&args.server).await?;
    let discovery = zookeeper.discover(&args.path, args.stabilise).await;
    let result = match discovery {
        Ok(discovery) => discover(&discovery, args, output).await,
        Err(error) => Err(error.into()),
    };
    zookeeper.close().await;
    result
}

async fn discover(
    discovery: &Discovery,
    args: &DiscoverArgs,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut names = Names::default();
    if !args.watch && args.exec.is_none() {
        let endpoints = discovery.snapshot();
        print(&endpoints, discovery, args, output)?;
        if !args.all_names {
            names.warn(&endpoints, &args.path, output);
        }
        note_empty(&endpoints, args, output);
        return Ok(Exit::Done);
    }
    let mut changes = discovery.changes();
    let start = changes.start().clone();
    if args.exec.is_none() {
        note_empty(&start, args, output);
    }
    let runner = args.exec.as_deref();
    let mut runner = runner.map(|command| Runner::new(command, &args.path));
    let mut change = Arc::new(EndpointsChange {
        added: start.iter().cloned().collect(),
        removed: Vec::new(),
        updated: Vec::new(),
        snapshot: start,
    });
    loop {
        if args.watch && !print_change(&change, discovery, args, output)? {
            return Ok(Exit::Done);
        }
        let snapshot = discovery.snapshot();
        if args.all_names {
            if args.format == Format::Text && !write_now(&names.lines(&change.snapshot))? {
                return Ok(Exit::Done);
            }
        } else {
            names.warn(&snapshot, &args.path, output);
        }
        if let Some(runner) = &mut runner {
            let addresses = shown(&snapshot, args).map(Endpoint::address);
            let addresses: Vec<String> = addresses.map(str::to_owned).collect();
            if runner.is_due(&addresses) {
                note_empty(&snapshot, args, output);
                // While it runs, changes gather, and it runs once for all of them.
                runner.run(addresses, output).await;
            }
        }
        change = match changes.next().await {
            Some(change) => change,
            None => return Ok(Exit::Done),
        };
        if args.exec.is_some() && !args.watch {
            while tokio::time::timeout(std::time::Duration::ZERO, changes.next())
                .await
                .is_ok_and(|change| change.is_some())
            {}
        }
    }
}

fn shown<'e>(endpoints: &'e Endpoints, args: &DiscoverArgs) -> impl Iterator<Item = &'e Endpoint> {
    let all = args.all;
    endpoints
        .iter()
        .filter(move |endpoint| all || endpoint.is_usable())
}

/// Says why there is no address, if there is none.
fn note_empty(endpoints: &Endpoints, args: &DiscoverArgs, output: &Output) {
    if shown(endpoints, args).next().is_some() {
        return;
    }
    let path = spelling::printable(&args.path);
    output.note(&match endpoints.len() {
        0 => format!("{path} has no addresses"),
        count => format!(
            "{path} has no usable addresses: {count} disabled, draining or without weight \
             (--all prints them)"
        ),
    });
}

fn print(
    endpoints: &Endpoints,
    discovery: &Discovery,
    args: &DiscoverArgs,
    output: &Output,
) -> Result<(), Failure> {
    let mut out = output.plain_out();
    if args.format == Format::Json {
        writeln!(
            out,
            "{}",
            render::json_line(&snapshot_json(endpoints, discovery).into())
        )?;
    } else {
        for endpoint in shown(endpoints, args) {
            writeln!(out, "{}", endpoint.address())?;
        }
        for LeftOut { name, .. } in endpoints.left_out().iter().filter(|_| args.all_names) {
            writeln!(out, "{}", spelling::quoted(name))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Prints a change. Returns `false` if the reader of the output has gone.
fn print_change(
    change: &EndpointsChange,
    discovery: &Discovery,
    args: &DiscoverArgs,
    output: &Output,
) -> Result<bool, Failure> {
    if args.format == Format::Json {
        let all = |endpoints: &[Endpoint]| endpoints.iter().map(endpoint_json).collect::<Vec<_>>();
        let mut object = snapshot_json(&change.snapshot, discovery);
        object.insert("added".to_owned(), all(&change.added).into());
        object.insert("removed".to_owned(), all(&change.removed).into());
        object.insert("updated".to_owned(), all(&change.updated).into());
        return write_now(&format!("{}\n", render::json_line(&object.into())));
    }
    if let Some(held) = change.snapshot.held() {
        output.note(&format!("the last addresses are kept: {}", held_text(held)));
    }
    let mut lines = String::new();
    let groups = [
        ('+', &change.added),
        ('-', &change.removed),
        ('~', &change.updated),
    ];
    for (sign, endpoints) in groups {
        for endpoint in endpoints {
            let mark = match (endpoint.is_enabled(), endpoint.is_draining()) {
                _ if sign == '-' => "",
                (false, _) => " (disabled)",
                (true, true) => " (draining)",
                (true, false) => "",
            };
            lines.push_str(&format!("{sign} {}{mark}\n", endpoint.address()));
        }
    }
    write_now(&lines)
}

fn held_text(held: Held) -> &'static str {
    match held {
        Held::Vanished => "all have vanished at once",
        Held::Disconnected => "no server is reached",
    }
}

fn endpoint_json(endpoint: &Endpoint) -> Value {
    json!({
        "address": endpoint.address(),
        "draining": endpoint.is_draining(),
        "enabled": endpoint.is_enabled(),
        "properties": endpoint.properties(),
        "weight": endpoint.weight(),
    })
}

fn snapshot_json(endpoints: &Endpoints, discovery: &Discovery) -> Map<String, Value> {
    let held = endpoints.held().map(|held| match held {
        Held::Vanished => "vanished",
        Held::Disconnected => "disconnected",
    });
    let real = discovery.children().real_path();
    let addresses: Vec<Value> = endpoints.iter().map(endpoint_json).collect();
    let left_out = endpoints.left_out().iter();
    let left_out: Vec<Value> = left_out
        .map(|one| json!({"name": one.name, "reason": one.reason.to_string()}))
        .collect();
    Map::from_iter([
        ("format_version".to_owned(), render::FORMAT_VERSION.into()),
        ("path".to_owned(), discovery.path().into()),
        (
            "real_path".to_owned(),
            real.map(|path| path.to_string()).into(),
        ),
        ("addresses".to_owned(), addresses.into()),
        ("held".to_owned(), held.into()),
        ("left_out".to_owned(), left_out.into()),
    ])
}
