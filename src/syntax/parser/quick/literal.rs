//! Values on one line, as the fast path reads them.

use std::borrow::Cow;

use crate::syntax::ast::{Literal, LiteralKind, MAX_DEPTH};
use crate::syntax::characters::is_blank;
use crate::syntax::parser::quick::reader::Reader;
use crate::syntax::parser::string;

impl<'s> Reader<'s> {
    pub(super) fn literal(&mut self, depth: usize) -> Option<Literal<'s>> {
        let start = self.at;
        let kind = match self.peek()? {
            b'\'' | b'"' => LiteralKind::String(self.string(false)?),
            b'u' | b'U' if matches!(self.rest().as_bytes().get(1), Some(b'\'' | b'"')) => {
                self.at += 1;
                LiteralKind::String(self.string(true)?)
            }
            b'0'..=b'9' | b'-' => LiteralKind::Number(Cow::Borrowed(self.number()?)),
            b'[' if depth < MAX_DEPTH => {
                LiteralKind::List(self.items(b']', |r| r.literal(depth + 1))?)
            }
            b'{' if depth < MAX_DEPTH => {
                LiteralKind::Dict(self.items(b'}', |r| r.pair(depth + 1))?)
            }
            _ => self.constant()?,
        };
        let span = self.span(start);
        Some(Literal { kind, span })
    }

    /// What stands between the bracket here and `close`, on this line.
    fn items<T>(&mut self, close: u8, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            if self.take(close).is_some() {
                return Some(items);
            }
            items.push(item(self)?);
            self.blanks();
            if self.take(b',').is_none() && self.peek() != Some(close) {
                return None;
            }
        }
    }

    fn pair(&mut self, depth: usize) -> Option<(Literal<'s>, Literal<'s>)> {
        let key = self
            .literal(depth)
            .filter(|key| matches!(key.kind, LiteralKind::String(_)))?;
        self.blanks();
        self.take(b':')?;
        self.blanks();
        Some((key, self.literal(depth)?))
    }

    /// A string on this line; one beside another is left to the grammar.
    fn string(&mut self, unicode: bool) -> Option<Cow<'s, str>> {
        let quote = self.peek()?;
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let (mut end, mut has_escapes) = (start, false);
        loop {
            end += stop_in_string(bytes.get(end..)?, quote)?;
            match bytes[end] {
                b'\\' => {
                    has_escapes = true;
                    end += 2;
                }
                b'\r' => return None,
                _ => break,
            }
        }
        if end == start && bytes.get(end + 1) == Some(&quote) {
            return None;
        }
        let text = &self.text[start..end];
        self.at = end + 1;
        // Only a bracket, a comma, a colon or the end of the line can follow for sure.
        let next = bytes[self.at..]
            .iter()
            .find(|byte| !is_blank(char::from(**byte)));
        if !matches!(next, None | Some(b',' | b']' | b'}' | b':' | b'#')) {
            return None;
        }
        match has_escapes {
            false => Some(Cow::Borrowed(text)),
            true => string::decode(text, unicode).map(Cow::Owned),
        }
    }

    /// A number that is spelled as JSON spells it, without an exponent.
    fn number(&mut self) -> Option<&'s str> {
        let start = self.at;
        _ = self.take(b'-');
        let whole = self.digits()?;
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            return None;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        match self.peek() {
            None | Some(b',' | b']' | b'}' | b' ') => Some(&self.text[start..self.at]),
            Some(_) => None,
        }
    }

    fn digits(&mut self) -> Option<usize> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        (count > 0).then_some(count)
    }

    fn constant(&mut self) -> Option<LiteralKind<'s>> {
        let length = self
            .rest()
            .bytes()
            .take_while(u8::is_ascii_alphanumeric)
            .count();
        let kind = match &self.rest()[..length] {
            "True" | "true" => LiteralKind::Bool(true),
            "False" | "false" => LiteralKind::Bool(false),
            "None" | "null" => LiteralKind::Null,
            _ => return None,
        };
        self.at += length;
        Some(kind)
    }
}

/// Where the first byte stands at which a string may not simply go on.
fn stop_in_string(bytes: &[u8], quote: u8) -> Option<usize> {
    // Most strings are so short that it costs more to prepare a search than to search.
    let (near, far) = bytes.split_at(bytes.len().min(SHORT));
    let stops = |byte: &u8| matches!(*byte, b'\\' | b'\r') || *byte == quote;
    near.iter()
        .position(stops)
        .or_else(|| Some(SHORT + memchr::memchr3(quote, b'\\', b'\r', far)?))
}

const SHORT: usize = 24;
