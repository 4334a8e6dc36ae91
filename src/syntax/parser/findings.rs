//! What parsing finds wrong or doubtful in one text.

use crate::syntax::doubt::{Doubt, DoubtKind};
use crate::syntax::parser::error::{Error, ErrorKind, MAX_ERRORS};
use crate::syntax::parser::secrets::Secrets;
use crate::syntax::place::{SourceId, Span};

/// The errors and doubts of one source so far.
pub(super) struct Findings {
    source: SourceId,
    errors: Vec<Error>,
    doubts: Vec<Doubt>,
}

impl Findings {
    pub(super) fn new(source: SourceId) -> Self {
        Self {
            source,
            errors: Vec::new(),
            doubts: Vec::new(),
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

    pub(super) fn take_doubts(&mut self) -> Vec<Doubt> {
        std::mem::take(&mut self.doubts)
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> String {
        format!("{:#?} {:#?}", self.errors, self.doubts)
    }
}
