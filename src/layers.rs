//! Layers of files to parsed documents, with what they include.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ast::{DataForm, Directive, Document, Statement};
use crate::files::{Files, Kind};
use crate::parser;
use crate::source::{self, Located, Sources, Span};

/// One layer: what one argument of a command names.
#[derive(Debug)]
pub struct Layer {
    /// The argument.
    pub name: String,
    /// Its files in path order.
    pub files: Vec<File>,
}

/// A parsed file with everything that it refers to.
#[derive(Debug)]
pub struct File {
    /// The file's lines.
    pub document: Document,
    /// Included files by the index of the line that includes them.
    pub includes: BTreeMap<usize, File>,
    /// Contents of data files by the index of the line that names them.
    pub data: BTreeMap<usize, Arc<[u8]>>,
}

/// How many files a run may include.
pub const MAX_INCLUDES: usize = 10_000;

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
    #[error("{name}: {}", crate::files::reason(error))]
    Unreadable {
        /// The path as it was given.
        name: String,
        /// Why.
        error: io::Error,
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
    /// Standard input can be read once.
    #[error("standard input (-) can be one layer only")]
    StandardInputTwice,
    /// An included file or a data file cannot be read.
    #[error("{path}: {}", crate::files::reason(error))]
    Referred {
        /// Where it is named.
        span: Span,
        /// Its path.
        path: String,
        /// Why.
        error: io::Error,
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
    /// The error with its place, where it is about one.
    #[must_use]
    pub fn located(&self) -> Option<&dyn Located> {
        match self {
            Self::Parse(error) => Some(error),
            Self::Referred { .. } | Self::Circle { .. } | Self::TooManyIncludes { .. } => {
                Some(self)
            }
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
            | Self::Circle { span, .. }
            | Self::TooManyIncludes { span, .. } => *span,
            _ => unreachable!("only located errors are asked for their place"),
        }
    }
}

/// What was read: the layers and their texts.
#[derive(Debug, Default)]
pub struct Layers {
    /// The layers in the order of the arguments.
    pub layers: Vec<Layer>,
    /// All texts.
    pub sources: Sources,
}

/// Reads layers: a file, a directory with every `*.zkt` below it, or `-` for standard input.
///
/// What could be read is returned beside the errors, so that later stages can report theirs too.
#[must_use]
pub fn load(names: &[String], allow_empty: bool, files: &dyn Files) -> (Layers, Vec<Error>) {
    let mut loader = Loader {
        files,
        sources: Sources::default(),
        errors: Vec::new(),
        includes: 0,
    };
    let mut layers = Vec::new();
    for (i, name) in names.iter().enumerate() {
        if name == "-" && names[..i].contains(name) {
            loader.errors.push(Error::StandardInputTwice);
            continue;
        }
        let before = loader.errors.len();
        let files = loader.layer(name);
        let sound = loader.errors.len() == before;
        if sound && !allow_empty && !files.iter().any(declares_node) {
            loader.errors.push(Error::Empty { name: name.clone() });
        }
        layers.push(Layer {
            name: name.clone(),
            files,
        });
    }
    (
        Layers {
            layers,
            sources: loader.sources,
        },
        loader.errors,
    )
}

fn declares_node(file: &File) -> bool {
    file.document
        .lines
        .iter()
        .any(|line| matches!(line.statement, Statement::Node(_)))
}

struct Loader<'f> {
    files: &'f dyn Files,
    sources: Sources,
    errors: Vec<Error>,
    includes: usize,
}

impl Loader<'_> {
    fn layer(&mut self, name: &str) -> Vec<File> {
        if name == "-" {
            let bytes = match self.files.standard_input() {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.errors.push(Error::Unreadable {
                        name: "<stdin>".to_owned(),
                        error,
                    });
                    return Vec::new();
                }
            };
            return self
                .file("<stdin>", bytes, Path::new(""), &mut Vec::new())
                .into_iter()
                .collect();
        }
        let paths = match tree_files(Path::new(name), self.files) {
            Ok(paths) => paths,
            Err((name, error)) => {
                let name = name.display().to_string();
                self.errors.push(Error::Unreadable { name, error });
                return Vec::new();
            }
        };
        let mut files = Vec::new();
        for path in paths {
            let name = path.display().to_string();
            match self.files.read(&path) {
                Ok(bytes) => {
                    let mut chain = self.files.identity(&path).into_iter().collect();
                    let folder = path.parent().unwrap_or(Path::new(""));
                    files.extend(self.file(&name, bytes, folder, &mut chain));
                }
                Err(error) => self.errors.push(Error::Unreadable { name, error }),
            }
        }
        files
    }

    /// Parses one file and reads what it refers to; `chain` holds the files that are being read.
    fn file(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        folder: &Path,
        chain: &mut Vec<PathBuf>,
    ) -> Option<File> {
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                self.errors.push(not_text(
                    name,
                    error.as_bytes(),
                    error.utf8_error().valid_up_to(),
                ));
                return None;
            }
        };
        let source = match self.sources.add(name, text) {
            Ok(source) => source,
            Err(error) => {
                self.errors.push(error.into());
                return None;
            }
        };
        let (document, errors) = parser::parse(&self.sources, source);
        self.errors.extend(errors.into_iter().map(Error::Parse));
        let mut file = File {
            document,
            includes: BTreeMap::new(),
            data: BTreeMap::new(),
        };
        let refers = |statement: &Statement| match statement {
            Statement::Directive(Directive::Include(text)) => Some((true, text.clone())),
            Statement::Directive(Directive::Data {
                form: DataForm::File,
                text,
            }) => Some((false, text.clone())),
            _ => None,
        };
        let lines = file.document.lines.iter().enumerate();
        let referred: Vec<_> = lines
            .filter_map(|(i, line)| Some((i, refers(&line.statement)?)))
            .collect();
        for (line, (is_include, text)) in referred {
            let path = folder.join(&text.text);
            let name = path.display().to_string();
            if is_include && self.includes == MAX_INCLUDES {
                let (span, path) = (text.span, name);
                self.errors.push(Error::TooManyIncludes { span, path });
                break;
            }
            self.includes += usize::from(is_include);
            let read = self.referred(&path);
            let (bytes, identity) = match read {
                Ok(read) => read,
                Err(error) => {
                    self.errors.push(Error::Referred {
                        span: text.span,
                        path: name,
                        error,
                    });
                    continue;
                }
            };
            if !is_include {
                file.data.insert(line, bytes.into());
                continue;
            }
            if chain.contains(&identity) {
                self.errors.push(Error::Circle {
                    span: text.span,
                    path: name,
                });
                continue;
            }
            chain.push(identity);
            let folder = path.parent().unwrap_or(Path::new(""));
            if let Some(included) = self.file(&name, bytes, folder, chain) {
                file.includes.insert(line, included);
            }
            chain.pop();
        }
        Some(file)
    }

    /// The contents of a file that another one refers to, and what tells it from others.
    fn referred(&self, path: &Path) -> io::Result<(Vec<u8>, PathBuf)> {
        match self.files.kind(path)? {
            Kind::File => Ok((self.files.read(path)?, self.files.identity(path)?)),
            Kind::Directory => Err(io::Error::other("it is a directory")),
            // Reading a device or a pipe may never end.
            Kind::Other => Err(io::Error::other("it is no regular file")),
        }
    }
}

/// The tree files that a path names: itself, or every `*.zkt` below it in path order; entries
/// whose name starts with a dot are skipped. An error comes with the path that it is about.
pub fn tree_files(top: &Path, files: &dyn Files) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let mut paths = Vec::new();
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    // A pipe is as good as a file where it is named: `zkt plan <(generate)`.
    if files.kind(top).map_err(at(top))? != Kind::Directory {
        return Ok(vec![top.to_owned()]);
    }
    let mut seen = Vec::new();
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        // A symbolic link may lead back up.
        let identity = files.identity(&directory).map_err(at(&directory))?;
        if seen.contains(&identity) {
            continue;
        }
        seen.push(identity);
        for path in files.list(&directory).map_err(at(&directory))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let tree_file = path.extension().is_some_and(|extension| extension == "zkt");
            match files.kind(&path) {
                Ok(Kind::Directory) => directories.push(path),
                Ok(Kind::File) if tree_file => paths.push(path),
                Err(error) if tree_file => return Err((path, error)),
                Ok(Kind::File | Kind::Other) | Err(_) => {}
            }
        }
    }
    paths.sort();
    Ok(paths)
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
