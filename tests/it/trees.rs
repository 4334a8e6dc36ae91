//! Trees and files in memory, read as the commands read them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use zkt::declare::files::{self, Files, Kind, Root};
use zkt::declare::layers;
use zkt::model::acl::Acl;
use zkt::model::node::{Declared, Live};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::planner;
use zkt::syntax::source::{Located, Sources};

/// Files in memory; what stands under `-` is standard input.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Memory {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let files = files
            .iter()
            .map(|(path, bytes)| (PathBuf::from(path), bytes.to_vec()));
        Self {
            files: files.collect(),
        }
    }
}

fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = normal.pop(),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "there is no such file")
}

impl Files for Memory {
    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let path = normal(path);
        if self.files.contains_key(&path) {
            Ok(Kind::File)
        } else if self.files.keys().any(|file| file.starts_with(&path)) {
            Ok(Kind::Directory)
        } else {
            Err(missing())
        }
    }

    fn read(&self, path: &Path, _: &Root) -> Result<Vec<u8>, files::Error> {
        let bytes = self.files.get(&normal(path)).cloned();
        Ok(bytes.ok_or_else(missing)?)
    }

    /// In an order that nobody may rely on.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let directory = normal(directory);
        let below = self
            .files
            .keys()
            .rev()
            .filter_map(|file| file.strip_prefix(&directory).ok());
        let mut children: Vec<PathBuf> = below
            .filter_map(|file| Some(directory.join(file.components().next()?)))
            .collect();
        children.dedup();
        Ok(children)
    }

    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(normal(path))
    }

    fn standard_input(&self) -> Result<Vec<u8>, files::Error> {
        self.read(Path::new("-"), &Root::everything())
    }
}

/// A declared tree and the texts that it came from.
#[derive(Debug)]
pub(crate) struct DeclaredTree {
    pub(crate) tree: Tree<Declared>,
    pub(crate) sources: Sources,
}

pub(crate) fn path(text: &str) -> ZPath {
    ZPath::parse(text).expect("a path")
}

/// The tree that layers declare, or everything that is wrong with them, each error with its place,
/// hint and related places.
pub(crate) fn declare_layers(
    names: &[&str],
    files: &Memory,
    at: &str,
) -> Result<DeclaredTree, Vec<String>> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let layers::Declaration {
        tree,
        sources,
        errors,
        lower_errors,
    } = layers::load(&names, &path(at), false, files, &mut |_| {});
    let mut messages: Vec<String> = errors
        .iter()
        .map(|error| match error.located() {
            Some(located) => told(located, &sources),
            None => error.to_string(),
        })
        .collect();
    messages.extend(lower_errors.iter().map(|error| told(error, &sources)));
    if messages.is_empty() {
        Ok(DeclaredTree { tree, sources })
    } else {
        Err(messages)
    }
}

fn told(error: &dyn Located, sources: &Sources) -> String {
    let mut text = format!("{}: {error}", place(sources, error.span()));
    for (span, label) in error.related() {
        text.push_str(&format!("\n  {}: {label}", place(sources, span)));
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    text
}

/// Standard input needs no name.
fn place(sources: &Sources, span: zkt::syntax::source::Span) -> String {
    let location = sources.locate(span).to_string();
    location
        .strip_prefix("<stdin>:")
        .unwrap_or(&location)
        .to_owned()
}

/// The tree that one text declares, or everything that is wrong with it.
pub(crate) fn declare_at(text: &[u8], at: &str) -> Result<DeclaredTree, Vec<String>> {
    if text.trim_ascii().is_empty() {
        return Ok(DeclaredTree {
            tree: Tree::default(),
            sources: Sources::default(),
        });
    }
    declare_layers(&["-"], &Memory::new(&[("-", text)]), at)
}

/// The tree that a text without errors declares.
pub(crate) fn declare(text: &str) -> DeclaredTree {
    declare_at(text.as_bytes(), "/")
        .unwrap_or_else(|errors| panic!("{}\n{text}", errors.join("\n")))
}

/// The tree that a text describes as if it were live, with the ACLs that a server would show.
pub(crate) fn live(text: &str) -> Tree<Live> {
    let mut live = planner::as_live(&declare(text).tree);
    for (_, node) in live.iter_mut() {
        if let Live::Read(node) = node {
            node.acl.get_or_insert_with(|| Acl::open().into());
        }
    }
    live
}

/// A tree as canonical text.
pub(crate) fn show(tree: &Tree<Declared>) -> String {
    let mut text = Vec::new();
    zkt::export::write_text(tree, &mut text).expect("writing to memory");
    String::from_utf8(text).expect("tree text is UTF-8")
}
