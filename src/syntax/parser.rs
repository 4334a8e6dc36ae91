//! Tree text to [`ast::Document`](crate::syntax::ast::Document): structure by indentation here, one line at a
//! time by the grammar.

mod continuation;
mod doubt;
mod error;
mod explain;
mod expression;
mod hints;
mod invisible;
mod literal;
mod quick;
mod secrets;

pub use doubt::{Doubt, DoubtKind};
pub use error::{Error, ErrorKind};
pub use secrets::{HIDDEN, Secrets, ShownLine};

use std::borrow::Cow;

use pest::Parser as _;
use pest::iterators::Pair;
use smallvec::SmallVec;

use crate::syntax::ast::{
    DataForm, Directive, Document, Line, Literal, LiteralKind, Node, Statement, Text,
};
use crate::syntax::source::{SourceId, Sources, Span};
use crate::syntax::spelling;
use continuation::Extent;

mod grammar {
    #![allow(missing_docs, reason = "the grammar file documents its rules")]

    #[derive(pest_derive::Parser)]
    #[grammar = "grammar/zkt.pest"]
    pub(super) struct Grammar;
}

use grammar::{Grammar, Rule};

/// So many errors of one file are reported. The last says that it is not checked any further:
/// nobody reads more, and a file that is no tree file at all may have millions.
pub const MAX_ERRORS: usize = 100;

/// Parses one source.
///
/// A line that is wrong is reported and stands in the document as [`Statement::Invalid`], so that
/// one run reports what is wrong everywhere, up to [`MAX_ERRORS`].
#[must_use]
pub fn parse(sources: &Sources, source: SourceId) -> (Document<'_>, Vec<Error>) {
    let mut parser = Parser::new(&sources.get(source).text, source);
    while parser.step() {}
    parser.place_comments(0, 0);
    let errors = parser.errors();
    (
        Document {
            source,
            lines: parser.lines,
        },
        errors,
    )
}

/// About how many nodes a text declares: how many of its lines start with a slash, of a long text
/// those in samples.
#[must_use]
pub fn estimate_nodes(text: &str) -> usize {
    const SAMPLES: usize = 16;
    const SAMPLE: usize = 16 << 10;
    let bytes = text.as_bytes();
    let apart = bytes.len() / SAMPLES;
    if apart < 2 * SAMPLE {
        return node_lines(bytes);
    }
    let samples = (0..SAMPLES).map(|i| &bytes[i * apart..][..SAMPLE]);
    let found: usize = samples.map(node_lines).sum();
    // Room for too many costs nothing that is not used; for too few, all must move.
    found * apart.div_ceil(SAMPLE) * 9 / 8
}

fn node_lines(bytes: &[u8]) -> usize {
    let starts_line = |at: &usize| {
        let before = bytes[..*at].iter().rev();
        let mut before = before.skip_while(|byte| matches!(byte, b' ' | b'\t'));
        matches!(before.next(), None | Some(b'\n'))
    };
    memchr::memchr_iter(b'/', bytes).filter(starts_line).count()
}

/// The statements of one source, parsed one at a time: what [`parse`] gives without the lines that
/// say nothing.
pub struct Statements<'s>(Parser<'s>);

impl<'s> Statements<'s> {
    /// Starts at the top of a source.
    #[must_use]
    pub fn new(sources: &'s Sources, source: SourceId) -> Self {
        let parser = Parser::new(&sources.get(source).text, source);
        Self(Parser {
            keep_blanks: false,
            ..parser
        })
    }

    /// Puts the next statements in the place of `lines`, at most so many; none at the end.
    pub fn next_run(&mut self, lines: &mut Vec<Line<'s>>, count: usize) {
        lines.clear();
        std::mem::swap(&mut self.0.lines, lines);
        while self.0.lines.len() < count && self.0.step() {}
        std::mem::swap(&mut self.0.lines, lines);
    }

    /// What was doubtful in the lines so far.
    #[must_use]
    pub fn take_doubts(&mut self) -> Vec<Doubt> {
        std::mem::take(&mut self.0.doubts)
    }

    /// What was wrong in the lines so far.
    #[must_use]
    pub fn into_errors(mut self) -> Vec<Error> {
        self.0.errors()
    }
}

impl<'s> Iterator for Statements<'s> {
    type Item = Line<'s>;

    fn next(&mut self) -> Option<Line<'s>> {
        while self.0.lines.is_empty() && self.0.step() {}
        self.0.lines.pop()
    }
}

/// A level of indentation whose line may still get contents, or siblings.
struct Open<'s> {
    indent: &'s str,
    opener: Opener,
}

/// What the last line on a level was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opener {
    Node,
    Invalid,
    Other(&'static str),
}

struct Parser<'s> {
    text: &'s str,
    source: SourceId,
    /// Where the next line starts.
    position: usize,
    lines: Vec<Line<'s>>,
    errors: Vec<Error>,
    doubts: Vec<Doubt>,
    /// The name of the property whose value is being read.
    name: Option<Span>,
    open: Vec<Open<'s>>,
    /// Whether lines without a statement are of interest.
    keep_blanks: bool,
    /// Comment lines since the last statement, with the width of their indentation: the next
    /// statement decides where they belong.
    comments: Vec<(usize, usize)>,
    /// False after a value ran to the end of the file: from there on every line stands alone, or
    /// each of them would be searched to the end again.
    joins: bool,
    /// Whether plain lines are read without the grammar.
    quick: bool,
}

impl<'s> Parser<'s> {
    fn new(text: &'s str, source: SourceId) -> Self {
        Self {
            text,
            source,
            position: 0,
            lines: Vec::new(),
            errors: Vec::new(),
            doubts: Vec::new(),
            name: None,
            open: Vec::new(),
            keep_blanks: true,
            comments: Vec::new(),
            joins: true,
            quick: quick::suits(text),
        }
    }

    /// Takes what was wrong, without the secrets of the text.
    fn errors(&mut self) -> Vec<Error> {
        let mut errors = std::mem::take(&mut self.errors);
        secrets::hide(self.text, self.source, &mut errors);
        errors
    }

    /// Parses the next logical line; false at the end.
    fn step(&mut self) -> bool {
        if self.position == self.text.len() {
            return false;
        }
        if self.errors.len() + 1 >= MAX_ERRORS {
            self.stop();
            return false;
        }
        self.position = self.line(self.position);
        true
    }

    /// Leaves out what stands behind too many errors.
    fn stop(&mut self) {
        let rest = &self.text[self.position..];
        let blank = rest.len() - rest.trim_start().len();
        if blank < rest.len() {
            let start = self.position + blank;
            let line = &self.text[start..end_of_line(self.text, start)];
            self.error(start, start + line.trim_end().len(), ErrorKind::TooMany);
        }
        self.position = self.text.len();
    }

    /// Parses the logical line at `start`; returns where the next one starts.
    fn line(&mut self, start: usize) -> usize {
        let first_end = end_of_line(self.text, start);
        if self.quick && self.quick_line(start, first_end) {
            return first_end;
        }
        let end = match continuation::extent(&self.text[start..], self.joins) {
            Extent::Lines(length) => start + length,
            Extent::Unclosed(at, what) => {
                self.joins = false;
                self.error(start + at, start + at + 1, ErrorKind::Unclosed(what));
                self.invalid(start, first_end);
                return first_end;
            }
            Extent::TooDeep(at) => {
                self.error(start + at, start + at + 1, ErrorKind::TooDeep);
                self.invalid(start, first_end);
                return first_end;
            }
        };
        let slice = &self.text[start..end];
        if let Some(at) = slice.find('\0') {
            self.error(start + at, start + at + 1, ErrorKind::Nul);
            self.invalid(start, end);
            return end;
        }
        match Grammar::parse(Rule::line, slice) {
            Ok(mut pairs) => {
                let line = pairs.next().expect("a match of the rule has its pair");
                self.matched(line, start);
            }
            Err(error) => {
                let error = explain::explain(slice, &error);
                let at = self.span(start + error.range.start, start + error.range.end);
                self.error_at(at, error.kind);
                self.invalid(start, first_end);
            }
        }
        end
    }

    /// Reads a plain line without the grammar; tells whether it was one.
    fn quick_line(&mut self, start: usize, end: usize) -> bool {
        let at = self.span(start, end);
        let Some(quick) = quick::line(&self.text[start..end], at.start, self.source) else {
            return false;
        };
        match quick.statement {
            Some((span, statement)) => self.place(quick.indent, span, statement, quick.comment),
            None => self.blank(start, quick.indent, quick.comment),
        }
        true
    }

    /// A line without a statement.
    fn blank(&mut self, start: usize, indent: &str, comment: Option<Span>) {
        // However long, a run of blank lines is one.
        let is_blank_line =
            |line: &Line<'_>| matches!(line.statement, Statement::Blank) && line.comment.is_none();
        if !self.keep_blanks || comment.is_none() && self.lines.last().is_some_and(is_blank_line) {
            return;
        }
        let at = start + indent.len();
        let span = self.span(at, at);
        let statement = Statement::Blank;
        self.comments
            .push((self.lines.len(), indent.chars().count()));
        self.lines.push(Line {
            level: 0,
            span,
            statement,
            comment,
        });
    }

    fn matched(&mut self, line: Pair<'s, Rule>, start: usize) {
        let mut indent = "";
        let mut comment = None;
        let mut statement = None;
        for pair in line.into_inner() {
            match pair.as_rule() {
                Rule::indent => indent = pair.as_str(),
                Rule::comment => {
                    let text = pair.as_str().trim_end();
                    let at = start + pair.as_span().start();
                    comment = Some(self.span(at, at + text.len()));
                }
                Rule::EOI => {}
                _ => {
                    let span = pair.as_span();
                    let at = self.span(start + span.start(), start + span.end());
                    statement = Some((at, self.statement(pair, start)));
                }
            }
        }
        match statement {
            Some((span, statement)) => self.place(indent, span, statement, comment),
            None => self.blank(start, indent, comment),
        }
    }

    /// A line that could not be parsed keeps its place, so that what stands below it is not taken
    /// for the contents of the node above.
    fn invalid(&mut self, start: usize, end: usize) {
        let line = &self.text[start..end];
        let indent = &line[..line.len() - line.trim_start_matches(is_blank).len()];
        let span = self.span(
            start + indent.len(),
            start + line.trim_end().len().max(indent.len()),
        );
        self.place(indent, span, Statement::Invalid, None);
    }

    /// Finds the level of a statement by its indentation.
    fn place(
        &mut self,
        mut indent: &'s str,
        span: Span,
        statement: Statement<'s>,
        comment: Option<Span>,
    ) {
        let before = self.errors.len();
        let deeper = match self.open.last() {
            None => true,
            Some(top) => indent.len() > top.indent.len() && indent.starts_with(top.indent),
        };
        let mut level = self.open.len();
        if deeper {
            if let Some(Open {
                opener: Opener::Other(what),
                ..
            }) = self.open.last()
            {
                self.error_at(span, ErrorKind::IndentedUnder(what));
            }
        } else {
            while level > 1
                && self.open[level - 1].indent != indent
                && self.open[level - 1].indent.starts_with(indent)
            {
                level -= 1;
            }
            level -= 1;
            let found = self.open[level].indent;
            if found != indent {
                let comparable = found.starts_with(indent) || indent.starts_with(found);
                self.error_at(
                    span,
                    if comparable {
                        ErrorKind::Dedent
                    } else {
                        ErrorKind::MixedIndentation
                    },
                );
                // One slip is one error: the lines beside it are compared with the level it missed.
                indent = found;
            }
        }
        if self.errors.len() == before
            && level == 0
            && !matches!(statement, Statement::Node(_) | Statement::Invalid)
        {
            self.error_at(span, ErrorKind::AboveFirstNode(name_of(&statement)));
        }
        let statement = if self.errors.len() > before {
            Statement::Invalid
        } else {
            statement
        };
        if !self.comments.is_empty() {
            self.place_comments(level, indent.chars().count());
        }
        self.open.truncate(level);
        self.open.push(Open {
            indent,
            opener: match &statement {
                Statement::Node(_) => Opener::Node,
                Statement::Invalid => Opener::Invalid,
                other => Opener::Other(name_of(other)),
            },
        });
        self.lines.push(Line {
            level: level_of(level),
            span,
            statement,
            comment,
        });
    }

    /// Comment lines belong to the statement after them, unless they stand deeper than it: then
    /// they end the contents of what is open above.
    fn place_comments(&mut self, next_level: usize, next_width: usize) {
        for (line, width) in std::mem::take(&mut self.comments) {
            let mut level = next_level;
            if width > next_width {
                let deepest = self
                    .open
                    .iter()
                    .rposition(|open| open.indent.len() <= width);
                let deepest = deepest.unwrap_or(0);
                let inside = deepest + 1 == self.open.len()
                    && self.open[deepest].opener == Opener::Node
                    && width > self.open[deepest].indent.len();
                level = level.max(deepest + usize::from(inside));
            }
            self.lines[line].level = level_of(level);
        }
    }

    fn statement(&mut self, pair: Pair<'s, Rule>, start: usize) -> Statement<'s> {
        let errors = self.errors.len();
        let statement = match pair.as_rule() {
            Rule::node => self.node(pair, start),
            Rule::entry => self.entry(pair, start),
            _ => self.directive(pair, start),
        };
        if self.errors.len() > errors {
            Statement::Invalid
        } else {
            statement
        }
    }

    fn node(&mut self, pair: Pair<'s, Rule>, start: usize) -> Statement<'s> {
        let mut names = SmallVec::new();
        let mut kind = None;
        for pair in pair.into_inner() {
            let whole = self.span_of(&pair, start);
            let rule = pair.as_rule();
            let inner = pair.into_inner().next();
            match (rule, inner) {
                (Rule::segment, Some(name)) => names.push(self.text(&name, start)),
                (Rule::segment, None) => {
                    names.push(Text {
                        text: Cow::Borrowed(""),
                        span: whole,
                    });
                }
                (_, Some(text)) if text.as_rule() == Rule::quoted_type => {
                    let quoted = text.into_inner().next().expect("quoted_type is one quoted");
                    kind = Some(self.text(&quoted, start));
                }
                (_, Some(text)) => {
                    if text.as_str().starts_with('"') && !text.as_str()[1..].contains('"') {
                        self.error_at(whole, ErrorKind::Unclosed("\""));
                    }
                    kind = Some(self.text(&text, start));
                }
                (_, None) => {}
            }
        }
        Statement::Node(Node { names, kind })
    }

    fn entry(&mut self, pair: Pair<'s, Rule>, start: usize) -> Statement<'s> {
        let mut parts = pair.into_inner();
        let (Some(name), Some(rest)) = (parts.next(), parts.next()) else {
            return Statement::Invalid;
        };
        let name = self.inner_text(&name, start);
        let rule = rest.as_rule();
        let Some(inner) = rest.into_inner().next() else {
            return Statement::Invalid;
        };
        self.name = Some(name.span);
        match rule {
            Rule::link => Statement::Link {
                name,
                target: self.text(&inner, start),
            },
            Rule::property_link if inner.as_rule() == Rule::value => {
                let value = self.literal(inner, start);
                stored_link(name, value)
            }
            Rule::property_link => Statement::PropertyLink {
                name,
                target: self.text(&inner, start),
            },
            _ => Statement::Property {
                name,
                value: self.literal(inner, start),
            },
        }
    }

    fn directive(&mut self, pair: Pair<'s, Rule>, start: usize) -> Statement<'s> {
        let rule = pair.as_rule();
        let mut form = DataForm::Text;
        let mut texts = Vec::new();
        let mut keep = None;
        for pair in pair.into_inner() {
            match pair.as_rule() {
                Rule::keep_what => keep = Some(pair.as_str()),
                Rule::data_form if pair.as_str() == "file" => form = DataForm::File,
                Rule::data_form => form = DataForm::Base64,
                Rule::string => texts.push(self.string(pair, start)),
                _ => texts.push(self.inner_text(&pair, start)),
            }
        }
        Statement::Directive(match rule {
            Rule::keep => Directive::Keep {
                children: keep != Some("properties"),
                properties: keep != Some("children"),
            },
            Rule::ignore => Directive::Ignore(texts),
            Rule::secret => Directive::Secret(texts),
            Rule::acl => Directive::Acl(texts),
            Rule::protect => Directive::Protect,
            Rule::ephemeral => Directive::Ephemeral,
            _ => {
                let Some(text) = texts.pop() else {
                    return Statement::Invalid;
                };
                match rule {
                    Rule::data => Directive::Data { form, text },
                    _ => Directive::Include(text),
                }
            }
        })
    }

    /// The text of a pair that wraps either a quoted text or a bare one.
    fn inner_text(&mut self, pair: &Pair<'s, Rule>, start: usize) -> Text<'s> {
        match pair.clone().into_inner().next() {
            Some(inner) => self.text(&inner, start),
            None => self.text(pair, start),
        }
    }

    /// A bare text as it stands, a quoted one decoded.
    fn text(&mut self, pair: &Pair<'s, Rule>, start: usize) -> Text<'s> {
        let span = self.span_of(pair, start);
        let text = if pair.as_rule() == Rule::quoted {
            let decoded = serde_json::from_str(pair.as_str()).unwrap_or_else(|error| {
                let kind = ErrorKind::QuotedName(error.to_string());
                self.error_at(span, kind);
                String::new()
            });
            Cow::Owned(decoded)
        } else {
            self.check_visible(pair, span);
            Cow::Borrowed(pair.as_str())
        };
        Text { text, span }
    }

    fn span_of(&self, pair: &Pair<'s, Rule>, start: usize) -> Span {
        let span = pair.as_span();
        self.span(start + span.start(), start + span.end())
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "Sources::add bounds the text"
    )]
    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            source: self.source,
            start: start as u32,
            end: end as u32,
        }
    }

    fn error(&mut self, start: usize, end: usize, kind: ErrorKind) {
        let span = self.span(start, end);
        self.error_at(span, kind);
    }

    /// Reports an error, but no more than a file may have: one line may have thousands.
    fn doubt(&mut self, span: Span, kind: DoubtKind) {
        self.doubts
            .extend(self.name.map(|name| Doubt { kind, span, name }));
    }

    fn error_at(&mut self, span: Span, kind: ErrorKind) {
        let kind = match MAX_ERRORS.saturating_sub(self.errors.len()) {
            0 => return,
            1 => ErrorKind::TooMany,
            _ => kind,
        };
        self.errors.push(Error { kind, span });
    }
}

/// A property link that is written as the property it is stored as.
fn stored_link<'s>(name: Text<'s>, value: Literal<'s>) -> Statement<'s> {
    let stored = format!("{} =>", name.text);
    match value.kind {
        LiteralKind::String(target) if spelling::link(&stored, &(*target).into()).is_some() => {
            let span = value.span;
            let target = Text { text: target, span };
            Statement::PropertyLink { name, target }
        }
        _ => {
            let (text, span) = (stored.into(), name.span);
            let name = Text { text, span };
            Statement::Property { name, value }
        }
    }
}

fn name_of(statement: &Statement<'_>) -> &'static str {
    match statement {
        Statement::Blank | Statement::Invalid => "line",
        Statement::Node(_) => "node",
        Statement::Property { .. } => "property",
        Statement::Link { .. } => "link",
        Statement::PropertyLink { .. } => "property link",
        Statement::Directive(_) => "directive",
    }
}

/// Spans bound the text, and each level needs a line of its own.
#[expect(
    clippy::cast_possible_truncation,
    reason = "Sources::add bounds the text"
)]
fn level_of(open: usize) -> u32 {
    open as u32
}

fn end_of_line(text: &str, start: usize) -> usize {
    memchr::memchr(b'\n', &text.as_bytes()[start..])
        .map_or(text.len(), |newline| start + newline + 1)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{b}' | '\u{c}')
}
