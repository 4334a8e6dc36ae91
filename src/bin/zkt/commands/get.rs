//! `zkt get`: the properties of a live node.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};

use clap::Args;
use serde_json::{Value, json};
use zkt::model::value::beyond_json;
use zkt::services::NodeProperties;
use zkt::syntax::names::{LinkKind, split_link};
use zkt::syntax::spelling;

use crate::args::{Format, ServerArgs};
use crate::exit::{Exit, Failure};
use crate::output::{Output, write_now};
use crate::{render, settings};

/// Print the properties of a live node, read through links
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The node; links are followed
    pub(crate) path: String,
    /// Only this property
    pub(crate) name: Option<String>,
    /// The node's data byte for byte, or the property as it is stored
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print again whenever they change
    #[arg(long, conflicts_with = "raw")]
    pub(crate) watch: bool,
    /// How properties are printed; json prints one object a line
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) async fn run(args: &GetArgs, output: &Output) -> Result<Exit, Failure> {
    let zookeeper = settings::zookeeper(&args.server).await?;
    let result = get(&zookeeper, args, output).await;
    zookeeper.close().await;
    result
}

async fn get(zookeeper: &zkt::ZooKeeper, args: &GetArgs, output: &Output) -> Result<Exit, Failure> {
    let mut out = output.plain_out();
    if args.raw && args.name.is_none() {
        let real = zookeeper.resolve(&args.path).await?;
        let (data, _) = zookeeper.get(real.as_str()).await?;
        out.write_all(&data)?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    if args.watch {
        return watch(zookeeper, args, output).await;
    }
    let properties = zookeeper.properties_once(&args.path).await?.snapshot();
    let beyond = match properties.real_path() {
        Some(real) if args.name.is_none() && may_be_beyond(&properties) => {
            beyond_json(&zookeeper.get(real.as_str()).await?.0)
        }
        _ => BTreeMap::new(),
    };
    let complete = write(&mut out, &properties, &beyond, args)?;
    out.flush()?;
    if complete {
        return Ok(Exit::Done);
    }
    let bad = properties.iter().filter_map(|(name, value)| {
        let error = value.err()?;
        Some(format!("the property link {name} leads nowhere: {error}"))
    });
    Err(Failure::new(bad.collect::<Vec<_>>().join("\n")))
}

/// Whether a look at the bytes may show that they hold what no JSON can.
fn may_be_beyond(properties: &NodeProperties) -> bool {
    let names = ["NaN", "Infinity", "\u{fffd}"];
    let mut values = properties.stored().values().map(Value::to_string);
    values.any(|json| names.iter().any(|name| json.contains(name)))
}

/// Prints what was asked for, and again whenever it changes, until nobody reads it.
async fn watch(
    zookeeper: &zkt::ZooKeeper,
    args: &GetArgs,
    output: &Output,
) -> Result<Exit, Failure> {
    let view = zookeeper.properties(&args.path).await?;
    let mut changes = view.changes()?;
    let mut properties = changes.start().clone();
    let mut last = None;
    loop {
        let mut text = Vec::new();
        if properties.is_deleted() {
            output.note(&format!("{} was deleted", args.path));
        } else if let Err(failure) = write(&mut text, &properties, &BTreeMap::new(), args) {
            output.note(&failure.message);
        }
        if args.format == Format::Text && args.name.is_none() && last.is_some() {
            text.insert(0, b'\n');
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        // Another property may have changed.
        if last.as_ref() != Some(&text) && !write_now(&text)? {
            return Ok(Exit::Done);
        }
        last = Some(text);
        properties = match changes.next().await {
            Some(change) => change.snapshot.clone(),
            None => return Ok(Exit::Done),
        };
    }
}

/// Writes what was asked for; false where a link led nowhere. Values that are beyond JSON are
/// written as they are spelled.
fn write(
    out: &mut impl Write,
    properties: &NodeProperties,
    beyond: &BTreeMap<String, String>,
    args: &GetArgs,
) -> Result<bool, Failure> {
    let Some(name) = &args.name else {
        return Ok(if args.format == Format::Json {
            write_json(out, properties, args)?
        } else {
            write_text(out, properties, beyond)?
        });
    };
    let value = if args.raw {
        properties.stored().get(name).map(Ok)
    } else {
        properties.look(name)
    };
    let path = &args.path;
    let value = match value {
        Some(Ok(value)) => value,
        Some(Err(error)) => {
            return Err(Failure::new(format!(
                "the property link {name} of {path} leads nowhere: {error}"
            )));
        }
        None => {
            return Err(Failure::new(format!("{path} has no property {name}")));
        }
    };
    match (args.format, value) {
        (Format::Json, value) => {
            let format = render::FORMAT_VERSION;
            let object =
                json!({"format_version": format, "path": path, "name": name, "value": value});
            writeln!(out, "{}", render::json_line(&object))?;
        }
        // A terminal obeys what is in it; a program gets it as it is.
        (Format::Text, Value::String(text)) if !args.raw && io::stdout().is_terminal() => {
            writeln!(out, "{}", printable_lines(text))?;
        }
        (Format::Text, Value::String(text)) => writeln!(out, "{text}")?,
        (Format::Text, value) => writeln!(out, "{value}")?,
    }
    Ok(true)
}

/// A text whose lines and tabs stay, and nothing else that a terminal would obey.
fn printable_lines(text: &str) -> String {
    let line = |line: &str| {
        let parts = line.split('\t').map(spelling::printable);
        parts.collect::<Vec<_>>().join("\t")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn write_text(
    out: &mut impl Write,
    properties: &NodeProperties,
    beyond: &BTreeMap<String, String>,
) -> Result<bool, Failure> {
    let mut complete = true;
    for (stored, value) in properties.stored() {
        if let Some(json) = beyond.get(stored) {
            let (name, json) = (spelling::property_name(stored), spelling::printable(json));
            writeln!(out, "{name} = {json}")?;
            continue;
        }
        match split_link(stored) {
            Some((name, LinkKind::Property)) => match properties.look(name) {
                Some(Ok(value)) => writeln!(out, "{}", spelling::property(name, value))?,
                _ => {
                    complete = false;
                    writeln!(out, "{}", spelling::property(stored, value))?;
                }
            },
            _ => writeln!(out, "{}", spelling::property(stored, value))?,
        }
    }
    Ok(complete)
}

fn write_json(
    out: &mut impl Write,
    properties: &NodeProperties,
    args: &GetArgs,
) -> Result<bool, Failure> {
    let values: serde_json::Map<String, Value> = if args.raw {
        properties.stored().clone().into_iter().collect()
    } else {
        let symbolic = properties.stored().iter().filter(|(name, _)| {
            split_link(name).is_some_and(|(_, kind)| kind == LinkKind::Symbolic)
        });
        let symbolic = symbolic.map(|(name, value)| (name.clone(), value.clone()));
        let read = properties
            .iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.ok()?.clone())));
        read.chain(symbolic).collect()
    };
    let object = json!({
        "format_version": render::FORMAT_VERSION,
        "path": args.path,
        "real_path": properties.real_path().map(ToString::to_string),
        "properties": values,
    });
    writeln!(out, "{}", render::json_line(&object))?;
    Ok(args.raw || properties.iter().all(|(_, value)| value.is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        assert_eq!(
            printable_lines("a\tb\n\u{1b}[31mc\u{7}\n"),
            "a\tb\n\\u001b[31mc\\u0007\n"
        );
    }
}
