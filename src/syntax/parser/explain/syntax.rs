//! What the grammar expected, and what is there.

use pest::error::{Error as PestError, ErrorVariant};

use crate::syntax::characters::is_blank;
use crate::syntax::parser::error::{END_OF_LINE, ErrorKind, Explained};
use crate::syntax::parser::explain::rules::rule_name;
use crate::syntax::parser::matched::Rule;

/// How many characters of a word are quoted.
const LONGEST_WORD: usize = 30;

/// The error of the grammar at a byte of a line, in words.
pub(super) fn explain_syntax(
    line: &str,
    at: usize,
    error: &PestError<Rule>,
    hint: Option<String>,
) -> Explained {
    let rest = line[at..].trim_end();
    let found = rest.trim_start_matches(is_blank);
    let at = at + rest.len() - found.len();
    let word: &str = found.split(is_blank).next().unwrap_or_default();
    let end = word.char_indices().nth(LONGEST_WORD);
    let word = &word[..end.map_or(word.len(), |(end, _)| end)];
    let found = match word {
        "" => END_OF_LINE.to_owned(),
        word => in_backquotes(word),
    };
    let expected = expected(error);
    let kind = ErrorKind::Syntax {
        expected,
        found,
        hint,
    };
    let range = at..at + word.len();
    Explained { kind, range }
}

/// What could have stood at the place of an error.
fn expected(error: &PestError<Rule>) -> String {
    let rules = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        ErrorVariant::CustomError { .. } => &[],
    };
    let names = rules.iter().filter_map(|rule| rule_name(*rule));
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    match names.split_last() {
        None => END_OF_LINE.to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

pub(super) fn in_backquotes(text: &str) -> String {
    format!("`{text}`")
}
