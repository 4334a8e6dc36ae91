//! The common lines, read without the grammar.
//!
//! The grammar defines the language; this is a faster way to the same result for lines that use
//! little of it. Whatever is not plain is left to the grammar, and so is everything wrong. A test
//! holds the two together.

use std::borrow::Cow;

use smallvec::smallvec;

use super::literal;
use crate::syntax::ast::MAX_DEPTH;
use crate::syntax::ast::{Literal, LiteralKind, Node, Statement, Text};
use crate::syntax::names::NUMBER_TOKEN;
use crate::syntax::source::{SourceId, Span};

/// A line that was read.
pub(super) struct Quick<'s> {
    pub(super) indent: &'s str,
    /// The statement with its place; none where the line holds none.
    pub(super) statement: Option<(Span, Statement<'s>)>,
    /// The comment at its end.
    pub(super) comment: Option<Span>,
}

/// Whether the lines of a text can be read so: two things that hardly any text holds are not
/// looked for in each line.
pub(super) fn suits(text: &str) -> bool {
    // A needle that is sought in megabytes.
    let unstorable = memchr::memmem::find(text.as_bytes(), NUMBER_TOKEN.as_bytes());
    unstorable.is_none() && memchr::memchr(0, text.as_bytes()).is_none()
}

/// Reads a whole physical line, its line break included, that starts at `offset` of a source that
/// [`suits`]; none where the grammar has to.
pub(super) fn line(line: &str, offset: u32, source: SourceId) -> Option<Quick<'_>> {
    let bytes = line.as_bytes();
    let mut end = bytes.len();
    end -= usize::from(bytes.last() == Some(&b'\n'));
    while end > 0 && bytes[end - 1] == b'\r' {
        end -= 1;
    }
    let start = bytes[..end].iter().take_while(|b| is_blank(**b)).count();
    while end > start && is_blank(bytes[end - 1]) {
        end -= 1;
    }
    let mut reader = Reader {
        text: &line[..end],
        at: start,
        offset,
        source,
    };
    let statement = match bytes[..end].get(start) {
        None | Some(b'#') => None,
        Some(b'/') => Some(reader.node()?),
        Some(_) => Some(reader.entry()?),
    };
    let statement = statement.map(|statement| (reader.span(start), statement));
    Some(Quick {
        indent: &line[..start],
        statement,
        comment: reader.comment()?,
    })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

struct Reader<'s> {
    /// The line without what trails it.
    text: &'s str,
    at: usize,
    offset: u32,
    source: SourceId,
}

impl<'s> Reader<'s> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Sources::add bounds the text"
    )]
    fn span(&self, start: usize) -> Span {
        let at = |byte: usize| self.offset + byte as u32;
        Span {
            source: self.source,
            start: at(start),
            end: at(self.at),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// The comment that ends the line; no answer where something else does.
    fn comment(&mut self) -> Option<Option<Span>> {
        let before = self.at;
        self.blanks();
        if self.at == self.text.len() {
            return Some(None);
        }
        // A word can hold a number sign, but not start with one.
        let starts = self.peek() == Some(b'#')
            && (self.at > before || self.rest() == self.text.trim_start_matches([' ', '\t']));
        starts.then(|| {
            let start = self.at;
            self.at += self.rest().trim_end().len();
            Some(self.span(start))
        })
    }

    /// Bytes that are plain in a kind of word, all of them ASCII; at least one.
    fn word(&mut self, plain: u8) -> Option<Text<'s>> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let length = rest
            .iter()
            .take_while(|byte| PLAIN[usize::from(**byte)] & plain != 0)
            .count();
        self.at += length;
        (length > 0).then(|| Text {
            text: Cow::Borrowed(&self.text[start..self.at]),
            span: self.span(start),
        })
    }

    fn node(&mut self) -> Option<Statement<'s>> {
        self.take(b'/')?;
        let name = self.word(NODE)?;
        let mut kind = None;
        if self.rest().starts_with(" : ") {
            self.at += 3;
            let start = self.at;
            let word = self.word(TYPE)?.text;
            let words = word.trim_end_matches(' ');
            (!words.is_empty() && !words.starts_with(' ')).then_some(())?;
            self.at = start + words.len();
            kind = Some(Text {
                text: Cow::Borrowed(&self.text[start..self.at]),
                span: self.span(start),
            });
        }
        Some(Statement::Node(Node {
            names: smallvec![name],
            kind,
        }))
    }

    fn entry(&mut self) -> Option<Statement<'s>> {
        let name = self.word(NAME)?;
        self.blanks();
        if self.rest().starts_with("->") {
            self.at += 2;
            let target = self.target()?;
            return Some(Statement::Link { name, target });
        }
        self.take(b'=')?;
        if self.peek() == Some(b'>') {
            self.at += 1;
            let mut target = self.target()?;
            if self.take(b' ').is_some() {
                let property = self.word(PATH)?;
                target.span = target.span.to(property.span);
                let (start, end) = (target.span.start, target.span.end);
                let within = (start - self.offset) as usize..(end - self.offset) as usize;
                target.text = Cow::Borrowed(&self.text[within]);
            }
            return Some(Statement::PropertyLink { name, target });
        }
        self.blanks();
        let value = self.literal(0)?;
        Some(Statement::Property { name, value })
    }

    fn target(&mut self) -> Option<Text<'s>> {
        self.blanks();
        self.word(PATH)
    }

    fn literal(&mut self, depth: usize) -> Option<Literal<'s>> {
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
        let next = bytes[self.at..].iter().find(|byte| !is_blank(**byte));
        if !matches!(next, None | Some(b',' | b']' | b'}' | b':' | b'#')) {
            return None;
        }
        match has_escapes {
            false => Some(Cow::Borrowed(text)),
            true => literal::decode(text, unicode).map(Cow::Owned),
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

/// The kinds of word in which a byte can be plain.
const NODE: u8 = 1;
const TYPE: u8 = 2;
const NAME: u8 = 4;
const PATH: u8 = 8;

/// For each byte the kinds of word in which it is plain.
static PLAIN: [u8; 256] = {
    let mut plain = [0; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        plain[byte as usize] = match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' => NODE | TYPE | NAME | PATH,
            b'-' => NODE | TYPE | PATH,
            b'@' => NODE | PATH,
            b'/' | b':' => PATH,
            b' ' => TYPE,
            _ => 0,
        };
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Parser;
    use crate::syntax::source::Sources;

    /// The lines and errors of a text as text, read with or without the quick way.
    fn parse(text: &str, quick: bool) -> String {
        let sources = Sources::default();
        let id = sources.add("x.zkt", text.to_owned()).unwrap();
        let mut parser = Parser::new(&sources.get(id).text, id);
        parser.quick &= quick;
        while parser.step() {}
        parser.place_comments(0, 0);
        format!("{:#?} {:#?}", parser.lines, parser.errors)
    }

    fn is_quick(line: &str) -> bool {
        let sources = Sources::default();
        let id = sources.add("x.zkt", line.to_owned()).unwrap();
        super::line(line, 0, id).is_some()
    }

    #[test]
    fn reads_the_common_lines() {
        for line in [
            "/cms\n",
            "  /10.0.0.1",
            "/cms : z4m cms\n",
            "  x = 'it is # no = comment'",
            " \t\n",
            "",
            "\tx = \"a\" \t",
            "x=1",
            "y = -0.5",
            "z = [1, 'a', [], {'k': None},]",
            "l -> /b/c",
            "p => .. threads",
            "q=>/x:1\r\n",
            "x = True\r\n",
            "# c",
            "  # c é\u{a0}",
            "/a # c",
            "/a : a b # c",
            "x = 1 # c",
            "x = 'a'\t# 'c' \r\n",
            "x -> /b # c",
            "x = 'é'",
            "x = ''",
            "x = 'a\\n'",
            "x = 'it\\'s \\\\'",
            "x = u'a'",
            "x = U\"caf\\xe9 \\u4e2d\"",
            "x = [u'a\\x20', 'caf\\xc3\\xa9']",
        ] {
            assert!(is_quick(line), "{line:?}");
            assert_eq!(
                parse(&format!("/a\n  /b\n{line}"), true),
                parse(&format!("/a\n  /b\n{line}"), false)
            );
        }
    }

    #[test]
    fn leaves_the_rest_to_the_grammar() {
        for line in [
            "/a b",
            "/a/b",
            "/a:b",
            "/a : #t",
            "/a : \"t\"",
            "/a#c",
            "/a : t#c",
            "x = 'a'# c",
            "x = 'a' 'b'",
            "x = ''''''",
            "x = 01",
            "x = 1.",
            "x = 1e5",
            "x = 1L",
            "x = 'a\\",
            "x = 'a\\'",
            "x = 'a\\xe9'",
            "x = u'\\x'",
            "x = '$serde_json::private\\x3a:'",
            "x = r'a'",
            "x = ur'a'",
            "x = u 'a'",
            "x = 1# c",
            "x = (1,)",
            "x = 1, 2",
            "x = [1 2]",
            "x = 'a'b",
            "@keep",
            "\"a\" = 1",
            "x -> a b",
            "x => a b c",
            "x = [",
            "x = 1 \r \n",
            "x = 'a\rb'",
            "x = --1",
            "x = nan",
            "x y = 1",
            "x = ",
            "x",
            "/",
            "x ->",
        ] {
            assert!(!is_quick(line), "{line:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn says_what_the_grammar_says(
            lines in proptest::collection::vec(
                r#"[ \t]{0,3}(/?[a-z0-9_.:@-]{0,4}[ \t]?(=|->|=>|:)?[ \t]?|)(u?['"][a-zé# ,=]{0,3}['"]|[uU]?['"](\\[xunU0\\'"]|[0-9a-fé'"]){0,7}['"]|[\[{'",:}\] 0-9.eLxa-]{0,9}|True|null|/[a-z/.]{1,5}( [a-z]{1,2})?)[ \t]?(# ?c)?\r?"#,
                1..5,
            ),
        ) {
            let text = lines.join("\n");
            prop_assert_eq!(parse(&text, true), parse(&text, false));
        }
    }
}
