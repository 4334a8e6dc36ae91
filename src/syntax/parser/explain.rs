//! What is wrong with a line that the grammar refuses, in the words of the person who wrote it.

use std::ops::Range;

use pest::Parser as _;
use pest::error::{Error as PestError, ErrorVariant, InputLocation};

use super::hints::hint_for_statement;
use super::{ErrorKind, Grammar, Rule, continuation, expression, invisible, is_blank};
use crate::syntax::ast::DIRECTIVES;

/// An error and the bytes of the line that it is about.
pub(super) struct Explained {
    pub(super) kind: ErrorKind,
    pub(super) range: Range<usize>,
}

const KEYWORDS: [&str; 11] = [
    "lambda", "not", "and", "or", "if", "in", "is", "for", "print", "yield", "else",
];

/// Explains why `line` does not match the grammar.
pub(super) fn explain(line: &str, error: &PestError<Rule>) -> Explained {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at.min(line.trim_end().len()),
    };
    if let Some(explained) = invisible::explain(line, at) {
        return explained;
    }
    let start = line.len() - line.trim_start_matches(is_blank).len();
    let statement = &line[start..];
    if statement.starts_with('@')
        && let Some(explained) = explain_directive(line, start)
    {
        return explained;
    }
    if let Some((0, _)) = unclosed_quote(statement)
        && statement.starts_with('"')
    {
        let range = start..start + statement.trim_end().len();
        let kind = ErrorKind::Unclosed("\"");
        return Explained { kind, range };
    }
    if !statement.starts_with(['/', '@'])
        && let Some(value) = continuation::value_start(line)
    {
        let name = line[start..value - 1].trim_end_matches(is_blank);
        if !name.is_empty() && !name.contains(is_blank) || name.starts_with('"') {
            return explain_value(line, value, at, error);
        }
    }
    let hint = hint_for_statement(line, start, at);
    syntax(line, at, error, hint)
}

fn explain_directive(line: &str, start: usize) -> Option<Explained> {
    let statement = &line[start..];
    let end = statement
        .find(|c| is_blank(c) || matches!(c, '\r' | '\n' | '='))
        .unwrap_or(statement.len());
    let word = statement[..end].trim_end_matches('-');
    let rest = statement[word.len()..].trim_start_matches(is_blank);
    let operator = ["->", "=>", "="]
        .iter()
        .find(|operator| rest.starts_with(**operator));
    let range = start..start + word.len();
    match (DIRECTIVES.contains(&word), operator) {
        (false, None) => Some(Explained {
            kind: ErrorKind::UnknownDirective {
                word: word.to_owned(),
            },
            range,
        }),
        (true, None) if rest.trim_end().is_empty() || rest.starts_with('#') => {
            let expected = match word {
                "@ignore" => "the name of a property",
                "@acl" => "an entry of the form scheme:id:perms",
                "@data" => "a string or the word base64 or file",
                "@include" => "a string",
                _ => return None,
            };
            let (expected, found) = (expected.to_owned(), "the end of the line".to_owned());
            let end = start + word.len();
            let hint = None;
            Some(Explained {
                kind: ErrorKind::Syntax {
                    expected,
                    found,
                    hint,
                },
                range: end..end,
            })
        }
        (true, Some(operator)) => {
            let hint = format!(
                "a property of this name is written in double quotes: \"{word}\" {operator} …"
            );
            let expected = "the rest of the directive".to_owned();
            let at = line.len() - rest.len();
            let kind = ErrorKind::Syntax {
                expected,
                found: quote(operator),
                hint: Some(hint),
            };
            Some(Explained {
                kind,
                range: at..at + operator.len(),
            })
        }
        _ => None,
    }
}

fn explain_value(line: &str, value: usize, at: usize, error: &PestError<Rule>) -> Explained {
    let text = line[value..].trim_end();
    let start = value + text.len() - text.trim_start_matches(is_blank).len();
    let text = line[start..].trim_end();
    let whole = start..start + text.len();
    if text.is_empty() || text.starts_with('#') {
        let kind = ErrorKind::Syntax {
            expected: "a value".to_owned(),
            found: "the end of the line".to_owned(),
            hint: None,
        };
        return Explained {
            kind,
            range: start..start,
        };
    }
    if let Ok(mut pairs) = Grammar::parse(Rule::expression, text) {
        let sum = pairs.next().and_then(|pair| pair.into_inner().next());
        let literal = sum.and_then(expression::literal_of);
        if text.contains(['+', '-', '*', '/', '%']) {
            return Explained {
                kind: ErrorKind::Expression { literal },
                range: whole,
            };
        }
    }
    if let Some((offset, quotes)) = unclosed_quote(text) {
        let at = start + offset;
        return Explained {
            kind: unclosed(text, offset, quotes),
            range: at..whole.end,
        };
    }
    if Grammar::parse(Rule::set, text).is_ok() {
        let instead = Some("write a list: [1, 2]");
        return Explained {
            kind: ErrorKind::NotJson {
                what: "a set",
                instead,
            },
            range: whole,
        };
    }
    let in_brackets = text.starts_with(['[', '(', '{']);
    if text.starts_with(['\'', '"']) || in_brackets {
        let at = at.max(start);
        let found = line[at..whole.end.max(at)].trim_start_matches(is_blank);
        let at = line.len() - line[at..].len() + (line[at..whole.end.max(at)].len() - found.len());
        return match word_kind(found, in_brackets) {
            // Behind a whole value a word is just too much.
            Some((ErrorKind::BareWord { .. }, _)) if !in_brackets => syntax(line, at, error, None),
            Some((kind, length)) => Explained {
                kind,
                range: at..at + length,
            },
            None => syntax(line, at, error, None),
        };
    }
    if text.starts_with(['=', ',', ')', ']', '}']) || text.starts_with("->") {
        let word = text.split(is_blank).next().unwrap_or_default();
        let (expected, found) = ("a value".to_owned(), quote(word));
        let kind = ErrorKind::Syntax {
            expected,
            found,
            hint: None,
        };
        return Explained {
            kind,
            range: start..start + word.len(),
        };
    }
    if let Some((kind, length)) = word_kind(text, false) {
        return Explained {
            kind,
            range: start..start + length,
        };
    }
    let words = without_comment(text);
    let kind = ErrorKind::BareWord {
        word: words.to_owned(),
    };
    Explained {
        kind,
        range: start..start + words.len(),
    }
}

/// What a text that is no literal seems to be, and how long it is; none where it is just wrong.
fn word_kind(text: &str, in_brackets: bool) -> Option<(ErrorKind, usize)> {
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
                let instead =
                    Some("text is written without the prefix, raw bytes with @data base64");
                Some((
                    ErrorKind::NotJson {
                        what: "a bytes value",
                        instead,
                    },
                    whole.len(),
                ))
            }
            "f" | "fr" | "rf" => expression,
            _ => None,
        };
    }
    if matches!(lower.as_str(), "nan" | "inf" | "infinity") {
        let what = "a number that is not finite";
        return Some((
            ErrorKind::NotJson {
                what,
                instead: None,
            },
            word.len(),
        ));
    }
    let after = rest.trim_start_matches(is_blank);
    if word.is_empty() {
        let operators = [
            "+", "-", "*", "%", "<", ">", "==", "!=", "&", "|", "^", "~", ".", "[", "(", "`",
        ];
        let is_operator = operators.iter().any(|operator| text.starts_with(operator));
        let operates =
            is_operator && !text.starts_with("...") && (in_brackets || after_value(text));
        return if operates || text.starts_with('`') {
            expression
        } else {
            None
        };
    }
    let words: Vec<&str> = whole.split(is_blank).collect();
    let calls =
        rest.starts_with(['(', '[', '{']) || rest.starts_with('.') && whole.contains(['(', '[']);
    let operates = ["+ ", "- ", "* ", "/ ", "% ", "< ", "> ", "== ", "!= "]
        .iter()
        .any(|op| after.starts_with(op));
    if calls
        || operates
        || words
            .iter()
            .any(|word| KEYWORDS.contains(&word.trim_end_matches(':')))
    {
        return expression;
    }
    if in_brackets {
        // A number where a comma or a colon should be.
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let end =
            text.find(|c: char| is_blank(c) || matches!(c, ',' | ']' | ')' | '}' | ':' | '\n'));
        let word = &text[..end.unwrap_or(text.len())];
        return Some((
            ErrorKind::BareWord {
                word: word.to_owned(),
            },
            word.len(),
        ));
    }
    Some((
        ErrorKind::BareWord {
            word: whole.to_owned(),
        },
        whole.len(),
    ))
}

/// Whether an operator at the start of `text` has something to operate on after it.
fn after_value(text: &str) -> bool {
    text.starts_with(['.', '[', '(']) || text.len() > 1
}

pub(super) fn without_comment(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    let end = line
        .match_indices('#')
        .find(|(i, _)| *i > 0 && line[..*i].ends_with(is_blank));
    line[..end.map_or(line.len(), |(i, _)| i)].trim_end()
}

/// A quote at `offset` that is not closed; a bracket that an earlier line left open may be why.
fn unclosed(text: &str, offset: usize, quotes: &'static str) -> ErrorKind {
    let line = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    let open = continuation::open_bracket(&text[..line]);
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

/// The first quote that its line does not close.
pub(super) fn unclosed_quote(text: &str) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'#' => i += text[i..].find('\n').unwrap_or(text.len() - i),
            quote @ (b'\'' | b'"') => {
                let name = if quote == b'"' { "\"\"\"" } else { "'''" };
                let triple = text[i..].starts_with(name);
                let quotes = if triple { name } else { &name[..1] };
                let start = i;
                i += quotes.len();
                loop {
                    match bytes.get(i) {
                        None => return Some((start, quotes)),
                        Some(b'\n') if !triple => return Some((start, quotes)),
                        Some(b'\\') => i += 2,
                        Some(_) if bytes[i..].starts_with(quotes.as_bytes()) => break,
                        Some(_) => i += 1,
                    }
                }
                i += quotes.len();
            }
            _ => i += 1,
        }
    }
    None
}

fn syntax(line: &str, at: usize, error: &PestError<Rule>, hint: Option<String>) -> Explained {
    let mut names: Vec<&'static str> = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives
            .iter()
            .filter_map(|rule| rule_name(*rule))
            .collect(),
        ErrorVariant::CustomError { .. } => Vec::new(),
    };
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        names.push("the end of the line");
    }
    let expected = match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    };
    let rest = line[at..].trim_end();
    let found = rest.trim_start_matches(is_blank);
    let at = at + rest.len() - found.len();
    let word: &str = found.split(is_blank).next().unwrap_or_default();
    let word = word
        .char_indices()
        .nth(30)
        .map_or(word, |(end, _)| &word[..end]);
    let found = if word.is_empty() {
        "the end of the line".to_owned()
    } else {
        quote(word)
    };
    Explained {
        kind: ErrorKind::Syntax {
            expected,
            found,
            hint,
        },
        range: at..at + word.len(),
    }
}

fn quote(text: &str) -> String {
    format!("`{text}`")
}

/// What people call a rule; none for what is too small, or too obvious, to be named.
fn rule_name(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::node | Rule::segment => "a node (/name)",
        Rule::node_name => "a node's name",
        Rule::kind => "a type (: type)",
        Rule::type_text | Rule::quoted_type => "a type",
        Rule::entry | Rule::entry_name | Rule::property_name => "a name",
        Rule::link => "->",
        Rule::property_link => "=>",
        Rule::property => "=",
        Rule::target => "a path",
        Rule::property_target => "a path and perhaps a property's name",
        Rule::keep
        | Rule::ignore
        | Rule::protect
        | Rule::ephemeral
        | Rule::secret
        | Rule::acl
        | Rule::data
        | Rule::include => "a directive",
        Rule::keep_what => "children, properties",
        Rule::data_form => "the word base64 or file",
        Rule::pattern | Rule::pattern_word => "the name of a property",
        Rule::acl_entry | Rule::acl_word => "an entry of the form scheme:id:perms",
        Rule::value
        | Rule::constant
        | Rule::number
        | Rule::list
        | Rule::tuple
        | Rule::dict
        | Rule::inner_string => "a value",
        Rule::pair => "a key and its value",
        Rule::string
        | Rule::string_part
        | Rule::prefix
        | Rule::long_string
        | Rule::short_string => "a string",
        Rule::comma => "a comma",
        Rule::pair_colon => "a colon",
        Rule::quoted => "a name in double quotes",
        Rule::comment | Rule::EOI => "the end of the line",
        Rule::line => "a node, a property, a link or a directive",
        Rule::indent
        | Rule::expression
        | Rule::sum
        | Rule::product
        | Rule::power
        | Rule::operand
        | Rule::set
        | Rule::sign
        | Rule::plain_number
        | Rule::sum_operator
        | Rule::product_operator
        | Rule::statement
        | Rule::name_char
        | Rule::colonless
        | Rule::brackets
        | Rule::string_start
        | Rule::string_prefix
        | Rule::zc_zk_link
        | Rule::number_start
        | Rule::type_colon
        | Rule::colon
        | Rule::kind_text
        | Rule::shields_comment
        | Rule::directive
        | Rule::known_directive
        | Rule::word_char_but_equals
        | Rule::item
        | Rule::inner
        | Rule::gap
        | Rule::hexadecimal
        | Rule::decimal
        | Rule::exponent
        | Rule::escape
        | Rule::short_escape
        | Rule::alphanumeric
        | Rule::quoted_char
        | Rule::word
        | Rule::word_char
        | Rule::blank
        | Rule::trail
        | Rule::end => return None,
    })
}
