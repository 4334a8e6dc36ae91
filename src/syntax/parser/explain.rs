//! What is wrong with a line that the grammar refuses, in the words of the person who wrote it.

mod hints;
mod invisible;
mod rules;
mod syntax;
mod value;

use pest::error::{Error as PestError, InputLocation};

use crate::syntax::characters::{is_blank, is_space};
use crate::syntax::parser::error::{END_OF_LINE, ErrorKind, Explained};
use crate::syntax::parser::matched::Rule;
use crate::syntax::scanner::LogicalLine;
use crate::syntax::scanner::table::{COMMENT, DIRECTIVE, Kind, OPERATORS, directive_of};
use crate::syntax::scanner::tokens::unclosed_quote;
use hints::hint_for_statement;
use invisible::explain_invisible;
use syntax::explain_syntax;
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
    if statement.starts_with(DIRECTIVE)
        && let Some(explained) = explain_directive(line, text)
    {
        return explained;
    }
    if statement.starts_with('"')
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

/// Explains a line that starts with `@`, whether or not a directive of that name exists. `text` is the
/// whole text.
fn explain_directive(line: &LogicalLine<'_>, text: &str) -> Option<Explained> {
    let name = &text[line.indent..line.name_end];
    let operator = OPERATORS.iter().find(|(_, kind)| *kind == line.kind);
    match (line.kind, operator, directive_of(name)) {
        (Kind::Directive(directive), ..) => {
            let rest = text[line.value..].trim();
            let is_missing = rest.is_empty() || rest.starts_with(COMMENT);
            if directive.forms.contains(&rest) {
                let end = line.value + text[line.value..].trim_end().len();
                let expected = directive.operand.filter(|_| !directive.has_string);
                return Some(Explained::syntax(
                    expected.unwrap_or("a string"),
                    END_OF_LINE.to_owned(),
                    end..end,
                ));
            }
            let (found, range) = (END_OF_LINE.to_owned(), line.value..line.value);
            let operand = directive.operand.filter(|_| is_missing)?;
            Some(Explained::syntax(operand, found, range))
        }
        (_, Some((operator, _)), Some(directive)) => {
            let range = line.value - operator.len()..line.value;
            let word = directive.word;
            let kind = ErrorKind::DirectiveOperator { word, operator };
            Some(Explained { kind, range })
        }
        (_, Some(_), None) if !name.contains(is_blank) => None,
        _ => {
            let ends_word = |c: char| is_space(c) || c == '=';
            let word = text[line.indent..].split(ends_word).next()?.to_owned();
            let range = line.indent..line.indent + word.len();
            let kind = ErrorKind::UnknownDirective { word };
            Some(Explained { kind, range })
        }
    }
}
