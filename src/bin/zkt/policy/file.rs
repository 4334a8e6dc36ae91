//! The file of a policy.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use zkt::declare::files::{Disk, is_in_commit, reason};
use zkt::declare::{Files as _, GitFiles};
use zkt::model::plan::Effect;

use super::rule::{self, Rule};
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
    let text = match is_in_commit(&name) {
        true => committed(path),
        false => on_disk(path),
    };
    let text = text.map_err(|error| Failure::new(format!("--policy {name}: {error}")))?;
    let text = String::from_utf8(text)
        .map_err(|_| Failure::new(format!("--policy {name}: it is not UTF-8")))?;
    parse(&name, &text, before).map_err(Failure::new)
}

fn on_disk(path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
        .map_err(|error| reason(&error))?;
    if text.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    Ok(text)
}

/// As `git:REV:PATH` names it.
fn committed(path: &Path) -> Result<Vec<u8>, String> {
    let files = GitFiles::new(Disk {
        allowed: Vec::new(),
        largest: LARGEST,
    });
    let text = files.root(path).and_then(|root| files.read(path, &root));
    text.map_err(|error| error.to_string())
}

/// Reads the rules of a text.
pub(super) fn parse(name: &str, text: &str, before: &[Rule]) -> Result<Vec<Rule>, String> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let message = error.message().lines().collect::<Vec<_>>().join(", ");
        let at = error.span().unwrap_or_default();
        format!("{}: {message}", place(name, text, &at))
    })?;
    let mut rules: Vec<Rule> = Vec::new();
    for written in document.rule {
        let wrong = |at: &Spanned<String>, message: &str| {
            format!("{}: {message}", place(name, text, &at.span()))
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
        rules.push(Rule {
            effect: match written.effect {
                WrittenEffect::Deny => Effect::Deny,
                WrittenEffect::Ask => Effect::Ask,
                WrittenEffect::Warn => Effect::Warn,
            },
            place: line(name, text, &written.when.span()),
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

/// File, line and column.
fn place(name: &str, text: &str, at: &Range<usize>) -> String {
    let before = text.get(..at.start).unwrap_or(text);
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{}:{column}", line(name, text, at))
}

fn line(name: &str, text: &str, at: &Range<usize>) -> String {
    let before = text.get(..at.start).unwrap_or(text);
    format!("{name}:{}", before.matches('\n').count() + 1)
}
