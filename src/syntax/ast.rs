//! What was written in a tree file, line by line and with places; no meaning.

use std::borrow::Cow;

use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::syntax::place::{SourceId, Span};

/// How deep lists and objects may be nested in a `.zkt` file.
///
/// `serde_json` reads no deeper than 127, so what was written deeper could not be read back.
pub const MAX_DEPTH: usize = 100;

/// A file as it was written: its logical lines in order.
///
/// The lines are flat, with the level that their indentation puts them on, so that neither a deep
/// tree nor a long file needs recursion. Texts that need no decoding are borrowed from the file.
#[derive(Debug)]
pub struct Document<'s> {
    /// The file.
    pub source: SourceId,
    /// Its logical lines.
    pub lines: Vec<Line<'s>>,
}

/// A logical line: one line of the file, or several where a value runs over them.
#[derive(Debug)]
pub struct Line<'s> {
    /// How many open nodes the line stands in.
    pub level: u32,
    /// The statement without its indentation and comment; empty for a blank line.
    pub span: Span,
    /// What it says.
    pub statement: Statement<'s>,
    /// The comment at its end, from the number sign on.
    pub comment: Option<Span>,
}

// Lines are moved by the hundred thousand. If they were larger, each move would be a call of
// `memcpy`.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Line<'_>>() <= 128);

/// What a line says.
#[derive(Debug)]
pub enum Statement<'s> {
    /// Nothing: the line is blank, or holds a comment only.
    Blank,
    /// `/name`, `/a/b/c`, `/name : type`.
    Node(Node<'s>),
    /// `name = value`.
    Property {
        /// The property's name.
        name: Text<'s>,
        /// Its value.
        value: Literal<'s>,
    },
    /// `name -> path`.
    Link {
        /// The link's name.
        name: Text<'s>,
        /// The path as it is written.
        target: Text<'s>,
    },
    /// `name => path property`.
    PropertyLink {
        /// The link's name.
        name: Text<'s>,
        /// Path and property as they are written.
        target: Text<'s>,
    },
    /// `@word …`.
    Directive(Directive<'s>),
    /// A wrong line, which is already reported. What stands below it belongs nowhere.
    Invalid,
}

impl Statement<'_> {
    /// What people call such a line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Blank | Self::Invalid => "line",
            Self::Node(_) => "node",
            Self::Property { .. } => "property",
            Self::Link { .. } => "link",
            Self::PropertyLink { .. } => "property link",
            Self::Directive(_) => "directive",
        }
    }
}

/// A node line.
#[derive(Debug)]
pub struct Node<'s> {
    /// The names of the path; all but the last are passed through.
    pub names: SmallVec<[Text<'s>; 1]>,
    /// The type.
    pub kind: Option<Text<'s>>,
}

/// A piece of text with its place, unquoted where it was quoted.
#[derive(Debug, Clone)]
pub struct Text<'s> {
    /// The text meant.
    pub text: Cow<'s, str>,
    /// Where it stands.
    pub span: Span,
}

/// A directive line.
#[derive(Debug)]
pub enum Directive<'s> {
    /// `@keep`, `@keep children`, `@keep properties`.
    Keep {
        /// Undeclared children.
        children: bool,
        /// Undeclared properties.
        properties: bool,
    },
    /// `@ignore NAME…`.
    Ignore(Vec<Text<'s>>),
    /// `@protect`.
    Protect,
    /// `@ephemeral`.
    Ephemeral,
    /// `@secret NAME…`; no name covers the data whole.
    Secret(Vec<Text<'s>>),
    /// `@secret NAME from env VAR`, `from file 'PATH'`, `from sops 'FILE' KEY`.
    SecretFrom(Box<SecretFrom<'s>>),
    /// `@acl ENTRY…`, `@acl deep ENTRY…`.
    Acl {
        /// Whether it holds for undeclared nodes, too.
        deep: bool,
        /// The entries.
        entries: Vec<Text<'s>>,
    },
    /// `@data 'text'`, `@data base64 '…'`, `@data file 'PATH'`.
    Data {
        /// How the text gives the bytes.
        form: DataForm,
        /// The text.
        text: Text<'s>,
    },
    /// `@include 'PATH'`.
    Include(Text<'s>),
    /// `@files 'DIR' GLOB…`.
    Files {
        /// The directory, its path relative to the tree file.
        directory: Text<'s>,
        /// Which files below it, in order; all if there is none.
        globs: Vec<FileGlob<'s>>,
    },
    /// `@moved from '/old/path'`.
    Moved(Text<'s>),
}

impl Directive<'_> {
    /// The directive's word, with its sign.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Keep { .. } => "@keep",
            Self::Ignore(_) => "@ignore",
            Self::Protect => "@protect",
            Self::Ephemeral => "@ephemeral",
            Self::Secret(_) | Self::SecretFrom(_) => "@secret",
            Self::Acl { .. } => "@acl",
            Self::Data { .. } => "@data",
            Self::Include(_) => "@include",
            Self::Files { .. } => "@files",
            Self::Moved(_) => "@moved",
        }
    }
}

/// A value that comes from outside of the tree files.
#[derive(Debug, Clone)]
pub struct SecretFrom<'s> {
    /// The property, or `@data` for the node's data whole.
    pub name: Text<'s>,
    /// Where its value is.
    pub source: SecretSource<'s>,
}

/// Where a value from outside is.
#[derive(Debug, Clone)]
pub enum SecretSource<'s> {
    /// A variable of the environment.
    Variable(Text<'s>),
    /// A file that holds nothing else, its path relative to the tree file.
    File(Text<'s>),
    /// A value in a file that SOPS has encrypted.
    Sops {
        /// The file, its path relative to the tree file.
        file: Text<'s>,
        /// The names that lead to the value, outermost first.
        key: Vec<Text<'s>>,
    },
}

/// A pattern of `@files`.
#[derive(Debug, Clone)]
pub struct FileGlob<'s> {
    /// Whether it stands behind an exclamation mark: what it matches is left out.
    pub leaves_out: bool,
    /// The glob, without the mark.
    pub text: Text<'s>,
}

/// How `@data` gives a node's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataForm {
    /// The text itself, as UTF-8.
    Text,
    /// Base64 of the bytes; white space does not count.
    Base64,
    /// The bytes of a file, its path relative to the tree file.
    File,
}

/// A literal value with the places of its parts.
#[derive(Debug, Clone)]
pub struct Literal<'s> {
    /// The value.
    pub kind: LiteralKind<'s>,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of literal.
#[derive(Debug, Clone)]
pub enum LiteralKind<'s> {
    /// `None`, `null`.
    Null,
    /// `True`, `true`, `False`, `false`.
    Bool(bool),
    /// A number, exact, as JSON spells it.
    Number(Cow<'s, str>),
    /// A string, or several side by side.
    String(Cow<'s, str>),
    /// A list or a tuple.
    List(Vec<Literal<'s>>),
    /// Pairs of a string and a value.
    Dict(Vec<(Literal<'s>, Literal<'s>)>),
}

impl Literal<'_> {
    /// The JSON value that the literal stands for; of two pairs with one key the later one counts,
    /// as in Python.
    #[must_use]
    pub fn into_value(self) -> Value {
        match self.kind {
            LiteralKind::Null => Value::Null,
            LiteralKind::Bool(value) => Value::Bool(value),
            LiteralKind::Number(number) => Value::Number(
                number
                    .parse()
                    .expect("the parser spells numbers as JSON does"),
            ),
            LiteralKind::String(text) => Value::String(text.into_owned()),
            LiteralKind::List(items) => items.into_iter().map(Self::into_value).collect(),
            LiteralKind::Dict(pairs) => {
                let mut map = Map::new();
                for (key, value) in pairs {
                    if let LiteralKind::String(key) = key.kind {
                        map.insert(key.into_owned(), value.into_value());
                    }
                }
                Value::Object(map)
            }
        }
    }
}
