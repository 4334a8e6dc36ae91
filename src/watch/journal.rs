//! What reading the layers asked of the files, and what they answered.
//!
//! What layers declare follows from these answers alone. So as long as a second round of the same
//! questions brings the same answers nothing needs to be parsed, and the questions say which
//! directories to watch.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, Hash};
use std::io;
use std::path::{Path, PathBuf};

use foldhash::fast::FixedState;
use sha1::{Digest as _, Sha1};

use crate::declare::files::{Error, Files, Kind, Root};
use crate::syntax::spelling::hexadecimal;

/// A question to the files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Question {
    Kind(PathBuf),
    Root(PathBuf),
    Read(PathBuf, Root),
    /// Of a file with a secret.
    Secret(PathBuf, Root),
    List(PathBuf, Texts),
    Identity(PathBuf),
}

/// Which files of a directory are read, whenever they appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Texts {
    /// Tree files.
    TreeFiles,
    /// Files of any name.
    All,
}

/// A question and what the answer was.
#[derive(Debug, Clone)]
struct Entry {
    question: Question,
    answer: u64,
    /// SHA-1 of the text, if the question was to read one.
    digest: Option<[u8; 20]>,
}

/// Files that note what is asked of them.
pub(super) struct Recorder<'f> {
    files: &'f dyn Files,
    /// Standard input can be read only once in the life of a process.
    standard_input: &'f RefCell<Option<Vec<u8>>>,
    entries: RefCell<Vec<Entry>>,
}

/// The questions of one reading and the hashes of their answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    entries: Vec<Entry>,
}

impl<'f> Recorder<'f> {
    pub(super) fn new(files: &'f dyn Files, standard_input: &'f RefCell<Option<Vec<u8>>>) -> Self {
        Self {
            files,
            standard_input,
            entries: RefCell::default(),
        }
    }

    pub(super) fn into_journal(self) -> Journal {
        Journal {
            entries: self.entries.into_inner(),
        }
    }

    fn note(&self, question: Question, answer: u64, digest: Option<[u8; 20]>) {
        self.entries.borrow_mut().push(Entry {
            question,
            answer,
            digest,
        });
    }
}

impl Files for Recorder<'_> {
    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let answer = self.files.kind(path);
        let hash = hash_of(&answer, hash_of_kind);
        self.note(Question::Kind(path.to_owned()), hash, None);
        answer
    }

    fn root(&self, layer: &Path) -> Result<Root, Error> {
        let answer = self.files.root(layer);
        let hash = hash_of_file(&answer, hash);
        self.note(Question::Root(layer.to_owned()), hash, None);
        answer
    }

    fn read(&self, path: &Path, root: &Root) -> Result<Vec<u8>, Error> {
        let answer = self.files.read(path, root);
        let digest = answer.as_ref().ok().map(|bytes| digest(bytes));
        let hash = hash_of_file(&answer, |bytes| hash(bytes.as_slice()));
        self.note(Question::Read(path.to_owned(), root.clone()), hash, digest);
        answer
    }

    /// No digest is kept: whoever sees one could try guesses of the secret.
    fn read_secret(&self, path: &Path, root: &Root) -> Result<Vec<u8>, Error> {
        let answer = self.files.read_secret(path, root);
        let hash = hash_of_file(&answer, |bytes| hash(bytes.as_slice()));
        self.note(Question::Secret(path.to_owned(), root.clone()), hash, None);
        answer
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let answer = self.files.list(directory);
        let hash = hash_of(&answer, |paths| hash_of_list(paths));
        self.note(
            Question::List(directory.to_owned(), Texts::TreeFiles),
            hash,
            None,
        );
        answer
    }

    fn list_nodes(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let answer = self.files.list_nodes(directory);
        let hash = hash_of(&answer, |paths| hash_of_list(paths));
        self.note(Question::List(directory.to_owned(), Texts::All), hash, None);
        answer
    }

    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        let answer = self.files.identity(path);
        let hash = hash_of(&answer, |path| hash(path.as_path()));
        self.note(Question::Identity(path.to_owned()), hash, None);
        answer
    }

    fn beside(&self, file: &Path, named: &str) -> PathBuf {
        self.files.beside(file, named)
    }

    fn name(&self, path: &Path) -> PathBuf {
        self.files.name(path)
    }

    fn standard_input(&self) -> Result<Vec<u8>, Error> {
        let mut kept = self.standard_input.borrow_mut();
        if let Some(bytes) = &*kept {
            return Ok(bytes.clone());
        }
        let bytes = self.files.standard_input()?;
        Ok(kept.insert(bytes).clone())
    }
}

impl Journal {
    /// Whether the same questions get the same answers again; not of an empty journal.
    pub(super) fn is_still(&self, files: &dyn Files) -> bool {
        let answer = |question: &Question| match question {
            Question::Kind(path) => hash_of(&files.kind(path), hash_of_kind),
            Question::List(path, _) => hash_of(&files.list(path), |paths| hash_of_list(paths)),
            Question::Identity(path) => hash_of(&files.identity(path), |path| hash(path.as_path())),
            Question::Root(path) => hash_of_file(&files.root(path), hash),
            Question::Read(path, root) => {
                hash_of_file(&files.read(path, root), |bytes| hash(bytes.as_slice()))
            }
            Question::Secret(path, root) => hash_of_file(&files.read_secret(path, root), |bytes| {
                hash(bytes.as_slice())
            }),
        };
        let mut entries = self.entries.iter();
        !self.entries.is_empty() && entries.all(|entry| answer(&entry.question) == entry.answer)
    }

    /// Identifies the texts: a prefix of the hash of all names and texts.
    pub(super) fn revision(&self, standard_input: Option<&[u8]>) -> String {
        let mut all = Sha1::new();
        for entry in &self.entries {
            if let (Question::Read(path, _), Some(digest)) = (&entry.question, &entry.digest) {
                all.update(path.as_os_str().as_encoded_bytes());
                all.update([0]);
                all.update(digest);
            }
        }
        all.update(digest(standard_input.unwrap_or_default()));
        hexadecimal(&all.finalize()[..6])
    }

    /// The files that were read.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Path> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.question {
                Question::Read(path, _) if entry.digest.is_some() => Some(path.as_path()),
                _ => None,
            })
    }

    /// The files that were read, those with secrets included.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let secrets = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.question {
                Question::Secret(path, _) => Some(path.as_path()),
                _ => None,
            });
        self.texts().chain(secrets)
    }

    /// Tells what the files with secrets held from what they hold now. It must not be shown: whoever sees it could
    /// try guesses.
    pub(super) fn secrets(&self) -> u64 {
        let secrets = (self.entries.iter())
            .filter(|entry| matches!(entry.question, Question::Secret(..)))
            .map(|entry| entry.answer);
        hash(&secrets.collect::<Vec<u64>>())
    }

    /// Whether something was read that can be read only once.
    pub(super) fn has_stream(&self) -> bool {
        self.entries.iter().any(|entry| match &entry.question {
            Question::Read(path, root) => root.is_stream(path),
            _ => false,
        })
    }

    /// The paths that were asked for; those of listed directories with the files in them that may be texts.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&Path, Option<Texts>)> {
        self.entries.iter().map(|entry| match &entry.question {
            Question::Kind(path)
            | Question::Root(path)
            | Question::Read(path, _)
            | Question::Secret(path, _)
            | Question::Identity(path) => (path.as_path(), None),
            Question::List(path, texts) => (path.as_path(), Some(*texts)),
        })
    }
}

fn digest(bytes: &[u8]) -> [u8; 20] {
    Sha1::digest(bytes).into()
}

fn hash_of<T>(answer: &io::Result<T>, of: impl Fn(&T) -> u64) -> u64 {
    match answer {
        Ok(answer) => of(answer),
        Err(error) => hash(&format!("error {:?}", error.kind())),
    }
}

fn hash_of_file<T>(answer: &Result<T, Error>, of: impl Fn(&T) -> u64) -> u64 {
    match answer {
        Ok(answer) => of(answer),
        Err(error) => hash(&format!("error {error}")),
    }
}

fn hash_of_kind(kind: &Kind) -> u64 {
    hash(&format!("{kind:?}"))
}

/// Directories are listed in any order.
fn hash_of_list(paths: &[PathBuf]) -> u64 {
    let mut paths: Vec<&PathBuf> = paths.iter().collect();
    paths.sort();
    hash(&paths)
}

fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    FixedState::default().hash_one(value)
}
