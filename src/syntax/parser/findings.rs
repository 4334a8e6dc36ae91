//! What parsing finds wrong or doubtful in one text.

use crate::syntax::ast::{Line, Node, Statement};
use crate::syntax::doubt::{Doubt, DoubtKind, REMARK, Remark};
use crate::syntax::parser::error::{Error, ErrorKind, MAX_ERRORS};
use crate::syntax::parser::number::number;
use crate::syntax::parser::secrets::Secrets;
use crate::syntax::place::{SourceId, Span};

/// The errors and doubts of one source so far.
pub(super) struct Findings {
    source: SourceId,
    errors: Vec<Error>,
    doubts: Vec<Doubt>,
    remarks: Vec<Remark>,
    /// Where the text may have remarks, from the end up.
    marks: Vec<usize>,
}

impl Findings {
    pub(super) fn new(source: SourceId, text: &str) -> Self {
        // Once for the text, so that lines cost nothing.
        let marks = memchr::memmem::find_iter(text.as_bytes(), REMARK);
        let mut marks: Vec<usize> = marks.collect();
        marks.reverse();
        Self {
            source,
            errors: Vec::new(),
            doubts: Vec::new(),
            remarks: Vec::new(),
            marks,
        }
    }

    /// Looks for a remark and a doubtful type in a line that ends before `end` of the text.
    pub(super) fn look_at(&mut self, line: &Line<'_>, end: usize, text: &str) {
        while let Some(mark) = self.marks.pop_if(|mark| *mark < end) {
            if let Some(span) = line.comment.filter(|span| span.range().start == mark) {
                self.remarks.push(Remark {
                    span,
                    is_alone: matches!(line.statement, Statement::Blank),
                });
            }
        }
        if let Statement::Node(Node {
            kind: Some(kind), ..
        }) = &line.statement
            && looks_literal(text[kind.span.range()].trim())
        {
            self.doubt(kind.span, DoubtKind::LiteralType, kind.span);
        }
    }

    /// The bytes of the source from `start` to `end`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Sources::add bounds the text"
    )]
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span {
            source: self.source,
            start: start as u32,
            end: end as u32,
        }
    }

    /// Reports an error, unless the file has [`MAX_ERRORS`] already: one line may have thousands.
    pub(super) fn error(&mut self, span: Span, kind: ErrorKind) {
        let kind = match MAX_ERRORS.saturating_sub(self.errors.len()) {
            0 => return,
            1 => ErrorKind::TooMany,
            _ => kind,
        };
        self.errors.push(Error { kind, span });
    }

    pub(super) fn doubt(&mut self, span: Span, kind: DoubtKind, name: Span) {
        self.doubts.push(Doubt { kind, span, name });
    }

    /// How many errors were reported.
    pub(super) fn errors(&self) -> usize {
        self.errors.len()
    }

    /// Takes the errors, and removes the secrets of the text from them.
    pub(super) fn take_errors(&mut self, text: &str) -> Vec<Error> {
        let mut errors = std::mem::take(&mut self.errors);
        if !errors.is_empty() {
            let secrets = Secrets::of_text(text, self.source);
            for error in &mut errors {
                error.hide(&secrets);
            }
        }
        errors
    }

    pub(super) fn take_remarks(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.remarks)
    }

    pub(super) fn take_doubts(&mut self) -> Vec<Doubt> {
        std::mem::take(&mut self.doubts)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> String {
        format!("{:#?} {:#?} {:#?}", self.errors, self.doubts, self.remarks)
    }
}

/// Whether a type, as it is written, would be a value behind `=`. In double quotes it is meant.
fn looks_literal(kind: &str) -> bool {
    let inside = |open: char, close: char| kind.starts_with(open) && kind.ends_with(close);
    match kind.bytes().next() {
        Some(b'\'') => true,
        Some(b'[') => inside('[', ']'),
        Some(b'{') => inside('{', '}'),
        Some(b'(') => inside('(', ')'),
        Some(b'0'..=b'9' | b'-' | b'+' | b'.') => number(kind).is_ok(),
        Some(b't' | b'T' | b'f' | b'F' | b'n' | b'N') => {
            ["true", "True", "false", "False", "null", "None"].contains(&kind)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_types() {
        for kind in [
            "4", "-1.5", "0x1f", "1_000", "10L", "1e3", "'x'", "[1]", "{}", "True", "null",
        ] {
            assert!(looks_literal(kind), "{kind}");
        }
        for kind in [
            "z4m cms",
            "v2",
            "1.2.3",
            "3proxy",
            "\"4\"",
            "nan",
            "true service",
            "-",
            "[x",
        ] {
            assert!(!looks_literal(kind), "{kind}");
        }
    }
}
