//! Strings, brackets and comments, in texts that need not be right.

use std::ops::Range;

use crate::syntax::characters::{is_blank, is_space};
use crate::syntax::scanner::table::COMMENT;

/// What a value is made of, as far as it decides where a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// A string, from its first quote on.
    String {
        /// One quote, or three.
        quotes: &'static str,
        /// Whether it ends: one quote in its line, three in the text.
        is_closed: bool,
    },
    /// A comment, without its line break.
    Comment,
    /// An opening bracket.
    Open(&'static str),
    /// A closing bracket of any kind.
    Close,
    /// A line break.
    LineEnd,
}

/// Iterates over the tokens of a value, with their places, and skips what lies between them.
pub(crate) struct Tokens<'t> {
    text: &'t str,
    at: usize,
    number_signs: NumberSigns,
}

/// Which number signs start a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberSigns {
    /// All: this holds in values.
    All,
    /// Those at the start of a line or behind a blank: others may belong to a name.
    BehindBlanks,
}

impl<'t> Tokens<'t> {
    /// Starts at a byte of a text that is in no string and no comment.
    pub(crate) fn new(text: &'t str, at: usize) -> Self {
        Self {
            text,
            at,
            number_signs: NumberSigns::All,
        }
    }

    /// The place of the next token.
    fn next_start(&self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let is_token = |at: &usize| match bytes[*at] {
            b'#' => {
                self.number_signs == NumberSigns::All
                    || *at == 0
                    || self.text[..*at].ends_with(is_space)
            }
            byte => b"'\"[({])}\n".contains(&byte),
        };
        (self.at..bytes.len()).find(is_token)
    }

    /// The string whose quotes start here.
    fn string(&self, start: usize, quote: u8) -> (usize, Token) {
        let three = if quote == b'"' { "\"\"\"" } else { "'''" };
        let is_long = self.text[start..].starts_with(three);
        let quotes = if is_long { three } else { &three[..1] };
        let bytes = self.text.as_bytes();
        let mut at = start + quotes.len();
        let is_closed = loop {
            match bytes.get(at) {
                None => break false,
                Some(b'\n') if !is_long => break false,
                Some(b'\\') if !is_long && bytes.get(at + 1) == Some(&b'\n') => at += 1,
                Some(b'\\') => at += 2,
                Some(_) if bytes[at..].starts_with(quotes.as_bytes()) => break true,
                Some(_) => at += 1,
            }
        };
        let end = if is_closed { at + quotes.len() } else { at };
        let token = Token::String { quotes, is_closed };
        (end.min(bytes.len()), token)
    }
}

impl Iterator for Tokens<'_> {
    type Item = (Range<usize>, Token);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let start = self.next_start()?;
        let one = start + 1;
        let (end, token) = match bytes[start] {
            quote @ (b'\'' | b'"') => self.string(start, quote),
            b'#' => {
                let end = memchr::memchr(b'\n', &bytes[start..]);
                (
                    end.map_or(bytes.len(), |length| start + length),
                    Token::Comment,
                )
            }
            b'[' => (one, Token::Open("[")),
            b'(' => (one, Token::Open("(")),
            b'{' => (one, Token::Open("{")),
            b'\n' => (one, Token::LineEnd),
            _ => (one, Token::Close),
        };
        self.at = end;
        Some((start..end, token))
    }
}

/// The first quotes of a text that do not end.
pub(crate) fn unclosed_quote(text: &str) -> Option<(usize, &'static str)> {
    Tokens::new(text, 0).find_map(|(range, token)| match token {
        Token::String {
            quotes,
            is_closed: false,
        } => Some((range.start, quotes)),
        _ => None,
    })
}

/// The length of the name in double quotes at the start of a line; Returns `None` if it does not
/// end.
pub(crate) fn quoted_name(line: &str) -> Option<usize> {
    json_string(line.as_bytes(), 0).map(|(end, _)| end)
}

/// Where the JSON string that starts at `start` ends, its quotes included, and whether it has
/// escapes. Returns `None` if none starts there, or it does not end.
pub(crate) fn json_string(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    if bytes.get(start) != Some(&b'"') {
        return None;
    }
    let (mut at, mut has_escapes) = (start + 1, false);
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some((at + 1, has_escapes));
        }
        has_escapes = true;
        at += 2;
    }
}

/// Whether a number sign at a byte of a line starts a comment there, outside of a value.
pub(crate) fn is_comment(line: &str, at: usize) -> bool {
    line[at..].starts_with(COMMENT) && (at == 0 || line[..at].ends_with(is_blank))
}

/// The first line of a text, less the comment behind its first word.
pub(crate) fn without_comment(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    let mut signs = line.match_indices(COMMENT);
    let comment = signs.find(|(at, _)| *at > 0 && is_comment(line, *at));
    line[..comment.map_or(line.len(), |(at, _)| at)].trim_end()
}

/// The characters of a line outside of quotes and comments, with their places.
pub(crate) fn bare_characters(line: &str) -> impl Iterator<Item = (usize, char)> {
    let tokens = Tokens {
        number_signs: NumberSigns::BehindBlanks,
        ..Tokens::new(line, 0)
    };
    let is_covering = |token: Token| matches!(token, Token::String { .. } | Token::Comment);
    let covered = tokens.filter_map(move |(range, token)| is_covering(token).then_some(range));
    let mut covered = covered.peekable();
    line.char_indices().filter(move |(at, _)| {
        while covered.next_if(|range| range.end <= *at).is_some() {}
        covered.peek().is_none_or(|range| *at < range.start)
    })
}
