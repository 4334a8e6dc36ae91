//! Which parts of source texts are never quoted, however broken the texts are.
//!
//! Nothing here trusts that a text parses. Where it is unclear how far a secret value goes, more
//! is hidden.

mod names;
mod shown;

use std::ops::Range;

use crate::syntax::acl::secret_part;
use crate::syntax::names::url_password;
use crate::syntax::place::{SourceId, Span};
use crate::syntax::scanner::lenient::{LenientKind, LenientLine, may_be_statement};
use crate::syntax::scanner::table::COMMENT;
use crate::syntax::scanner::tokens::unclosed_quote;
use crate::syntax::scanner::{Extent, LogicalLine, Reach, end_of_line};
use crate::syntax::source::Sources;
use names::{Names, Nodes};
pub use shown::ShownLine;

/// What stands in the place of a secret.
pub const HIDDEN: &str = "(secret)";

/// The parts of some source texts that are never quoted.
#[derive(Debug, Default)]
pub struct Secrets {
    /// The source that the first of the ranges belong to.
    first: usize,
    /// For each source its hidden ranges, in order and apart from each other.
    hidden: Vec<Vec<Range<usize>>>,
}

impl Secrets {
    /// Finds what to hide: what `@secret` lines of any of the texts cover, values whose names look
    /// like secrets, and the hashes in `@acl` lines.
    #[must_use]
    pub fn of(sources: &Sources) -> Self {
        let texts: Vec<&str> = sources.iter().map(|source| source.text.as_str()).collect();
        Self::of_texts(&texts)
    }

    /// Finds what to hide in one text alone.
    pub(super) fn of_text(text: &str, source: SourceId) -> Self {
        Self {
            first: source.index(),
            ..Self::of_texts(&[text])
        }
    }

    fn of_texts(texts: &[&str]) -> Self {
        let names = Names::of(texts);
        let hidden = texts.iter().map(|text| hidden(text, &names));
        Self {
            first: 0,
            hidden: hidden.collect(),
        }
    }

    /// Whether any of what a span covers or touches is hidden.
    #[must_use]
    pub fn covers(&self, span: Span) -> bool {
        let range = span.range();
        self.ranges(span.source)
            .iter()
            .any(|hidden| range.start <= hidden.end && hidden.start <= range.end)
    }

    /// Whether all of a span is hidden.
    #[must_use]
    pub fn holds(&self, span: Span) -> bool {
        let range = span.range();
        let hidden = self.ranges(span.source);
        hidden
            .iter()
            .any(|hidden| hidden.start <= range.start && range.end <= hidden.end)
    }

    /// A line of a source as it may be shown, and where a byte of the line is then.
    ///
    /// `line` is the range of the line without its line break.
    #[must_use]
    pub fn shown(&self, sources: &Sources, source: SourceId, line: Range<usize>) -> ShownLine {
        let text = &sources.get(source).text;
        let mut shown = ShownLine::default();
        let mut at = line.start;
        let ranges = self.ranges(source);
        let first = ranges.partition_point(|hidden| hidden.end <= line.start);
        let until = |hidden: &&Range<usize>| hidden.start < line.end;
        for hidden in ranges[first..].iter().take_while(until) {
            let start = hidden.start.clamp(at, line.end);
            let end = hidden.end.clamp(start, line.end);
            if start == end {
                continue;
            }
            shown.push(&text[at..start], start - line.start);
            // A hash has always the same length: what follows keeps its column.
            let stars = "*".repeat(HASH);
            let is_hash = end - start == HASH && hidden.len() == HASH;
            shown.push(if is_hash { &stars } else { HIDDEN }, end - line.start);
            at = end;
        }
        shown.push(&text[at..line.end], line.len());
        shown
    }

    /// A source as it may be shown.
    #[must_use]
    pub fn shown_text(&self, sources: &Sources, source: SourceId) -> String {
        let text = &sources.get(source).text;
        let mut shown = String::with_capacity(text.len());
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let content = line.trim_end_matches(['\r', '\n']);
            shown += &self
                .shown(sources, source, start..start + content.len())
                .text;
            shown += &line[content.len()..];
            start += line.len();
        }
        shown
    }

    fn ranges(&self, source: SourceId) -> &[Range<usize>] {
        let at = source.index().checked_sub(self.first);
        at.and_then(|at| self.hidden.get(at))
            .map_or(&[], Vec::as_slice)
    }
}

/// The length of a digest in an ACL: base64 of 20 bytes.
const HASH: usize = 28;

/// The hidden ranges of one text.
fn hidden(text: &str, names: &Names) -> Vec<Range<usize>> {
    let mut scan = Scan {
        text,
        names,
        nodes: Nodes::default(),
        reach: Reach::Text,
        hidden: Vec::new(),
    };
    let mut at = 0;
    while at < text.len() {
        at = scan.line(at);
    }
    scan.hidden
}

/// How a key or a certificate in PEM starts and ends.
const PEM_START: &str = "-----BEGIN";
const PEM_END: &str = "-----END";

struct Scan<'t> {
    text: &'t str,
    names: &'t Names,
    nodes: Nodes,
    /// How far the values of the next lines may reach. After one ran to the end of the text, nobody
    /// knows where the next one ends.
    reach: Reach,
    hidden: Vec<Range<usize>>,
}

impl Scan<'_> {
    /// Hides what is secret in the logical line at `start`; returns where the next one starts.
    fn line(&mut self, start: usize) -> usize {
        let end = end_of_line(self.text, start);
        let line = LenientLine::new(&self.text[start..end]);
        match line.kind {
            LenientKind::Blank => {}
            LenientKind::Comment => {
                let sign = COMMENT.len_utf8();
                let comment = &line.statement[sign..];
                let url = || url_password(comment).map(|password| password.start);
                let secret = self.names.secret_in(comment, false).or_else(url);
                self.rest_of_line(start, &line, secret.map(|at| sign + at));
            }
            LenientKind::Node => {
                self.nodes.node(&line);
                let is_secret = self.nodes.is_in(&self.names.whole) || self.names.covers("type");
                let secret = self.names.secret_in_node(line.statement, is_secret);
                self.rest_of_line(start, &line, secret);
            }
            LenientKind::Directive(directive) => {
                self.nodes.other(&line);
                return self.directive(start, end, &line, directive.word);
            }
            LenientKind::Entry => {
                self.nodes.other(&line);
                let whole = self.names.everything || self.nodes.is_in(&self.names.whole);
                let key = || line.statement.contains(PEM_START).then_some(0);
                let first = self.names.secret_in(line.statement, whole).or_else(key);
                let first = first.or_else(|| self.url_in(line.statement));
                return self.value(start, line.indent, end, first);
            }
        }
        end
    }

    /// Where the value starts of an entry in which a URL has a password.
    fn url_in(&self, statement: &str) -> Option<usize> {
        url_password(statement)?;
        self.names.secret_in(statement, true)
    }

    /// Hides what is secret in a line with this directive's word; returns where the next one starts.
    fn directive(&mut self, start: usize, end: usize, line: &LenientLine<'_>, word: &str) -> usize {
        let rest = &line.statement[word.len()..];
        match word {
            "@acl" => self.acl(start + line.indent, line.statement),
            "@data" => {
                let is_secret = self.names.everything
                    || self.names.all_data
                    || self.nodes.is_in(&self.names.any);
                let url = || url_password(rest).map(|_| 0);
                let named = || self.names.secret_in(rest, false).or_else(url);
                let after = if is_secret { Some(0) } else { named() };
                return self.value(start, line.indent, end, after.map(|at| word.len() + at));
            }
            // Something else seems to be meant.
            _ if rest.contains(['=', ':']) => {
                let secret = self.names.secret_in(rest, false);
                self.rest_of_line(start, line, secret.map(|at| word.len() + at));
            }
            _ => {}
        }
        end
    }

    /// Hides a line from a byte of its statement on.
    fn rest_of_line(&mut self, start: usize, line: &LenientLine<'_>, from: Option<usize>) {
        let start = start + line.indent;
        if let Some(from) = from {
            self.push(start + from..start + line.statement.len());
        }
    }

    /// Hides the rest of a logical line from a byte of its statement on, or what is secret in its
    /// further lines.
    fn value(&mut self, start: usize, indent: usize, end: usize, from: Option<usize>) -> usize {
        let logical_end = match LogicalLine::at(self.text, start).extent(self.reach) {
            Extent::Lines(length) => start + length,
            Extent::Unclosed(..) | Extent::TooDeep(_) => {
                self.reach = Reach::Line;
                end
            }
        };
        let from = match from {
            Some(from) => Some(start + indent + from),
            None => self.secret_below(end, logical_end),
        };
        let Some(from) = from else {
            return logical_end;
        };
        if self.reach == Reach::Line {
            self.push(from..self.text.len());
            return self.text.len();
        }
        let logical_end = self.end_of_pem(from, logical_end);
        let to = self.end_of_secret(from, &self.text[start..start + indent], logical_end);
        self.push(from..self.text[..to].trim_end().len().max(from));
        to
    }

    /// Where in the further lines of a value a secret starts.
    fn secret_below(&self, start: usize, end: usize) -> Option<usize> {
        let mut at = start;
        while at < end {
            let line_end = end_of_line(self.text, at).min(end);
            if let Some(found) = self.names.secret_in(&self.text[at..line_end], false) {
                return Some(at + found);
            }
            at = line_end;
        }
        None
    }

    /// Where a secret value ends that starts at `from` in a line that seems to end at `end`.
    fn end_of_secret(&self, from: usize, indent: &str, mut end: usize) -> usize {
        // A quote that its line does not close may be closed further on.
        if let Some((_, quote)) = unclosed_quote(&self.text[from..end]) {
            match self.text[end..].find(quote) {
                Some(at) => end = end_of_line(self.text, end + at),
                None => return self.text.len(),
            }
        }
        // Nothing stands below a property but what belongs to its value.
        while end < self.text.len() {
            let line_end = end_of_line(self.text, end);
            let line = &self.text[end..line_end];
            // Tabs against spaces may be deeper or not.
            let is_beside = indent.starts_with(&line[..LenientLine::new(line).indent]);
            if !line.trim().is_empty() && is_beside && may_be_statement(line) {
                break;
            }
            end = line_end;
        }
        end
    }

    /// Where a key in PEM ends that may start in a range; its lines may look like statements.
    fn end_of_pem(&self, from: usize, end: usize) -> usize {
        match self.text[from..end].find(PEM_START) {
            Some(at) => match self.text[from + at..].find(PEM_END) {
                Some(length) => end.max(end_of_line(self.text, from + at + length)),
                None => self.text.len(),
            },
            None => end,
        }
    }

    /// Hides the hashes of an `@acl` line, and whatever stands in their place.
    fn acl(&mut self, start: usize, statement: &str) {
        let is_end = |c: char| c.is_whitespace() || c == '"';
        let mut at = "@acl".len();
        // This word is no entry.
        let entries = statement[at..].trim_start();
        if let Some(rest) = entries.strip_prefix("deep")
            && rest.starts_with(char::is_whitespace)
        {
            at = statement.len() - rest.len();
        }
        for entry in statement[at..].split_inclusive(is_end) {
            let text = entry.trim_end_matches(is_end);
            if let Some(secret) = secret_part(text) {
                self.push(start + at + secret.start..start + at + secret.end);
            }
            at += entry.len();
        }
    }

    fn push(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        let range = range.end - text.trim_start_matches([' ', '\t']).len()..range.end;
        if !range.is_empty() {
            self.hidden.push(range);
        }
    }
}

#[cfg(test)]
mod tests;
