//! Errors in source texts, drawn with the lines that they are about.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};
use zkt::syntax::parser::Secrets;
use zkt::syntax::place::{Located, SourceId, Span};
use zkt::syntax::source::Sources;

use zkt::syntax::spelling::{clipped, printable};

use crate::render::count;

/// In characters. Of a longer line only the part around the place is drawn.
const LONGEST_LINE: usize = 160;
const AFTER: usize = 60;
/// In bytes. Places that are further apart get an excerpt each.
const LONGEST_EXCERPT: u32 = 4096;
/// The width in a log, which has no terminal.
const LOG_WIDTH: usize = 100;
/// How many errors are drawn: nobody reads more, and drawing is slow.
const MOST_ERRORS: usize = 100;

/// Draws all errors in the order of their places, then how many there are.
pub(crate) fn write_errors(
    errors: &[&dyn Located],
    sources: &Sources,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut sorted = errors.to_vec();
    sorted.sort_by_key(|error| error.span());
    let texts = Texts::of(sources);
    for error in sorted.iter().take(MOST_ERRORS) {
        write_one(*error, &texts, width, out)?;
        writeln!(out)?;
    }
    let files: BTreeSet<SourceId> = sorted.iter().map(|error| error.span().source).collect();
    let (errors, files) = (sorted.len(), count(files.len(), "file"));
    match errors {
        0 | 1 => Ok(()),
        _ if errors > MOST_ERRORS => write_total(
            &format!("{errors} errors in {files}; the first {MOST_ERRORS} are shown"),
            out,
        ),
        _ => write_total(&format!("{errors} errors in {files}"), out),
    }
}

/// One error, drawn without colours for a log.
pub(crate) fn drawn(error: &dyn Located, sources: &Sources) -> String {
    let mut drawn = Vec::new();
    // Writing to memory does not fail.
    _ = write_one(error, &Texts::of(sources), LOG_WIDTH, &mut drawn);
    let drawn = String::from_utf8_lossy(&drawn);
    let plain = anstream::adapter::strip_str(&drawn).to_string();
    plain.trim_end().trim_start_matches("error: ").to_owned()
}

/// Draws one error, coloured: a caller whose output has no colours strips them.
fn write_one(
    error: &dyn Located,
    texts: &Texts<'_>,
    width: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let sources = texts.sources;
    let mut places = vec![(error.span(), error.label(), AnnotationKind::Primary)];
    for (span, label) in error.related() {
        places.push((span, label, AnnotationKind::Context));
    }
    let mut group = Group::with_title(Level::ERROR.primary_title(safe_lines(&error.to_string())));
    while let Some((first, ..)) = places.first() {
        let first = *first;
        let alone = is_far_right(sources, first);
        let (here, rest): (Vec<_>, Vec<_>) = places.into_iter().partition(|(span, ..)| {
            let near = span.start.abs_diff(first.start) < LONGEST_EXCERPT;
            let beside =
                span.source == first.source && near && !alone && !is_far_right(sources, *span);
            *span == first || beside
        });
        places = rest;
        let excerpt = Excerpt::of(texts, here.iter().map(|(span, ..)| *span));
        let annotations = here
            .iter()
            .zip(excerpt.spans)
            .map(|((_, label, kind), span)| {
                let label = Some(safe_lines(label)).filter(|label| !label.is_empty());
                kind.span(span).label(label)
            });
        let name = printable(&sources.get(first.source).name).into_owned();
        let snippet = Snippet::source(excerpt.text)
            .path(name)
            .line_start(excerpt.line);
        group = group.element(snippet.annotations(annotations));
    }
    if let Some(hint) = error.hint() {
        group = group.element(Level::HELP.message(safe_lines(&hint)));
    }
    writeln!(
        out,
        "{}",
        Renderer::styled().term_width(width).render(&[group])
    )
}

/// One error as JSON, columns counted in characters.
pub(crate) fn error_json(error: &dyn Located, sources: &Sources) -> Value {
    let at = |span: Span| sources.locate(span).to_string();
    let related = error.related();
    let related = related
        .iter()
        .map(|(span, label)| json!({"source": at(*span), "message": clipped(label)}));
    let mut object = json!({
        "message": clipped(&error.to_string()),
        "source": at(error.span()),
        "related": related.collect::<Vec<_>>(),
    });
    if let Some(hint) = error.hint() {
        object["hint"] = clipped(&hint).into();
    }
    object
}

fn write_total(total: &str, out: &mut dyn Write) -> io::Result<()> {
    let title = Group::with_title(Level::ERROR.primary_title(total));
    writeln!(out, "{}", Renderer::styled().render(&[title]))
}

/// A text cut to some kilobytes, without control characters but for its line ends.
pub(crate) fn safe_lines(text: &str) -> String {
    let text = clipped(text);
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

/// Whether the text before the place on its line is too long to be drawn.
fn is_far_right(sources: &Sources, span: Span) -> bool {
    let before = &sources.get(span.source).text[..span.range().start];
    before.len() - before.rfind('\n').map_or(0, |i| i + 1) > LONGEST_LINE
}

/// The texts that are drawn, and the secrets in them, which are not.
struct Texts<'s> {
    sources: &'s Sources,
    secrets: Secrets,
}

impl<'s> Texts<'s> {
    fn of(sources: &'s Sources) -> Self {
        Self {
            sources,
            secrets: Secrets::of(sources),
        }
    }
}

/// The lines of a source that hold some places, cut if they are long, and the places in them.
struct Excerpt {
    line: usize,
    text: String,
    spans: Vec<Range<usize>>,
}

impl Excerpt {
    /// The places are in one source. What is before them on their lines stays, since the drawing
    /// counts the columns that it names.
    fn of(texts: &Texts<'_>, places: impl Iterator<Item = Span>) -> Self {
        let places: Vec<Span> = places.collect();
        let Some(top) = places.iter().copied().min() else {
            return Self {
                line: 1,
                text: String::new(),
                spans: Vec::new(),
            };
        };
        let Texts { sources, secrets } = texts;
        let source = &sources.get(top.source).text;
        let spans: Vec<Range<usize>> = places.into_iter().map(Span::range).collect();
        let bottom = spans.iter().map(|span| span.start).max().unwrap_or(0);
        let bottom = source[bottom..]
            .find('\n')
            .map_or(source.len(), |i| bottom + i);

        let mut start = source[..top.range().start].rfind('\n').map_or(0, |i| i + 1);
        let mut text = String::new();
        let mut moved = vec![0..0; spans.len()];
        for line in source[start..bottom].split('\n') {
            let end = start + line.len();
            let here = |span: &Range<usize>| start <= span.start && span.start <= end;
            let shown = secrets.shown(sources, top.source, start..end);
            let last = spans
                .iter()
                .filter(|span| here(span))
                .map(|span| shown.place(span.start - start))
                .max();
            let kept = cut(&shown.text, last);
            for (span, moved) in spans.iter().zip(&mut moved).filter(|(span, _)| here(span)) {
                let place = |at: usize| {
                    let before = &shown.text[..shown.place(at - start).min(kept)];
                    text.len() + without_controls(before).len()
                };
                *moved = place(span.start)..place(span.end);
            }
            text.push_str(&without_controls(&shown.text[..kept]));
            text.push_str(if kept < shown.text.len() {
                "…\n"
            } else {
                "\n"
            });
            start = end + 1;
        }
        let line = sources.locate(top).line as usize;
        Self {
            line,
            text,
            spans: moved,
        }
    }
}

/// The drawing shows other characters for what steers a terminal, but for U+0080 to U+009F: to some, U+009B
/// is what ESC and a bracket are.
fn without_controls(line: &str) -> Cow<'_, str> {
    let is_second_set = |c| ('\u{80}'..='\u{9f}').contains(&c);
    match line.contains(is_second_set) {
        true => line.replace(is_second_set, "\u{fffd}").into(),
        false => line.into(),
    }
}

/// How much of a line to draw whose last place starts at `last`.
fn cut(line: &str, last: Option<usize>) -> usize {
    if line.chars().nth(LONGEST_LINE).is_none() {
        return line.len();
    }
    let (from, longest) = last.map_or((0, LONGEST_LINE), |last| (last, AFTER));
    let end = line[from..].char_indices().nth(longest);
    end.map_or(line.len(), |(i, _)| from + i)
}

#[cfg(test)]
mod tests;
