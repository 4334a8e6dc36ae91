//! Layers of files, with what they include, to the tree that they declare.

mod listing;

pub use listing::tree_files;

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use crate::declare::files::{self, Files, Kind, Root};
use crate::declare::halves;
use crate::declare::lower::{self, Lowering};
use crate::model::node::{Declared, secret_names};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::syntax::ast::{DataForm, Directive, Line, Statement, Text};
use crate::syntax::parser::{self, ErrorKind, MAX_ERRORS, Secrets, Statements};
use crate::syntax::source::{self, Located, Sources, Span};

/// How many files a run may include.
pub const MAX_INCLUDES: usize = 10_000;

/// From about so many nodes on a file is parsed and lowered at once, on two threads.
const WORTH_A_THREAD: usize = 2048;

/// So many lines are handed over at a time.
const RUN: usize = 256;

/// So many of these runs may wait to be lowered.
const RUNS_AHEAD: usize = 16;

/// Why a layer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A line cannot be parsed.
    #[error(transparent)]
    Parse(#[from] parser::Error),
    /// A file is too large for zkt.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// There is nothing at the path, or it cannot be read.
    #[error("{name}: {error}")]
    Unreadable {
        /// The path as it was given.
        name: String,
        /// Why.
        error: files::Error,
    },
    /// A file is not text.
    #[error("{name}:{line}:{column}: expected UTF-8 text, found the byte 0x{byte:02x}")]
    NotText {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// The first byte that is no text.
        byte: u8,
    },
    /// A layer declares no node: an empty tree is more often a mistake than meant.
    #[error("{name}: the layer declares no node")]
    Empty {
        /// The layer.
        name: String,
    },
    /// A layer is a directory without a tree file.
    #[error("{name}: there is no .zkt file in this directory, nor in one below it")]
    NoFiles {
        /// The layer.
        name: String,
    },
    /// A file among others declares no node: it is more often cut short than meant.
    #[error("{name}: the file declares no node")]
    EmptyFile {
        /// The file.
        name: String,
    },
    /// Standard input can be read once.
    #[error("standard input (-) can be one layer only")]
    StandardInputTwice,
    /// An included file or a data file cannot be read.
    #[error("{path}: {error}")]
    Referred {
        /// Where it is named.
        span: Span,
        /// Its path.
        path: String,
        /// Why.
        error: files::Error,
    },
    /// An included file declares no node.
    #[error("{path}: the file declares no node")]
    EmptyInclude {
        /// Where it is included.
        span: Span,
        /// Its path.
        path: String,
    },
    /// More includes than anybody writes; files that include each other twice double at every step.
    #[error("{path}: more than {MAX_INCLUDES} includes")]
    TooManyIncludes {
        /// The include that is one too many.
        span: Span,
        /// Its path.
        path: String,
    },
    /// A file includes itself.
    #[error("{path} includes itself")]
    Circle {
        /// Where the circle closes.
        span: Span,
        /// The file.
        path: String,
    },
}

impl Error {
    /// Whether all that is wrong is that nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(
            self,
            Self::Empty { .. }
                | Self::NoFiles { .. }
                | Self::EmptyFile { .. }
                | Self::EmptyInclude { .. }
        )
    }

    /// The error with its place, where it is about one.
    #[must_use]
    pub fn located(&self) -> Option<&dyn Located> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Referred { .. }
            | Self::EmptyInclude { .. }
            | Self::Circle { .. }
            | Self::TooManyIncludes { .. } => Some(self),
            _ => None,
        }
    }
}

impl Located for Error {
    /// Only to be asked for what [`Error::located`] gives.
    fn span(&self) -> Span {
        match self {
            Self::Parse(error) => error.span,
            Self::Referred { span, .. }
            | Self::EmptyInclude { span, .. }
            | Self::Circle { span, .. }
            | Self::TooManyIncludes { span, .. } => *span,
            _ => unreachable!("only located errors are asked for their place"),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::EmptyInclude { .. } => {
                Some("--allow-empty accepts it where that is meant".to_owned())
            }
            _ => None,
        }
    }
}

/// What layers declare.
#[derive(Debug, Default)]
pub struct Declaration {
    /// The tree; whole only where nothing is wrong.
    pub tree: Tree<Declared>,
    /// All texts.
    pub sources: Sources,
    /// What cannot be read or parsed.
    pub errors: Vec<Error>,
    /// What can be parsed but not be meant.
    pub lower_errors: Vec<lower::Error>,
}

impl Declaration {
    /// Takes `/zookeeper` for a node like any, which it is below a chroot.
    pub fn allow_system_names(&mut self) {
        let is_reserved = |error: &lower::Error| {
            use lower::Error::{Reserved, TooMany};
            matches!(error, Reserved { .. } | TooMany { reserved: true, .. })
        };
        self.lower_errors.retain(|error| !is_reserved(error));
    }
}

/// Takes out of errors what a `@secret` line of any layer covers.
fn hide_secrets(sources: &Sources, errors: &mut [Error], lower_errors: &mut Vec<lower::Error>) {
    if errors.is_empty() && lower_errors.is_empty() {
        return;
    }
    let secrets = Secrets::of(sources);
    for error in lower_errors.iter_mut() {
        error.hide(&secrets);
    }
    for error in errors {
        if let Error::Parse(error) = error {
            error.hide(&secrets);
            lower_errors.retain(|error| !error.is_within_secret(&secrets));
        }
    }
}

/// Reads layers, each a file, a directory with every `*.zkt` below it, or `-` for standard input,
/// and lowers them line by line to the tree that they declare, its top-level nodes at `at`.
/// `met` is told the path of each node when it is met first.
///
/// What could be read is lowered whatever else is wrong, so that one run reports everything.
#[must_use]
pub fn load(
    names: &[String],
    at: &ZPath,
    allow_empty: bool,
    files: &dyn Files,
    met: &mut dyn FnMut(&ZPath),
) -> Declaration {
    let sources = Sources::default();
    let mut loader = Loader {
        files,
        sources: &sources,
        lowering: Lowering::new(at, met),
        errors: Vec::new(),
        includes: 0,
        allow_empty,
        root: Root::everything(),
        declares: false,
        unread: 0,
    };
    for (i, name) in names.iter().enumerate() {
        if name == "-" && names[..i].contains(name) {
            loader.errors.push(Error::StandardInputTwice);
            continue;
        }
        let before = loader.errors.len();
        let declares = loader.layer(name);
        loader.lowering.end_layer();
        let sound = loader.errors.len() == before;
        if sound && !allow_empty && !declares {
            loader.errors.push(Error::Empty { name: name.clone() });
        }
    }
    let Loader {
        lowering,
        mut errors,
        ..
    } = loader;
    let (tree, mut lower_errors) = lowering.finish();
    hide_secrets(&sources, &mut errors, &mut lower_errors);
    sources.set_secret_names(secret_names(&tree));
    Declaration {
        tree,
        sources,
        errors,
        lower_errors,
    }
}

struct Loader<'f> {
    files: &'f dyn Files,
    sources: &'f Sources,
    lowering: Lowering<'f>,
    errors: Vec<Error>,
    includes: usize,
    allow_empty: bool,
    /// Where the files of the layer at hand must lie.
    root: Root,
    /// Whether the file at hand declares a node.
    declares: bool,
    /// How many files that the file at hand refers to cannot be read.
    unread: usize,
}

impl Loader<'_> {
    /// Reads one layer. Returns whether it declares a node.
    fn layer(&mut self, name: &str) -> bool {
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
            self.errors.push(Error::NoFiles { name });
        }
        let mut declares = false;
        for path in &paths {
            let before = self.errors.len();
            let name = self.layer_file(path);
            declares |= self.declares;
            let sound = self.errors.len() == before;
            if sound && !self.declares && !self.allow_empty && paths.len() > 1 {
                self.errors.push(Error::EmptyFile { name });
            }
        }
        declares
    }

    /// Reads one file of a layer. Returns its name.
    fn layer_file(&mut self, path: &Path) -> String {
        self.declares = false;
        if path == Path::new("-") {
            let name = "<stdin>".to_owned();
            match self.files.standard_input() {
                Ok(bytes) => self.file(&name, bytes, Path::new(""), &mut Vec::new(), None),
                Err(error) => self.unreadable(&name, error),
            }
            return name;
        }
        let name = path.display().to_string();
        match self.files.read(path, &self.root) {
            Ok(bytes) => {
                let mut chain = self.files.identity(path).into_iter().collect();
                let folder = path.parent().unwrap_or(Path::new(""));
                self.file(&name, bytes, folder, &mut chain, None);
            }
            Err(error) => self.unreadable(&name, error),
        }
        name
    }

    fn unreadable(&mut self, name: &str, error: files::Error) {
        let name = name.to_owned();
        self.errors.push(Error::Unreadable { name, error });
    }

    /// Parses and lowers one file with what it refers to; `chain` holds the files that are being
    /// read, `included_at` the level of the line that includes this one.
    fn file(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        folder: &Path,
        chain: &mut Vec<PathBuf>,
        included_at: Option<u32>,
    ) {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(not_text(
                    name,
                    error.as_bytes(),
                    error.utf8_error().valid_up_to(),
                ));
                return;
            }
        };
        let source = match self.sources.add(name, text) {
            Ok(source) => source,
            Err(error) => {
                self.errors.push(error.into());
                return;
            }
        };
        let errors_before = self.errors.len();
        let unread_around = std::mem::take(&mut self.unread);
        self.lowering.begin_file(included_at);
        let nodes = parser::estimate_nodes(&self.sources.get(source).text);
        self.lowering.reserve(nodes);
        let mut statements = Statements::new(self.sources, source);
        if nodes < WORTH_A_THREAD {
            for line in statements.by_ref() {
                self.line(&line, folder, chain);
            }
        } else {
            let (sender, runs) = mpsc::sync_channel::<Vec<Line<'_>>>(RUNS_AHEAD);
            // Memory goes round: what one thread gives back, the other does not find soon enough.
            let (give_back, used) = mpsc::channel();
            let lower = || {
                for lines in runs {
                    for line in &lines {
                        self.line(line, folder, chain);
                    }
                    _ = give_back.send(lines);
                }
            };
            let all = &mut statements;
            let parse = move || loop {
                let mut lines = used.try_recv().unwrap_or_default();
                all.next_run(&mut lines, RUN);
                if lines.is_empty() || sender.send(lines).is_err() {
                    break;
                }
            };
            halves::join(lower, parse);
        }
        self.lowering.end_file();
        self.unread = unread_around;
        self.sources.note(source, statements.take_doubts());
        // What is wrong with a file itself comes before what is wrong with those it names.
        let errors = statements.into_errors().into_iter().map(Error::Parse);
        self.errors.splice(errors_before..errors_before, errors);
    }

    /// Lowers one line, with what it refers to.
    fn line(&mut self, line: &Line<'_>, folder: &Path, chain: &mut Vec<PathBuf>) {
        let mut data = None;
        match &line.statement {
            Statement::Node(_) => self.declares = true,
            Statement::Directive(Directive::Include(text)) => {
                self.include(text, line.level, folder, chain);
            }
            Statement::Directive(Directive::Data {
                form: DataForm::File,
                text,
            }) => {
                let read = self.refer(text, &folder.join(&*text.text));
                data = read.map(|(bytes, _)| bytes.into());
            }
            _ => {}
        }
        self.lowering.statement(line, data);
    }

    fn include(&mut self, text: &Text<'_>, level: u32, folder: &Path, chain: &mut Vec<PathBuf>) {
        let path = folder.join(&*text.text);
        let name = path.display().to_string();
        if self.includes >= MAX_INCLUDES {
            if self.includes == MAX_INCLUDES {
                let (span, path) = (text.span, name);
                self.errors.push(Error::TooManyIncludes { span, path });
                self.includes += 1;
            }
            return;
        }
        self.includes += 1;
        let Some((bytes, identity)) = self.refer(text, &path) else {
            return;
        };
        if chain.contains(&identity) {
            let (span, path) = (text.span, name);
            self.errors.push(Error::Circle { span, path });
            return;
        }
        chain.push(identity);
        let folder = path.parent().unwrap_or(Path::new(""));
        let (before, declared) = (self.errors.len(), self.declares);
        self.declares = false;
        self.file(&name, bytes, folder, chain, Some(level));
        chain.pop();
        if !self.declares && !self.allow_empty && self.errors.len() == before {
            let (span, path) = (text.span, name);
            self.errors.push(Error::EmptyInclude { span, path });
        }
        self.declares |= declared;
    }

    /// As [`Loader::referred`], with the error told, of each file up to so many.
    fn refer(&mut self, text: &Text<'_>, path: &Path) -> Option<(Vec<u8>, PathBuf)> {
        if self.unread >= MAX_ERRORS {
            return None;
        }
        let error = match self.referred(path) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let (span, path) = (text.span, path.display().to_string());
        self.unread += 1;
        self.errors.push(if self.unread < MAX_ERRORS {
            Error::Referred { span, path, error }
        } else {
            let kind = ErrorKind::TooMany;
            parser::Error { kind, span }.into()
        });
        None
    }

    /// The contents of a file that another one refers to, and what tells it from others.
    fn referred(&self, path: &Path) -> Result<(Vec<u8>, PathBuf), files::Error> {
        match self.files.kind(path)? {
            Kind::Directory => Err(files::Error::Directory),
            // Of what is no regular file, where it lies says more than what it is.
            Kind::File | Kind::Other => Ok((
                self.files.read(path, &self.root)?,
                self.files.identity(path)?,
            )),
        }
    }
}

/// The error of a file whose byte at `at` is no text.
#[must_use]
pub fn not_text(name: &str, bytes: &[u8], at: usize) -> Error {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Error::NotText {
        name: name.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        byte: bytes[at],
    }
}
