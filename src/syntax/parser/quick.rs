//! The common lines, read without the grammar.
//!
//! The grammar defines the language; this is a faster way to the same result for lines that use
//! little of it. Whatever is not plain is left to the grammar, and so is everything wrong. A test
//! holds the two together.

mod literal;
mod reader;

use smallvec::smallvec;

use crate::syntax::ast::{Line, Node, Statement, Text};
use crate::syntax::characters::is_blank;
use crate::syntax::names::NUMBER_TOKEN;
use crate::syntax::place::SourceId;
use crate::syntax::scanner::LogicalLine;
use crate::syntax::scanner::table::{Kind, plain};
use reader::Reader;

/// Whether the fast path can read the lines of a text. Two things that hardly any text holds are
/// looked for here, once, and not in each line.
pub(super) fn suits(text: &str) -> bool {
    // `memmem` is fast also in megabytes.
    let unstorable = memchr::memmem::find(text.as_bytes(), NUMBER_TOKEN.as_bytes());
    unstorable.is_none() && memchr::memchr(0, text.as_bytes()).is_none()
}

/// Reads a line, on no level yet, that starts at `offset` of a source that [`suits`]; `None` if the
/// grammar has to.
pub(super) fn read<'s>(line: &LogicalLine<'s>, offset: u32, source: SourceId) -> Option<Line<'s>> {
    let bytes = line.first.as_bytes();
    let mut end = bytes.len();
    end -= usize::from(bytes.last() == Some(&b'\n'));
    let start = line.indent;
    while end > start && bytes[end - 1] == b'\r' {
        end -= 1;
    }
    while end > start && is_blank(char::from(bytes[end - 1])) {
        end -= 1;
    }
    let mut reader = Reader {
        text: &line.first[..end],
        at: start,
        offset,
        source,
    };
    let statement = match line.kind {
        Kind::Blank => Statement::Blank,
        Kind::Node => reader.node()?,
        Kind::Property | Kind::Link | Kind::PropertyLink => reader.entry(line)?,
        Kind::Directive(_) | Kind::Unknown => return None,
    };
    let span = reader.span(start);
    Some(Line {
        level: 0,
        span,
        statement,
        comment: reader.comment().ok()?,
    })
}

impl<'s> Reader<'s> {
    fn node(&mut self) -> Option<Statement<'s>> {
        self.take(b'/')?;
        let name = self.word(plain::NODE)?;
        let mut kind = None;
        if self.rest().starts_with(" : ") {
            self.at += 3;
            let length = plain::length(self.rest().as_bytes(), plain::TYPE);
            let words = self.rest()[..length].trim_end_matches(' ');
            (!words.is_empty() && !words.starts_with(' ')).then_some(())?;
            kind = Some(self.text(words.len()));
        }
        Some(Statement::Node(Node {
            names: smallvec![name],
            kind,
        }))
    }

    fn entry(&mut self, line: &LogicalLine<'s>) -> Option<Statement<'s>> {
        line.has_plain_name.then_some(())?;
        let name = self.text(line.name_end - line.indent);
        self.at = line.value;
        self.blanks();
        Some(match line.kind {
            Kind::Link => {
                let target = self.word(plain::PATH)?;
                Statement::Link { name, target }
            }
            Kind::PropertyLink => {
                let target = self.property_target()?;
                Statement::PropertyLink { name, target }
            }
            _ => {
                let value = self.literal(0)?;
                Statement::Property { name, value }
            }
        })
    }

    /// A path, and perhaps the name of a property behind one blank.
    fn property_target(&mut self) -> Option<Text<'s>> {
        let start = self.at;
        let path = self.word(plain::PATH)?;
        if self.take(b' ').is_none() {
            return Some(path);
        }
        self.word(plain::PATH)?;
        let length = self.at - start;
        self.at = start;
        Some(self.text(length))
    }
}

#[cfg(test)]
mod tests;
