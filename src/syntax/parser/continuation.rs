//! How far a logical line reaches: over the lines that open brackets and triple quotes carry to.

use super::{end_of_line, is_blank};
use crate::syntax::ast::MAX_DEPTH;

/// What was found out about the line at the start of a text.
pub(super) enum Extent {
    /// The logical line has so many bytes, its last line break included.
    Lines(usize),
    /// What opens here is not closed up to the end of the text.
    Unclosed(usize, &'static str),
    /// A bracket here is nested too deep.
    TooDeep(usize),
}

/// Measures the logical line at the start of `text`; without `joins` it is one line.
pub(super) fn extent(text: &str, joins: bool) -> Extent {
    let end = end_of_line(text, 0);
    let line = &text[..end];
    let may_continue =
        line.contains(['[', '(', '{']) || line.contains("'''") || line.contains("\"\"\"");
    match value_start(line) {
        Some(start) if may_continue => scan(text, start, end, joins),
        _ => Extent::Lines(end),
    }
}

/// The first bracket of a value that its text, all of it, leaves open.
pub(super) fn open_bracket(text: &str) -> Option<(usize, &'static str)> {
    match scan(text, 0, text.len(), true) {
        Extent::Unclosed(at, what @ ("[" | "(" | "{")) => Some((at, what)),
        _ => None,
    }
}

/// Where the value of a property line, or the text of a directive, starts.
pub(super) fn value_start(line: &str) -> Option<usize> {
    let statement = line.trim_start_matches(is_blank);
    let indent = line.len() - statement.len();
    if statement.starts_with("@data") || statement.starts_with("@include") {
        return Some(indent);
    }
    if statement.starts_with(['/', '#']) {
        return None;
    }
    let name = if statement.starts_with('"') {
        end_of_quoted(statement)
    } else {
        0
    };
    let rest = &statement.as_bytes()[name..];
    let is_operator = |i: &usize| rest[*i] == b'=' || rest[*i..].starts_with(b"->");
    let operator = name + (0..rest.len()).find(is_operator)?;
    let rest = &statement[operator..];
    (rest.starts_with('=') && !rest.starts_with("=>")).then_some(indent + operator + 1)
}

/// The length of the double-quoted name at the start; 0 where it is not closed.
pub(super) fn end_of_quoted(statement: &str) -> usize {
    let bytes = statement.as_bytes();
    let mut i = 1;
    while i < bytes.len() {
        match bytes[i] {
            b'"' => return i + 1,
            b'\\' => i += 2,
            _ => i += 1,
        }
    }
    0
}

/// Walks over brackets, strings and comments from `start` until a line ends outside of them.
fn scan(text: &str, start: usize, first_end: usize, joins: bool) -> Extent {
    let bytes = text.as_bytes();
    let limit = if joins { bytes.len() } else { first_end };
    let mut brackets: Vec<(usize, &'static str)> = Vec::new();
    let mut i = start;
    while i < limit {
        match bytes[i] {
            b'\n' if brackets.is_empty() => return Extent::Lines(i + 1),
            b'#' => {
                i = end_of_line(text, i) - 1;
                if bytes[i] != b'\n' {
                    break;
                }
                continue;
            }
            b'[' => brackets.push((i, "[")),
            b'(' => brackets.push((i, "(")),
            b'{' => brackets.push((i, "{")),
            b']' | b')' | b'}' => {
                brackets.pop();
            }
            quote @ (b'\'' | b'"') => {
                let triple = if quote == b'"' { "\"\"\"" } else { "'''" };
                if bytes[i..].starts_with(triple.as_bytes()) {
                    match end_of_string(bytes, i + 3, limit, triple.as_bytes()) {
                        Some(after) => i = after,
                        None => return Extent::Unclosed(i, triple),
                    }
                    continue;
                }
                match end_of_string(bytes, i + 1, end_of_line(text, i), &[quote]) {
                    Some(after) => i = after,
                    // The grammar says what is wrong with a string that its line does not close.
                    None => return Extent::Lines(end_of_line(text, i)),
                }
                continue;
            }
            _ => {}
        }
        if brackets.len() > MAX_DEPTH {
            return Extent::TooDeep(i);
        }
        i += 1;
    }
    match brackets.first() {
        Some((at, bracket)) if joins => Extent::Unclosed(*at, bracket),
        _ => Extent::Lines(limit),
    }
}

/// The place after the closing quotes of a string whose contents start at `i`.
fn end_of_string(bytes: &[u8], mut i: usize, limit: usize, quotes: &[u8]) -> Option<usize> {
    while i < limit {
        if bytes[i] == b'\\' {
            i += 2;
        } else if bytes[i..].starts_with(quotes) {
            return Some(i + quotes.len());
        } else {
            i += 1;
        }
    }
    None
}
