//! Strings, brackets and comments, in texts that need not be right.

use std::ops::Range;

use crate::syntax::characters::is_blank;
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

/// The tokens of a value, with their places; what lies between them is not told.
pub(crate) struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    /// Starts at a byte of a text that is in no string and no comment.
    pub(crate) fn new(text: &'t str, at: usize) -> Self {
        Self { text, at }
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
        let is_token = |byte: &u8| b"'\"#[({])}\n".contains(byte);
        let start = self.at + bytes[self.at..].iter().position(is_token)?;
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

/// The length of the name in double quotes at the start of a line; `None` if it does not end.
pub(crate) fn quoted_name(line: &str) -> Option<usize> {
    let mut is_escaped = false;
    let mut bytes = line.bytes().skip(1);
    let end = bytes.position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.map(|end| end + 2)
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
    // What ends the quote or the comment at hand.
    let mut end = None;
    let mut before = ' ';
    line.char_indices().filter(move |(at, c)| {
        let is_bare = match end {
            Some(quote) => {
                if quote == *c && !is_escaped(&line[..*at]) {
                    end = None;
                }
                false
            }
            None if *c == COMMENT && before.is_ascii_whitespace() => {
                end = Some('\n');
                false
            }
            None if matches!(c, '\'' | '"') => {
                end = Some(*c);
                false
            }
            None => true,
        };
        before = *c;
        is_bare
    })
}

fn is_escaped(before: &str) -> bool {
    (before.len() - before.trim_end_matches('\\').len()) % 2 == 1
}
