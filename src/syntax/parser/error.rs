//! What can be wrong with a line, and what to do about it.

use std::ops::Range;

use crate::syntax::ast::MAX_DEPTH;
use crate::syntax::characters::{code_point, is_curly_quote};
use crate::syntax::parser::secrets::{HIDDEN, Secrets};
use crate::syntax::place::{Located, Span};
use crate::syntax::scanner::table::DIRECTIVES;
use crate::syntax::spelling::string_literal;

/// The most errors that are reported of one file. The last of them says that the rest is not
/// checked: nobody reads more, and a file that is no tree file at all may have millions.
pub const MAX_ERRORS: usize = 100;

/// A line that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where.
    pub span: Span,
}

/// What can be wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// Something else was expected here.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What could have stood here, in words.
        expected: String,
        /// What does.
        found: String,
        /// What to do about it, where that is known.
        hint: Option<String>,
    },
    /// Code, which zc.zk would have evaluated.
    #[error("expected a literal value, found an expression; zkt never evaluates code")]
    Expression {
        /// The literal that the expression stands for.
        literal: Option<String>,
    },
    /// A word without quotes.
    #[error("expected a value, found the bare word {word}")]
    BareWord {
        /// The word.
        word: String,
    },
    /// A Python value that JSON does not have.
    #[error("{what} cannot be stored: JSON has no such value")]
    NotJson {
        /// What it is, in the plural.
        what: &'static str,
        /// What to write instead.
        instead: Option<&'static str>,
    },
    /// Something that starts like a number.
    #[error("{text} is no number")]
    Number {
        /// What was written.
        text: String,
    },
    /// A backslash with something that Python does not know after it.
    #[error("the escape {escape} is not complete, or stands for no character")]
    Escape {
        /// What was written.
        escape: String,
    },
    /// Half of a surrogate pair.
    #[error("{escape} is half of a surrogate pair, which no text can hold")]
    Surrogate {
        /// What was written.
        escape: String,
    },
    /// Byte escapes in a plain string that are no UTF-8.
    #[error("{escape} stands for a byte here, and the bytes of this string are not UTF-8 text")]
    ByteEscape {
        /// The first of them.
        escape: String,
    },
    /// A bracket or a quote that is not closed.
    #[error("{} is not closed", opener(.0))]
    Unclosed(&'static str),
    /// Brackets that are nested too deep.
    #[error("brackets are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// A NUL character.
    #[error("expected text, found a NUL character")]
    Nul,
    /// A character that cannot be seen, where nothing shows it.
    #[error("found the invisible character {} outside of quotes", code_point(*character))]
    Invisible {
        /// The character.
        character: char,
        /// What to write where it is meant.
        instead: Option<String>,
    },
    /// A quote that is not closed, after a bracket that is not closed: either may be the mistake.
    #[error("{} is not closed", opener(quotes))]
    UnclosedInBracket {
        /// The quote.
        quotes: &'static str,
        /// The bracket.
        bracket: &'static str,
        /// How many bytes before the quote it stands.
        before: u32,
    },
    /// A quoted name that is no JSON string.
    #[error("expected a JSON string in double quotes: {0}")]
    QuotedName(String),
    /// `@word` with an unknown word.
    #[error("there is no directive {word}")]
    UnknownDirective {
        /// What was written.
        word: String,
    },
    /// An operator behind the word of a directive.
    #[error("expected the rest of the directive, found `{operator}`")]
    DirectiveOperator {
        /// The directive's word.
        word: &'static str,
        /// The operator.
        operator: &'static str,
    },
    /// A line below one that has no contents.
    #[error("only a node has contents, but this is indented under a {0}")]
    IndentedUnder(&'static str),
    /// An indentation that no line above has.
    #[error("the indentation meets no level that is open")]
    Dedent,
    /// An indentation that mixes tabs and spaces.
    #[error(
        "the indentation mixes tabs and spaces so that it cannot be compared with the lines above"
    )]
    MixedIndentation,
    /// A line that must stand in a node, but does not.
    #[error("a {0} must stand in a node, and none is open here")]
    AboveFirstNode(&'static str),
    /// The last of [`MAX_ERRORS`].
    #[error("the file has too many errors: from this line on it is not checked")]
    TooMany,
}

impl Error {
    /// Removes what the error quotes, if its place is secret.
    pub(crate) fn hide(&mut self, secrets: &Secrets) {
        if secrets.covers(self.span) {
            self.kind.hide();
        }
    }
}

impl ErrorKind {
    fn hide(&mut self) {
        match self {
            Self::Syntax { found, hint, .. } => {
                *hint = None;
                if found != END_OF_LINE {
                    HIDDEN.clone_into(found);
                }
            }
            Self::Expression { literal } => *literal = None,
            Self::Invisible { instead, .. } => *instead = None,
            Self::BareWord { word: text }
            | Self::Number { text }
            | Self::Escape { escape: text }
            | Self::Surrogate { escape: text }
            | Self::ByteEscape { escape: text }
            | Self::UnknownDirective { word: text } => HIDDEN.clone_into(text),
            Self::NotJson { .. }
            | Self::Unclosed(_)
            | Self::UnclosedInBracket { .. }
            | Self::TooDeep
            | Self::Nul
            | Self::QuotedName(_)
            | Self::DirectiveOperator { .. }
            | Self::IndentedUnder(_)
            | Self::Dedent
            | Self::MixedIndentation
            | Self::AboveFirstNode(_)
            | Self::TooMany => {}
        }
    }
}

/// An error, and the bytes of its line that it is about.
pub(super) struct Explained {
    pub(super) kind: ErrorKind,
    pub(super) range: Range<usize>,
}

impl Explained {
    /// Something else was expected in a range than what was found.
    pub(super) fn syntax(expected: &str, found: String, range: Range<usize>) -> Self {
        let kind = ErrorKind::Syntax {
            expected: expected.to_owned(),
            found,
            hint: None,
        };
        Self { kind, range }
    }

    /// The same with what to do about it.
    pub(super) fn with_hint(mut self, text: &str) -> Self {
        if let ErrorKind::Syntax { hint, .. } = &mut self.kind {
            *hint = Some(text.to_owned());
        }
        self
    }
}

/// What is found where a line ends too early.
pub(super) const END_OF_LINE: &str = "the end of the line";

fn opener(text: &str) -> String {
    let brackets = text.starts_with(['[', '(', '{']);
    format!(
        "the {} `{text}`",
        if brackets { "bracket" } else { "quote" }
    )
}

fn text_needs_quotes(text: &str) -> String {
    if text == HIDDEN {
        return "text needs quotes: '…'".to_owned();
    }
    if let Some(quoted) = text.strip_prefix(is_curly_quote) {
        let inner = quoted.trim_end_matches(is_curly_quote);
        return format!("text needs straight quotes: {}", string_literal(inner));
    }
    let constant = match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => "True",
        "false" | "no" | "off" => "False",
        "none" | "null" | "nil" | "undefined" => "None",
        _ => return format!("text needs quotes: {}", string_literal(text)),
    };
    format!("write {constant}, or {} for text", string_literal(text))
}

impl Located for Error {
    fn span(&self) -> Span {
        self.span
    }

    fn label(&self) -> String {
        match &self.kind {
            ErrorKind::Syntax { expected, .. } => format!("expected {expected}"),
            ErrorKind::DirectiveOperator { .. } => "expected the rest of the directive".to_owned(),
            ErrorKind::Unclosed(_) | ErrorKind::UnclosedInBracket { .. } => {
                "opened here".to_owned()
            }
            _ => String::new(),
        }
    }

    fn related(&self) -> Vec<(Span, String)> {
        match self.kind {
            ErrorKind::UnclosedInBracket {
                bracket, before, ..
            } => {
                let start = self.span.start - before;
                let end = start + 1;
                let span = Span {
                    start,
                    end,
                    ..self.span
                };
                vec![(span, format!("`{bracket}` is not closed before it, either"))]
            }
            _ => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match &self.kind {
            ErrorKind::Invisible { instead: None, .. } => "take it out".to_owned(),
            ErrorKind::Invisible {
                instead: Some(instead),
                ..
            } => format!("take it out; where it is meant, write {instead}"),
            ErrorKind::Syntax { hint, .. } => return hint.clone(),
            ErrorKind::Expression {
                literal: Some(literal),
            } => format!("write {literal}"),
            ErrorKind::Expression { literal: None } => {
                "write the value that it stands for".to_owned()
            }
            ErrorKind::BareWord { word } => text_needs_quotes(word),
            ErrorKind::NotJson { instead, .. } => return instead.map(str::to_owned),
            ErrorKind::Number { text } => text_needs_quotes(text),
            ErrorKind::ByteEscape { .. } => {
                "for the character write \\u00e9 and the like; for raw bytes use @data base64"
                    .to_owned()
            }
            ErrorKind::UnknownDirective { word } => {
                let [others @ .., last] = DIRECTIVES.each_ref().map(|directive| directive.word);
                let others = others.join(", ");
                format!(
                    "the directives are {others} and {last}; \
                     a property of this name is {word} = VALUE"
                )
            }
            ErrorKind::DirectiveOperator { word, operator } => format!(
                "a property of this name is written in double quotes: \"{word}\" {operator} …"
            ),
            ErrorKind::Dedent | ErrorKind::MixedIndentation => {
                "indent the line exactly as the lines beside it".to_owned()
            }
            _ => return None,
        })
    }
}
