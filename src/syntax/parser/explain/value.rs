//! What is wrong with the value of a property.

use std::ops::Range;

use pest::error::Error as PestError;
use pest::iterators::Pair;

use crate::syntax::characters::{is_blank, is_curly_quote};
use crate::syntax::parser::error::{END_OF_LINE, ErrorKind, Explained};
use crate::syntax::parser::explain::hints::{NUMBER_SIGN, SLASHES, hint_for_rest};
use crate::syntax::parser::explain::syntax::{explain_syntax, in_backquotes};
use crate::syntax::parser::expression;
use crate::syntax::parser::matched::{Rule, matches};
use crate::syntax::scanner::open_bracket;
use crate::syntax::scanner::table::COMMENT;
use crate::syntax::scanner::tokens::{unclosed_quote, without_comment};

/// Explains a value that starts behind its operator, at byte `value` of a line; the grammar gives
/// up at `at`.
pub(super) fn explain_value(
    line: &str,
    value: usize,
    at: usize,
    error: &PestError<Rule>,
) -> Explained {
    let text = line[value..].trim_end();
    let start = value + text.len() - text.trim_start_matches(is_blank).len();
    let text = line[start..].trim_end();
    let whole = start..start + text.len();
    if text.is_empty() || text.starts_with(COMMENT) {
        return Explained::syntax("a value", END_OF_LINE.to_owned(), start..start);
    }
    if let Some(kind) = whole_value(text) {
        return Explained { kind, range: whole };
    }
    if let Some(offset) = foreign_comment(text) {
        let range = start + offset..start + offset + SLASHES.len();
        let explained = Explained::syntax(END_OF_LINE, in_backquotes(SLASHES), range);
        return explained.with_hint(NUMBER_SIGN);
    }
    if let Some((offset, quotes)) = unclosed_quote(text) {
        let kind = unclosed(text, offset, quotes);
        let range = start + offset..whole.end;
        return Explained { kind, range };
    }
    if matches(Rule::set, text).is_ok() {
        let what = "a set";
        let instead = Some("write a list: [1, 2]");
        let kind = ErrorKind::NotJson { what, instead };
        return Explained { kind, range: whole };
    }
    let is_in_brackets = text.starts_with(['[', '(', '{']);
    if text.starts_with(['\'', '"']) || is_in_brackets {
        let at = at.max(start);
        let rest = at..whole.end.max(at);
        return explain_rest(line, rest, is_in_brackets, error);
    }
    if text.starts_with(['=', ',', ')', ']', '}']) || text.starts_with("->") {
        let word = text.split(is_blank).next().unwrap_or_default();
        let range = start..start + word.len();
        let explained = Explained::syntax("a value", in_backquotes(word), range);
        return match text.starts_with('=') {
            true => explained.with_hint("a property has one equals sign"),
            false => explained,
        };
    }
    let (kind, length) = word_kind(text, false).unwrap_or_else(|| bare_word(without_comment(text)));
    let range = start..start + length;
    Explained { kind, range }
}

/// Explains what the grammar refuses within or behind a value.
fn explain_rest(
    line: &str,
    range: Range<usize>,
    is_in_brackets: bool,
    error: &PestError<Rule>,
) -> Explained {
    let found = line[range.clone()].trim_start_matches(is_blank);
    let at = range.end - found.len();
    match word_kind(found, is_in_brackets) {
        // Behind a whole value a word is just too much.
        Some((kind, length)) if is_in_brackets || !matches!(kind, ErrorKind::BareWord { .. }) => {
            let range = at..at + length;
            Explained { kind, range }
        }
        _ => explain_syntax(line, at, error, hint_for_rest(found).map(str::to_owned)),
    }
}

/// Where a comment of another language starts behind a whole value.
fn foreign_comment(text: &str) -> Option<usize> {
    let at = text.find(SLASHES)?;
    let value = text[..at].trim_end_matches(is_blank);
    let is_value = |pair: Pair<'_, Rule>| pair.as_str().len() == value.len();
    matches(Rule::value, value)
        .is_ok_and(is_value)
        .then_some(at)
}

/// What is wrong with a constant expression.
fn whole_value(text: &str) -> Option<ErrorKind> {
    let expression = matches(Rule::expression, text).ok()?;
    let sum = expression.into_inner().next();
    let literal = sum.and_then(expression::literal_of);
    let operates = text.contains(['+', '-', '*', '/', '%']);
    operates.then_some(ErrorKind::Expression { literal })
}

/// A quote at `offset` that is not closed; a bracket that an earlier line left open may be why.
fn unclosed(text: &str, offset: usize, quotes: &'static str) -> ErrorKind {
    let line = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    let open = open_bracket(&text[..line]);
    let open = open.and_then(|(at, bracket)| Some((u32::try_from(offset - at).ok()?, bracket)));
    match open {
        Some((before, bracket)) => ErrorKind::UnclosedInBracket {
            quotes,
            bracket,
            before,
        },
        None => ErrorKind::Unclosed(quotes),
    }
}

/// What a text that is no literal seems to be, and how long it is; `None` if it is just wrong.
fn word_kind(text: &str, is_in_brackets: bool) -> Option<(ErrorKind, usize)> {
    if let Some(quoted) = text.strip_prefix(is_curly_quote) {
        let end = quoted.find(is_curly_quote)?;
        let closing = quoted[end..].chars().next().map_or(0, char::len_utf8);
        return Some(bare_word(
            &text[..text.len() - quoted.len() + end + closing],
        ));
    }
    let identifier = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(identifier);
    let lower = word.to_ascii_lowercase();
    let whole = without_comment(text);
    let expression = Some((ErrorKind::Expression { literal: None }, whole.len()));
    if rest.starts_with(['\'', '"']) {
        return match lower.as_str() {
            "b" | "br" | "rb" => {
                let what = "a bytes value";
                let instead =
                    Some("text is written without the prefix, raw bytes with @data base64");
                Some((ErrorKind::NotJson { what, instead }, whole.len()))
            }
            "f" | "fr" | "rf" => expression,
            _ => None,
        };
    }
    if matches!(lower.as_str(), "nan" | "inf" | "infinity") {
        let what = "a number that is not finite";
        let instead = None;
        return Some((ErrorKind::NotJson { what, instead }, word.len()));
    }
    if word.is_empty() {
        return expression.filter(|_| is_operation(text, is_in_brackets));
    }
    if is_code(rest, whole) {
        return expression;
    }
    if !is_in_brackets {
        return Some(bare_word(whole));
    }
    // A number where a comma or a colon should be.
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let ends_word = |c: char| is_blank(c) || matches!(c, ',' | ']' | ')' | '}' | ':' | '\n');
    let end = text.find(ends_word);
    Some(bare_word(&text[..end.unwrap_or(text.len())]))
}

fn bare_word(word: &str) -> (ErrorKind, usize) {
    let length = word.len();
    let word = word.to_owned();
    (ErrorKind::BareWord { word }, length)
}

/// Whether a text that starts with no word seems to be code.
fn is_operation(text: &str, is_in_brackets: bool) -> bool {
    let operators = [
        "+", "-", "*", "%", "<", ">", "==", "!=", "&", "|", "^", "~", ".", "[", "(", "`",
    ];
    let is_operator = operators.iter().any(|operator| text.starts_with(operator));
    let has_operand = text.starts_with(['.', '[', '(']) || text.len() > 1;
    let operates = is_operator && !text.starts_with("...") && (is_in_brackets || has_operand);
    operates || text.starts_with('`')
}

/// Whether a text seems to be code, of whose first word this is the rest.
fn is_code(rest: &str, text: &str) -> bool {
    const KEYWORDS: [&str; 11] = [
        "lambda", "not", "and", "or", "if", "in", "is", "for", "print", "yield", "else",
    ];
    let calls =
        rest.starts_with(['(', '[', '{']) || rest.starts_with('.') && text.contains(['(', '[']);
    let after = rest.trim_start_matches(is_blank);
    let operators = ["+ ", "- ", "* ", "/ ", "% ", "< ", "> ", "== ", "!= "];
    let operates = operators.iter().any(|operator| after.starts_with(operator));
    let mut words = text.split(is_blank);
    let is_keyword = |word: &str| KEYWORDS.contains(&word.trim_end_matches(':'));
    calls || operates || words.any(is_keyword)
}
