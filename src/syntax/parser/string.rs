//! Strings with Python's escapes.

use crate::syntax::names::is_storable_name;
use crate::syntax::parser::error::ErrorKind;

/// Decodes a string on one line, without its quotes. Returns `None` if it is wrong.
pub(super) fn decode(text: &str, unicode: bool) -> Option<String> {
    let mut decoder = Decoder::default();
    decoder.part(text, unicode, false).ok()?;
    let text = decoder.finish().ok()?;
    is_storable_name(&text).then_some(text)
}

/// Collects the bytes of a string.
///
/// In a string without `u` the escapes from `\x80` on stand for bytes, as they did for zc.zk:
/// together they must be UTF-8. In one with `u` they stand for characters.
#[derive(Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    byte_escape: Option<String>,
    high_surrogate: Option<(u32, String)>,
}

impl Decoder {
    /// Adds a part of the string, without its quotes.
    pub(super) fn part(&mut self, text: &str, unicode: bool, raw: bool) -> Result<(), ErrorKind> {
        let mut rest = text;
        while let Some(backslash) = rest.find('\\') {
            self.text(&rest[..backslash])?;
            rest = &rest[backslash..];
            let length = match (raw, unicode) {
                (false, _) => self.escape(rest, unicode)?,
                // Raw strings with u know one escape, where an odd number of backslashes opens it.
                (true, true) => {
                    let run = rest.len() - rest.trim_start_matches('\\').len();
                    if run % 2 == 1 && rest[run..].starts_with(['u', 'U']) {
                        self.text(&rest[..run - 1])?;
                        run - 1 + self.escape(&rest[run - 1..], true)?
                    } else {
                        self.text(&rest[..run])?;
                        run
                    }
                }
                (true, false) => {
                    self.text("\\")?;
                    1
                }
            };
            rest = &rest[length..];
        }
        self.text(rest)
    }

    /// Plain text; line ends count as one character, however the file spells them.
    fn text(&mut self, text: &str) -> Result<(), ErrorKind> {
        if !text.is_empty() {
            self.lone_surrogate()?;
            for (i, line) in text.split("\r\n").enumerate() {
                if i > 0 {
                    self.bytes.push(b'\n');
                }
                self.bytes.extend_from_slice(line.as_bytes());
            }
        }
        Ok(())
    }

    /// Decodes the escape at the start of `text`; returns its length.
    fn escape(&mut self, text: &str, unicode: bool) -> Result<usize, ErrorKind> {
        let kind = text[1..]
            .chars()
            .next()
            .ok_or_else(|| incomplete(text, 1))?;
        if let Some(c) = simple_escape(kind) {
            self.code(u32::from(c), &text[..2])?;
            return Ok(2);
        }
        match kind {
            '\n' => Ok(2),
            '\r' if text[2..].starts_with('\n') => Ok(3),
            '0'..='7' => {
                let is_octal = |byte: &u8| matches!(byte, b'0'..=b'7');
                let digits = text[1..].bytes().take(3).take_while(is_octal).count();
                let escape = &text[..=digits];
                let code = u32::from_str_radix(&escape[1..], 8);
                self.byte_or_code(code.map_err(|_| incomplete(text, 4))?, escape, unicode)?;
                Ok(escape.len())
            }
            'x' => {
                let (code, escape) = hexadecimal(text, 2)?;
                self.byte_or_code(code, escape, unicode)?;
                Ok(escape.len())
            }
            'u' | 'U' => {
                let (code, escape) = hexadecimal(text, if kind == 'u' { 4 } else { 8 })?;
                self.code(code, escape)?;
                Ok(escape.len())
            }
            'N' => self.named(text),
            // Python leaves what it does not know as it stands.
            other => {
                let length = 1 + other.len_utf8();
                self.text(&text[..length])?;
                Ok(length)
            }
        }
    }

    /// Decodes a character by its name; returns the escape's length.
    fn named(&mut self, text: &str) -> Result<usize, ErrorKind> {
        let end = text.find('}').filter(|_| text[2..].starts_with('{'));
        let escape = &text[..=end.ok_or_else(|| incomplete(text, 3))?];
        let name = &escape[3..escape.len() - 1];
        // unicode_names2 4.0.0 panics at a name that starts with a hyphen; no character has one.
        let c = (!name.starts_with('-'))
            .then(|| unicode_names2::character(name))
            .flatten();
        let c = c.ok_or_else(|| ErrorKind::Escape {
            escape: escape.to_owned(),
        })?;
        self.code(u32::from(c), escape)?;
        Ok(escape.len())
    }

    fn byte_or_code(&mut self, code: u32, escape: &str, unicode: bool) -> Result<(), ErrorKind> {
        match u8::try_from(code) {
            Ok(byte @ 0x80..) if !unicode => {
                self.lone_surrogate()?;
                self.bytes.push(byte);
                self.byte_escape.get_or_insert_with(|| escape.to_owned());
                Ok(())
            }
            _ => self.code(code, escape),
        }
    }

    /// One character, or half of a surrogate pair that the next escape completes.
    fn code(&mut self, code: u32, escape: &str) -> Result<(), ErrorKind> {
        let code = match (self.high_surrogate.take(), code) {
            (Some((high, _)), 0xdc00..=0xdfff) => {
                0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00)
            }
            (Some((_, escape)), _) => return Err(ErrorKind::Surrogate { escape }),
            (None, 0xd800..=0xdbff) => {
                self.high_surrogate = Some((code, escape.to_owned()));
                return Ok(());
            }
            (None, 0xdc00..=0xdfff) => {
                return Err(ErrorKind::Surrogate {
                    escape: escape.to_owned(),
                });
            }
            (None, code) => code,
        };
        let c = char::from_u32(code).ok_or_else(|| ErrorKind::Escape {
            escape: escape.to_owned(),
        })?;
        self.bytes
            .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn lone_surrogate(&mut self) -> Result<(), ErrorKind> {
        match self.high_surrogate.take() {
            Some((_, escape)) => Err(ErrorKind::Surrogate { escape }),
            None => Ok(()),
        }
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> Result<String, ErrorKind> {
        self.lone_surrogate()?;
        String::from_utf8(self.bytes).map_err(|_| ErrorKind::ByteEscape {
            escape: self.byte_escape.unwrap_or_default(),
        })
    }
}

/// The error for an escape that would have had so many characters.
fn incomplete(text: &str, length: usize) -> ErrorKind {
    let end = text.char_indices().nth(length);
    let end = end.map_or(text.len(), |(end, _)| end);
    ErrorKind::Escape {
        escape: text[..end].to_owned(),
    }
}

/// What a backslash and one letter stand for.
fn simple_escape(kind: char) -> Option<char> {
    Some(match kind {
        '\\' | '\'' | '"' => kind,
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        _ => return None,
    })
}

/// The number and the text of an escape with so many hexadecimal digits.
fn hexadecimal(text: &str, digits: usize) -> Result<(u32, &str), ErrorKind> {
    let error = || incomplete(text, 2 + digits);
    let escape = text.get(..2 + digits).ok_or_else(error)?;
    let code = &escape[2..];
    if !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(error());
    }
    let code = u32::from_str_radix(code, 16).map_err(|_| error())?;
    Ok((code, escape))
}
