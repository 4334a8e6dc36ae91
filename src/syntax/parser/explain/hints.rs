//! What to do about a line that is written as another language writes it, or with a slip.

use crate::syntax::characters::{is_blank, is_curly_quote};
use crate::syntax::scanner::LogicalLine;
use crate::syntax::scanner::table::{COMMENT, Directive, Kind, NODE, OPERATORS, operator_at};
use crate::syntax::scanner::tokens::{quoted_name, without_comment};
use crate::syntax::spelling::{node_name, property_name, string_literal};

/// What to do about a line, whose whole text this is, that goes wrong at `at`; `None` if that is
/// not known.
pub(super) fn hint_for_statement(line: &LogicalLine<'_>, text: &str, at: usize) -> Option<String> {
    let statement = text[line.indent..].trim_end();
    let rest = text[at..].trim_start();
    if let Some(hint) = hint_for_rest(rest) {
        return Some(hint.to_owned());
    }
    if let Kind::Directive(directive) = line.kind
        && let Some(hint) = hint_for_unquoted(directive, text[line.value..].trim())
    {
        return Some(hint);
    }
    if line.kind == Kind::Node {
        let hint = statement
            .starts_with(SLASHES)
            .then(|| NUMBER_SIGN.to_owned());
        let has_name = at > line.indent + NODE.len_utf8();
        return hint.or_else(|| hint_for_node(rest, has_name));
    }
    let name = &text[line.indent..line.name_end];
    let word = name.trim_end_matches([':', ' ']);
    if line.kind == Kind::Property && word.len() < name.len() && !word.contains(is_blank) {
        let property = property_name(word);
        return Some(format!("a property has an equals sign: {property} = …"));
    }
    if let Some(hint) = hint_for_other_syntax(statement) {
        return Some(hint);
    }
    let (operator, _) = OPERATORS.iter().find(|(_, kind)| *kind == line.kind)?;
    if name.contains(is_blank) && !name.starts_with('"') {
        let quoted = serde_json::to_string(name.trim_matches(is_curly_quote)).ok()?;
        return Some(format!(
            "a name that holds blanks is written in double quotes: {quoted} {operator} …"
        ));
    }
    let target = text[line.value..].trim();
    let has_blanks = line.kind == Kind::Link && target.contains(is_blank) && !name.is_empty();
    has_blanks.then(|| {
        format!(
            "a link to a path with blanks is written as the property it is stored as: \"{name} ->\" = {}",
            string_literal(target.trim_matches('"'))
        )
    })
}

/// What to do about `@secret NAME… from …`.
fn hint_for_source(rest: &str) -> Option<String> {
    let words: Vec<&str> = rest
        .split(is_blank)
        .filter(|word| !word.is_empty())
        .collect();
    let at = words.iter().skip(1).position(|word| *word == "from")? + 1;
    let name = words[at - 1];
    if at > 1 {
        return Some(format!(
            "a value from outside is that of one property: @secret {name} from …; a property named from \
             stands first, or in quotes"
        ));
    }
    let path = match words.get(at + 1..) {
        Some([form @ ("file" | "sops"), path, ..]) if !path.contains(['\'', '"']) => {
            format!("{form} {}", string_literal(path))
        }
        _ => return None,
    };
    Some(format!("quote it: @secret {name} from {path}"))
}

/// What to do about a directive whose string lacks its quotes.
fn hint_for_unquoted(directive: &Directive, rest: &str) -> Option<String> {
    if directive.word == "@secret" {
        return hint_for_source(rest);
    }
    let (form, path) = match (directive.word, rest.split_once(is_blank)) {
        ("@files" | "@include", _) => ("", rest),
        ("@data", Some(("file", path))) => ("file ", path),
        ("@moved", Some(("from", path))) => ("from ", path),
        _ => return None,
    };
    let path = path.trim_start().split(is_blank).next()?;
    let is_bare = !path.is_empty() && !path.contains(['\'', '"']);
    let quoted = is_bare.then(|| string_literal(path))?;
    Some(format!("quote it: {} {form}{quoted}", directive.word))
}

/// How a comment starts in other languages.
pub(super) const SLASHES: &str = "//";

/// What to do about a comment of another language.
pub(super) const NUMBER_SIGN: &str = "a comment starts with a number sign: # …";

/// What to do about text where a line should have ended, or where quotes should stand.
pub(super) fn hint_for_rest(rest: &str) -> Option<&'static str> {
    if rest.starts_with(SLASHES) {
        return Some(NUMBER_SIGN);
    }
    rest.starts_with(is_curly_quote)
        .then_some("quotes are straight: ' or \"")
}

/// What to do about brackets around nodes.
const INDENTATION: &str =
    "no brackets stand around what a node holds: it is indented below the node's line";

/// What to do about the rest of a node's line, where a name stands before it or not.
fn hint_for_node(rest: &str, has_name: bool) -> Option<String> {
    if operator_at(rest.as_bytes()).is_some() {
        let hint = "a line that starts with a slash is a node; properties and links are \
                    named without one";
        return Some(hint.to_owned());
    }
    if rest.starts_with(BRACKETS) {
        return Some(INDENTATION.to_owned());
    }
    let goes_on = has_name && !rest.is_empty() && !rest.starts_with([':', COMMENT]);
    goes_on
        .then(|| r#"a name that holds blanks is written in double quotes: /"my node""#.to_owned())
}

/// What stands around nodes in other languages.
const BRACKETS: [char; 4] = ['{', '}', '[', ']'];

/// A longer name is not shown again.
const LONGEST_NAME: usize = 80;

/// JSON, YAML, or a node without its slash. No value is quoted: it may be a secret.
fn hint_for_other_syntax(statement: &str) -> Option<String> {
    if statement
        .trim_end_matches(',')
        .trim_matches(BRACKETS)
        .is_empty()
    {
        return Some(INDENTATION.to_owned());
    }
    if matches!(statement, "---" | "...") {
        return Some("a file is one tree: leave this line out".to_owned());
    }
    if statement.starts_with('"') {
        return hint_for_json(statement);
    }
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

/// A pair of JSON: a key in quotes, a colon, a value.
fn hint_for_json(statement: &str) -> Option<String> {
    let (key, rest) = statement.split_at(quoted_name(statement)?);
    let value = rest.trim_start_matches(is_blank).strip_prefix(':')?;
    let key: String = serde_json::from_str(key).ok()?;
    if key.is_empty() || key.len() > LONGEST_NAME {
        return None;
    }
    Some(match value.trim_matches(is_blank) {
        "" | "{" | "[" => format!("a node's line starts with a slash: /{}", node_name(&key)),
        _ => format!("a property has an equals sign: {} = …", property_name(&key)),
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
