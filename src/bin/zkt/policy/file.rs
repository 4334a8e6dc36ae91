//! The file of a policy.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use zkt::declare::files::{is_in_commit, reason};
use zkt::model::plan::Effect;
use zkt::syntax::place::{Location, SourceId, Span};
use zkt::syntax::source::Sources;

use super::rule::{self, Rule};
use crate::bounded;
use crate::exit::Failure;

/// How many bytes a file may have.
const LARGEST: u64 = 256 << 10;
/// How many rules all files together may have.
const MOST: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rule: Vec<Written>,
}

/// A rule as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: Spanned<String>,
    when: Spanned<String>,
    effect: WrittenEffect,
    message: Spanned<String>,
    #[serde(default)]
    more_than: usize,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenEffect {
    Deny,
    Ask,
    Warn,
}

/// Reads the rules of a file; `before` are those of other files.
pub(super) fn read(path: &Path, before: &[Rule]) -> Result<Vec<Rule>, Failure> {
    let name = path.display().to_string();
    let text = match (is_in_commit(&name), File::open(path)) {
        (true, _) => bounded::in_commit(path, LARGEST),
        (false, file) => file
            .map_err(|error| reason(&error))
            .and_then(|file| bounded::read(file, LARGEST)),
    };
    let text = text.map_err(|error| Failure::new(format!("--policy {name}: {error}")))?;
    parse(&name, &text, before).map_err(Failure::new)
}

/// Reads the rules of a text.
pub(super) fn parse(name: &str, text: &str, before: &[Rule]) -> Result<Vec<Rule>, String> {
    let places = Places::of(name, text);
    let document: Document = toml::from_str(text).map_err(|error| {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        let at = error.span().unwrap_or_default();
        format!("{}: {message}", places.of_range(&at))
    })?;
    let mut rules: Vec<Rule> = Vec::new();
    for written in document.rule {
        let wrong = |at: &Spanned<String>, message: &str| {
            format!("{}: {message}", places.of_range(&at.span()))
        };
        let known = before.iter().chain(&rules).map(|rule| &rule.name);
        check_name(written.name.get_ref(), known).map_err(|error| wrong(&written.name, &error))?;
        if written.message.get_ref().trim().is_empty() {
            return Err(wrong(&written.message, "a rule has to say something"));
        }
        if before.len() + rules.len() >= MOST {
            let message = format!("there are more than {MOST} rules");
            return Err(wrong(&written.name, &message));
        }
        let when = rule::compile(written.when.get_ref()).map_err(|error| {
            let message = format!("rule {}: {error}", written.name.get_ref());
            wrong(&written.when, &message)
        })?;
        let place = places.of_range(&written.when.span());
        rules.push(Rule {
            effect: match written.effect {
                WrittenEffect::Deny => Effect::Deny,
                WrittenEffect::Ask => Effect::Ask,
                WrittenEffect::Warn => Effect::Warn,
            },
            place: format!("{}:{}", place.source, place.line),
            name: written.name.into_inner(),
            message: written.message.into_inner().trim().to_owned(),
            more_than: written.more_than,
            when,
        });
    }
    Ok(rules)
}

/// A name is typed in a shell.
fn check_name<'r>(name: &str, known: impl IntoIterator<Item = &'r String>) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !name.chars().all(is_plain) {
        return Err(format!(
            "{name:?} is no name of a rule: it has letters, digits, - _ . and at most 64 of them"
        ));
    }
    if known.into_iter().any(|other| other == name) {
        return Err(format!("there is a rule {name} already"));
    }
    Ok(())
}

/// Where the parts of a text stand.
struct Places {
    sources: Sources,
    id: SourceId,
}

impl Places {
    fn of(name: &str, text: &str) -> Self {
        let sources = Sources::default();
        let id = sources.add(name, text.to_owned());
        let id = id.expect("files are bounded far below 4 GiB");
        Self { sources, id }
    }

    fn of_range(&self, at: &Range<usize>) -> Location {
        self.sources.locate(Span {
            source: self.id,
            start: at.start as u32,
            end: at.end as u32,
        })
    }
}
