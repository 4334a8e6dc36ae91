//! Comments that allow lints, and what is left of warnings by them and by levels.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::found::Found;
use crate::model::lint::{Level, Levels, Lint};
use crate::model::node::Declared;
use crate::model::path::ZPath;
use crate::model::plan::{About, Warning};
use crate::model::tree::Tree;
use crate::syntax::doubt::Remark;
use crate::syntax::place::{Location, SourceId, Span};
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
    let nodes = Nodes::of(declared);
    for remark in found.sources.remarks() {
        for (span, wrong) in names(*remark, found.sources).filter_map(Result::err) {
            let path = nodes.at(span);
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
        // The last run of comments, where it ends and the line after it: what is in it is about that line.
        let mut run: Option<(Span, u32)> = None;
        for remark in sources.remarks() {
            let at = sources.locate(remark.span);
            let is_in = |(run, _): &(Span, u32)| {
                run.source == remark.span.source && remark.span.end <= run.end
            };
            let line = match run.filter(is_in) {
                _ if !remark.is_alone => at.line,
                Some((_, line)) => line,
                None => {
                    let (lines, end) = comment_lines(sources, remark.span);
                    let line = at.line + 1 + lines;
                    run = Some((Span { end, ..remark.span }, line));
                    line
                }
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
        let nodes = Nodes::of(declared);
        let warning = |Allowed { lint, span, .. }| Warning {
            path: nodes.at(span),
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

/// How many lines with nothing but a comment follow on the one of a comment, and where they end.
fn comment_lines(sources: &Sources, comment: Span) -> (u32, u32) {
    let text = &sources.get(comment.source).text[comment.range().end..];
    let mut lines = text.split_inclusive('\n');
    let own = lines.next().map_or(0, str::len);
    let comments = lines.take_while(|line| line.trim_start().starts_with('#'));
    comments.fold((0, comment.end + own as u32), |(count, end), line| {
        (count + 1, end + line.len() as u32)
    })
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

/// Declared nodes by where they are declared.
struct Nodes<'t> {
    /// By source and place; of those at one place, the last in the tree comes last.
    by_place: Vec<(Span, &'t ZPath)>,
    /// For each source the first in the tree.
    first: BTreeMap<SourceId, &'t ZPath>,
}

impl<'t> Nodes<'t> {
    fn of(declared: &'t Tree<Declared>) -> Self {
        let nodes = declared.iter();
        let nodes = nodes.filter_map(|(path, node)| Some((node.origin?, path)));
        let mut by_place: Vec<_> = nodes.collect();
        let mut first = BTreeMap::new();
        for (origin, path) in &by_place {
            first.entry(origin.source).or_insert(*path);
        }
        by_place.sort_by_key(|(origin, _)| (origin.source, origin.start));
        Self { by_place, first }
    }

    /// The node in whose lines a place is, or that stands before it.
    fn at(&self, place: Span) -> ZPath {
        let here = (place.source, place.end);
        let is_before = |(origin, _): &(Span, _)| (origin.source, origin.start) <= here;
        let count = self.by_place.partition_point(is_before);
        let nearest = self.by_place[..count].last();
        let nearest = nearest.filter(|(origin, _)| origin.source == place.source);
        let nearest = nearest.map(|(_, path)| *path);
        let nearest = nearest.or_else(|| self.first.get(&place.source).copied());
        nearest.cloned().unwrap_or_else(ZPath::root)
    }
}
