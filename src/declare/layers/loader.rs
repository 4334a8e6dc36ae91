//! Reading layers file by file, each lowered as it is parsed.

use std::cmp::Ordering;
use std::mem;
use std::path::{Path, PathBuf};

use super::Layers;
use super::foreign::foreign;
use super::globs::FileGlobs;
use super::listing::tree_files;
use super::walk::{Budget, MAX_BYTES, MAX_FILES, Walked, walk};
use crate::declare::ahead;
use crate::declare::files::{self, Files, Kind, Noted, Root};
use crate::declare::lower::{FileNode, Lowering, Referred};
use crate::declare::problem::{MAX_INCLUDES, Problem, Problems, Reference};
use crate::declare::secrets::{Reader, source_span};
use crate::declare::source::Source;
use crate::model::node::{RAW_DATA, secret_names};
use crate::model::path::ZPath;
use crate::syntax::ast::{DataForm, Directive, FileGlob, Line, SecretFrom, Statement, Text};
use crate::syntax::parser::{self, ErrorKind, MAX_ERRORS, Statements};
use crate::syntax::place::{SourceId, Span};
use crate::syntax::source::Sources;
use crate::syntax::spelling::{self, printable};

/// How many nodes the observer gets at once.
const SENT_AT_ONCE: usize = 256;

/// Reads layers to the tree that they declare.
///
/// # Errors
/// All that is wrong with them. What can be read is lowered whatever else is wrong, so that one run
/// finds everything.
///
/// ```
/// use zkt::{Layers, Memory};
///
/// let files = Memory::from([
///     ("base.zkt", "/cms\n  threads = 3\n"),
///     ("prod.zkt", "/cms\n  threads = 8\n"),
/// ]);
/// let source = zkt::load(Layers::new(["base.zkt", "prod.zkt"]).files(&files))?;
/// assert_eq!(source.tree().len(), 1);
/// # Ok::<(), zkt::Problems>(())
/// ```
pub fn load(layers: Layers<'_>) -> Result<Source, Problems> {
    let texts = Sources::default();
    let Layers {
        names,
        destination,
        below_chroot,
        allow_empty,
        files,
        secrets,
        observer,
    } = layers;
    let noted = Noted::new(files);
    let mut loader = Loader {
        files: &noted,
        texts: &texts,
        lowering: Lowering::new(&destination, below_chroot),
        observer,
        sent: 0,
        problems: Vec::new(),
        includes: 0,
        budget: Budget {
            files: MAX_FILES,
            bytes: MAX_BYTES,
        },
        allow_empty,
        root: Root::everything(),
        chain: Vec::new(),
        declares: false,
        unread: 0,
        secrets: Reader::new(&noted, secrets),
    };
    for (i, name) in names.iter().enumerate() {
        if name == "-" && names[..i].contains(name) {
            loader.problems.push(Problem::StandardInputTwice);
        } else {
            loader.layer(name);
        }
    }
    let Loader {
        mut lowering,
        mut problems,
        ..
    } = loader;
    texts.set_additions(lowering.take_additions());
    let (tree, errors) = lowering.finish();
    problems.extend(errors.into_iter().map(Problem::Lower));
    texts.set_secret_names(secret_names(&tree));
    if problems.is_empty() {
        Ok(Source::new(tree, texts).read_from(noted.into_read()))
    } else {
        Err(Problems::new(problems, texts))
    }
}

struct Loader<'f, 'o, 't> {
    files: &'f dyn Files,
    texts: &'t Sources,
    lowering: Lowering,
    observer: Option<&'o mut dyn FnMut(Vec<ZPath>)>,
    /// How many nodes of the current layer the observer has got.
    sent: usize,
    problems: Vec<Problem>,
    includes: usize,
    budget: Budget,
    allow_empty: bool,
    /// Where the files of the layer at hand must lie.
    root: Root,
    /// The files that are being read, each included by the one before.
    chain: Vec<PathBuf>,
    /// Whether the file at hand declares a node.
    declares: bool,
    /// How many files that the file at hand refers to cannot be read.
    unread: usize,
    secrets: Reader<'f>,
}

impl Loader<'_, '_, '_> {
    /// Reads one layer.
    fn layer(&mut self, name: &str) {
        let before = self.problems.len();
        let declares = self.layer_files(name);
        self.send(1);
        self.sent = 0;
        self.lowering.end_layer();
        let is_sound = self.problems.len() == before;
        if is_sound && !self.allow_empty && !declares {
            let name = name.to_owned();
            self.problems.push(Problem::Empty { name });
        }
    }

    /// Reads the files of a layer. Returns whether they declare a node.
    fn layer_files(&mut self, name: &str) -> bool {
        let shown = if name == "-" { "<stdin>" } else { name };
        let path = Path::new(name);
        let paths = match self.files.root(path) {
            Ok(root) => {
                self.root = root;
                if name == "-" {
                    Ok(vec![path.to_owned()])
                } else {
                    tree_files(path, &self.root, self.files)
                }
            }
            Err(error) => Err((PathBuf::from(shown), error)),
        };
        let paths = match paths {
            Ok(paths) => paths,
            Err((path, error)) => {
                self.unreadable(&path.display().to_string(), error);
                return false;
            }
        };
        if paths.is_empty() && !self.allow_empty {
            let name = name.to_owned();
            self.problems.push(Problem::NoFiles { name });
        }
        let mut declares = false;
        for path in &paths {
            let before = self.problems.len();
            let name = self.layer_file(path);
            declares |= self.declares;
            let is_sound = self.problems.len() == before;
            if is_sound && !self.declares && !self.allow_empty && paths.len() > 1 {
                self.problems.push(Problem::EmptyFile { name });
            }
        }
        declares
    }

    /// Reads one file of a layer. Returns its name.
    fn layer_file(&mut self, path: &Path) -> String {
        self.declares = false;
        self.chain.clear();
        if path == Path::new("-") {
            let name = "<stdin>".to_owned();
            match self.files.standard_input() {
                Ok(bytes) => self.top_file(&name, bytes, path),
                Err(error) => self.unreadable(&name, error),
            }
            return name;
        }
        let name = path.display().to_string();
        match self.files.read(path, &self.root) {
            Ok(bytes) => {
                self.chain.extend(self.files.identity(path));
                self.top_file(&name, bytes, path);
            }
            Err(error) => self.unreadable(&name, error),
        }
        name
    }

    /// Parses and lowers a file of the layer, unless it is no tree text at all: one error says so.
    fn top_file(&mut self, name: &str, bytes: Vec<u8>, path: &Path) {
        match foreign(path, &bytes) {
            Some(what) => {
                let name = name.to_owned();
                self.problems.push(Problem::Foreign { name, what });
            }
            None => self.file(name, bytes, path, None),
        }
    }

    fn unreadable(&mut self, name: &str, error: files::Error) {
        let name = name.to_owned();
        self.problems.push(Problem::Unreadable { name, error });
    }

    /// Parses and lowers one file with what it refers to; `included_at` is the level of the line
    /// that includes it.
    fn file(&mut self, name: &str, bytes: Vec<u8>, path: &Path, included_at: Option<u32>) {
        let Some(text) = self.text(name, bytes) else {
            return;
        };
        let unread_around = mem::take(&mut self.unread);
        self.lowering.begin_file(included_at);
        let nodes = parser::estimate_nodes(&self.texts.get(text).text);
        self.lowering.reserve(nodes);
        let mut statements = Statements::new(self.texts, text);
        ahead::runs(&mut statements, nodes, |lines| {
            for line in lines {
                self.line(line, path);
            }
            self.send(SENT_AT_ONCE);
        });
        self.lowering.end_file();
        self.unread = unread_around;
        let doubts = statements.take_doubts();
        self.texts.note(text, doubts, statements.take_remarks());
        let errors = statements.into_errors().into_iter();
        self.problems.extend(errors.map(Problem::Parse));
    }

    /// Adds the text of a file to the source texts.
    fn text(&mut self, name: &str, bytes: Vec<u8>) -> Option<SourceId> {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let problem = Problem::not_text(name, error.as_bytes(), at);
                self.problems.push(problem);
                return None;
            }
        };
        let added = self.texts.add(name, text);
        added.map_err(|error| self.problems.push(error.into())).ok()
    }

    /// Sends the new nodes to the observer, if there are at least `enough`.
    fn send(&mut self, enough: usize) {
        let Some(observer) = &mut self.observer else {
            return;
        };
        let met = self.lowering.len();
        if met >= self.sent + enough {
            let paths = self.lowering.met(self.sent);
            observer(paths.cloned().collect());
            self.sent = met;
        }
    }

    /// Lowers one line of a file, with what it refers to.
    fn line(&mut self, line: &Line<'_>, file: &Path) {
        let mut referred = Referred::Nothing;
        match &line.statement {
            Statement::Node(_) => self.declares = true,
            Statement::Directive(Directive::Include(text)) => {
                self.include(text, line.level, file);
            }
            Statement::Directive(Directive::Data {
                form: DataForm::File,
                text,
            }) => {
                let read = self.refer(text, &self.files.beside(file, &text.text));
                referred =
                    read.map_or(Referred::Nothing, |(bytes, _)| Referred::File(bytes.into()));
            }
            Statement::Directive(Directive::Files { directory, globs }) => {
                let found = self.files_below(directory, globs, file);
                referred = found.map_or(Referred::Nothing, Referred::Directory);
            }
            Statement::Directive(Directive::SecretFrom(secret)) => {
                referred = self.secret_from(secret, file);
            }
            _ => {}
        }
        self.lowering.statement(line, referred);
    }

    fn include(&mut self, text: &Text<'_>, level: u32, file: &Path) {
        let path = self.files.beside(file, &text.text);
        let (span, name) = (text.span, path.display().to_string());
        if self.includes >= MAX_INCLUDES {
            if self.includes == MAX_INCLUDES {
                self.useless(Reference::TooMany { span, path: name });
                self.includes += 1;
            }
            return;
        }
        self.includes += 1;
        let Some((bytes, identity)) = self.refer(text, &path) else {
            return;
        };
        if self.chain.contains(&identity) {
            self.useless(Reference::Circle { span, path: name });
            return;
        }
        self.chain.push(identity);
        let before = self.problems.len();
        let declares_around = mem::take(&mut self.declares);
        self.file(&name, bytes, &path, Some(level));
        self.chain.pop();
        if !self.declares && !self.allow_empty && self.problems.len() == before {
            self.useless(Reference::Empty { span, path: name });
        }
        self.declares |= declares_around;
    }

    /// A value from outside. What is wrong with it is reported.
    fn secret_from(&mut self, secret: &SecretFrom<'_>, file: &Path) -> Referred {
        let is_data = secret.name.text == RAW_DATA;
        match self.secrets.value(secret, is_data, (file, &self.root)) {
            Ok(value) => Referred::Secret(Ok(value.into())),
            Err(error) if error.is_lack() => Referred::Secret(Err(error.to_string().into())),
            Err(error) => {
                let span = source_span(&secret.source);
                let from = spelling::secret_source(&secret.source);
                self.limited(span, Reference::Secret { span, from, error });
                Referred::Nothing
            }
        }
    }

    /// The nodes of `@files`. Returns `None` if there are none, which is reported.
    fn files_below(
        &mut self,
        text: &Text<'_>,
        globs: &[FileGlob<'_>],
        file: &Path,
    ) -> Option<Vec<FileNode>> {
        let path = self.files.beside(file, &text.text);
        let mut compiled = match FileGlobs::new(globs) {
            Ok(compiled) => compiled,
            Err(error) => {
                self.problems.push(Problem::Lower(error));
                return None;
            }
        };
        let walked = match self.files.kind(&path) {
            Ok(Kind::Directory) => {
                let place = (self.files, &self.root);
                walk(&path, place, &mut compiled, &mut self.budget)
            }
            Ok(Kind::File | Kind::Other) => failed(&path, files::Error::NotDirectory),
            Err(error) => failed(&path, error.into()),
        };
        let (span, shown) = (text.span, path.display().to_string());
        if !walked.errors.is_empty() {
            for (path, error) in walked.errors {
                self.unread(span, &path, error);
            }
            return None;
        }
        if !self.allow_empty {
            let unmatched: Vec<&Text<'_>> = compiled.unmatched(globs).collect();
            for glob in &unmatched {
                self.useless(Reference::Unmatched {
                    span: glob.span,
                    path: shown.clone(),
                    glob: glob.text.to_string(),
                });
            }
            let is_empty = matches!(&*walked.nodes, [top] if top.contents.is_none());
            if is_empty && unmatched.is_empty() {
                self.useless(Reference::NoFiles { span, path: shown });
            }
        }
        Some(walked.nodes)
    }

    fn useless(&mut self, reference: Reference) {
        self.problems.push(reference.into());
    }

    /// As `referred`, but reports errors, at most MAX_ERRORS.
    fn refer(&mut self, text: &Text<'_>, path: &Path) -> Option<(Vec<u8>, PathBuf)> {
        if self.unread >= MAX_ERRORS {
            return None;
        }
        match self.referred(path) {
            Ok(read) => return Some(read),
            Err(error) => self.unread(text.span, path, error),
        }
        None
    }

    fn unread(&mut self, span: Span, path: &Path, error: files::Error) {
        let path = printable(&path.display().to_string()).into_owned();
        self.limited(span, Reference::Unreadable { span, path, error });
    }

    /// Reports what cannot be read; the last of [`MAX_ERRORS`] stands for those that follow.
    fn limited(&mut self, span: Span, reference: Reference) {
        self.unread = self.unread.saturating_add(1);
        match self.unread.cmp(&MAX_ERRORS) {
            Ordering::Less => self.useless(reference),
            Ordering::Equal => {
                let kind = ErrorKind::TooMany;
                self.problems.push(parser::Error { kind, span }.into());
            }
            Ordering::Greater => {}
        }
    }

    /// The contents and the identity of a file that another one refers to.
    fn referred(&self, path: &Path) -> Result<(Vec<u8>, PathBuf), files::Error> {
        match self.files.kind(path)? {
            Kind::Directory => Err(files::Error::Directory),
            // For a device or a pipe, `read` gives the better error (outside of the root).
            Kind::File | Kind::Other => Ok((
                self.files.read(path, &self.root)?,
                self.files.identity(path)?,
            )),
        }
    }
}

fn failed(path: &Path, error: files::Error) -> Walked {
    Walked {
        errors: vec![(path.to_owned(), error)],
        ..Walked::default()
    }
}
