//! A `zkt.toml` as it is read: contexts, and their entries with the lines where they stand.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zkt::model::lint::Lint;
use zkt::syntax::place::{SourceId, Span};
use zkt::syntax::source::Sources;

use super::find::{Found, Reach};
use super::key::{KEYS, Key, LINTS, Paths, Shape, WITHHELD, nearest};
use super::wrong::{Wrong, Wrongs};
use crate::args::lints;
use crate::commit::in_commit;

/// The contexts of a file.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    /// The context to use where none is named, and where that stands.
    pub(crate) default: Option<(String, String)>,
    pub(crate) contexts: Vec<Context>,
    /// The levels of lints, whatever the context.
    pub(crate) lints: Option<Entry>,
}

/// A named set of entries.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) entries: Vec<Entry>,
}

/// What a context says.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: &'static Key,
    /// As on a command line. Paths lead from the current directory.
    pub(crate) values: Vec<String>,
    /// File and line.
    pub(crate) place: String,
}

impl Context {
    /// What it says about the key of this name.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.name == name)
    }
}

impl File {
    /// Returns the context with this name.
    pub(crate) fn context(&self, name: &str) -> Option<&Context> {
        self.contexts.iter().find(|context| context.name == name)
    }

    /// Reads the text of a file.
    pub(crate) fn parse(found: &Found) -> Result<Self, Wrongs> {
        let text = found.text.strip_prefix('\u{feff}').unwrap_or(&found.text);
        let sources = Sources::default();
        let id = sources.add(&found.name, text.to_owned());
        let id = id.expect("files are bounded far below 4 GiB");
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(error) => return Err(of_syntax(&found.name, text, &error)),
        };
        let mut reader = Reader {
            folder: &found.folder,
            reach: &found.reach,
            revision: found.revision.as_deref(),
            sources: &sources,
            id,
            wrongs: Vec::new(),
            unknown: Vec::new(),
        };
        let file = reader.file(&found.name, &table);
        let Reader {
            wrongs, unknown, ..
        } = reader;
        if wrongs.is_empty() {
            return Ok(file);
        }
        let sources = Sources::default();
        let masked = masked(text, &unknown);
        _ = sources.add(&found.name, masked);
        Err(Wrongs {
            sources: Box::new(sources),
            wrongs,
        })
    }
}

struct Reader<'t> {
    folder: &'t Path,
    reach: &'t Reach,
    /// The commit that the file was read from.
    revision: Option<&'t str>,
    sources: &'t Sources,
    id: SourceId,
    wrongs: Vec<Wrong>,
    /// Where values of unknown keys stand, which may be anything.
    unknown: Vec<Range<usize>>,
}

type Table<'t> = DeTable<'t>;
type Value<'t> = Spanned<DeValue<'t>>;

impl Reader<'_> {
    fn file(&mut self, name: &str, table: &Table<'_>) -> File {
        let mut default = None;
        let (mut contexts, mut lints) = (Vec::new(), None);
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("default-context", DeValue::String(name)) => default = Some((name, value.span())),
                ("default-context", other) => self.wrong_type("a text", other, value.span()),
                ("context", DeValue::Table(named)) => {
                    contexts = self.contexts(named);
                }
                ("context", other) => {
                    self.wrong_type("tables, as [context.prod]", other, value.span());
                }
                ("lints", _) => lints = self.entry(LINTS.name, key.span(), value),
                (other, _) => {
                    let known = ["default-context", "context", LINTS.name];
                    let mut hint = nearest(other, known).map(meant);
                    if KEYS.iter().any(|key| key.name == other) {
                        hint = Some("it belongs in a context, below a line [context.NAME]".into());
                    }
                    self.unknown(other, key.span(), value.span(), hint);
                }
            }
        }
        let names = || contexts.iter().map(|context| context.name.as_str());
        let default = default.map(|(name, span)| {
            if !names().any(|known| known == name) {
                let message = format!("there is no context {name:?}");
                let hint = nearest(name, names()).map(meant);
                self.wrong(message, &span, hint);
            }
            (name.to_string(), self.place(&span))
        });
        File {
            name: name.to_owned(),
            default,
            contexts,
            lints,
        }
    }

    fn contexts(&mut self, named: &Table<'_>) -> Vec<Context> {
        let mut contexts = Vec::new();
        for (name, value) in named {
            if name.get_ref().is_empty() {
                let hint = "--context '' uses none".to_owned();
                self.wrong(
                    "a context needs a name".to_owned(),
                    &name.span(),
                    Some(hint),
                );
            }
            let DeValue::Table(table) = value.get_ref() else {
                // A key of a context may stand here by mistake.
                self.unknown.push(value.span());
                self.wrong_type("a table, as [context.prod]", value.get_ref(), name.span());
                continue;
            };
            let entries = table
                .iter()
                .filter_map(|(key, value)| self.entry(key.get_ref(), key.span(), value));
            contexts.push(Context {
                entries: entries.collect(),
                name: name.get_ref().to_string(),
            });
        }
        contexts
    }

    fn entry(&mut self, name: &str, at: Range<usize>, value: &Value<'_>) -> Option<Entry> {
        if let Some((_, instead)) = WITHHELD.iter().find(|(withheld, _)| *withheld == name) {
            self.unknown.push(value.span());
            let message = format!("{name} may not stand in a file");
            self.wrong(message, &at, Some((*instead).to_owned()));
            return None;
        }
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let known = KEYS.iter().map(|key| key.name);
            let hint = nearest(name, known).map(meant);
            let hint = hint.or_else(|| Some("zkt config lists the keys".to_owned()));
            self.unknown(name, at, value.span(), hint);
            return None;
        };
        let values = self.values(key, value)?;
        Some(Entry {
            key,
            values,
            place: self.place(&at),
        })
    }

    /// The values as they would stand on a command line.
    fn values(&mut self, key: &'static Key, value: &Value<'_>) -> Option<Vec<String>> {
        match (key.shape, value.get_ref()) {
            (Shape::Switch, DeValue::Boolean(is_on)) => Some(vec![is_on.to_string()]),
            (Shape::Amount, DeValue::Integer(number)) if number.radix() == 10 => self
                .checked(key, number.as_str(), &value.span())
                .map(|one| vec![one]),
            (Shape::Text | Shape::Amount | Shape::List, DeValue::String(text)) => {
                self.checked(key, text, &value.span()).map(|one| vec![one])
            }
            (Shape::List, DeValue::Array(list)) => {
                let one = |one: &Value<'_>| match one.get_ref() {
                    DeValue::String(text) => self.checked(key, text, &one.span()),
                    other => {
                        self.wrong_type("a text", other, one.span());
                        None
                    }
                };
                list.iter().map(one).collect()
            }
            (Shape::Levels, DeValue::Table(levels)) => Some(self.levels(levels)),
            (shape, other) => {
                let expected = match shape {
                    Shape::Text => "a text",
                    Shape::Amount => "a text or a number",
                    Shape::List => "a text or a list of texts",
                    Shape::Switch => "true or false",
                    Shape::Levels => "a table of lints, as in { plain-secret = 'deny' }",
                };
                self.wrong_type(expected, other, value.span());
                None
            }
        }
    }

    /// Levels of lints, those of all first: a table has no order.
    fn levels(&mut self, levels: &Table<'_>) -> Vec<String> {
        let mut values = Vec::new();
        for (name, value) in levels {
            let (at, name) = (name.span(), name.get_ref().as_ref());
            if name != lints::ALL && Lint::named(name).is_none() {
                let near = nearest(name, Lint::all().map(Lint::name)).map(meant);
                let hint = near.or_else(|| Some("zkt check --explain lists the lints".to_owned()));
                self.wrong(format!("no lint has the name {name:?}"), &at, hint);
                continue;
            }
            match value.get_ref() {
                DeValue::String(text) if lints::level(text).is_some() => {
                    values.push(format!("{name}={text}"));
                }
                _ => {
                    let message = "expected 'allow', 'warn' or 'deny'".to_owned();
                    self.wrong(message, &value.span(), None);
                }
            }
        }
        let of_all = format!("{}=", lints::ALL);
        values.sort_by_key(|value| !value.starts_with(&of_all));
        values
    }

    fn checked(&mut self, key: &Key, text: &str, at: &Range<usize>) -> Option<String> {
        let result = match text {
            "" => Err("expected something".to_owned()),
            text => (key.check)(text),
        };
        match result {
            Err(message) => {
                self.wrong(format!("{}: {message}", key.name), at, None);
                None
            }
            Ok(()) => match key.paths {
                Paths::None => Some(text.to_owned()),
                Paths::Anywhere => Some(self.seen_from_here(text)),
                Paths::Layers => self.of_layers(key, text, at),
                Paths::Guards => match self.revision {
                    Some(revision) if Path::new(text).is_relative() => {
                        Some(in_commit(revision, &self.seen_from_here(text)))
                    }
                    _ => self.of_layers(key, text, at),
                },
            },
        }
    }

    /// A path of layers, which a file that was found may not give from outside of its repository.
    fn of_layers(&mut self, key: &Key, text: &str, at: &Range<usize>) -> Option<String> {
        let path = self.seen_from_here(text);
        if !self.reach.excludes(Path::new(&path)) {
            return Some(path);
        }
        let message = format!(
            "{}: a zkt.toml that was found gives no files from outside of its repository",
            key.name
        );
        let hint = "if you trust this file, name it: --config FILE, or ZKT_CONFIG";
        self.wrong(message, at, Some(hint.to_owned()));
        None
    }

    /// A path beside the file as a path from the current directory. Revisions of git stay as they are.
    fn seen_from_here(&self, text: &str) -> String {
        if text.starts_with("git:") {
            return text.to_owned();
        }
        let path = self.folder.join(text);
        let path = path.display().to_string();
        match path.as_str() {
            // It is a file here, and no word of a command.
            "live" => "./live".to_owned(),
            _ => path,
        }
    }

    fn place(&self, at: &Range<usize>) -> String {
        let location = self.sources.locate(self.span(at));
        format!("{}:{}", location.source, location.line)
    }

    fn span(&self, at: &Range<usize>) -> Span {
        span(self.id, at)
    }

    fn wrong(&mut self, message: String, at: &Range<usize>, hint: Option<String>) {
        let span = self.span(at);
        self.wrongs.push(Wrong {
            span,
            message,
            hint,
        });
    }

    fn unknown(&mut self, name: &str, at: Range<usize>, value: Range<usize>, hint: Option<String>) {
        self.unknown.push(value);
        self.wrong(format!("{name} is no key"), &at, hint);
    }

    fn wrong_type(&mut self, expected: &str, found: &DeValue<'_>, at: Range<usize>) {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.wrong(format!("expected {expected}, not {found}"), &at, None);
    }
}

fn meant(name: &str) -> String {
    format!("is {name} meant?")
}

fn span(source: SourceId, at: &Range<usize>) -> Span {
    Span {
        source,
        start: at.start as u32,
        end: at.end as u32,
    }
}

/// The error of a text that is no TOML. Only keys are shown: what stands behind an unknown one may be a
/// secret.
fn of_syntax(name: &str, text: &str, error: &toml::de::Error) -> Wrongs {
    let mut hidden = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let key = line.split('=').next().unwrap_or_default();
        let is_known = KEYS.iter().any(|known| known.name == key.trim());
        if !is_known && !line.trim_start().starts_with(['[', '#']) {
            let from = if line.contains('=') { key.len() + 1 } else { 0 };
            hidden.push(start + from..end);
        }
        start = end;
    }
    let sources = Sources::default();
    let id = sources.add(name, masked(text, &hidden));
    let id = id.expect("files are bounded far below 4 GiB");
    let at = error.span().unwrap_or(0..0);
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    Wrongs {
        sources: Box::new(sources),
        wrongs: vec![Wrong {
            span: span(id, &at),
            message: format!("this is no TOML: {message}"),
            hint: None,
        }],
    }
}

/// The text with stars in the place of some of its parts, at the same length.
fn masked(text: &str, hidden: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if c.is_whitespace() || !hidden.iter().any(|range| range.contains(&at)) {
            masked.push(c);
        } else {
            masked.push_str(&"*".repeat(c.len_utf8()));
        }
    }
    masked
}

#[cfg(test)]
mod tests;
