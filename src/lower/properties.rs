//! The properties of all nodes in two slabs, each node's a list through them.

use crate::ast::{Literal, LiteralKind};
use crate::node::DeclaredProperties;
use crate::source::Span;
use crate::value::{Data, Encoded, STRING_VALUE, split_link};

/// Ends a list.
const END: u32 = u32::MAX;

/// The properties of one node, in the order in which they were met, later by name.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl Default for List {
    fn default() -> Self {
        Self {
            first: END,
            last: END,
        }
    }
}

impl List {
    pub(super) fn is_empty(self) -> bool {
        self.first == END
    }
}

#[derive(Debug)]
struct Entry {
    /// Where the name starts in the text; the value follows it.
    start: usize,
    end: usize,
    name_length: u32,
    next: u32,
    origin: Span,
}

/// A name that stands twice in one list: the place of the second and of the first.
pub(super) struct Duplicate {
    pub(super) span: Span,
    pub(super) first: Span,
    pub(super) name: String,
}

/// All properties of all layers.
#[derive(Debug, Default)]
pub(super) struct Properties {
    entries: Vec<Entry>,
    /// Names as they are stored, each followed by its value as JSON.
    text: Vec<u8>,
    /// Entries of the list at hand.
    order: Vec<u32>,
    origins: Vec<Span>,
}

impl Properties {
    /// Adds to a node's list a property whose name is these two texts together.
    pub(super) fn add(
        &mut self,
        list: &mut List,
        name: (&str, &str),
        value: Literal<'_>,
        origin: Span,
    ) {
        let start = self.text.len();
        self.text.extend_from_slice(name.0.as_bytes());
        self.text.extend_from_slice(name.1.as_bytes());
        let name_length = self.text.len() - start;
        write_value(value, &mut self.text);
        let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 properties");
        self.entries.push(Entry {
            start,
            end: self.text.len(),
            name_length: u32::try_from(name_length).expect("names are parts of a source"),
            next: END,
            origin,
        });
        match list.last {
            END => list.first = index,
            last => self.entries[last as usize].next = index,
        }
        list.last = index;
    }

    /// Where the first property of a list is declared.
    pub(super) fn first_origin(&self, list: List) -> Option<Span> {
        (!list.is_empty()).then(|| self.entries[list.first as usize].origin)
    }

    /// Puts a list into the order of names; of several with one name the first stays.
    pub(super) fn sort(&mut self, list: &mut List, duplicate: &mut dyn FnMut(Duplicate)) {
        if self.is_sorted(*list) {
            return;
        }
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        let mut at = list.first;
        while at != END {
            order.push(at);
            at = self.entries[at as usize].next;
        }
        order.sort_by(|a, b| self.name(*a).cmp(self.name(*b)));
        order.dedup_by(|later, first| {
            let same = self.name(*later) == self.name(*first);
            if same {
                duplicate(Duplicate {
                    span: self.entries[*later as usize].origin,
                    first: self.entries[*first as usize].origin,
                    name: String::from_utf8_lossy(self.name(*first)).into_owned(),
                });
            }
            same
        });
        *list = self.link(&order);
        self.order = order;
    }

    fn is_sorted(&self, list: List) -> bool {
        let mut at = list.first;
        while at != list.last {
            let next = self.entries[at as usize].next;
            if self.name(at) >= self.name(next) {
                return false;
            }
            at = next;
        }
        true
    }

    /// Lays a sorted list over another one: of two with one name that of `above` stays.
    pub(super) fn lay_over(&mut self, below: List, above: List) -> List {
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        let (mut a, mut b) = (above.first, below.first);
        while a != END && b != END {
            let names = self.name(a).cmp(self.name(b));
            order.push(if names.is_gt() { b } else { a });
            if names.is_ge() {
                b = self.entries[b as usize].next;
            }
            if names.is_le() {
                a = self.entries[a as usize].next;
            }
        }
        for mut rest in [a, b] {
            while rest != END {
                order.push(rest);
                rest = self.entries[rest as usize].next;
            }
        }
        let list = self.link(&order);
        self.order = order;
        list
    }

    fn link(&mut self, order: &[u32]) -> List {
        for (i, at) in order.iter().enumerate() {
            self.entries[*at as usize].next = order.get(i + 1).copied().unwrap_or(END);
        }
        List {
            first: order.first().copied().unwrap_or(END),
            last: order.last().copied().unwrap_or(END),
        }
    }

    fn name(&self, at: u32) -> &[u8] {
        let entry = &self.entries[at as usize];
        &self.text[entry.start..][..entry.name_length as usize]
    }

    fn value(&self, at: u32) -> &[u8] {
        let entry = &self.entries[at as usize];
        &self.text[entry.start + entry.name_length as usize..entry.end]
    }

    /// A sorted list as it will be stored; `object` is a buffer.
    pub(super) fn encode(&mut self, list: List, object: &mut Vec<u8>) -> DeclaredProperties {
        if list.is_empty() {
            return DeclaredProperties::default();
        }
        object.clear();
        self.origins.clear();
        let mut has_links = false;
        let mut at = list.first;
        while at != END {
            object.push(if at == list.first { b'{' } else { b',' });
            let name = self.name(at);
            has_links |= name.ends_with(b">")
                && std::str::from_utf8(name).is_ok_and(|name| split_link(name).is_some());
            write_string(name, object);
            object.push(b':');
            object.extend_from_slice(self.value(at));
            self.origins.push(self.entries[at as usize].origin);
            at = self.entries[at as usize].next;
        }
        object.push(b'}');
        let is_sole = list.first == list.last && self.name(list.first) == STRING_VALUE.as_bytes();
        let text = is_sole.then(|| serde_json::from_slice(self.value(list.first)).ok());
        let encoded = match text.flatten() {
            Some(text) => Data::Text(text).into(),
            None => Encoded::object(object),
        };
        DeclaredProperties::new(encoded, &self.origins, has_links)
    }
}

/// Writes a literal as JSON.
fn write_value(value: Literal<'_>, out: &mut Vec<u8>) {
    match value.kind {
        LiteralKind::Null => out.extend_from_slice(b"null"),
        LiteralKind::Bool(true) => out.extend_from_slice(b"true"),
        LiteralKind::Bool(false) => out.extend_from_slice(b"false"),
        LiteralKind::Number(number) => out.extend_from_slice(number.as_bytes()),
        LiteralKind::String(text) => write_string(text.as_bytes(), out),
        LiteralKind::List(items) => {
            out.push(b'[');
            for (i, item) in items.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(item, out);
            }
            out.push(b']');
        }
        LiteralKind::Dict(mut pairs) => {
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
                write_string(key(&name).as_bytes(), out);
                out.push(b':');
                write_value(value, out);
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
    let is_plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\');
    if text.iter().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        let text = String::from_utf8_lossy(text);
        serde_json::to_writer(out, &*text).expect("writing to memory");
    }
}
