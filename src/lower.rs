//! Documents to one declared tree: paths joined, layers laid over each other, every semantic error
//! of all files in one run.

mod error;
mod overlay;

pub use error::Error;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine as _;

use crate::acl::{Acl, AclEntry};
use crate::ast::{DataForm, Directive, Node, Statement, Text};
use crate::layers::{File, Layer};
use crate::node::{Content, Declared, Globs, Property, Secret, Standing};
use crate::path::{self, ZPath};
use crate::source::Span;
use crate::tree::Tree;
use crate::value::{self, TYPE};

/// The largest request that ZooKeeper takes, in bytes (`jute.maxbuffer` as it is by default).
pub const MAX_REQUEST: usize = 1_048_575;

/// How deep a tree may be. Each node is stored under its whole path, by zkt as by ZooKeeper, so
/// that a path without a limit would take memory with the square of its length.
pub const MAX_LEVELS: usize = 4096;

/// What a request to create a node needs besides its path and data: headers, flags, an ACL.
const REQUEST_OVERHEAD: usize = 512;

/// Lowers layers to the tree that they declare, its top-level nodes at `at`.
///
/// The tree is whole only where there are no errors.
#[must_use]
pub fn lower(layers: Vec<Layer>, at: &ZPath) -> (Tree<Declared>, Vec<Error>) {
    let mut errors = Vec::new();
    let mut merged = Nodes::default();
    let mut files = 0;
    for layer in layers {
        let mut lowerer = Lowerer {
            nodes: Nodes::default(),
            errors: &mut errors,
            files,
        };
        for file in layer.files {
            lowerer.file(file, at);
        }
        files = lowerer.files;
        let nodes = lowerer.nodes;
        overlay::check(&nodes, &mut errors);
        merged = overlay::lay_over(merged, nodes);
    }
    let mut tree: Tree<Declared> = merged
        .list
        .into_iter()
        .map(|(path, building)| (path, building.finish()))
        .collect();
    inherit_acls(&mut tree);
    for (path, node) in &tree {
        if let Some(bytes) = too_large(path, node) {
            errors.extend(node.origin.map(|span| Error::TooLarge { span, bytes }));
        }
    }
    errors.sort_by_key(crate::source::Located::span);
    (tree, errors)
}

/// A node of one layer, or of the layers so far, before it is finished.
#[derive(Debug, Default)]
struct Building {
    node: Declared,
    properties: BTreeMap<String, Property>,
    raw: Option<(Arc<[u8]>, Span)>,
    /// Where it is declared: the file, the line of the node around it, and its own place.
    places: Vec<(usize, Option<usize>, Span)>,
}

impl Building {
    fn finish(mut self) -> Declared {
        self.node.content = match self.raw {
            Some((bytes, origin)) => Content::Raw {
                bytes,
                origin: Some(origin),
            },
            None => Content::Properties(self.properties),
        };
        self.node
    }
}

/// The nodes of one layer, or of the layers so far, in the order in which they were met.
#[derive(Debug, Default)]
struct Nodes {
    list: Vec<(ZPath, Building)>,
    index: HashMap<ZPath, usize>,
}

impl Nodes {
    /// The place of a node in the list, where a new one is passed through until it is declared.
    fn place(&mut self, path: &ZPath) -> usize {
        if let Some(&place) = self.index.get(path) {
            return place;
        }
        let mut building = Building::default();
        building.node.standing = Standing::PassedThrough;
        self.index.insert(path.clone(), self.list.len());
        self.list.push((path.clone(), building));
        self.list.len() - 1
    }
}

struct Lowerer<'e> {
    nodes: Nodes,
    errors: &'e mut Vec<Error>,
    /// How many files were lowered, each include counted anew: a number for every place.
    files: usize,
}

/// An open node; none where its line is wrong, so that its contents belong nowhere.
struct Open {
    line: usize,
    place: Option<usize>,
}

impl Lowerer<'_> {
    fn file(&mut self, file: File, at: &ZPath) {
        let number = self.files;
        self.files += 1;
        let File {
            document,
            mut includes,
            mut data,
        } = file;
        let mut open: Vec<Open> = Vec::new();
        for (index, line) in document.lines.into_iter().enumerate() {
            if matches!(line.statement, Statement::Blank) {
                continue;
            }
            open.truncate(line.level);
            let inside = open.last();
            let around = inside.map(|open| open.line);
            let parent = match inside {
                None => Some(None),
                Some(open) => open.place.map(Some),
            };
            let place = match (line.statement, parent) {
                // What stands in a line that is wrong is told with that line.
                (_, None) => None,
                (Statement::Node(node), Some(parent)) => {
                    let parent = parent.map_or_else(|| at.clone(), |place| self.path(place));
                    self.node(node, parent, (number, around))
                }
                (Statement::Directive(Directive::Include(_)), Some(Some(parent))) => {
                    if let Some(included) = includes.remove(&index) {
                        let parent = self.path(parent);
                        self.file(included, &parent);
                    }
                    None
                }
                (statement, Some(Some(parent))) => {
                    self.content(statement, line.span, parent, data.remove(&index));
                    None
                }
                (_, Some(None)) => None,
            };
            open.push(Open { line: index, place });
        }
    }

    fn path(&self, place: usize) -> ZPath {
        self.nodes.list[place].0.clone()
    }

    /// Declares a node below `path`; returns its place in the list.
    fn node(
        &mut self,
        node: Node,
        mut path: ZPath,
        (file, around): (usize, Option<usize>),
    ) -> Option<usize> {
        let mut place = None;
        for name in &node.names {
            if let Err(error) = path::check_name(&name.text) {
                let span = name.span;
                self.errors.push(Error::Name { span, error });
                return None;
            }
            path = path.join(&name.text);
            if path.names().next() == Some("zookeeper") {
                self.errors.push(Error::Reserved { span: name.span });
                return None;
            }
            if path.depth() > MAX_LEVELS {
                self.errors.push(Error::TooDeep { span: name.span });
                return None;
            }
            let at = self.nodes.place(&path);
            let origin = &mut self.nodes.list[at].1.node.origin;
            origin.get_or_insert(with_slash(name.span));
            place = Some(at);
        }
        let (place, first, last) = (place?, node.names.first()?, node.names.last()?);
        let span = with_slash(first.span).to(last.span);
        let building = &mut self.nodes.list[place].1;
        let mut places = building.places.iter();
        if let Some((_, _, earlier)) = places.find(|(f, a, _)| (*f, *a) == (file, around)) {
            let first = *earlier;
            self.errors.push(Error::DuplicateNode { span, first, path });
            return None;
        }
        building.places.push((file, around, span));
        if building.node.standing == Standing::PassedThrough {
            building.node.standing = Standing::Declared;
            building.node.origin = Some(span);
        }
        if let Some(kind) = node.kind {
            self.property(place, TYPE.to_owned(), kind.text.into(), kind.span);
        }
        Some(place)
    }

    fn content(&mut self, statement: Statement, span: Span, place: usize, data: Option<Arc<[u8]>>) {
        match statement {
            Statement::Property { name, value } => {
                self.property(place, name.text, value.into_value(), name.span);
            }
            Statement::Link { name, target } => {
                self.property(
                    place,
                    format!("{} ->", name.text),
                    target.text.into(),
                    name.span,
                );
            }
            Statement::PropertyLink { name, target } => {
                self.property(
                    place,
                    format!("{} =>", name.text),
                    target.text.into(),
                    name.span,
                );
            }
            Statement::Directive(directive) => self.directive(directive, span, place, data),
            Statement::Blank | Statement::Node(_) | Statement::Invalid => {}
        }
    }

    fn property(&mut self, place: usize, name: String, value: serde_json::Value, span: Span) {
        if !value::is_storable_name(&name) {
            self.errors.push(Error::NotStorable { span });
            return;
        }
        match self.nodes.list[place].1.properties.entry(name) {
            Entry::Vacant(vacant) => {
                let origin = Some(span);
                vacant.insert(Property { value, origin });
            }
            Entry::Occupied(there) => {
                let (name, first) = (there.key().clone(), there.get().origin.unwrap_or(span));
                self.errors
                    .push(Error::DuplicateProperty { span, first, name });
            }
        }
    }

    fn directive(
        &mut self,
        directive: Directive,
        span: Span,
        place: usize,
        file: Option<Arc<[u8]>>,
    ) {
        let building = &mut self.nodes.list[place].1;
        let word = directive.word();
        if let Some(first) = building.node.directives.insert(word, span) {
            building.node.directives.insert(word, first);
            self.errors
                .push(Error::DuplicateDirective { span, first, word });
            return;
        }
        let node = &mut building.node;
        match directive {
            Directive::Keep {
                children,
                properties,
            } => {
                node.keep_children = children;
                node.keep_properties = properties;
            }
            Directive::Ignore(patterns) => match globs(&patterns) {
                Ok(globs) => node.ignore = globs,
                Err(error) => self.errors.push(error),
            },
            Directive::Protect => node.protect = true,
            Directive::Secret(patterns) if patterns.is_empty() => node.secret = Secret::Everything,
            Directive::Secret(patterns) => match globs(&patterns) {
                Ok(globs) => node.secret = Secret::Properties(globs),
                Err(error) => self.errors.push(error),
            },
            Directive::Acl(texts) => {
                let mut entries = Vec::with_capacity(texts.len());
                for text in texts {
                    match AclEntry::parse(&text.text) {
                        Ok(entry) => entries.push(entry),
                        Err(error) => self.errors.push(Error::Acl {
                            span: text.span,
                            error,
                        }),
                    }
                }
                node.acl = Some(Arc::new(Acl { entries }));
            }
            Directive::Data { form, text } => match bytes(form, &text, file) {
                Ok(bytes) => building.raw = bytes.map(|bytes| (bytes, span)),
                Err(error) => self.errors.push(error),
            },
            // Includes are lowered where they stand.
            Directive::Include(_) => {}
        }
    }
}

/// A name that could be parsed follows its slash.
fn with_slash(name: Span) -> Span {
    Span {
        start: name.start - 1,
        ..name
    }
}

fn globs(patterns: &[Text]) -> Result<Globs, Error> {
    for pattern in patterns {
        if let Err(error) = Globs::new(vec![pattern.text.clone()]) {
            return Err(Error::Glob {
                span: pattern.span,
                error,
            });
        }
    }
    let span = patterns[0].span;
    let texts = patterns
        .iter()
        .map(|pattern| pattern.text.clone())
        .collect();
    Globs::new(texts).map_err(|error| Error::Glob { span, error })
}

/// The bytes of `@data`; none for a file that could not be read, which is reported already.
fn bytes(form: DataForm, text: &Text, file: Option<Arc<[u8]>>) -> Result<Option<Arc<[u8]>>, Error> {
    match form {
        DataForm::Text => Ok(Some(text.text.as_bytes().into())),
        DataForm::File => Ok(file),
        DataForm::Base64 => {
            let digits: String = text.text.chars().filter(|c| !c.is_whitespace()).collect();
            let decoded = base64::engine::general_purpose::STANDARD.decode(digits);
            let decoded = decoded.map_err(|error| Error::Base64 {
                span: text.span,
                error,
            })?;
            Ok(Some(decoded.into()))
        }
    }
}

/// An `@acl` holds for its node and those below, until another one.
fn inherit_acls(tree: &mut Tree<Declared>) {
    let mut above: Vec<(ZPath, Arc<Acl>)> = Vec::new();
    for (path, node) in tree.iter_mut() {
        while above.last().is_some_and(|(top, _)| !path.is_within(top)) {
            above.pop();
        }
        match (&node.acl, above.last()) {
            (Some(own), _) => above.push((path.clone(), own.clone())),
            (None, Some((_, inherited))) => node.acl = Some(inherited.clone()),
            (None, None) => {}
        }
    }
}

fn too_large(path: &ZPath, node: &Declared) -> Option<usize> {
    let limit = MAX_REQUEST - REQUEST_OVERHEAD;
    let rough = path.as_str().len()
        + match &node.content {
            Content::Raw { bytes, .. } => bytes.len(),
            Content::Properties(properties) => properties
                .iter()
                .map(|(name, p)| name.len() + rough_size(&p.value))
                .sum(),
        };
    // Escapes can make JSON up to six times as long as the text it holds.
    if rough < limit / 8 {
        return None;
    }
    let bytes = REQUEST_OVERHEAD + path.as_str().len() + node.encode().len();
    (bytes > MAX_REQUEST).then_some(bytes)
}

fn rough_size(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(number) => number.as_str().len(),
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| rough_size(item) + 1).sum(),
        Value::Object(map) => map.iter().map(|(k, v)| k.len() + 4 + rough_size(v)).sum(),
    }
}
