//! Comments that allow lints, and what is left of warnings by them and by levels.

use std::collections::HashMap;
use std::sync::Arc;

use super::found::Found;
use crate::model::lint::{Level, Levels, Lint};
use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::model::plan::{About, Warning};
use crate::model::tree::Tree;
use crate::syntax::doubt::Remark;
use crate::syntax::place::{Location, Span};
use crate::syntax::source::Sources;

/// Whether comments that allow nothing are warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unused {
    /// They are: all warnings are known that files alone decide.
    Reported,
    /// They are not.
    Ignored,
}

/// Drops the warnings that a level or a comment in the files allows, and marks those that are denied.
#[must_use]
pub fn settle(
    mut warnings: Vec<Warning>,
    declared: &Tree<Declared>,
    sources: &Sources,
    levels: &Levels,
    unused: Unused,
) -> Vec<Warning> {
    let mut comments = Comments::of(sources);
    if !comments.lines.is_empty() {
        warnings.retain(|warning| !comments.allow(warning, declared, sources));
    }
    if unused == Unused::Reported {
        warnings.extend(comments.unused(declared, sources, levels));
    }
    warnings.retain(|warning| levels.heeds(warning.lint));
    for warning in &mut warnings {
        warning.level = levels.of(warning.lint);
    }
    warnings
}

/// The comments that say what zkt does not know.
pub(super) fn unknown(declared: &Tree<Declared>, found: &mut Found<'_>) {
    for remark in found.sources.remarks() {
        for (span, wrong) in names(*remark, found.sources).filter_map(Result::err) {
            let path = node_at(span, declared);
            found.push((Lint::UnknownLint, About::Trees), &path, Some(span), wrong);
        }
    }
}

/// A name in a comment, and the comment.
#[derive(Debug)]
struct Allowed {
    lint: Lint,
    span: Span,
    is_used: bool,
}

/// What the comments allow, by source and line.
#[derive(Default)]
struct Comments {
    lines: HashMap<(Arc<str>, u32), Vec<Allowed>>,
}

impl Comments {
    fn of(sources: &Sources) -> Self {
        let mut comments = Self::default();
        for remark in sources.remarks() {
            let at = sources.locate(remark.span);
            let line = match remark.is_alone {
                true => at.line + 1 + comment_lines(sources, remark.span),
                false => at.line,
            };
            let allowed = names(*remark, sources).filter_map(Result::ok);
            let line = comments.lines.entry((at.source, line)).or_default();
            line.extend(allowed.map(|(span, lint)| Allowed {
                lint,
                span,
                is_used: false,
            }));
        }
        comments
    }

    /// Whether a comment beside a warning's line, or beside that of its node, allows it.
    fn allow(&mut self, warning: &Warning, declared: &Tree<Declared>, sources: &Sources) -> bool {
        let node = declared.get(&warning.path).and_then(|node| node.origin);
        let node = node.map(|span| sources.locate(span));
        let places = [warning.origin.as_ref(), node.as_ref()];
        let mut is_allowed = false;
        for Location { source, line, .. } in places.into_iter().flatten() {
            let here = self.lines.get_mut(&(source.clone(), *line));
            for allowed in here.into_iter().flatten() {
                if allowed.lint == warning.lint {
                    allowed.is_used = true;
                    is_allowed = true;
                }
            }
        }
        is_allowed
    }

    fn unused(self, declared: &Tree<Declared>, sources: &Sources, levels: &Levels) -> Vec<Warning> {
        let allowed = self.lines.into_values().flatten();
        let unused = allowed.filter(|allowed| {
            let is_known = allowed.lint.is_of_files() && levels.heeds(allowed.lint);
            !allowed.is_used && is_known && allowed.lint != Lint::UnusedAllow
        });
        let warning = |Allowed { lint, span, .. }| Warning {
            path: node_at(span, declared),
            lint: Lint::UnusedAllow,
            level: Level::Warn,
            about: About::Trees,
            message: format!("{lint} is allowed here, and does not occur"),
            origin: Some(sources.locate(span)),
        };
        let mut unused: Vec<Warning> = unused.map(warning).collect();
        unused.sort_by(|a, b| a.origin.cmp(&b.origin));
        unused
    }
}

/// How many lines with nothing but a comment follow on the one of a comment.
fn comment_lines(sources: &Sources, comment: Span) -> u32 {
    let text = &sources.get(comment.source).text[comment.range().end..];
    let below = text.lines().skip(1);
    let comments = below.take_while(|line| line.trim_start().starts_with('#'));
    u32::try_from(comments.count()).unwrap_or(u32::MAX)
}

/// The lints that a comment names, or what is wrong with it.
fn names(
    remark: Remark,
    sources: &Sources,
) -> impl Iterator<Item = Result<(Span, Lint), (Span, String)>> {
    let text = sources.text(remark.span);
    let said = text[crate::syntax::doubt::REMARK.len()..].trim_start();
    let list = said.strip_prefix("allow").map(str::trim_start);
    let list = list.and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
    let results: Vec<_> = match list {
        Some((list, _)) => list
            .split(',')
            .map(|name| named(name, text, remark))
            .collect(),
        None => {
            let wrong = "expected `# zkt: allow(NAME)`".to_owned();
            vec![Err((remark.span, wrong))]
        }
    };
    results.into_iter()
}

/// The lint with a name, which is a part of the comment's text.
fn named(name: &str, text: &str, remark: Remark) -> Result<(Span, Lint), (Span, String)> {
    let name = name.trim();
    let start = name.as_ptr() as usize - text.as_ptr() as usize;
    let start = remark.span.start + start as u32;
    let span = Span {
        source: remark.span.source,
        start,
        end: start + name.len() as u32,
    };
    match Lint::named(name) {
        Some(lint) => Ok((span, lint)),
        None => Err((span, format!("no lint has the name {name:?}"))),
    }
}

/// The node in whose lines a place is, or that stands before it.
fn node_at(place: Span, declared: &Tree<Declared>) -> ZPath {
    let before = declared.iter().filter_map(|(path, node)| {
        let origin = node.origin?;
        let is_before = origin.source == place.source && origin.start <= place.end;
        is_before.then_some((origin.start, path))
    });
    let nearest = before.max_by_key(|(start, _)| *start);
    let nearest = nearest.map(|(_, path)| path).or_else(|| {
        let mut nodes = declared.iter();
        let is_there = |node: &Declared| node.origin.is_some_and(|at| at.source == place.source);
        nodes.find(|(_, node)| is_there(node)).map(|(path, _)| path)
    });
    nearest.cloned().unwrap_or_else(ZPath::root)
}
