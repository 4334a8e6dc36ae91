//! The levels of lines, by their indentation.

use crate::syntax::ast::{Line, Statement};
use crate::syntax::parser::error::ErrorKind;
use crate::syntax::parser::findings::Findings;

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

/// The lines of one source so far, and the levels that are open below them.
pub(super) struct Levels<'s> {
    pub(super) lines: Vec<Line<'s>>,
    open: Vec<Open<'s>>,
    /// Whether blank lines and comments are kept.
    keep_blanks: bool,
    /// Comment lines since the last statement, with the width of their indentation: the next
    /// statement decides where they belong.
    comments: Vec<(usize, usize)>,
}

impl<'s> Levels<'s> {
    pub(super) fn new(keep_blanks: bool) -> Self {
        Self {
            lines: Vec::new(),
            open: Vec::new(),
            keep_blanks,
            comments: Vec::new(),
        }
    }

    /// Adds a line on the level that its indentation puts it on.
    pub(super) fn place(
        &mut self,
        mut indent: &'s str,
        mut line: Line<'s>,
        findings: &mut Findings,
    ) {
        if matches!(line.statement, Statement::Blank) {
            self.place_blank(indent, line);
            return;
        }
        let before = findings.errors();
        let (level, error) = self.level(indent);
        if let Some(kind) = error {
            findings.error(line.span, kind);
            // One mistake gives one error: the lines beside it are compared with the level that it
            // missed.
            indent = self.open.get(level).map_or(indent, |open| open.indent);
        } else if level == 0 && !matches!(line.statement, Statement::Node(_) | Statement::Invalid) {
            findings.error(line.span, ErrorKind::AboveFirstNode(line.statement.name()));
        }
        if findings.errors() > before {
            line.statement = Statement::Invalid;
        }
        if !self.comments.is_empty() {
            self.place_comments(level, indent.chars().count());
        }
        let opener = match &line.statement {
            Statement::Node(_) => Opener::Node,
            Statement::Invalid => Opener::Invalid,
            other => Opener::Other(other.name()),
        };
        self.open.truncate(level);
        self.open.push(Open { indent, opener });
        line.level = count_of(level);
        self.lines.push(line);
    }

    /// The level of a statement with this indentation, or the nearest one and what is wrong.
    fn level(&self, indent: &str) -> (usize, Option<ErrorKind>) {
        let Some(top) = self.open.last() else {
            return (0, None);
        };
        let mut level = self.open.len();
        if indent.len() > top.indent.len() && indent.starts_with(top.indent) {
            let error = match top.opener {
                Opener::Other(what) => Some(ErrorKind::IndentedUnder(what)),
                Opener::Node | Opener::Invalid => None,
            };
            return (level, error);
        }
        while level > 1
            && self.open[level - 1].indent != indent
            && self.open[level - 1].indent.starts_with(indent)
        {
            level -= 1;
        }
        level -= 1;
        let found = self.open[level].indent;
        let error = if found == indent {
            None
        } else if found.starts_with(indent) || indent.starts_with(found) {
            Some(ErrorKind::Dedent)
        } else {
            Some(ErrorKind::MixedIndentation)
        };
        (level, error)
    }

    /// Adds a line without a statement.
    fn place_blank(&mut self, indent: &str, line: Line<'s>) {
        // A run of blank lines is kept as one.
        let is_blank_line =
            |line: &Line<'_>| matches!(line.statement, Statement::Blank) && line.comment.is_none();
        let goes_on = line.comment.is_none() && self.lines.last().is_some_and(is_blank_line);
        if !self.keep_blanks || goes_on {
            return;
        }
        let width = indent.chars().count();
        self.comments.push((self.lines.len(), width));
        self.lines.push(line);
    }

    /// Ends the text: comments at its end belong to no node.
    pub(super) fn finish(&mut self) {
        self.place_comments(0, 0);
    }

    /// Comment lines belong to the statement after them, unless they stand deeper than it: then
    /// they end the contents of what is open above.
    fn place_comments(&mut self, next_level: usize, next_width: usize) {
        for (line, width) in std::mem::take(&mut self.comments) {
            let mut level = next_level;
            if width > next_width {
                let fits = |open: &Open<'_>| open.indent.len() <= width;
                let deepest = self.open.iter().rposition(fits).unwrap_or(0);
                let inside = deepest + 1 == self.open.len()
                    && self.open[deepest].opener == Opener::Node
                    && width > self.open[deepest].indent.len();
                level = level.max(deepest + usize::from(inside));
            }
            self.lines[line].level = count_of(level);
        }
    }
}

/// Spans bound the text, and each level needs a line of its own.
#[expect(
    clippy::cast_possible_truncation,
    reason = "Sources::add bounds the text"
)]
fn count_of(open: usize) -> u32 {
    open as u32
}
