//! Tree texts: the parser, the formatter, and what is hidden in excerpts.

use std::ops::Range;

use zkt::syntax::ast::{Document, Statement};
use zkt::syntax::format::format;
use zkt::syntax::parser::{self, Secrets, Statements};
use zkt::syntax::place::{Located as _, SourceId};
use zkt::syntax::source::Sources;

use crate::engine::{Bounds, Line, Target, Traits, fuzz};

pub(crate) const TARGET: Target = Target {
    name: "texts",
    words: WORDS,
    longest: 16 << 10,
    cases: 3000,
    bounds: Bounds {
        at_once: Line(1 << 20, 2000),
        in_all: Line(4 << 20, 20_000),
    },
};

/// What the language is made of.
pub(crate) const WORDS: &[&str] = &[
    "'",
    "\"",
    "'''",
    "\"\"\"",
    "\\",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    "#",
    " = ",
    " -> ",
    " => ",
    " : ",
    "/",
    "@",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "  ",
    "\0",
    "\u{1b}",
    "\u{85}",
    "\u{feff}",
    "\u{202e}",
    "\u{2028}",
    "é",
    "😀",
    "e\u{301}",
    "None",
    "True",
    "null",
    "0x1f",
    "017",
    "0b1",
    "1_000",
    "1e400",
    "-1.50",
    "10L",
    "r'\\'",
    "u'\\ud83d\\ude00'",
    "b'\\xff'",
    "\\N{BULLET}",
    "\\x00",
    "\\U0010ffff",
    "\\777",
    ",",
    "+",
    "%",
    "**",
    "# zkt: allow",
    "@data ",
    "@data base64 'AA=='",
    "@data file 'x'",
    "@keep",
    "@keep children",
    "@keep properties",
    "@ignore a* \"b c\"",
    "@protect",
    "@ephemeral",
    "@secret",
    "@secret x",
    "@acl world:anyone:r",
    "@acl deep auth::cdrwa",
    "@acl digest:u:h=:r",
    "@include 'b'",
    "@include \"a\"",
    "@files 'd' !*.md",
    "@moved from '/a'",
    "password = 'x'",
    "/a\n",
    "\n/b : t\n",
    "\n  x = 1\n",
    "\n  /c/d\n",
    "..",
    "/zookeeper",
];

fn add(text: &str) -> (Sources, SourceId) {
    let sources = Sources::default();
    let id = sources.add("x.zkt", text.to_owned()).unwrap();
    (sources, id)
}

/// A document less its places: what formatting must leave as it is.
fn meaning(document: &Document<'_>, sources: &Sources) -> Vec<String> {
    let says = document.lines.iter().filter_map(|line| {
        let comment = line.comment.map(|span| sources.text(span));
        if matches!(line.statement, Statement::Blank) && comment.is_none() {
            return None;
        }
        let statement = without_spans(&format!("{:?}", line.statement));
        Some(format!("{} {statement} {comment:?}", line.level))
    });
    says.collect()
}

/// What Rust shows of a statement, less its spans.
fn without_spans(shown: &str) -> String {
    let mut pieces = shown.split("Span { source: ");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once(" }").map_or(piece, |(_, rest)| rest));
    }
    text
}

/// All comments, also those between the items of a value.
fn number_signs(text: &str) -> usize {
    text.matches('#').count()
}

pub(crate) fn one(bytes: &[u8]) -> Traits {
    let text = &*String::from_utf8_lossy(bytes);
    let mut traits = Traits::default();
    let (sources, id) = add(text);
    let (document, errors) = parser::parse(&sources, id);
    let kept = &sources.get(id).text;
    let inside = |range: Range<usize>| {
        assert!(
            kept.get(range.clone()).is_some(),
            "{range:?} is no place in {kept:?}"
        );
    };
    for error in &errors {
        inside(error.span().range());
        assert!(!error.to_string().is_empty());
        traits.note_message(&error.to_string());
        traits.note(error.hint().is_some());
    }
    let mut before = 0;
    for line in &document.lines {
        inside(line.span.range());
        line.comment
            .into_iter()
            .for_each(|span| inside(span.range()));
        let kind = std::mem::discriminant(&line.statement);
        traits.note((before, kind, line.comment.is_some()));
        before = line.level;
    }
    let mut statements = Statements::new(&sources, id);
    let one_by_one: Vec<String> = statements
        .by_ref()
        .map(|line| format!("{line:?}"))
        .collect();
    let mut all = document
        .lines
        .iter()
        .filter(|line| !matches!(line.statement, Statement::Blank));
    for line in one_by_one {
        assert_eq!(Some(line), all.next().map(|line| format!("{line:?}")));
    }
    assert!(all.next().is_none());
    for doubt in statements.take_doubts() {
        traits.note(std::mem::discriminant(&doubt.kind));
    }
    let secrets = Secrets::of(&sources);
    let mut start = 0;
    for line in kept.split('\n') {
        let shown = secrets.shown(&sources, id, start..start + line.len());
        let places = (0..=line.len()).filter(|at| line.is_char_boundary(*at));
        for at in places.map(|at| shown.place(at)) {
            assert!(
                shown.text.is_char_boundary(at),
                "{at} is no place in {:?}",
                shown.text
            );
        }
        traits.note(shown.text.len() == line.len());
        start += line.len() + 1;
    }
    if errors.is_empty() {
        let once = format(&document, &sources);
        let (again, id) = add(&once);
        let (second, errors) = parser::parse(&again, id);
        assert_eq!(errors, [], "it is formatted to\n{once}");
        assert_eq!(
            meaning(&second, &again),
            meaning(&document, &sources),
            "it is formatted to\n{once}"
        );
        assert_eq!(format(&second, &again), once);
        assert_eq!(
            number_signs(&once),
            number_signs(kept),
            "it is formatted to\n{once}"
        );
        traits.note_size("formatted", once.len().abs_diff(text.len()));
    }
    traits
}

#[test]
fn fuzzed() {
    fuzz(&TARGET, crate::trees(), crate::measured, one);
}
