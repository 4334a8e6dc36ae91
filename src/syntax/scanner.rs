//! Where a logical line starts and ends, of what kind it is, and where its value starts.
//!
//! The scanner does not read lines, and texts need not be right: the fast path, the grammar, the
//! explanations of errors and the search for secrets all start from what it says.

pub(crate) mod lenient;
pub(crate) mod table;
pub(crate) mod tokens;

use crate::syntax::ast::MAX_DEPTH;
use crate::syntax::characters::{is_blank, is_space};
use table::{COMMENT, DIRECTIVE, Kind, NODE, directive_of, operator_at, plain};
use tokens::{Token, Tokens, quoted_name};

/// A logical line: a line of the text, with those that the brackets and quotes of its value carry
/// over to.
///
/// All places count from its first byte.
pub(crate) struct LogicalLine<'s> {
    /// The text from its start on.
    rest: &'s str,
    /// Its first line in the text, line break included.
    pub(crate) first: &'s str,
    /// The length of its indentation.
    pub(crate) indent: usize,
    /// Of what kind it is.
    pub(crate) kind: Kind,
    /// Where the name of a property or link ends.
    pub(crate) name_end: usize,
    /// Whether this name is of plain bytes only.
    pub(crate) has_plain_name: bool,
    /// The place behind the operator, or behind the word of a directive.
    pub(crate) value: usize,
}

/// How far the brackets and triple quotes of a value may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To the end of the text.
    Text,
    /// To the end of their line. This holds after a value ran to the end of the text: else each line
    /// below would be searched to the end again.
    Line,
}

/// How far a logical line reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// It has so many bytes, its last line break included.
    Lines(usize),
    /// What opens here is not closed up to the end of the text.
    Unclosed(usize, &'static str),
    /// A bracket here is nested too deep.
    TooDeep(usize),
}

impl<'s> LogicalLine<'s> {
    /// The line that starts at a byte of a text.
    pub(crate) fn at(text: &'s str, start: usize) -> Self {
        let rest = &text[start..];
        let first = &rest[..end_of_line(rest, 0)];
        let indent = blanks(first.as_bytes());
        let mut line = Self {
            rest,
            first,
            indent,
            kind: Kind::Unknown,
            name_end: indent,
            has_plain_name: false,
            value: indent,
        };
        line.classify();
        line
    }

    /// The first line without its indentation.
    pub(crate) fn statement(&self) -> &'s str {
        &self.first[self.indent..]
    }

    /// Finds the kind of the line.
    fn classify(&mut self) {
        let statement = self.statement();
        match statement.as_bytes().first() {
            None | Some(b'\n') => self.kind = Kind::Blank,
            Some(b'\r') if is_trail(statement) => self.kind = Kind::Blank,
            Some(byte) => match char::from(*byte) {
                COMMENT => self.kind = Kind::Blank,
                NODE => self.kind = Kind::Node,
                DIRECTIVE => self.tell_directive(),
                _ => self.tell_entry(),
            },
        }
    }

    /// A line with an operator behind its first word is a property or a link.
    fn tell_directive(&mut self) {
        let (word, rest) = first_word(self.statement());
        match directive_of(word) {
            Some(directive)
                if operator_at(rest.trim_start_matches(is_blank).as_bytes()).is_none() =>
            {
                self.kind = Kind::Directive(directive);
                self.value = self.indent + word.len();
            }
            _ => self.tell_entry(),
        }
    }

    /// The first operator behind the name decides.
    fn tell_entry(&mut self) {
        let bytes = self.first.as_bytes();
        let plain = self.indent + plain::length(&bytes[self.indent..], plain::NAME);
        let at = plain + blanks(&bytes[plain..]);
        if let Some(operator) = operator_at(&bytes[at..]) {
            self.has_plain_name = plain > self.indent;
            self.split(plain, at, operator);
            return;
        }
        let statement = self.statement();
        let quoted = Some(statement).filter(|statement| statement.starts_with('"'));
        let from = self.indent + quoted.and_then(quoted_name).unwrap_or(0);
        let operator = |at: usize| Some((at, operator_at(&bytes[at..])?));
        if let Some((at, operator)) = (from..bytes.len()).find_map(operator) {
            let name = self.first[self.indent..at].trim_end_matches(is_blank);
            self.split(self.indent + name.len(), at, operator);
        }
    }

    /// Splits the line at its operator.
    fn split(&mut self, name_end: usize, operator: usize, (mark, kind): (&str, Kind)) {
        self.kind = kind;
        self.name_end = name_end;
        self.value = operator + mark.len();
    }

    /// Measures the line.
    pub(crate) fn extent(&self, reach: Reach) -> Extent {
        let line = self.first;
        let holds_value = match self.kind {
            Kind::Property => true,
            Kind::Directive(directive) => directive.has_string,
            Kind::Blank | Kind::Node | Kind::Link | Kind::PropertyLink | Kind::Unknown => false,
        };
        let may_continue =
            line.contains(['[', '(', '{']) || line.contains("'''") || line.contains("\"\"\"");
        match (holds_value && may_continue, reach) {
            (false, _) => Extent::Lines(line.len()),
            (true, Reach::Text) => extent(self.rest, self.value),
            (true, Reach::Line) => match extent(line, self.value) {
                Extent::Unclosed(_, "[" | "(" | "{") => Extent::Lines(line.len()),
                extent => extent,
            },
        }
    }
}

/// The first bracket of a value that its text, all of it, leaves open.
pub(crate) fn open_bracket(text: &str) -> Option<(usize, &'static str)> {
    match extent(text, 0) {
        Extent::Unclosed(at, what @ ("[" | "(" | "{")) => Some((at, what)),
        _ => None,
    }
}

/// Walks over brackets, strings and comments from `start` until a line ends outside of them.
fn extent(text: &str, start: usize) -> Extent {
    let mut brackets: Vec<(usize, &'static str)> = Vec::new();
    for (range, token) in Tokens::new(text, start) {
        match token {
            Token::LineEnd if brackets.is_empty() => return Extent::Lines(range.end),
            Token::LineEnd | Token::Comment => {}
            Token::Open(bracket) if brackets.len() < MAX_DEPTH => {
                brackets.push((range.start, bracket));
            }
            Token::Open(_) => return Extent::TooDeep(range.start),
            Token::Close => _ = brackets.pop(),
            Token::String {
                is_closed: true, ..
            } => {}
            Token::String { quotes, .. } if quotes.len() > 1 => {
                return Extent::Unclosed(range.start, quotes);
            }
            // The grammar says what is wrong with a string that its line does not close.
            Token::String { .. } => return Extent::Lines(end_of_line(text, range.start)),
        }
    }
    match brackets.first() {
        Some((at, bracket)) => Extent::Unclosed(*at, bracket),
        None => Extent::Lines(text.len()),
    }
}

/// The first word of a statement, and the rest. An operator ends a word, too.
fn first_word(statement: &str) -> (&str, &str) {
    let ends = |(at, c): &(usize, char)| {
        is_space(*c) || operator_at(&statement.as_bytes()[*at..]).is_some()
    };
    let end = statement.char_indices().find(ends);
    statement.split_at(end.map_or(statement.len(), |(at, _)| at))
}

/// The place behind the line break of the line in which `start` is.
pub(crate) fn end_of_line(text: &str, start: usize) -> usize {
    memchr::memchr(b'\n', &text.as_bytes()[start..])
        .map_or(text.len(), |newline| start + newline + 1)
}

/// Whether behind the indentation of a line there is nothing but a comment, and carriage returns among the blanks.
fn is_trail(statement: &str) -> bool {
    let rest = statement.trim_start_matches(is_space);
    rest.is_empty() || rest.starts_with(COMMENT)
}

/// How many blanks a text starts with.
fn blanks(text: &[u8]) -> usize {
    let is_blank = |byte: &&u8| is_blank(char::from(**byte));
    text.iter().take_while(is_blank).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_carry_over_to_further_lines() {
        for line in [
            "  x = [",
            "x = 1, (",
            "\"a = b\" = {",
            "@data '''",
            "@data base64 \"\"\"",
            "@include '''",
            "@keep = [",
            "@database = [",
        ] {
            let text = format!("/a\n{line}\n\n");
            let extent = LogicalLine::at(&text, 3).extent(Reach::Text);
            assert!(matches!(extent, Extent::Unclosed(..)), "{line}");
        }
        for line in [
            "/a = [",
            "# x = [",
            "x -> [",
            "x => [",
            "x [",
            "@keep [",
            "@secret a=(b",
            "@acl digest:a:(=:r",
            "@database -> [",
            "@database '''",
            "x = 'a [",
        ] {
            let text = format!("/a\n{line}\n]\n");
            let line = LogicalLine::at(&text, 3);
            assert_eq!(line.extent(Reach::Text), Extent::Lines(line.first.len()));
        }
    }

    #[test]
    fn the_first_operator_ends_the_name() {
        for (line, kind, name, value) in [
            ("x = 'a -> b'", Kind::Property, "x", " 'a -> b'"),
            ("x y => z -> w", Kind::PropertyLink, "x y", " z -> w"),
            (" x->y=z", Kind::Link, "x", "y=z"),
            ("\"a = b\" -> c", Kind::Link, "\"a = b\"", " c"),
            ("= 1", Kind::Property, "", " 1"),
            ("@x = 1", Kind::Property, "@x", " 1"),
            ("@keep-x = 1", Kind::Property, "@keep-x", " 1"),
            ("@acl -> 1", Kind::Link, "@acl", " 1"),
        ] {
            let line = LogicalLine::at(line, 0);
            assert_eq!(line.kind, kind);
            assert_eq!(&line.first[line.indent..line.name_end], name);
            assert_eq!(&line.first[line.value..], value);
        }
    }
}
