//! Tree text to [`ast::Document`](crate::syntax::ast::Document).
//!
//! The scanner cuts the text into logical lines; plain ones are read as they stand, all others by
//! the grammar; their indentation puts them on levels.

mod error;
mod estimate;
mod explain;
mod expression;
mod findings;
mod levels;
mod literal;
mod matched;
mod number;
mod quick;
mod secrets;
mod statement;
mod string;

pub use error::{Error, ErrorKind, MAX_ERRORS};
pub use estimate::estimate_nodes;
pub use secrets::{HIDDEN, Secrets, ShownLine};

use crate::syntax::ast::{Document, Line, Statement};
use crate::syntax::doubt::{Doubt, Remark};
use crate::syntax::place::SourceId;
use crate::syntax::scanner::{Extent, LogicalLine, Reach, end_of_line};
use crate::syntax::source::Sources;
use explain::explain;
use findings::Findings;
use levels::Levels;
use matched::{Matched, Rule, matches};

/// Parses one source.
///
/// A line that is wrong is reported and stands in the document as [`Statement::Invalid`], so that
/// one run reports what is wrong everywhere, up to [`MAX_ERRORS`].
#[must_use]
pub fn parse(sources: &Sources, source: SourceId) -> (Document<'_>, Vec<Error>) {
    let mut parser = Parser::new(&sources.get(source).text, source, true);
    while parser.step() {}
    parser.levels.finish();
    let errors = parser.findings.take_errors(parser.text);
    let lines = parser.levels.lines;
    (Document { source, lines }, errors)
}

/// The statements of one source, parsed one at a time: as [`parse`] gives them, without blank lines
/// and comments.
pub struct Statements<'s>(Parser<'s>);

impl<'s> Statements<'s> {
    /// Starts at the top of a source.
    #[must_use]
    pub fn new(sources: &'s Sources, source: SourceId) -> Self {
        Self(Parser::new(&sources.get(source).text, source, false))
    }

    /// Replaces `lines` by the next statements, at most `count`. At the end of the source there are
    /// none.
    pub fn next_run(&mut self, lines: &mut Vec<Line<'s>>, count: usize) {
        lines.clear();
        std::mem::swap(&mut self.0.levels.lines, lines);
        while self.0.levels.lines.len() < count && self.0.step() {}
        std::mem::swap(&mut self.0.levels.lines, lines);
    }

    /// What was doubtful in the lines so far.
    #[must_use]
    pub fn take_doubts(&mut self) -> Vec<Doubt> {
        self.0.findings.take_doubts()
    }

    /// The comments that speak to zkt in the lines so far.
    #[must_use]
    pub fn take_remarks(&mut self) -> Vec<Remark> {
        self.0.findings.take_remarks()
    }

    /// What was wrong in the lines so far.
    #[must_use]
    pub fn into_errors(mut self) -> Vec<Error> {
        self.0.findings.take_errors(self.0.text)
    }
}

impl<'s> Iterator for Statements<'s> {
    type Item = Line<'s>;

    fn next(&mut self) -> Option<Line<'s>> {
        while self.0.levels.lines.is_empty() && self.0.step() {}
        self.0.levels.lines.pop()
    }
}

struct Parser<'s> {
    text: &'s str,
    source: SourceId,
    /// Where the next line starts.
    position: usize,
    levels: Levels<'s>,
    findings: Findings,
    /// How far the values of the next lines may reach.
    reach: Reach,
    /// Whether plain lines are read without the grammar.
    quick: bool,
}

impl<'s> Parser<'s> {
    fn new(text: &'s str, source: SourceId, keep_blanks: bool) -> Self {
        Self {
            text,
            source,
            position: 0,
            levels: Levels::new(keep_blanks),
            findings: Findings::new(source, text),
            reach: Reach::Text,
            quick: quick::suits(text),
        }
    }

    /// Parses the next logical line; false at the end.
    fn step(&mut self) -> bool {
        if self.position == self.text.len() {
            return false;
        }
        if self.findings.errors() + 1 >= MAX_ERRORS {
            self.stop();
            return false;
        }
        let start = self.position;
        let line = LogicalLine::at(self.text, start);
        let indent = &line.first[..line.indent];
        let offset = self.findings.span(start, start).start;
        if self.quick
            && let Some(plain) = quick::read(&line, offset, self.source)
        {
            self.position += line.first.len();
            self.findings.look_at(&plain, self.position, self.text);
            self.levels.place(indent, plain, &mut self.findings);
        } else {
            let (read, length) = self.read(&line, start);
            self.position += length;
            self.findings.look_at(&read, self.position, self.text);
            self.levels.place(indent, read, &mut self.findings);
        }
        true
    }

    /// Leaves out the rest of the text: there are too many errors.
    fn stop(&mut self) {
        let rest = &self.text[self.position..];
        let blank = rest.len() - rest.trim_start().len();
        if blank < rest.len() {
            let start = self.position + blank;
            let line = &self.text[start..end_of_line(self.text, start)];
            self.error(start, line.trim_end().len(), ErrorKind::TooMany);
        }
        self.position = self.text.len();
    }

    /// Reads a logical line with the grammar; returns how long it is, too.
    fn read(&mut self, line: &LogicalLine<'s>, start: usize) -> (Line<'s>, usize) {
        let first = line.first.len();
        let (at, kind, length) = match line.extent(self.reach) {
            Extent::Lines(length) => {
                let text = &self.text[start..start + length];
                match text.find('\0') {
                    Some(at) => (at, ErrorKind::Nul, length),
                    None => return (self.read_text(line, start, text), length),
                }
            }
            Extent::Unclosed(at, what) => {
                self.reach = Reach::Line;
                (at, ErrorKind::Unclosed(what), first)
            }
            Extent::TooDeep(at) => (at, ErrorKind::TooDeep, first),
        };
        self.error(start + at, 1, kind);
        (self.invalid(line, start, length), length)
    }

    fn read_text(&mut self, line: &LogicalLine<'s>, start: usize, text: &'s str) -> Line<'s> {
        match matches(Rule::line, text) {
            Ok(pair) => Matched::new(start, &mut self.findings).parse_line(pair),
            Err(error) => {
                let error = explain(line, text, &error);
                let length = error.range.len();
                self.error(start + error.range.start, length, error.kind);
                self.invalid(line, start, line.first.len())
            }
        }
    }

    /// A line that could not be parsed keeps its place, so that what stands below it is not taken
    /// for the contents of the node above.
    fn invalid(&self, line: &LogicalLine<'s>, start: usize, length: usize) -> Line<'s> {
        let text = &self.text[start..start + length];
        let end = text.trim_end().len().max(line.indent);
        Line {
            level: 0,
            span: self.findings.span(start + line.indent, start + end),
            statement: Statement::Invalid,
            comment: None,
        }
    }

    fn error(&mut self, start: usize, length: usize, kind: ErrorKind) {
        let span = self.findings.span(start, start + length);
        self.findings.error(span, kind);
    }
}
