//! YAML without what could blow it up: each value stands where it counts.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::error::SopsError;
use super::node::{MAX_DEPTH, Node};

/// A map or a list that is not closed yet.
enum Open {
    List(Vec<Node>),
    /// With the name of the entry that is next, once it was read.
    Map(Vec<(String, Node)>, Option<String>),
}

/// The one document of a text.
pub(super) fn parse(text: &str) -> Result<Node, SopsError> {
    let mut open: Vec<Open> = Vec::new();
    let mut whole = None;
    for event in Parser::new_from_str(text) {
        // What the parser says could quote the text.
        let (event, span) =
            event.map_err(|error| SopsError::in_line(error.marker().line(), "it is no YAML"))?;
        let line = span.start.line();
        let node = match event {
            Event::Scalar(value, style, _, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                Some(scalar(&value, is_plain))
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Some(Node::List(items)),
                Some(Open::Map(entries, None)) => Some(Node::map(entries)?),
                Some(Open::Map(_, Some(_))) | None => {
                    return Err(SopsError::malformed("it is cut short"));
                }
            },
            Event::Alias(_) => {
                return Err(SopsError::in_line(line, "SOPS writes no alias"));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => None,
        };
        if open.len() > MAX_DEPTH {
            return Err(SopsError::in_line(line, "it is nested too deep"));
        }
        let Some(node) = node else { continue };
        match open.last_mut() {
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(entries, name)) => match (name.take(), node) {
                (Some(name), node) => entries.push((name, node)),
                (None, Node::Text(key) | Node::Plain(key)) => *name = Some(key),
                (None, _) => return Err(SopsError::in_line(line, "a key is no text")),
            },
            None if whole.is_none() => whole = Some(node),
            None => return Err(SopsError::malformed("it has several documents")),
        }
    }
    whole.ok_or_else(|| SopsError::malformed("it is empty"))
}

fn scalar(value: &str, is_plain: bool) -> Node {
    if !is_plain {
        return Node::Text(value.to_owned());
    }
    match value {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::truth(true),
        "false" | "False" | "FALSE" => Node::truth(false),
        number if is_number(number) => Node::number(number),
        text => Node::Text(text.to_owned()),
    }
}

/// Whether a plain scalar is a number of decimal digits.
fn is_number(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(is_part)
        && text.parse::<f64>().is_ok()
}
