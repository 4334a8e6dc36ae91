//! Values that are legal, but that people may not have meant so.

use crate::syntax::place::Span;

/// A value that is legal, but written as people write something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What it is.
    pub kind: DoubtKind,
    /// Where.
    pub span: Span,
    /// The name of the property that it is in.
    pub name: Span,
}

/// What can be doubtful about a value. No kind quotes it: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DoubtKind {
    /// `0644`, which Python 2 and zc.zk read as octal.
    #[error(
        "a number with a leading zero is octal: write 0o in front of it if that is meant, and put it \
         in quotes if it is text"
    )]
    LeadingZero,
    /// `x = 'a',`, which Python reads as a tuple.
    #[error(
        "the comma at the end makes a list: write it in brackets if that is meant, or take the comma \
         out"
    )]
    TrailingComma,
    /// `/a : 42`, where a property was most likely meant.
    #[error(
        "the type looks like a value: write a property if that is meant, and put the type in double \
         quotes if it is text"
    )]
    LiteralType,
}

/// A comment that speaks to zkt: `# zkt: …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remark {
    /// The comment, from its `#` on.
    pub span: Span,
    /// Whether nothing else stands on its line.
    pub is_alone: bool,
}

/// How a [`Remark`] begins.
pub(crate) const REMARK: &str = "# zkt:";
