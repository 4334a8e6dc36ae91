use std::cmp::Ordering;
use std::fmt;

use super::moved::MoveError;
use crate::model::acl::AclError;
use crate::model::path::{self, ZPath};
use crate::syntax::names::{GlobError, split_link};
use crate::syntax::parser::{MAX_ERRORS, Secrets};
use crate::syntax::place::{Located, Span};
use crate::syntax::spelling::grouped;

/// A line that can be parsed, but says something wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A node's name that ZooKeeper refuses.
    #[error("{error}")]
    Name {
        /// The name.
        span: Span,
        /// What is wrong with it.
        error: path::Error,
    },
    /// `/zookeeper` belongs to ZooKeeper itself; below a chroot it is a node like any.
    #[error("/zookeeper belongs to ZooKeeper itself and cannot be declared")]
    Reserved {
        /// The name.
        span: Span,
    },
    /// A path with too many names.
    #[error("the path is deeper than {} nodes", super::MAX_LEVELS)]
    TooDeep {
        /// The first name beyond.
        span: Span,
    },
    /// The same node twice in one place.
    #[error("the node {path} is declared twice in one place")]
    DuplicateNode {
        /// The second place.
        span: Span,
        /// The first place.
        first: Span,
        /// The node.
        path: ZPath,
    },
    /// The same property, link or type twice in one node of a layer.
    #[error("the {} is declared twice in one layer", describe(name))]
    DuplicateProperty {
        /// The second place.
        span: Span,
        /// The first place.
        first: Span,
        /// The name under which it is stored.
        name: String,
    },
    /// The same directive twice in one node of a layer.
    #[error("the directive {word} stands twice in one node")]
    DuplicateDirective {
        /// The second place.
        span: Span,
        /// The first place.
        first: Span,
        /// The directive's word.
        word: &'static str,
    },
    /// A pattern in the place of the one property whose value comes from outside.
    #[error("a value from outside is that of one property, and this is a pattern")]
    SecretOfMany {
        /// The pattern.
        span: Span,
    },
    /// The word of a directive, or what is meant as one, in the place of a property.
    #[error("of names that begin with @ only @data can come from outside")]
    SecretDirective {
        /// The word.
        span: Span,
    },
    /// A link whose target would come from outside.
    #[error("the target of a link is never taken from outside")]
    SecretLink {
        /// The link.
        span: Span,
    },
    /// Raw data beside properties.
    #[error("a node holds either @data or properties, and this one declares both")]
    DataAndProperties {
        /// The directive.
        span: Span,
        /// A property.
        property: Span,
    },
    /// A file of `@files`, and lines that declare the data of its node.
    #[error("{file} holds the data of {path}, which is declared, too")]
    FileAndDeclared {
        /// The directive.
        span: Span,
        /// Where the data is declared.
        declared: Span,
        /// The file.
        file: Box<str>,
        /// The node.
        path: ZPath,
    },
    /// Two files for one node.
    #[error("{} and {} both hold the data of {path}", files[0], files[1])]
    TwoFiles {
        /// The second `@files`.
        span: Span,
        /// The first.
        first: Span,
        /// The files.
        files: [Box<str>; 2],
        /// The node.
        path: ZPath,
    },
    /// A property's name that cannot be stored.
    #[error("a name that holds $serde_json::private:: cannot be stored")]
    NotStorable {
        /// The name.
        span: Span,
    },
    /// A pattern that is no glob.
    #[error("{error}")]
    Glob {
        /// The pattern.
        span: Span,
        /// What is wrong with it.
        error: GlobError,
    },
    /// An ACL entry that cannot be read.
    #[error("{error}")]
    Acl {
        /// The entry.
        span: Span,
        /// What is wrong with it.
        error: AclError,
    },
    /// A digest in an ACL entry that is no hash, so that no password fits it. It is not shown: it
    /// may be a password.
    #[error(
        "the digest{} is no hash: that is the base64 of 20 bytes",
        user.as_ref().map(|user| format!(" of the user {user:?}")).unwrap_or_default()
    )]
    Digest {
        /// The entry.
        span: Span,
        /// The user of the digest, if the entry names one.
        user: Option<String>,
        /// Whether a server has put `x` in its place.
        masked: bool,
    },
    /// A text that is no base64.
    #[error("expected base64, found something else{}", error.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Base64 {
        /// The text.
        span: Span,
        /// What is wrong with it; `None` if the text is secret.
        error: Option<NotBase64>,
    },
    /// A place that no node can be moved from.
    #[error("{error}")]
    Moved {
        /// The path, or the directive.
        span: Span,
        /// What is wrong with it.
        error: MoveError,
    },
    /// More data than a request can carry: one of [`oversized`](super::oversized).
    #[error(
        "the node {path} needs {bytes} bytes, and ZooKeeper takes at most {} in a request",
        grouped(*limit)
    )]
    TooLarge {
        /// Where the node is declared.
        span: Span,
        /// The node: a line may declare many, each a file.
        path: ZPath,
        /// Its path and data, and what a request needs besides.
        bytes: usize,
        /// The bytes that a request may have.
        limit: usize,
    },
    /// The last of the [`MAX_ERRORS`](crate::syntax::parser::MAX_ERRORS) that are reported of one file.
    #[error("the file has too many errors: this one and others are left out")]
    TooMany {
        /// The place of the first that is left out.
        span: Span,
    },
}

/// Errors in the order in which they are found, at most [`MAX_ERRORS`] of each file.
#[derive(Debug, Default)]
pub(super) struct Found {
    errors: Vec<Error>,
    /// The number of errors of each source.
    counts: Vec<usize>,
}

impl Found {
    pub(super) fn push(&mut self, error: Error) {
        let span = error.span();
        let index = span.source.index();
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        let count = &mut self.counts[index];
        *count = count.saturating_add(1);
        match (*count).cmp(&MAX_ERRORS) {
            Ordering::Less => self.errors.push(error),
            Ordering::Equal => self.errors.push(Error::TooMany { span }),
            Ordering::Greater => {}
        }
    }

    pub(super) fn extend(&mut self, errors: impl IntoIterator<Item = Error>) {
        errors.into_iter().for_each(|error| self.push(error));
    }

    /// Returns the errors, ordered by place.
    pub(super) fn sorted(mut self) -> Vec<Error> {
        self.errors.sort_by_key(Located::span);
        self.errors
    }
}

/// Why a text is no base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotBase64(pub(super) base64::DecodeError);

/// Writes the decoder's message in the style of ours: lower case, no full stop.
impl fmt::Display for NotBase64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0.to_string().to_lowercase();
        f.write_str(error.trim_end_matches('.'))
    }
}

impl Error {
    /// Removes what the error quotes, if its place is secret.
    pub(crate) fn hide(&mut self, secrets: &Secrets) {
        let covered = secrets.covers(self.span());
        if let Self::Base64 { error, .. } = self
            && covered
        {
            *error = None;
        }
    }

    /// Whether the error quotes a name or a path that lies within a secret. It does so below a
    /// value that is not closed, which is an error of its own.
    pub(crate) fn is_within_secret(&self, secrets: &Secrets) -> bool {
        let quotes = matches!(
            self,
            Self::Name { .. } | Self::Glob { .. } | Self::DuplicateNode { .. } | Self::Moved { .. }
        );
        quotes && secrets.holds(self.span())
    }
}

fn describe(name: &str) -> String {
    match split_link(name) {
        Some((base, kind)) => format!("link {base} {}", kind.operator()),
        None if name == crate::model::value::TYPE => "type".to_owned(),
        None => format!("property {name}"),
    }
}

impl Located for Error {
    fn span(&self) -> Span {
        match self {
            Self::Name { span, .. }
            | Self::Reserved { span }
            | Self::TooDeep { span }
            | Self::DuplicateNode { span, .. }
            | Self::DuplicateProperty { span, .. }
            | Self::DuplicateDirective { span, .. }
            | Self::DataAndProperties { span, .. }
            | Self::SecretOfMany { span, .. }
            | Self::SecretDirective { span, .. }
            | Self::SecretLink { span, .. }
            | Self::FileAndDeclared { span, .. }
            | Self::TwoFiles { span, .. }
            | Self::NotStorable { span }
            | Self::Glob { span, .. }
            | Self::Acl { span, .. }
            | Self::Digest { span, .. }
            | Self::Base64 { span, .. }
            | Self::Moved { span, .. }
            | Self::TooLarge { span, .. }
            | Self::TooMany { span } => *span,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::DuplicateNode { .. }
            | Self::DuplicateProperty { .. }
            | Self::DuplicateDirective { .. }
            | Self::TwoFiles { .. } => "and again here".to_owned(),
            _ => String::new(),
        }
    }

    fn related(&self) -> Vec<(Span, String)> {
        match self {
            Self::DuplicateNode { first, .. }
            | Self::DuplicateProperty { first, .. }
            | Self::DuplicateDirective { first, .. }
            | Self::TwoFiles { first, .. } => vec![(*first, "first here".to_owned())],
            Self::Moved { error, .. } => error.related().into_iter().collect(),
            Self::DataAndProperties { property, .. } => {
                vec![(*property, "a property is declared here".to_owned())]
            }
            Self::FileAndDeclared { declared, .. } => {
                vec![(*declared, "its data is declared here".to_owned())]
            }
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::Name {
                    error: path::Error::EmptyName,
                    ..
                } => "one slash stands before each name; a comment starts with a number sign: # …",
                Self::Moved { error, .. } => error.hint(),
                Self::DuplicateNode { .. } => "put the contents of both under one of them",
                Self::DuplicateProperty { .. } => {
                    "a later layer may replace it; one layer says it once"
                }
                Self::SecretOfMany { .. } => {
                    "each property has a line of its own; in double quotes it is a name"
                }
                Self::SecretDirective { .. } => {
                    "@data is the data of the node; a property whose name begins with @ stands in double quotes"
                }
                Self::SecretLink { .. } => {
                    "plans tell where links lead: write it as name -> path, or name => path"
                }
                Self::DuplicateDirective { .. } => "say it once, with all that it is to cover",
                Self::FileAndDeclared { .. } => {
                    "leave the file out with a glob: !NAME; or declare the node in a later layer"
                }
                Self::TwoFiles { .. } => "leave one of them out with a glob: !NAME",
                Self::Acl { .. } => {
                    "an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa"
                }
                Self::Digest { masked: true, .. } => {
                    "a server shows x in its place to a session without the ADMIN right; \
                     export it again with that, or write auth::cdrwa for whoever applies"
                }
                Self::Digest { .. } => {
                    "printf %s USER:PASSWORD | openssl sha1 -binary | base64 makes one; \
                     auth::cdrwa is for whoever applies"
                }
                _ => return None,
            }
            .to_owned(),
        )
    }
}
