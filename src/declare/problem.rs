//! What can be wrong with layers.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::files;
use super::lower;
use super::secrets::SecretError;
use crate::syntax::parser::{self, Secrets};
use crate::syntax::place::{Located, Location, Span};
use crate::syntax::source::{self, Sources};
use crate::syntax::spelling::clipped;

/// How many files a run may include.
pub const MAX_INCLUDES: usize = 10_000;

/// Something that is wrong with layers.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A line cannot be parsed.
    #[error(transparent)]
    #[doc(hidden)]
    Parse(#[from] parser::Error),
    /// A line can be parsed, but what it says is wrong.
    #[error(transparent)]
    #[doc(hidden)]
    Lower(#[from] lower::Error),
    /// A file that another file names cannot be used.
    #[error(transparent)]
    #[doc(hidden)]
    Reference(#[from] Reference),
    /// A file is too large for zkt.
    #[error(transparent)]
    #[doc(hidden)]
    Source(#[from] source::Error),
    /// There is nothing at the path, or it cannot be read.
    #[error("{name}: {error}")]
    #[doc(hidden)]
    Unreadable {
        /// The path as it was given.
        name: String,
        /// Why.
        error: files::Error,
    },
    /// A file is not text.
    #[error("{name}:{line}:{column}: expected UTF-8 text, found the byte 0x{byte:02x}")]
    #[doc(hidden)]
    NotText {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// The first byte that is no text.
        byte: u8,
    },
    /// A file is something else than tree text.
    #[error("{name}: {what}, and a layer is tree text")]
    #[doc(hidden)]
    Foreign {
        /// The file.
        name: String,
        /// What it is.
        what: Foreign,
    },
    /// A layer declares no node: an empty tree is more often a mistake than meant.
    #[error("{name}: the layer declares no node")]
    #[doc(hidden)]
    Empty {
        /// The layer.
        name: String,
    },
    /// A layer is a directory without a tree file.
    #[error("{name}: there is no .zkt file in this directory, nor in one below it")]
    #[doc(hidden)]
    NoFiles {
        /// The layer.
        name: String,
    },
    /// One of several files declares no node: it was more likely cut short than meant.
    #[error("{name}: the file declares no node")]
    #[doc(hidden)]
    EmptyFile {
        /// The file.
        name: String,
    },
    /// Standard input can be read once.
    #[error("standard input (-) can be one layer only")]
    #[doc(hidden)]
    StandardInputTwice,
}

/// What a file is that is no tree text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// A tree, exported as JSON.
    Export,
    /// A saved plan.
    SavedPlan,
    /// Other JSON.
    Json,
    /// A file as `zkt.toml`.
    Toml,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Export => "it is an export in JSON",
            Self::SavedPlan => "it is a saved plan",
            Self::Json => "it is JSON",
            Self::Toml => "it is TOML",
        })
    }
}

/// Why a file that another file names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Reference {
    /// An included file or a data file cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Where it is named.
        span: Span,
        /// Its path.
        path: String,
        /// Why.
        error: files::Error,
    },
    /// A secret value from outside is none, or may not be taken.
    #[error("{from}: {error}")]
    Secret {
        /// Where it is named.
        span: Span,
        /// Where it comes from, as the line says it.
        from: String,
        /// Why.
        error: SecretError,
    },
    /// An included file declares no node.
    #[error("{path}: the file declares no node")]
    Empty {
        /// Where it is included.
        span: Span,
        /// Its path.
        path: String,
    },
    /// `@files` names a directory without a file, or leaves all of them out.
    #[error("{path}: there is no file in this directory for a node")]
    NoFiles {
        /// Where it is named.
        span: Span,
        /// Its path.
        path: String,
    },
    /// A glob of `@files` that matches nothing.
    #[error("{path}: the glob {glob} takes no file of this directory")]
    Unmatched {
        /// The glob.
        span: Span,
        /// The directory.
        path: String,
        /// The glob, without quotes.
        glob: String,
    },
    /// There are too many includes. Where each file includes the next one twice, their number
    /// doubles with each file.
    #[error("{path}: more than {MAX_INCLUDES} includes")]
    TooMany {
        /// The include that is one too many.
        span: Span,
        /// Its path.
        path: String,
    },
    /// A file includes itself.
    #[error("{path} includes itself")]
    Circle {
        /// Where the circle closes.
        span: Span,
        /// The file.
        path: String,
    },
}

impl Problem {
    /// The problem of a file that is no UTF-8 text from the byte at `at` on.
    #[must_use]
    #[doc(hidden)]
    pub fn not_text(name: &str, bytes: &[u8], at: usize) -> Self {
        let before = String::from_utf8_lossy(&bytes[..at]);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self::NotText {
            name: name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            byte: bytes[at],
        }
    }

    /// Whether all that is wrong is that nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(
            self,
            Self::Empty { .. }
                | Self::NoFiles { .. }
                | Self::EmptyFile { .. }
                | Self::Reference(Reference::Empty { .. } | Reference::NoFiles { .. })
        )
    }

    /// The problem with its place in a text. Returns `None` if it is about no place.
    #[must_use]
    #[doc(hidden)]
    pub fn located(&self) -> Option<&dyn Located> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Lower(error) => Some(error),
            Self::Reference(error) => Some(error),
            _ => None,
        }
    }

    fn span(&self) -> Option<Span> {
        self.located().map(Located::span)
    }
}

impl Located for Reference {
    fn span(&self) -> Span {
        match self {
            Self::Unreadable { span, .. }
            | Self::Secret { span, .. }
            | Self::Empty { span, .. }
            | Self::NoFiles { span, .. }
            | Self::Unmatched { span, .. }
            | Self::Circle { span, .. }
            | Self::TooMany { span, .. } => *span,
        }
    }

    fn hint(&self) -> Option<String> {
        let glob = match self {
            Self::Unmatched { glob, .. } => glob,
            Self::Secret { error, .. } => return error.hint().map(str::to_owned),
            _ => return None,
        };
        let hint = if glob.starts_with('!') {
            "in quotes an exclamation mark belongs to the name; to leave files out, write it before \
             the quotes: !'…'"
        } else if glob.contains('/') {
            "a glob with a slash starts at the directory; **/ before it matches at any depth"
        } else {
            "a name that starts with a dot is matched only by a glob that starts with one"
        };
        Some(hint.to_owned())
    }
}

/// All that is wrong with layers: first what is about no place in a text, then the rest by place.
/// There is at least one problem.
///
/// `Display` writes one line for each problem, with its place. It quotes no secret.
pub struct Problems {
    problems: Vec<Problem>,
    texts: Arc<Sources>,
}

impl Problems {
    pub(super) fn new(mut problems: Vec<Problem>, texts: impl Into<Arc<Sources>>) -> Self {
        let texts = texts.into();
        hide_secrets(&mut problems, &texts);
        problems.sort_by_key(Problem::span);
        say_once(&mut problems, &texts);
        Self { problems, texts }
    }

    /// The problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// The texts that the places are in.
    #[must_use]
    #[doc(hidden)]
    pub fn texts(&self) -> &Sources {
        &self.texts
    }

    /// Where one of these problems is. Returns `None` if it is about no place in a text.
    #[must_use]
    pub fn place(&self, problem: &Problem) -> Option<Location> {
        problem.span().map(|span| self.texts.locate(span))
    }

    /// One of these problems in a line, with its place.
    #[must_use]
    pub fn line(&self, problem: &Problem) -> String {
        let message = problem.to_string();
        let message = clipped(&message);
        match self.place(problem) {
            Some(place) => format!("{place}: {message}"),
            None => message.into_owned(),
        }
    }

    /// Whether all that is wrong is that nothing is declared.
    #[must_use]
    pub fn only_empty(&self) -> bool {
        self.iter().all(Problem::is_empty)
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Without the texts, which may hold secrets.
impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.problems).finish()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&self.line(problem))?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Removes what is said of the same place again: a file that is included twice is read twice.
fn say_once(problems: &mut Vec<Problem>, texts: &Sources) {
    let mut said = HashSet::new();
    problems.retain(|problem| {
        let Some(span) = problem.span() else {
            return true;
        };
        let name = Arc::clone(&texts.get(span.source).name);
        said.insert((name, span.start, span.end, problem.to_string()))
    });
}

/// Removes from problems what a `@secret` line of any layer covers.
fn hide_secrets(problems: &mut Vec<Problem>, texts: &Sources) {
    let secrets = Secrets::of(texts);
    let mut is_parsed = true;
    for problem in problems.iter_mut() {
        match problem {
            Problem::Lower(error) => error.hide(&secrets),
            Problem::Parse(error) => {
                error.hide(&secrets);
                is_parsed = false;
            }
            _ => {}
        }
    }
    if !is_parsed {
        problems.retain(|problem| match problem {
            Problem::Lower(error) => !error.is_within_secret(&secrets),
            _ => true,
        });
    }
}
