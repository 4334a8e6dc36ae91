//! `zkt config`: what holds, and where it comes from.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};
use zkt::syntax::spelling::printable;

use crate::args::{Format, LayerArgs, PlanOptions, ServerArgs};
use crate::config::{Config, Origin, Setting, Shown};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render;

/// Print what holds for a context of zkt.toml, and where it comes from
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// List the contexts; * is the one that is used where none is named
    #[arg(long)]
    pub(crate) list: bool,
    /// How it is printed
    #[arg(long, default_value = "text")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) sources: LayerArgs,
    #[command(flatten)]
    pub(crate) plan: PlanOptions,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

pub(crate) fn run(
    args: &ConfigArgs,
    config: &Config,
    settings: &[Setting],
    output: &Output,
) -> Result<Exit, Failure> {
    let mut out = output.out();
    match (args.list, args.format) {
        (true, Format::Text) => list(config, &mut out)?,
        (true, Format::Json) => writeln!(out, "{}", list_json(config))?,
        (false, Format::Text) => table(config, settings, &mut out)?,
        (false, Format::Json) => writeln!(out, "{}", table_json(config, settings))?,
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn list(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    for (name, is_default) in config.contexts() {
        let mark = if is_default { '*' } else { ' ' };
        writeln!(out, "{mark} {}", printable(name))?;
    }
    Ok(())
}

fn list_json(config: &Config) -> Value {
    let contexts = config.contexts();
    let contexts = contexts.map(|(name, default)| json!({"name": name, "default": default}));
    json!({
        "format_version": render::FORMAT_VERSION,
        "file": config.file(),
        "contexts": contexts.collect::<Vec<_>>(),
    })
}

fn table(config: &Config, settings: &[Setting], out: &mut dyn Write) -> io::Result<()> {
    let file = config.file().map_or("-".to_owned(), str::to_owned);
    let named_by = match (config.file(), config.named_by()) {
        (Some(_), None) => "found".to_owned(),
        (_, named_by) => named_by.unwrap_or(&Origin::Default).to_string(),
    };
    let mut rows = vec![["file".to_owned(), file, named_by]];
    let chosen = config.chosen();
    let context = chosen.map_or("-".to_owned(), |chosen| chosen.name.clone());
    let origin = chosen.map_or(Origin::Default, |chosen| chosen.origin.clone());
    rows.push(["context".to_owned(), context, origin.to_string()]);
    for setting in settings {
        let value = match &setting.value {
            Shown::Values(values) => values.join(" "),
            Shown::Words(words) => (*words).to_owned(),
            Shown::Nothing => "-".to_owned(),
            Shown::Secret => "(not shown)".to_owned(),
        };
        let origin = match &setting.instead_of {
            Some(place) => format!("{}, not {place}", setting.origin),
            None => setting.origin.to_string(),
        };
        rows.push([setting.key.to_owned(), value, origin]);
    }
    let rows = rows
        .into_iter()
        .map(|row| row.map(|text| printable(&text).into_owned()));
    let rows: Vec<[String; 3]> = rows.collect();
    let width = |column: usize| {
        let widths = rows
            .iter()
            .map(|row| unicode_width::UnicodeWidthStr::width(&*row[column]));
        widths.max().unwrap_or(0)
    };
    let (names, values) = (width(0), width(1));
    for [name, value, origin] in &rows {
        let pad = values - unicode_width::UnicodeWidthStr::width(&**value);
        writeln!(out, "{name:names$}  {value}{:pad$}  {origin}", "")?;
    }
    Ok(())
}

fn table_json(config: &Config, settings: &[Setting]) -> Value {
    let settings = settings.iter().map(|setting| {
        let mut object = origin_json(&setting.origin);
        object["name"] = setting.key.into();
        object["instead_of"] = setting.instead_of.clone().into();
        match &setting.value {
            Shown::Values(values) => object["values"] = values.clone().into(),
            Shown::Words(words) => object["default"] = (*words).into(),
            Shown::Nothing => object["values"] = json!([]),
            // They are not for the output.
            Shown::Secret => {}
        }
        object
    });
    let settings: Vec<Value> = settings.collect();
    let context = config.chosen().map(|chosen| {
        let mut object = origin_json(&chosen.origin);
        object["name"] = chosen.name.clone().into();
        object
    });
    json!({
        "format_version": render::FORMAT_VERSION,
        "file": config.file(),
        "context": context,
        "settings": settings,
    })
}

/// What kind of place a value comes from, and which.
fn origin_json(origin: &Origin) -> Value {
    match origin {
        Origin::Flag(name) => json!({"source": "flag", "place": name}),
        Origin::Variable(name) => json!({"source": "environment", "place": name}),
        Origin::File(place) => json!({"source": "file", "place": place}),
        Origin::Default => json!({"source": "default", "place": null}),
    }
}
