//! The lenient reading of a line: what it may be meant to be.
//!
//! The search for secrets must see more in a text than the grammar allows: characters that nobody
//! sees count as blanks, any blank of Unicode ends a word, and an operator or a colon may stand
//! anywhere. Where the grammar accepts a line, both readings agree on its kind.

use crate::syntax::characters::is_visible;
use crate::syntax::scanner::table::{COMMENT, DIRECTIVE, Directive, NODE, OPERATORS, directive_of};
use crate::syntax::scanner::tokens::quoted_name;

/// A line of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LenientLine<'s> {
    /// The number of bytes before the first visible character.
    pub(crate) indent: usize,
    /// The rest, without white space at its end.
    pub(crate) statement: &'s str,
    /// Of what kind it is.
    pub(crate) kind: LenientKind,
}

/// A kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LenientKind {
    /// Nothing.
    Blank,
    /// `# …`.
    Comment,
    /// `/name`.
    Node,
    /// `@word …`, with a known word.
    Directive(&'static Directive),
    /// Anything else. A directive's word with an operator behind it is the name of an entry.
    Entry,
}

impl<'s> LenientLine<'s> {
    pub(crate) fn new(line: &'s str) -> Self {
        let starts = |c: char| c != ' ' && is_visible(c);
        let indent = line.find(starts).unwrap_or(line.len());
        let statement = line[indent..].trim_end();
        let (word, rest) = first_word(statement);
        let kind = match statement.chars().next() {
            None => LenientKind::Blank,
            Some(COMMENT) => LenientKind::Comment,
            Some(NODE) => LenientKind::Node,
            Some(_) => {
                let rest = rest.trim_start();
                let is_entry = OPERATORS.iter().any(|(mark, _)| rest.starts_with(mark));
                let directive = directive_of(word).filter(|_| !is_entry);
                directive.map_or(LenientKind::Entry, LenientKind::Directive)
            }
        };
        Self {
            indent,
            statement,
            kind,
        }
    }

    /// What follows a word, in upper or lower case, at the start of the line: behind a blank, an
    /// operator or a colon. Returns `None` if the line starts with something else.
    pub(crate) fn after_word(&self, word: &str) -> Option<&'s str> {
        let (first, _) = first_word(self.statement);
        let end = operators(first).next().map_or(first.len(), |(at, _)| at);
        let is_it = first[..end].eq_ignore_ascii_case(word);
        is_it.then(|| &self.statement[end..])
    }

    /// What follows a word that looks like a directive's, but is none.
    pub(crate) fn after_unknown_directive(&self) -> Option<&'s str> {
        let (word, rest) = first_word(self.statement);
        let is_unknown = word.starts_with(DIRECTIVE) && directive_of(word).is_none();
        is_unknown.then_some(rest)
    }

    /// The last name of a node's line, up to its first colon.
    pub(crate) fn node_name(&self) -> String {
        let mut rest = self.statement;
        let mut last = String::new();
        while let Some(name) = rest.strip_prefix(NODE) {
            let quoted = Some(name).filter(|name| name.starts_with('"'));
            if let Some(quoted) = quoted.and_then(quoted_name) {
                last = serde_json::from_str(&name[..quoted]).unwrap_or_default();
                rest = &name[quoted..];
            } else {
                let end = name.find(|c| is_space(c) || c == NODE);
                let (name, after) = name.split_at(end.unwrap_or(name.len()));
                name.clone_into(&mut last);
                rest = after;
            }
        }
        let visible = last.split(':').next().unwrap_or_default().chars();
        visible.filter(|c| is_visible(*c)).collect()
    }
}

/// Whether a line below a secret value is more than a piece of it. A line that starts with a
/// character that nobody sees is a piece, unless it has an operator.
pub(crate) fn may_be_statement(line: &str) -> bool {
    line.trim_start().starts_with([NODE, DIRECTIVE, COMMENT]) || operators(line).next().is_some()
}

/// Whether a character stands between words.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace()
}

fn first_word(statement: &str) -> (&str, &str) {
    statement.split_at(statement.find(is_space).unwrap_or(statement.len()))
}

/// Where the operators and colons of a text start and end.
pub(crate) fn operators(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let marks = text.match_indices(['-', '=', ':']);
    marks.filter_map(|(at, _)| Some((at, at + operator(&text[at..])?)))
}

/// The length of the operator or colon at the start of a text.
fn operator(text: &str) -> Option<usize> {
    let mut marks = OPERATORS.iter().map(|(mark, _)| *mark).chain([":"]);
    marks.find(|mark| text.starts_with(mark)).map(str::len)
}

/// The place behind the operator or colon that may follow a name which ends at `at`.
pub(crate) fn after_operator(text: &str, at: usize) -> usize {
    let rest = text[at..].trim_start();
    text.len() - rest.len() + operator(rest).unwrap_or(0)
}
