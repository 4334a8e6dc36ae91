//! Literals: numbers kept exact, strings with Python's escapes.

use std::borrow::Cow;

use num_bigint::BigInt;
use pest::iterators::{Pair, Pairs};
use serde_json::Number;

use super::{DoubtKind, ErrorKind, Parser, Rule};
use crate::syntax::ast::{Literal, LiteralKind, Text};
use crate::syntax::names::is_storable_name;

impl<'s> Parser<'s> {
    /// A value; one that is wrong is reported and stands for null.
    pub(super) fn literal(&mut self, pair: Pair<'s, Rule>, start: usize) -> Literal<'s> {
        let span = self.span_of(&pair, start);
        let rule = pair.as_rule();
        let text = pair.as_str();
        let kind = match rule {
            // Commas make a list, and so does one behind a single value.
            Rule::value | Rule::tuple => {
                let commas = pair
                    .clone()
                    .into_inner()
                    .any(|pair| pair.as_rule() == Rule::comma);
                let mut items = self.items(pair, start);
                match items.pop() {
                    Some(only) if !commas => return Literal { span, ..only },
                    last => {
                        if rule == Rule::value && items.is_empty() {
                            self.doubt(span, DoubtKind::TrailingComma);
                        }
                        items.extend(last);
                        LiteralKind::List(items)
                    }
                }
            }
            Rule::list => LiteralKind::List(self.items(pair, start)),
            Rule::dict => LiteralKind::Dict(self.pairs(pair, start)),
            Rule::constant => match text {
                "None" | "null" => LiteralKind::Null,
                _ => LiteralKind::Bool(matches!(text, "True" | "true")),
            },
            Rule::number => match number(text) {
                Ok(number) => {
                    if has_leading_zero(text) {
                        self.doubt(span, DoubtKind::LeadingZero);
                    }
                    LiteralKind::Number(Cow::Owned(number))
                }
                Err(kind) => {
                    self.error_at(span, kind);
                    LiteralKind::Null
                }
            },
            _ => LiteralKind::String(self.string(pair, start).text),
        };
        Literal { kind, span }
    }

    fn items(&mut self, pair: Pair<'s, Rule>, start: usize) -> Vec<Literal<'s>> {
        let items = pair
            .into_inner()
            .filter(|pair| pair.as_rule() != Rule::comma);
        items.map(|item| self.literal(item, start)).collect()
    }

    fn pairs(&mut self, pair: Pair<'s, Rule>, start: usize) -> Vec<(Literal<'s>, Literal<'s>)> {
        let mut pairs = Vec::new();
        for pair in pair.into_inner() {
            let mut sides = pair
                .into_inner()
                .filter(|side| side.as_rule() != Rule::pair_colon);
            let (Some(key), Some(value)) = (sides.next(), sides.next()) else {
                continue;
            };
            let key = self.literal(key, start);
            if !matches!(key.kind, LiteralKind::String(_)) {
                let what = "a dict with a key that is no string";
                let instead = Some("put the key in quotes");
                self.error_at(key.span, ErrorKind::NotJson { what, instead });
            }
            pairs.push((key, self.literal(value, start)));
        }
        pairs
    }

    /// A string, or several side by side.
    pub(super) fn string(&mut self, pair: Pair<'s, Rule>, start: usize) -> Text<'s> {
        let span = self.span_of(&pair, start);
        let text = decode_string(pair.as_str(), pair.into_inner()).unwrap_or_else(|kind| {
            self.error_at(span, kind);
            String::new()
        });
        if !is_storable_name(&text) {
            let instead = Some("choose another text");
            let what = "a text that holds $serde_json::private::";
            self.error_at(span, ErrorKind::NotJson { what, instead });
        }
        let text = Cow::Owned(text);
        Text { text, span }
    }
}

/// Whether a number is octal only because of a zero at its start.
fn has_leading_zero(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
    let digits = digits.trim_end_matches(['l', 'L']);
    let is_digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(is_digit)
}

/// Reads a number of the language; JSON keeps its value exactly, and decimals as they are written.
pub(super) fn number(text: &str) -> Result<String, ErrorKind> {
    let error = || ErrorKind::Number {
        text: text.to_owned(),
    };
    let signs = text.len()
        - text
            .trim_start_matches(['+', '-', ' ', '\t', '\u{b}', '\u{c}'])
            .len();
    let negative = text[..signs].matches('-').count() % 2 == 1;
    let body = text[signs..].to_ascii_lowercase();
    let (radix, digits) = match body.get(..2) {
        Some("0x") => (16, &body[2..]),
        Some("0o") => (8, &body[2..]),
        Some("0b") => (2, &body[2..]),
        _ => (10, body.as_str()),
    };
    if radix == 10 && digits.ends_with('j') {
        let what = "a complex number";
        return Err(ErrorKind::NotJson {
            what,
            instead: None,
        });
    }
    let long = digits.strip_suffix('l');
    let integer = long.unwrap_or(digits);
    let json = if radix != 10 {
        let digits = integer.strip_prefix('_').unwrap_or(integer);
        in_radix(digits, radix).ok_or_else(error)?
    } else if integer
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_')
    {
        let digits = without_underscores(integer).ok_or_else(error)?;
        // A leading zero means octal, as it did in Python 2.
        if digits.len() > 1 && digits.starts_with('0') {
            in_radix(&digits, 8).ok_or_else(error)?
        } else {
            digits
        }
    } else if long.is_none() {
        float(digits).ok_or_else(error)?
    } else {
        return Err(error());
    };
    let number: Number = format!("{}{json}", if negative { "-" } else { "" })
        .parse()
        .map_err(|_| error())?;
    Ok(number.to_string())
}

/// How many digits a number in another base than ten may have.
const MAX_DIGITS: usize = 10_000;

fn in_radix(digits: &str, radix: u32) -> Option<String> {
    let digits = without_underscores(digits)?;
    // Turning digits to another base takes time with the square of their number.
    if digits.starts_with(['+', '-']) || digits.len() > MAX_DIGITS {
        return None;
    }
    BigInt::parse_bytes(digits.as_bytes(), radix).map(|value| value.to_string())
}

/// The digits without the underscores between them; none where one stands elsewhere.
fn without_underscores(digits: &str) -> Option<String> {
    let misplaced = digits.is_empty()
        || digits.starts_with('_')
        || digits.ends_with('_')
        || digits.contains("__");
    (!misplaced).then(|| digits.replace('_', ""))
}

/// A decimal fraction in JSON's spelling: digits on both sides of the point, no leading zeros.
fn float(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| {
        let digits = if text.is_empty() {
            Some("0".to_owned())
        } else {
            without_underscores(text)
        };
        digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    let whole = digits(whole)?;
    let whole = whole.trim_start_matches('0');
    let mut json = if whole.is_empty() {
        "0".to_owned()
    } else {
        whole.to_owned()
    };
    if let Some(fraction) = fraction {
        json.push('.');
        json.push_str(&digits(fraction)?);
    }
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if unsigned.is_empty() {
            return None;
        }
        json.push('e');
        json.push_str(&exponent[..exponent.len() - unsigned.len()]);
        json.push_str(&digits(unsigned)?);
    }
    Some(json)
}

/// Joins the parts of a string; `whole` is the text they stand in.
pub(super) fn decode_string(whole: &str, parts: Pairs<'_, Rule>) -> Result<String, ErrorKind> {
    let mut decoder = Decoder::default();
    for part in parts {
        let (mut unicode, mut raw) = (false, false);
        for pair in part.into_inner() {
            let text = pair.as_str();
            match pair.as_rule() {
                Rule::prefix => {
                    unicode = text.contains(['u', 'U']);
                    raw = text.contains(['r', 'R']);
                }
                Rule::long_string => decoder.part(&text[3..text.len() - 3], unicode, raw)?,
                _ => decoder.part(&text[1..text.len() - 1], unicode, raw)?,
            }
        }
    }
    if whole.is_empty() {
        return Ok(String::new());
    }
    decoder.finish()
}

/// The text of a string that stands on one line, without its quotes; none where it is wrong.
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
struct Decoder {
    bytes: Vec<u8>,
    byte_escape: Option<String>,
    high_surrogate: Option<(u32, String)>,
}

impl Decoder {
    fn part(&mut self, text: &str, unicode: bool, raw: bool) -> Result<(), ErrorKind> {
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
        let incomplete = |length: usize| {
            let end = text
                .char_indices()
                .nth(length)
                .map_or(text.len(), |(end, _)| end);
            ErrorKind::Escape {
                escape: text[..end].to_owned(),
            }
        };
        let kind = text[1..].chars().next().ok_or_else(|| incomplete(1))?;
        let simple = match kind {
            '\\' | '\'' | '"' => Some(kind),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            _ => None,
        };
        if let Some(c) = simple {
            self.code(u32::from(c), &text[..2])?;
            return Ok(2);
        }
        match kind {
            '\n' => Ok(2),
            '\r' if text[2..].starts_with('\n') => Ok(3),
            '0'..='7' => {
                let digits = text[1..]
                    .bytes()
                    .take(3)
                    .take_while(|b| matches!(b, b'0'..=b'7'))
                    .count();
                let escape = &text[..=digits];
                let code = u32::from_str_radix(&escape[1..], 8).map_err(|_| incomplete(4))?;
                self.byte_or_code(code, escape, unicode)?;
                Ok(escape.len())
            }
            'x' => {
                let (code, escape) = hexadecimal(text, 2).ok_or_else(|| incomplete(4))?;
                self.byte_or_code(code, escape, unicode)?;
                Ok(escape.len())
            }
            'u' | 'U' => {
                let digits = if kind == 'u' { 4 } else { 8 };
                let (code, escape) =
                    hexadecimal(text, digits).ok_or_else(|| incomplete(2 + digits))?;
                self.code(code, escape)?;
                Ok(escape.len())
            }
            'N' => {
                let end = text.find('}').filter(|_| text[2..].starts_with('{'));
                let escape = &text[..=end.ok_or_else(|| incomplete(3))?];
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
            // Python leaves what it does not know as it stands.
            other => {
                let length = 1 + other.len_utf8();
                self.text(&text[..length])?;
                Ok(length)
            }
        }
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

    fn finish(mut self) -> Result<String, ErrorKind> {
        self.lone_surrogate()?;
        String::from_utf8(self.bytes).map_err(|_| ErrorKind::ByteEscape {
            escape: self.byte_escape.unwrap_or_default(),
        })
    }
}

fn hexadecimal(text: &str, digits: usize) -> Option<(u32, &str)> {
    let escape = text.get(..2 + digits)?;
    let code = &escape[2..];
    if !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(code, 16).ok()?, escape))
}
