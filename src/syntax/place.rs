//! Places in source texts, and errors that know their place.

use std::fmt;
use std::sync::Arc;

/// Which of the [`Sources`](crate::syntax::source::Sources) a place is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

impl SourceId {
    /// The source with this number among its [`Sources`](crate::syntax::source::Sources).
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2^32 files"))
    }

    /// The number of the source among its [`Sources`](crate::syntax::source::Sources).
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A range of bytes in one source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The source.
    pub source: SourceId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// The range of bytes, for slicing the text.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// From the start of this span to the end of `other`, in the same source.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self {
            end: other.end,
            ..self
        }
    }
}

/// A place as people name it: `file:line:column`, both counted from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The name of the source.
    pub source: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.line, self.column)
    }
}

/// An error about a place in a source, as whoever draws it needs it.
pub trait Located: std::error::Error {
    /// The place that is wrong.
    fn span(&self) -> Span;
    /// A few words to stand at that place.
    fn label(&self) -> String {
        String::new()
    }
    /// Other places that show why, each with a few words.
    fn related(&self) -> Vec<(Span, String)> {
        Vec::new()
    }
    /// What to do about it, where that is known.
    fn hint(&self) -> Option<String> {
        None
    }
}
