//! What is wrong with a line that the grammar refuses, in the words of the person who wrote it.

mod hints;
mod invisible;
mod rules;
mod syntax;
mod value;

use pest::error::{Error as PestError, InputLocation};

use crate::syntax::characters::is_blank;
use crate::syntax::parser::error::{END_OF_LINE, ErrorKind, Explained};
use crate::syntax::parser::matched::Rule;
use crate::syntax::scanner::LogicalLine;
use crate::syntax::scanner::table::{COMMENT, DIRECTIVE, Kind, directive_of, operator_at};
use crate::syntax::scanner::tokens::unclosed_quote;
use hints::hint_for_statement;
use invisible::explain_invisible;
use syntax::{explain_syntax, in_backquotes};
use value::explain_value;

/// Explains why a line, whose whole text this is, does not match the grammar.
pub(super) fn explain(line: &LogicalLine<'_>, text: &str, error: &PestError<Rule>) -> Explained {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at.min(text.trim_end().len()),
    };
    if let Some(explained) = explain_invisible(text, at) {
        return explained;
    }
    let start = line.indent;
    let statement = &text[start..];
    if statement.starts_with(DIRECTIVE) {
        if let Some(explained) = explain_directive(text, start) {
            return explained;
        }
    } else if statement.starts_with('"')
        && let Some((0, _)) = unclosed_quote(statement)
    {
        let range = start..start + statement.trim_end().len();
        let kind = ErrorKind::Unclosed("\"");
        return Explained { kind, range };
    } else if line.kind == Kind::Property {
        let name = &text[start..line.name_end];
        if !name.is_empty() && !name.contains(is_blank) || name.starts_with('"') {
            return explain_value(text, line.value, at, error);
        }
    }
    let hint = hint_for_statement(line, text, at);
    explain_syntax(text, at, error, hint)
}

/// A line that starts as a directive, or with a word that is none.
fn explain_directive(line: &str, start: usize) -> Option<Explained> {
    let statement = &line[start..];
    let end = statement
        .find(|c| is_blank(c) || matches!(c, '\r' | '\n' | '='))
        .unwrap_or(statement.len());
    let word = statement[..end].trim_end_matches('-');
    let rest = statement[word.len()..].trim_start_matches(is_blank);
    let range = start..start + word.len();
    match (directive_of(word), operator_at(rest.as_bytes())) {
        (None, None) => {
            let word = word.to_owned();
            let kind = ErrorKind::UnknownDirective { word };
            Some(Explained { kind, range })
        }
        (Some(directive), None) if rest.trim_end().is_empty() || rest.starts_with(COMMENT) => {
            let found = END_OF_LINE.to_owned();
            let range = range.end..range.end;
            Some(Explained::syntax(directive.operand?, found, range))
        }
        (Some(_), Some((operator, _))) => {
            let hint = format!(
                "a property of this name is written in double quotes: \"{word}\" {operator} …"
            );
            let kind = ErrorKind::Syntax {
                expected: "the rest of the directive".to_owned(),
                found: in_backquotes(operator),
                hint: Some(hint),
            };
            let at = line.len() - rest.len();
            let range = at..at + operator.len();
            Some(Explained { kind, range })
        }
        _ => None,
    }
}
