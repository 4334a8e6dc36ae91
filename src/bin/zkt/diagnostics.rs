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
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Wrong {
        span: Span,
        label: &'static str,
        related: Vec<(Span, String)>,
        hint: Option<&'static str>,
    }

    impl fmt::Display for Wrong {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the property x is declared twice")
        }
    }

    impl std::error::Error for Wrong {}

    impl Located for Wrong {
        fn span(&self) -> Span {
            self.span
        }
        fn label(&self) -> String {
            self.label.to_owned()
        }
        fn related(&self) -> Vec<(Span, String)> {
            self.related.clone()
        }
        fn hint(&self) -> Option<String> {
            self.hint.map(str::to_owned)
        }
    }

    fn wrong(span: Span) -> Wrong {
        Wrong {
            span,
            label: "again here",
            related: Vec::new(),
            hint: None,
        }
    }

    fn find(sources: &Sources, source: SourceId, needle: &str) -> Span {
        let start = u32::try_from(sources.get(source).text.find(needle).unwrap()).unwrap();
        Span {
            source,
            start,
            end: start + u32::try_from(needle.len()).unwrap(),
        }
    }

    fn coloured(errors: &[&dyn Located], sources: &Sources) -> String {
        let mut out = Vec::new();
        write_errors(errors, sources, 80, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn plain(errors: &[&dyn Located], sources: &Sources) -> String {
        anstream::adapter::strip_str(&coloured(errors, sources)).to_string()
    }

    #[test]
    fn one_place() {
        let sources = Sources::default();
        let id = sources
            .add("a.zkt", "/a\n  x = 1\n  x = 2\n".to_owned())
            .unwrap();
        let error = Wrong {
            hint: Some("remove one of the two\nor rename it"),
            ..wrong(find(&sources, id, "x = 2"))
        };
        insta::assert_snapshot!(plain(&[&error], &sources), @r"
        error: the property x is declared twice
         --> a.zkt:3:3
          |
        3 |   x = 2
          |   ^^^^^ again here
          |
          = help: remove one of the two
                  or rename it
        ");
        insta::assert_snapshot!(coloured(&[&error], &sources).replace('\u{1b}', "␛"), @r"
        ␛[1m␛[91merror␛[0m␛[1m: the property x is declared twice␛[0m
         ␛[1m␛[94m--> ␛[0ma.zkt:3:3
          ␛[1m␛[94m|␛[0m
        ␛[1m␛[94m3␛[0m ␛[1m␛[94m|␛[0m   x = 2
          ␛[1m␛[94m|␛[0m   ␛[1m␛[91m^^^^^␛[0m ␛[1m␛[91magain here␛[0m
          ␛[1m␛[94m|␛[0m
          ␛[1m␛[94m= ␛[0m␛[1mhelp␛[0m: remove one of the two
                  or rename it
        ");
        insta::assert_snapshot!(error_json(&error, &sources), @r#"{"hint":"remove one of the two\nor rename it","message":"the property x is declared twice","related":[],"source":"a.zkt:3:3"}"#);
    }

    #[test]
    fn two_places_in_one_file() {
        let sources = Sources::default();
        let text = "/a\n  x = 1\n  b = 1\n  c = 1\n  d = 1\n  e = 1\n  x = 2\n";
        let id = sources.add("a.zkt", text.to_owned()).unwrap();
        let related = vec![(find(&sources, id, "x = 1"), "first here".to_owned())];
        let error = Wrong {
            related,
            ..wrong(find(&sources, id, "x = 2"))
        };
        insta::assert_snapshot!(plain(&[&error], &sources), @r"
        error: the property x is declared twice
         --> a.zkt:7:3
          |
        2 |   x = 1
          |   ----- first here
        ...
        7 |   x = 2
          |   ^^^^^ again here
        ");
        insta::assert_snapshot!(error_json(&error, &sources), @r#"{"message":"the property x is declared twice","related":[{"message":"first here","source":"a.zkt:2:3"}],"source":"a.zkt:7:3"}"#);
    }

    #[test]
    fn two_files_and_a_total() {
        let sources = Sources::default();
        let a = sources
            .add("base/a.zkt", "/a\n  x = 1\n".to_owned())
            .unwrap();
        let b = sources
            .add("base/b.zkt", "\n\n/a\n  x = 2\n  y = 3\n".to_owned())
            .unwrap();
        let related = vec![(find(&sources, a, "x = 1"), "first here".to_owned())];
        let two = Wrong {
            related,
            ..wrong(find(&sources, b, "x = 2"))
        };
        let one = wrong(find(&sources, a, "/a"));
        let last = wrong(find(&sources, b, "y = 3"));
        insta::assert_snapshot!(plain(&[&last, &two, &one], &sources), @r"
        error: the property x is declared twice
         --> base/a.zkt:1:1
          |
        1 | /a
          | ^^ again here

        error: the property x is declared twice
         --> base/b.zkt:4:3
          |
        4 |   x = 2
          |   ^^^^^ again here
          |
         ::: base/a.zkt:2:3
          |
        2 |   x = 1
          |   ----- first here

        error: the property x is declared twice
         --> base/b.zkt:5:3
          |
        5 |   y = 3
          |   ^^^^^ again here

        error: 3 errors in 2 files
        ");
        insta::assert_snapshot!(plain(&[&last, &two], &sources).lines().last().unwrap(), @r"error: 2 errors in 1 file");
    }

    #[test]
    fn carets_stand_right_after_tabs_and_wide_characters() {
        let sources = Sources::default();
        let text = "/a\n\té = '日本' x\n\tb = 'e\u{301}\u{202e}' y\r\n/é : 1";
        let id = sources.add("a.zkt", text.to_owned()).unwrap();
        let end = u32::try_from(text.len()).unwrap();
        let at_end = wrong(Span {
            source: id,
            start: end,
            end,
        });
        let (x, y) = (
            wrong(find(&sources, id, "x")),
            wrong(find(&sources, id, "y")),
        );
        insta::assert_snapshot!(plain(&[&x, &y, &at_end], &sources), @r"
        error: the property x is declared twice
         --> a.zkt:2:11
          |
        2 |     é = '日本' x
          |                ^ again here

        error: the property x is declared twice
         --> a.zkt:3:12
          |
        3 |     b = 'é�' y
          |              ^ again here

        error: the property x is declared twice
         --> a.zkt:4:7
          |
        4 | /é : 1
          |       ^ again here

        error: 3 errors in 1 file
        ");
    }

    #[test]
    fn very_long_lines_are_cut_around_the_place() {
        let sources = Sources::default();
        let long = "é".repeat(100_000);
        let text = format!("/a\n  x = '{long}' oops\n  y = '{long}'\n");
        let id = sources.add("a.zkt", text.clone()).unwrap();
        let y = u32::try_from(text.find("y =").unwrap()).unwrap();
        let all = wrong(Span {
            source: id,
            start: y,
            end: u32::try_from(text.len()).unwrap(),
        });
        let related = vec![(find(&sources, id, "/a"), "in this node".to_owned())];
        let oops = Wrong {
            related,
            ..wrong(find(&sources, id, "oops"))
        };
        insta::assert_snapshot!(plain(&[&all, &oops], &sources), @r"
        error: the property x is declared twice
         --> a.zkt:2:100010
          |
        2 | ...ééééééééééééééééééééééééé' oops
          |                               ^^^^ again here
          |
         ::: a.zkt:1:1
          |
        1 | /a
          | -- in this node

        error: the property x is declared twice
         --> a.zkt:3:3
          |
        3 |   y = 'ééééééééééééééééééééééééééééééééééééééééééééééééééééééé…
          |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ again here

        error: 2 errors in 1 file
        ");
    }

    #[test]
    fn what_steers_a_terminal_is_escaped() {
        let sources = Sources::default();
        let id = sources
            .add("a\u{1b}[31m.zkt", "\u{1b}[2J x\n".to_owned())
            .unwrap();
        let error = wrong(find(&sources, id, "x"));
        assert!(!plain(&[&error], &sources).contains('\u{1b}'));
        assert!(!coloured(&[&error], &sources).contains("\u{1b}[2J"));
    }

    #[test]
    fn one_character_can_steer_a_terminal_too() {
        let sources = Sources::default();
        let text = "/a\n  \u{9b}2J\u{85} x = y\n".to_owned();
        let id = sources.add("a.zkt", text).unwrap();
        let error = wrong(find(&sources, id, "y"));
        insta::assert_snapshot!(plain(&[&error], &sources), @r"
        error: the property x is declared twice
         --> a.zkt:2:12
          |
        2 |   �2J� x = y
          |            ^ again here
        ");
    }
}
