//! Statements to one declared tree: paths joined, layers laid over each other, every semantic error
//! of all files in one run.

mod directives;
mod error;
mod files;
mod moved;
mod nodes;
mod outside;
mod overlay;
mod properties;
mod size;

use error::Found;
pub use error::{Error, NotBase64};
pub use files::{FileContents, FileNode};
pub use moved::MoveError;
pub use nodes::MAX_LEVELS;
pub use size::oversized;

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::acl::Acl;
use crate::model::node::{Content, Declared, RAW_DATA};
use crate::model::path::{self, ZPath};
use crate::model::tree::Tree;
use crate::model::value::TYPE;
use crate::syntax::ast::{Directive, Line, LiteralKind, Node, SecretFrom, Statement, Text};
use crate::syntax::names::is_storable_name;
use crate::syntax::place::Span;
use crate::syntax::source::Additions;

use directives::{data_and_properties, hold};
use files::FilesNodes;
use nodes::{Nodes, Place};
use properties::{OpenProperties, merge};

/// ZooKeeper's own nodes stand here, unless there is a chroot.
const SYSTEM: &str = path::OF_ZOOKEEPER;

/// Lowers the statements of layers, one after the other, to the tree that they declare.
///
/// Whoever reads the layers says where each layer and file starts and ends; what belongs to which
/// node follows from that and from the lines' levels. Texts are borrowed only from statement to
/// statement.
pub struct Lowering {
    /// Where the top-level nodes go.
    at: ZPath,
    /// Whether that is below a chroot, where ZooKeeper has no nodes of its own.
    below_chroot: bool,
    /// The layers so far.
    merged: Nodes,
    /// The layer at hand.
    nodes: Nodes,
    properties: OpenProperties,
    /// Where layers add what none before them has.
    additions: Additions,
    errors: Found,
    /// The files that are being lowered, each included by the one before.
    files: Vec<OpenFile>,
    /// How many files were lowered, each include counted anew: a number for every place.
    count: u32,
    /// A buffer for the path at hand.
    path: String,
    uses: Uses,
    from_files: FilesNodes,
}

/// What the layers use that takes a look at the whole tree in the end.
#[derive(Debug, Default)]
struct Uses {
    acls: bool,
    moves: bool,
    outside: bool,
}

/// What a line refers to, as far as it could be read.
#[derive(Debug, Default)]
pub enum Referred {
    /// Nothing.
    #[default]
    Nothing,
    /// The contents of the file of `@data file`.
    File(Arc<[u8]>),
    /// The nodes below the directory of `@files`.
    Directory(Vec<FileNode>),
    /// The value of `@secret … from`, or why it could not be had.
    Secret(Result<Arc<[u8]>, Arc<str>>),
}

/// Where the contents of a file belong.
#[derive(Debug, Clone, Copy)]
enum Parent {
    Top,
    Node(u32),
    /// In a wrong line. The error of that line is enough.
    Nowhere,
}

struct OpenFile {
    number: u32,
    parent: Parent,
    /// The number of its statements so far.
    lines: u32,
    /// The open nodes and lines, by level.
    open: Vec<Open>,
}

/// An open line. It has no place if it is wrong or no node: its contents belong nowhere.
struct Open {
    line: u32,
    place: Option<u32>,
    /// Where its properties start.
    properties: usize,
}

impl OpenFile {
    /// Where a statement on a level belongs, and the line of the node around it.
    fn parent(&self, level: u32) -> (Parent, u32) {
        match level
            .checked_sub(1)
            .and_then(|level| self.open.get(level as usize))
        {
            None => (self.parent, u32::MAX),
            Some(open) => (open.place.map_or(Parent::Nowhere, Parent::Node), open.line),
        }
    }
}

impl Lowering {
    /// Starts with no layer; the top-level nodes go to `at`.
    #[must_use]
    pub fn new(at: &ZPath, below_chroot: bool) -> Self {
        Self {
            at: at.clone(),
            below_chroot,
            merged: Nodes::default(),
            nodes: Nodes::default(),
            properties: OpenProperties::default(),
            additions: Additions::new(),
            errors: Found::default(),
            files: Vec::new(),
            count: 0,
            path: String::new(),
            uses: Uses::default(),
            from_files: FilesNodes::default(),
        }
    }

    /// Starts a file of the layer, or one that is included by a statement on this level of the
    /// file at hand.
    pub fn begin_file(&mut self, included_at: Option<u32>) {
        let parent = match (included_at, self.files.last()) {
            (Some(level), Some(around)) => around.parent(level).0,
            _ => Parent::Top,
        };
        self.files.push(OpenFile {
            number: self.count,
            parent,
            lines: 0,
            open: Vec::new(),
        });
        self.count += 1;
    }

    /// How many nodes the layer at hand has, declared or named on the way to one.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Paths of the current layer that no earlier layer declares, in file order, skipping the first
    /// `after`.
    pub(super) fn met(&self, after: usize) -> impl Iterator<Item = &ZPath> {
        let new = |path: &&ZPath| !self.merged.contains(path.as_str());
        self.nodes.paths().skip(after).filter(new)
    }

    /// Makes room for about so many more nodes of the layer.
    pub fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve(nodes);
    }

    /// Ends the file at hand.
    pub fn end_file(&mut self) {
        self.close(0);
        self.files.pop();
    }

    /// Closes the lines of the file at hand that are open on this level and below.
    fn close(&mut self, level: u32) {
        let Some(file) = self.files.last_mut() else {
            return;
        };
        while file.open.len() > level as usize {
            let Some(Open {
                place: Some(place),
                properties,
                ..
            }) = file.open.pop()
            else {
                continue;
            };
            let mut duplicate = |found: properties::Duplicate| {
                self.errors.push(Error::DuplicateProperty {
                    span: found.span,
                    first: found.first,
                    name: found.name,
                });
            };
            let closed = self.properties.close(properties, &mut duplicate);
            match &mut self.nodes.node(place).content {
                Content::Properties(there) if there.is_empty() => *there = closed,
                Content::Properties(there) => *there = merge(there, &closed, &mut duplicate),
                Content::Raw { origin, .. } => {
                    let both = origin.zip(closed.origins().first().copied());
                    self.errors.extend(both.map(data_and_properties));
                }
            }
        }
    }

    /// Ends a layer: what follows is laid over it.
    pub fn end_layer(&mut self) {
        self.from_files.lay_down(&mut self.nodes, &mut self.errors);
        let merged = std::mem::take(&mut self.merged);
        let above = std::mem::take(&mut self.nodes);
        self.merged = overlay::lay_over(merged, above, &mut self.additions);
    }

    /// Takes the places where layers add a node or a property that none before them has.
    pub(super) fn take_additions(&mut self) -> Additions {
        std::mem::take(&mut self.additions)
    }

    /// Returns the tree of all layers, and all errors. With errors the tree is incomplete.
    #[must_use]
    pub fn finish(mut self) -> (Tree<Declared>, Vec<Error>) {
        let mut tree = self.merged.into_tree();
        self.from_files.complete(&mut tree);
        if self.uses.outside {
            outside::hide(&mut tree);
        }
        if self.uses.acls {
            inherit_acls(&mut tree);
        }
        if self.uses.moves {
            let errors = moved::check(&tree).into_iter();
            self.errors
                .extend(errors.map(|(span, error)| Error::Moved { span, error }));
        }
        (tree, self.errors.sorted())
    }

    /// Lowers the next statement of the file at hand, with what it refers to.
    pub fn statement(&mut self, line: &Line<'_>, referred: Referred) {
        self.close(line.level);
        let Some(file) = self.files.last_mut() else {
            return;
        };
        let (parent, around) = file.parent(line.level);
        let (number, index) = (file.number, file.lines);
        file.lines += 1;
        let properties = self.properties.len();
        let place = match (&line.statement, parent) {
            (_, Parent::Nowhere) => None,
            (Statement::Node(node), parent) => self.node(node, parent, number, around),
            (statement, Parent::Node(place)) => {
                self.content(statement, line.span, place, referred);
                None
            }
            (_, Parent::Top) => None,
        };
        if let Some(file) = self.files.last_mut() {
            file.open.push(Open {
                line: index,
                place,
                properties,
            });
        }
    }

    /// Declares a node; returns its place in the list.
    fn node(&mut self, node: &Node<'_>, parent: Parent, file: u32, around: u32) -> Option<u32> {
        let mut place = match parent {
            Parent::Node(place) => place,
            _ => nodes::NONE,
        };
        self.path.clear();
        self.path.push_str(match place {
            nodes::NONE if self.at.is_root() => "",
            nodes::NONE => self.at.as_str(),
            place => self.nodes.path(place).as_str(),
        });
        for name in &node.names {
            let span = name.span;
            if let Err(error) = path::check_name(&name.text) {
                self.errors.push(Error::Name { span, error });
                return None;
            }
            let is_top = place == nodes::NONE || !path::is_within(&self.path, SYSTEM);
            self.path.push('/');
            self.path.push_str(&name.text);
            if is_top && !self.below_chroot && path::is_within(&self.path, SYSTEM) {
                self.errors.push(Error::Reserved { span });
            }
            place = self.nodes.place(&self.path, place);
            if self.nodes.depth(place) > MAX_LEVELS {
                self.errors.push(Error::TooDeep { span });
                return None;
            }
            let origin = &mut self.nodes.node(place).origin;
            origin.get_or_insert(with_slash(span));
        }
        let (first, last) = (node.names.first()?, node.names.last()?);
        let span = with_slash(first.span).to(last.span);
        if let Err(first) = self.nodes.declare(place, Place { file, around }, span) {
            let path = self.nodes.path(place).clone();
            self.errors.push(Error::DuplicateNode { span, first, path });
            return None;
        }
        if let Some(kind) = &node.kind {
            self.property((TYPE, ""), &text(kind), kind.span);
        }
        Some(place)
    }

    fn content(&mut self, statement: &Statement<'_>, span: Span, place: u32, referred: Referred) {
        match statement {
            Statement::Property { name, value } => {
                self.property((&name.text, ""), &value.kind, name.span);
            }
            Statement::Link { name, target } => {
                self.property((&name.text, " ->"), &text(target), name.span);
            }
            Statement::PropertyLink { name, target } => {
                self.property((&name.text, " =>"), &text(target), name.span);
            }
            Statement::Directive(Directive::SecretFrom(secret)) => {
                self.secret_from(secret, span, place, referred);
            }
            Statement::Directive(directive) => self.directive(directive, span, place, referred),
            Statement::Blank | Statement::Node(_) | Statement::Invalid => {}
        }
    }

    /// A property of the innermost node, whose name is these two texts together.
    fn property(&mut self, name: (&str, &str), value: &LiteralKind<'_>, span: Span) {
        if is_storable_name(name.0) {
            self.properties.add(name, value, span);
        } else {
            self.errors.push(Error::NotStorable { span });
        }
    }

    /// A value from outside: a property of the innermost node, or the data of that.
    fn secret_from(&mut self, secret: &SecretFrom<'_>, span: Span, place: u32, referred: Referred) {
        // Of what is wrong with the value there is an error already.
        let Referred::Secret(found) = referred else {
            return;
        };
        let name = &secret.name;
        let outside::Value { value, outside } = outside::value(secret, found);
        if let Err(error) = outside::check_name(name) {
            self.errors.push(error);
            return;
        }
        if name.text == RAW_DATA {
            let node = self.nodes.node(place);
            if let Some(&first) = node.directives.get(RAW_DATA) {
                let word = RAW_DATA;
                self.errors
                    .push(Error::DuplicateDirective { span, first, word });
                return;
            }
            node.directives.insert(RAW_DATA, span);
            self.errors.extend(hold(node, value, span));
        } else {
            match std::str::from_utf8(&value) {
                Ok(value) => {
                    let value = LiteralKind::String(Cow::Borrowed(value));
                    self.property((&name.text, ""), &value, name.span);
                }
                Err(_) => return,
            }
        }
        let node = self.nodes.node(place);
        node.outside.insert(name.text.to_string(), outside);
        self.uses.outside = true;
    }

    fn directive(&mut self, directive: &Directive<'_>, span: Span, place: u32, referred: Referred) {
        let word = directive.word();
        let file = match referred {
            Referred::File(bytes) => Some(bytes),
            Referred::Directory(found) => {
                let nodes = (&mut self.nodes, self.count);
                let declared = self.from_files.declare((place, found), nodes, span);
                self.count += 1;
                self.errors.extend(declared.err());
                None
            }
            Referred::Nothing | Referred::Secret(_) => None,
        };
        match directive {
            // A node may name several files and directories, each in a line of its own.
            Directive::Include(_) | Directive::Files { .. } => return,
            Directive::Acl { .. } => self.uses.acls = true,
            Directive::Moved(_) => self.uses.moves = true,
            _ => {}
        }
        let node = self.nodes.node(place);
        if let Some(&first) = node.directives.get(word) {
            self.errors
                .push(Error::DuplicateDirective { span, first, word });
            return;
        }
        node.directives.insert(word, span);
        if let Directive::Moved(text) = directive {
            let system = (!self.below_chroot).then_some(SYSTEM);
            match moved::old_place(text, &self.at, system) {
                Ok(from) => node.moved_from = Some(from),
                Err(error) => self.errors.push(Error::Moved {
                    span: text.span,
                    error,
                }),
            }
        }
        directives::lay_down(node, directive, span, file, &mut self.errors);
    }
}

/// A text as a value.
fn text<'a>(text: &'a Text<'_>) -> LiteralKind<'a> {
    LiteralKind::String(Cow::Borrowed(&text.text))
}

/// The span of a name and the slash before it. The grammar puts a slash before each name.
fn with_slash(name: Span) -> Span {
    Span {
        start: name.start - 1,
        ..name
    }
}

/// An `@acl` holds for its node and those below, until another one.
fn inherit_acls(tree: &mut Tree<Declared>) {
    let mut above: Vec<(ZPath, Arc<Acl>, bool)> = Vec::new();
    for (path, node) in tree.iter_mut() {
        while above.last().is_some_and(|(top, ..)| !path.is_within(top)) {
            above.pop();
        }
        match (&node.acl, above.last()) {
            (Some(own), _) => above.push((path.clone(), own.clone(), node.acl_is_deep)),
            (None, Some((_, inherited, is_deep))) => {
                node.acl = Some(inherited.clone());
                node.acl_is_deep = *is_deep;
            }
            (None, None) => {}
        }
    }
}
