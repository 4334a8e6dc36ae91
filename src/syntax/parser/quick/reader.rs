//! The steps of the fast path: words, blanks, comments.

use std::borrow::Cow;

use crate::syntax::ast::Text;
use crate::syntax::characters::is_blank;
use crate::syntax::place::{SourceId, Span};
use crate::syntax::scanner::table::plain;
use crate::syntax::scanner::tokens::is_comment;

/// A line does not end where it should.
pub(super) struct NoEnd;

/// A line that is read from left to right.
pub(super) struct Reader<'s> {
    /// The line without what trails it.
    pub(super) text: &'s str,
    /// Where the next byte to read stands.
    pub(super) at: usize,
    /// Where the line starts in the source.
    pub(super) offset: u32,
    pub(super) source: SourceId,
}

impl<'s> Reader<'s> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Sources::add bounds the text"
    )]
    pub(super) fn span(&self, start: usize) -> Span {
        let at = |byte: usize| self.offset + byte as u32;
        Span {
            source: self.source,
            start: at(start),
            end: at(self.at),
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn peek_blank(&self) -> bool {
        self.peek().is_some_and(|byte| is_blank(char::from(byte)))
    }

    pub(super) fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    pub(super) fn blanks(&mut self) {
        while self.peek_blank() {
            self.at += 1;
        }
    }

    /// The comment that ends the line, where it has one.
    ///
    /// # Errors
    /// Something else stands there.
    pub(super) fn comment(&mut self) -> Result<Option<Span>, NoEnd> {
        self.blanks();
        if self.at == self.text.len() {
            return Ok(None);
        }
        if !is_comment(self.text, self.at) {
            return Err(NoEnd);
        }
        let start = self.at;
        self.at += self.rest().trim_end().len();
        Ok(Some(self.span(start)))
    }

    /// Bytes that are plain in a kind of word; at least one.
    pub(super) fn word(&mut self, kind: u8) -> Option<Text<'s>> {
        let length = plain::length(self.rest().as_bytes(), kind);
        (length > 0).then(|| self.text(length))
    }

    /// Takes this many bytes unchanged.
    pub(super) fn text(&mut self, length: usize) -> Text<'s> {
        let start = self.at;
        self.at += length;
        Text {
            text: Cow::Borrowed(&self.text[start..self.at]),
            span: self.span(start),
        }
    }
}
