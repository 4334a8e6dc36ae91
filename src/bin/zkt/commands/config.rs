//! `zkt config`: what holds, and where it comes from.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;
use zkt::syntax::spelling::printable;

use crate::args::{Format, LayerArgs, PlanOptions, ServerArgs};
use crate::config::{Config, Origin, Setting, Shown};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::render;

/// Columns in which values stand at least, however narrow the terminal is.
const NARROWEST: usize = 20;

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
        (true, Format::Json) => writeln!(out, "{}", render::json_line(&list_json(config)))?,
        (false, Format::Text) => table(config, settings, output.columns(), &mut out)?,
        (false, Format::Json) => {
            writeln!(out, "{}", render::json_line(&table_json(config, settings)))?;
        }
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

/// What holds, in three columns. On a terminal of so many columns long values go on below; for programs each
/// setting is a line.
fn table(
    config: &Config,
    settings: &[Setting],
    columns: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
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
    // Servers without TLS need none of this.
    let is_shown = |setting: &&Setting| {
        let is_special = ["sasl-", "kerberos", "tls-"]
            .iter()
            .any(|start| setting.key.starts_with(start));
        !is_special || setting.origin != Origin::Default
    };
    for setting in settings.iter().filter(is_shown) {
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
        let widths = rows.iter().map(|row| row[column].width());
        widths.max().unwrap_or(0)
    };
    let names = width(0);
    let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(names + 4));
    let least = width(1).min(NARROWEST);
    let origins = width(2).min(room.saturating_sub(least).max(NARROWEST));
    let values = width(1).min(room.saturating_sub(origins).max(NARROWEST));
    for [name, value, origin] in &rows {
        let mut name = name.as_str();
        let (value, origin) = (wrapped(value, values), wrapped(origin, origins));
        for i in 0..value.len().max(origin.len()) {
            let line = |lines: &[String]| lines.get(i).cloned().unwrap_or_default();
            let (value, origin) = (line(&value), line(&origin));
            let pad = values.saturating_sub(value.width());
            let row = format!("{name:names$}  {value}{:pad$}  {origin}", "");
            writeln!(out, "{}", row.trim_end())?;
            name = "";
        }
    }
    Ok(())
}

/// A text cut between words into lines of at most so many columns, if its words are as short.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.width() + 1 + word.width() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_go_on_below() {
        let setting = |key, value: &str| Setting {
            key,
            value: Shown::Values(vec![value.to_owned()]),
            origin: Origin::File("zkt.toml:7".to_owned()),
            instead_of: None,
        };
        let settings = [
            setting(
                "layers",
                "trees/base trees/regions/eu.zkt trees/production.zkt",
            ),
            setting("path", "/a"),
        ];
        let text = |columns| {
            let mut out = Vec::new();
            table(&Config::default(), &settings, columns, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        insta::assert_snapshot!(text(Some(60)), @"
        file     -                                        default
        context  -                                        default
        layers   trees/base trees/regions/eu.zkt          zkt.toml:7
                 trees/production.zkt
        path     /a                                       zkt.toml:7
        ");
        assert_eq!(text(None).lines().count(), 4);
        // Long places go on below, too.
        let long = [Setting {
            instead_of: Some("zkt.toml:17".to_owned()),
            origin: Origin::Variable("ZKT_CONNECT"),
            ..setting("session-timeout-of-it", "127.0.0.1:2181")
        }];
        let mut out = Vec::new();
        table(&Config::default(), &long, Some(60), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.lines().all(|line| line.width() <= 60), "{out}");
    }
}
