//! What to do about a line that is written as another language writes it, or with a slip.

use super::explain::without_comment;
use super::is_blank;
use crate::syntax::spelling::{node_name, property_name, string_literal};

/// What to do about a line whose statement, from `start` on, goes wrong at `at`; `None` where that
/// is not known.
pub(super) fn hint_for_statement(line: &str, start: usize, at: usize) -> Option<String> {
    let statement = line[start..].trim_end();
    if statement.starts_with('/') {
        let rest = line[at..].trim_start();
        if ["->", "=>", "="]
            .iter()
            .any(|operator| rest.starts_with(operator))
        {
            return Some(
                "a line that starts with a slash is a node; properties and links are \
                         named without one"
                    .to_owned(),
            );
        }
        if at > start + 1 && !rest.is_empty() && !rest.starts_with([':', '#']) {
            return Some(
                r#"a name that holds blanks is written in double quotes: /"my node""#.to_owned(),
            );
        }
        return None;
    }
    if let Some(hint) = hint_for_other_syntax(statement) {
        return Some(hint);
    }
    let (name, operator) = ["->", "=>", "="]
        .iter()
        .find_map(|op| statement.find(op).map(|i| (statement[..i].trim_end(), *op)))?;
    if name.contains(is_blank) && !name.starts_with('"') {
        let quoted = serde_json::to_string(name).ok()?;
        return Some(format!(
            "a name that holds blanks is written in double quotes: {quoted} {operator} …"
        ));
    }
    let target = statement.split_once("->").map(|(_, target)| target.trim());
    match (operator, target) {
        ("->", Some(target)) if target.contains(is_blank) && !name.is_empty() => Some(format!(
            "a link to a path with blanks is written as the property it is stored as: \"{name} ->\" = {}",
            string_literal(target.trim_matches('"'))
        )),
        _ => None,
    }
}

/// A longer name is not shown again.
const LONGEST_NAME: usize = 80;

/// YAML, or a node without its slash. No value is quoted: it may be a secret.
fn hint_for_other_syntax(statement: &str) -> Option<String> {
    if statement == "-" || statement.starts_with("- ") {
        let hint = "a list is a value, as in x = ['a', 'b']; nodes have a line each: /name";
        return Some(hint.to_owned());
    }
    if !statement.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let statement = without_comment(statement);
    let Some((name, after)) = split_at_colon(statement) else {
        let is_word = !statement.contains(|c: char| is_blank(c) || c == '=')
            && !statement.contains("->")
            && statement.len() <= LONGEST_NAME;
        return is_word.then(|| {
            let (node, property) = (node_name(statement), property_name(statement));
            format!(
                "a node's line starts with a slash: /{node}; a property has a value: {property} = …"
            )
        });
    };
    let word = name.trim_end_matches(is_blank);
    if word.contains(is_blank) || word.len() > LONGEST_NAME {
        return None;
    }
    let (node, property) = (node_name(word), property_name(word));
    let value = after.trim_matches(is_blank);
    let node_hint = format!("a node's line starts with a slash: /{node}");
    let property_hint = format!("has an equals sign: {property} = …");
    Some(if value.is_empty() {
        node_hint
    } else if is_literal(value) {
        format!("a property {property_hint}")
    } else if word.len() < name.len() {
        format!("{node_hint} : …")
    } else {
        format!("{node_hint} : …; a property {property_hint}")
    })
}

/// What stands before and after the first colon with a blank, or nothing, beside it, unless an
/// operator comes first.
fn split_at_colon(statement: &str) -> Option<(&str, &str)> {
    let is_separator = |at: usize| {
        let (before, after) = (&statement[..at], &statement[at + 1..]);
        before.ends_with(is_blank) || after.is_empty() || after.starts_with(is_blank)
    };
    let (at, _) = statement
        .match_indices(':')
        .find(|(at, _)| is_separator(*at))?;
    let (name, after) = (&statement[..at], &statement[at + 1..]);
    (!name.contains('=') && !name.contains("->")).then_some((name, after))
}

/// Whether a text starts as a value that is no bare word.
fn is_literal(text: &str) -> bool {
    let constants = ["True", "true", "False", "false", "None", "null", "~"];
    text.starts_with(['\'', '"', '[', '{', '(', '-', '+', '|', '>'])
        || text.starts_with(|c: char| c.is_ascii_digit())
        || constants.contains(&text)
}
