//! What reading the layers asked of the files, and what they answered.
//!
//! What layers declare follows from these answers alone. So as long as a second round of the same
//! questions brings the same answers nothing needs to be parsed, and the questions tell which
//! directories to keep an eye on.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, Hash};
use std::io;
use std::path::{Path, PathBuf};

use foldhash::fast::FixedState;
use sha1::{Digest as _, Sha1};

use crate::files::{Files, Kind};

/// A question to the files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Question {
    Kind(PathBuf),
    Read(PathBuf),
    List(PathBuf),
    Identity(PathBuf),
}

/// Files that note what is asked of them.
pub(super) struct Recorder<'f> {
    files: &'f dyn Files,
    /// Standard input can be read only once in the life of a process.
    standard_input: &'f RefCell<Option<Vec<u8>>>,
    answers: RefCell<Vec<(Question, u64)>>,
    digest: RefCell<Sha1>,
}

/// The questions of one reading and the hashes of their answers.
#[derive(Debug, Default)]
pub(super) struct Journal {
    answers: Vec<(Question, u64)>,
    /// Of all texts and their names, in their order.
    pub(super) revision: String,
}

impl<'f> Recorder<'f> {
    pub(super) fn new(files: &'f dyn Files, standard_input: &'f RefCell<Option<Vec<u8>>>) -> Self {
        Self {
            files,
            standard_input,
            answers: RefCell::default(),
            digest: RefCell::default(),
        }
    }

    pub(super) fn into_journal(self) -> Journal {
        let digest = self.digest.into_inner().finalize();
        let hex = digest.iter().take(6).map(|byte| format!("{byte:02x}"));
        Journal {
            answers: self.answers.into_inner(),
            revision: hex.collect(),
        }
    }

    fn note<T>(
        &self,
        question: Question,
        answer: io::Result<T>,
        hash: impl Fn(&T) -> u64,
    ) -> io::Result<T> {
        let hash = hash_of_answer(&answer, hash);
        self.answers.borrow_mut().push((question, hash));
        answer
    }

    fn digest(&self, name: &Path, bytes: &[u8]) {
        let mut digest = self.digest.borrow_mut();
        digest.update(name.as_os_str().as_encoded_bytes());
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    }
}

impl Files for Recorder<'_> {
    fn kind(&self, path: &Path) -> io::Result<Kind> {
        self.note(
            Question::Kind(path.to_owned()),
            self.files.kind(path),
            hash_of_kind,
        )
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let answer = self.files.read(path);
        if let Ok(bytes) = &answer {
            self.digest(path, bytes);
        }
        self.note(Question::Read(path.to_owned()), answer, |bytes| hash(bytes))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let answer = self.files.list(directory);
        self.note(Question::List(directory.to_owned()), answer, hash_of_list)
    }

    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        let answer = self.files.identity(path);
        self.note(Question::Identity(path.to_owned()), answer, |path| {
            hash(path)
        })
    }

    fn standard_input(&self) -> io::Result<Vec<u8>> {
        let mut kept = self.standard_input.borrow_mut();
        let bytes = match &*kept {
            Some(bytes) => bytes.clone(),
            None => {
                let bytes = self.files.standard_input()?;
                kept.insert(bytes).clone()
            }
        };
        self.digest(Path::new("-"), &bytes);
        Ok(bytes)
    }
}

impl Journal {
    /// Whether the files would answer the same again.
    pub(super) fn still_holds(&self, files: &dyn Files) -> bool {
        !self.answers.is_empty()
            && self.answers.iter().all(|(question, answer)| {
                let now = match question {
                    Question::Kind(path) => hash_of_answer(&files.kind(path), hash_of_kind),
                    Question::Read(path) => hash_of_answer(&files.read(path), |bytes| hash(bytes)),
                    Question::List(path) => hash_of_answer(&files.list(path), hash_of_list),
                    Question::Identity(path) => {
                        hash_of_answer(&files.identity(path), |path| hash(path))
                    }
                };
                now == *answer
            })
    }

    /// The paths that were asked for, and whether all that stands there counts.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.answers.iter().map(|(question, _)| match question {
            Question::Kind(path) | Question::Read(path) | Question::Identity(path) => {
                (path.as_path(), false)
            }
            Question::List(path) => (path.as_path(), true),
        })
    }
}

fn hash_of_answer<T>(answer: &io::Result<T>, of: impl Fn(&T) -> u64) -> u64 {
    match answer {
        Ok(answer) => of(answer),
        Err(error) => hash(&format!("error {:?}", error.kind())),
    }
}

fn hash_of_kind(kind: &Kind) -> u64 {
    hash(&format!("{kind:?}"))
}

/// Directories are listed in any order.
fn hash_of_list(paths: &Vec<PathBuf>) -> u64 {
    let mut paths: Vec<&PathBuf> = paths.iter().collect();
    paths.sort();
    hash(&paths)
}

fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    FixedState::default().hash_one(value)
}
