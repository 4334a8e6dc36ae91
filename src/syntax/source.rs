//! Source texts, and where in their lines a place is.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use elsa::sync::FrozenVec;

use crate::syntax::doubt::{Doubt, Remark};
use crate::syntax::place::{Location, SourceId, Span};

/// One text that declarations are read from.
#[derive(Debug)]
pub struct SourceText {
    /// How people name it: the path as it was given, or `<stdin>`.
    pub name: Arc<str>,
    /// The whole text, without a byte-order mark.
    pub text: String,
    lines: OnceLock<Lines>,
    /// What is doubtful in it, found when it was parsed to be lowered.
    doubts: OnceLock<Vec<Doubt>>,
    /// The comments in it that speak to zkt, found likewise.
    remarks: OnceLock<Vec<Remark>>,
}

/// Where the lines of a text start.
#[derive(Debug)]
struct Lines {
    starts: Vec<u32>,
    /// How many lines start before each block of the text, so that a search looks only at one
    /// block.
    before: Vec<u32>,
}

impl Lines {
    /// How many bytes a block has.
    const BLOCK: usize = 256;

    fn of(text: &str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "Sources::add bounds the text"
        )]
        let starts = ends.map(|end| end as u32 + 1);
        let starts: Vec<u32> = std::iter::once(0).chain(starts).collect();
        let mut before = vec![0; text.len() / Self::BLOCK + 2];
        for start in &starts {
            before[*start as usize / Self::BLOCK + 1] += 1;
        }
        for block in 1..before.len() {
            before[block] += before[block - 1];
        }
        Self { starts, before }
    }

    /// The number of the line that a byte is in, from 1, and where that starts.
    fn at(&self, byte: u32) -> (usize, usize) {
        let block = byte as usize / Self::BLOCK;
        let (from, to) = (self.before[block] as usize, self.before[block + 1] as usize);
        let line = from + self.starts[from..to].partition_point(|start| *start <= byte);
        (line, self.starts[line - 1] as usize)
    }
}

/// Why a text cannot be a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Spans count bytes in 32 bits.
    #[error("{name}: the file has {bytes} bytes, more than the 4 GiB that zkt reads")]
    TooLarge {
        /// The source's name.
        name: String,
        /// Its size.
        bytes: usize,
    },
}

/// What later layers add that no earlier layer has: for each path, where the node stands or properties of it
/// do. A file may be included at two paths, and one line of `@files` declares many nodes, so that neither path
/// nor place says it alone.
pub(crate) type Additions = HashMap<Box<str>, Vec<Span>>;

/// All source texts of one run. Texts can be added while others are borrowed.
#[derive(Debug, Default)]
pub struct Sources {
    sources: FrozenVec<Box<SourceText>>,
    /// The patterns of all `@secret` lines, each once.
    secret_names: OnceLock<BTreeSet<String>>,
    /// Where later layers add a node or a property that no earlier one has.
    additions: OnceLock<Additions>,
}

impl Sources {
    /// The patterns of all `@secret` lines. A plan may be about a part of the tree, and what it
    /// removes may have been secret by a line elsewhere.
    pub fn secret_names(&self) -> impl Iterator<Item = &String> {
        self.secret_names.get().into_iter().flatten()
    }

    /// Sets the patterns of all `@secret` lines; the first call counts.
    pub fn set_secret_names(&self, names: BTreeSet<String>) {
        _ = self.secret_names.set(names);
    }

    /// Adds a text; a byte-order mark at its start is dropped.
    pub fn add(&self, name: &str, text: String) -> Result<SourceId, Error> {
        if u32::try_from(text.len()).is_err() {
            return Err(Error::TooLarge {
                name: name.to_owned(),
                bytes: text.len(),
            });
        }
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let index = self.sources.push_get_index(Box::new(SourceText {
            name: name.into(),
            text,
            lines: OnceLock::new(),
            doubts: OnceLock::new(),
            remarks: OnceLock::new(),
        }));
        Ok(SourceId::new(index))
    }

    /// The source with this id, which came from [`Sources::add`] of the same value.
    #[must_use]
    pub fn get(&self, id: SourceId) -> &SourceText {
        let source = self.sources.get(id.index());
        source.expect("the id is of this value")
    }

    /// All sources in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &SourceText> {
        self.sources.iter()
    }

    /// Where later layers add a node or a property that no earlier one has. A node stands for those
    /// below it.
    pub(crate) fn additions(&self) -> Option<&Additions> {
        self.additions
            .get()
            .filter(|additions| !additions.is_empty())
    }

    /// Sets where later layers add something; the first call counts.
    pub(crate) fn set_additions(&self, additions: Additions) {
        _ = self.additions.set(additions);
    }

    /// Notes what is doubtful in a text, and what it says to zkt, once it is parsed.
    pub(crate) fn note(&self, id: SourceId, doubts: Vec<Doubt>, remarks: Vec<Remark>) {
        _ = self.get(id).doubts.set(doubts);
        _ = self.get(id).remarks.set(remarks);
    }

    /// The comments in the texts that speak to zkt.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = &Remark> {
        let noted = self.iter().filter_map(|source| source.remarks.get());
        noted.flatten()
    }

    /// What is doubtful in the texts.
    pub(crate) fn doubts(&self) -> impl Iterator<Item = &Doubt> {
        let noted = self.iter().filter_map(|source| source.doubts.get());
        noted.flatten()
    }

    /// The number of sources.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there is no source.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The text at a span.
    #[must_use]
    pub fn text(&self, span: Span) -> &str {
        &self.get(span.source).text[span.range()]
    }

    /// Where a span starts, as people name it.
    #[must_use]
    pub fn locate(&self, span: Span) -> Location {
        let source = self.get(span.source);
        let lines = source.lines.get_or_init(|| Lines::of(&source.text));
        let (line, start) = lines.at(span.start);
        let before = &source.text[start..span.start as usize];
        Location {
            source: source.name.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count()).unwrap_or(u32::MAX - 1) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_the_mark_is_dropped() {
        let sources = Sources::default();
        let id = sources
            .add("x.zkt", "\u{feff}/é = 1\n  /b\n".to_owned())
            .unwrap();
        let at = |start| {
            sources
                .locate(Span {
                    source: id,
                    start,
                    end: start,
                })
                .to_string()
        };
        assert_eq!(at(0), "x.zkt:1:1");
        assert_eq!(at(4), "x.zkt:1:4");
        assert_eq!(at(10), "x.zkt:2:3");
        assert_eq!(at(13), "x.zkt:3:1");
    }

    #[test]
    fn lines_are_found_in_a_long_text() {
        let line = |n: usize| "x".repeat(n * 37 % 700 * usize::from(n.is_multiple_of(5))) + "\n";
        let text: String = (0..100).map(line).chain(["end".to_owned()]).collect();
        let lines = Lines::of(&text);
        for byte in 0..=text.len() {
            let before = &text[..byte];
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            let line = before.matches('\n').count() + 1;
            assert_eq!(lines.at(u32::try_from(byte).unwrap()), (line, start));
        }
    }
}
