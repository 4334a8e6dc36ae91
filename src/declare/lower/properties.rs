//! The properties of open nodes, and how those of one node met in several places come together.

use smallvec::SmallVec;

use crate::model::node::DeclaredProperties;
use crate::model::tree::{Side, join_by};
use crate::model::value::{self, Data, Encoded, Entry, STRING_VALUE};
use crate::syntax::ast::{Literal, LiteralKind};
use crate::syntax::names::split_link;
use crate::syntax::place::Span;

/// A name that stands twice in one node: the place of the second and of the first.
pub(super) struct Duplicate {
    pub(super) span: Span,
    pub(super) first: Span,
    pub(super) name: String,
}

/// The properties of the open nodes, those of the innermost one last: a node's contents end before
/// those of the node around it.
#[derive(Debug, Default)]
pub(super) struct OpenProperties {
    entries: Vec<OpenProperty>,
    /// Names as they are stored, each followed by its value as JSON.
    text: Vec<u8>,
    /// Buffers for the node that is closed.
    object: Vec<u8>,
    origins: Vec<Span>,
}

#[derive(Debug)]
struct OpenProperty {
    start: usize,
    /// Where the name ends and the value starts.
    value: usize,
    end: usize,
    /// The start of the name. It is enough to order most names.
    prefix: [u8; PREFIX],
    origin: Span,
}

const PREFIX: usize = 8;

impl OpenProperties {
    /// The number of properties: where those of the next node start.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a property, whose name is these two texts together, to the innermost node.
    pub(super) fn add(&mut self, name: (&str, &str), value: &LiteralKind<'_>, origin: Span) {
        let start = self.text.len();
        self.text.extend_from_slice(name.0.as_bytes());
        self.text.extend_from_slice(name.1.as_bytes());
        let value_start = self.text.len();
        let mut prefix = [0; PREFIX];
        let stored = &self.text[start..];
        let length = stored.len().min(PREFIX);
        prefix[..length].copy_from_slice(&stored[..length]);
        write_value(value, &mut self.text);
        self.entries.push(OpenProperty {
            start,
            value: value_start,
            end: self.text.len(),
            prefix,
            origin,
        });
    }

    /// Takes the properties of the innermost node, which start at `from`; of several with one name
    /// the first stays.
    pub(super) fn close(
        &mut self,
        from: usize,
        duplicate: &mut dyn FnMut(Duplicate),
    ) -> DeclaredProperties {
        let text = &self.text;
        let name = |entry: &OpenProperty| &text[entry.start..entry.value];
        let Some(text_start) = self.entries.get(from).map(|entry| entry.start) else {
            return DeclaredProperties::default();
        };
        let entries = &mut self.entries[from..];
        let order = |a: &OpenProperty, b: &OpenProperty| {
            let [first, second] = [a.prefix, b.prefix].map(u64::from_be_bytes);
            first.cmp(&second).then_with(|| name(a).cmp(name(b)))
        };
        if !entries.is_sorted_by(|a, b| order(a, b).is_lt()) {
            entries.sort_by(order);
        }
        self.object.clear();
        self.origins.clear();
        let mut has_links = false;
        let mut last: Option<&OpenProperty> = None;
        for entry in &*entries {
            let is_again = |last: &&OpenProperty| order(last, entry).is_eq();
            if let Some(first) = last.filter(is_again) {
                duplicate(Duplicate {
                    span: entry.origin,
                    first: first.origin,
                    name: String::from_utf8_lossy(name(entry)).into_owned(),
                });
                continue;
            }
            self.object.push(if last.is_none() { b'{' } else { b',' });
            has_links |= is_link(name(entry));
            write_string(name(entry), &mut self.object);
            self.object.push(b':');
            self.object.extend_from_slice(&text[entry.value..entry.end]);
            self.origins.push(entry.origin);
            last = Some(entry);
        }
        self.object.push(b'}');
        let is_sole =
            |last: &&OpenProperty| self.origins.len() == 1 && name(last) == STRING_VALUE.as_bytes();
        let value = last
            .filter(is_sole)
            .map(|entry| &text[entry.value..entry.end]);
        let encoded = encoded(&self.object, value);
        self.entries.truncate(from);
        self.text.truncate(text_start);
        DeclaredProperties::new(encoded, &self.origins, has_links)
    }
}

/// The data that stores an object. `string_value` is the value of that property, if the object
/// holds no other.
fn encoded(object: &[u8], string_value: Option<&[u8]>) -> Encoded {
    match string_value.map(serde_json::from_slice) {
        Some(Ok(text)) => Data::Text(text).into(),
        _ => Encoded::object(object),
    }
}

fn is_link(name: &[u8]) -> bool {
    name.ends_with(b">") && std::str::from_utf8(name).is_ok_and(|name| split_link(name).is_some())
}

/// Merges the properties of one node from two places. Where both have a name, the property of
/// `first` stays and `both` is called.
pub(super) fn merge(
    first: &DeclaredProperties,
    second: &DeclaredProperties,
    both: &mut dyn FnMut(Duplicate),
) -> DeclaredProperties {
    if second.is_empty() {
        return first.clone();
    }
    if first.is_empty() {
        return second.clone();
    }
    let (one, other) = (first.encoded().to_object(), second.encoded().to_object());
    let first = located(&one, first.origins());
    let second = located(&other, second.origins());
    let (mut object, mut origins, mut has_links) = (Vec::new(), Vec::new(), false);
    let mut sole = None;
    for side in join_by(first, second, |(a, _), (b, _)| a.name.cmp(&b.name)) {
        let (entry, origin) = match side {
            Side::Left(property) | Side::Right(property) => property,
            Side::Both((entry, first), (_, second)) => {
                both(Duplicate {
                    span: second,
                    first,
                    name: entry.name.to_string(),
                });
                (entry, first)
            }
        };
        object.push(if object.is_empty() { b'{' } else { b',' });
        has_links |= is_link(entry.name.as_bytes());
        write_string(entry.name.as_bytes(), &mut object);
        object.push(b':');
        object.extend_from_slice(entry.value.as_bytes());
        origins.push(origin);
        sole = (origins.len() == 1 && entry.name == STRING_VALUE).then_some(entry.value);
    }
    object.push(b'}');
    let encoded = encoded(&object, sole.map(str::as_bytes));
    DeclaredProperties::new(encoded, &origins, has_links)
}

/// The properties of an object, which are ordered by name, each with its origin.
fn located<'a>(
    object: &'a [u8],
    origins: &'a [Span],
) -> impl Iterator<Item = (Entry<'a>, Span)> + 'a {
    value::entries(object).zip(origins.iter().copied())
}

/// Writes a literal as JSON.
fn write_value(value: &LiteralKind<'_>, out: &mut Vec<u8>) {
    match value {
        LiteralKind::Null => out.extend_from_slice(b"null"),
        LiteralKind::Bool(true) => out.extend_from_slice(b"true"),
        LiteralKind::Bool(false) => out.extend_from_slice(b"false"),
        LiteralKind::Number(number) => out.extend_from_slice(number.as_bytes()),
        LiteralKind::String(text) => write_string(text.as_bytes(), out),
        LiteralKind::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(&item.kind, out);
            }
            out.push(b']');
        }
        LiteralKind::Dict(pairs) => {
            let mut pairs: SmallVec<[&(Literal<'_>, Literal<'_>); 8]> = pairs.iter().collect();
            // Keys are put in order, and of two pairs with one key the later one counts.
            if !pairs.is_sorted_by(|(a, _), (b, _)| key(a) < key(b)) {
                pairs.reverse();
                pairs.sort_by(|(a, _), (b, _)| key(a).cmp(key(b)));
                pairs.dedup_by(|(a, _), (b, _)| key(a) == key(b));
            }
            out.push(b'{');
            for (i, (name, value)) in pairs.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_string(key(name).as_bytes(), out);
                out.push(b':');
                write_value(&value.kind, out);
            }
            out.push(b'}');
        }
    }
}

/// The key of a pair; one that is no string has been reported.
fn key<'a>(literal: &'a Literal<'_>) -> &'a str {
    match &literal.kind {
        LiteralKind::String(text) => text,
        _ => "",
    }
}

/// Writes text, which is UTF-8, as JSON.
fn write_string(text: &[u8], out: &mut Vec<u8>) {
    let is_plain = |byte: u8| (byte >= b' ') & (byte != b'"') & (byte != b'\\');
    // Without an early exit the compiler checks many bytes at a time.
    if text.iter().fold(true, |all, byte| all & is_plain(*byte)) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        let text = String::from_utf8_lossy(text);
        serde_json::to_writer(out, &*text).expect("writing to memory");
    }
}
