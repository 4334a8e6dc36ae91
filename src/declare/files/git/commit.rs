//! What stands at a path of a commit, symbolic links followed.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::process::{Answer, Git, Object, Objects};
use super::spelled::Spelled;
use crate::declare::files::{DEFAULT_LARGEST, Error};
use crate::syntax::spelling::hexadecimal;

/// How many symbolic links one path may lead through, as in the kernel.
const MAX_LINKS: usize = 40;

/// How long the target of a symbolic link may be, as in the kernel.
const LONGEST_TARGET: u64 = 4096;

/// What stands at a path of a commit.
#[derive(Debug, Clone)]
pub(super) enum Found {
    File {
        object: Arc<str>,
        real: PathBuf,
    },
    Directory {
        entries: Arc<[Entry]>,
        real: PathBuf,
    },
    /// A commit of another repository.
    Submodule,
}

/// A line of a tree object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    mode: Mode,
    pub(super) name: Box<[u8]>,
    object: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    File,
    Directory,
    Link,
    Submodule,
}

/// Where a revision leads.
#[derive(Debug)]
struct Commit {
    tree: Arc<str>,
    /// The working directory, seen from the repository's top.
    here: PathBuf,
}

/// The repository around the working directory.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) git: Git,
    objects: Option<Objects>,
    commits: HashMap<String, Arc<Commit>>,
    trees: HashMap<Arc<str>, Arc<[Entry]>>,
}

impl Repository {
    /// The one around a directory.
    pub(super) fn at(directory: &Path) -> Self {
        Self {
            git: Git {
                directory: directory.to_owned(),
                ..Git::default()
            },
            ..Self::default()
        }
    }

    /// What stands at a path, walked as the kernel does.
    pub(super) fn find(&mut self, spelled: &Spelled<'_>) -> io::Result<Found> {
        let commit = self.commit(spelled.revision)?;
        let is_relative = matches!(
            spelled.path.components().next(),
            Some(Component::CurDir | Component::ParentDir)
        );
        let path = if is_relative {
            commit.here.join(spelled.path)
        } else {
            spelled.path.to_owned()
        };
        let mut walk = Walk {
            above: Vec::new(),
            at: self.directory(&commit.tree, PathBuf::new())?,
            links: MAX_LINKS,
        };
        walk.along(self, &path)?;
        Ok(walk.at)
    }

    /// Reads a file.
    pub(super) fn read(&mut self, object: &Arc<str>, largest: u64) -> Result<Vec<u8>, Error> {
        match self.object(object.to_string(), largest)? {
            Answer::Object(object) => Ok(object.bytes),
            Answer::TooLarge => Err(Error::TooLarge { largest }),
            Answer::Missing => Err(missing(object).into()),
        }
    }

    /// Looks a revision up, once.
    fn commit(&mut self, revision: &str) -> io::Result<Arc<Commit>> {
        if let Some(commit) = self.commits.get(revision) {
            return Ok(commit.clone());
        }
        let hash = self.hash(revision)?;
        let told = self.git.run(&["rev-parse", "--show-prefix"])?;
        let here = told.map_err(|said| io::Error::other(said.trim().to_owned()))?;
        let tree = match self.object(format!("{hash}^{{tree}}"), DEFAULT_LARGEST)? {
            Answer::Object(tree) => self.keep(&tree)?,
            Answer::TooLarge => return Err(too_large(&hash)),
            Answer::Missing => return Err(missing(&hash)),
        };
        let commit = Arc::new(Commit {
            tree,
            here: PathBuf::from(here.trim_end_matches('\n')),
        });
        self.commits.insert(revision.to_owned(), commit.clone());
        Ok(commit)
    }

    /// The hash of the object that a revision names.
    pub(super) fn hash(&self, revision: &str) -> io::Result<String> {
        if revision.is_empty() || revision.starts_with('-') {
            return Err(no_revision(revision, "", false));
        }
        let told = self.git.run(&["rev-parse", "--verify", revision])?;
        let hash = told.map_err(|said| no_revision(revision, &said, self.is_shallow()))?;
        let hash = hash.trim();
        if !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(no_revision(revision, "", false));
        }
        Ok(hash.to_owned())
    }

    /// Whether older commits and other branches may be missing.
    fn is_shallow(&self) -> bool {
        let told = self.git.run(&["rev-parse", "--is-shallow-repository"]);
        matches!(told, Ok(Ok(answer)) if answer.trim() == "true")
    }

    fn directory(&mut self, object: &Arc<str>, real: PathBuf) -> io::Result<Found> {
        if !self.trees.contains_key(object) {
            match self.object(object.to_string(), DEFAULT_LARGEST)? {
                Answer::Object(tree) => _ = self.keep(&tree)?,
                Answer::TooLarge => return Err(too_large(object)),
                Answer::Missing => return Err(missing(object)),
            }
        }
        let entries = self.trees.get(object).cloned();
        let entries = entries.ok_or_else(|| missing(object))?;
        Ok(Found::Directory { entries, real })
    }

    /// Takes note of a tree object. Returns its hash.
    fn keep(&mut self, tree: &Object) -> io::Result<Arc<str>> {
        let hash: Arc<str> = tree.hash.as_str().into();
        let entries = entries(&tree.bytes, hash.len() / 2);
        let entries = entries.ok_or_else(|| {
            io::Error::other(format!("object {hash} is not what a tree looks like"))
        })?;
        self.trees.insert(hash.clone(), entries.into());
        Ok(hash)
    }

    /// Reads an object. A process that has failed is not asked again.
    fn object(&mut self, name: String, largest: u64) -> io::Result<Answer> {
        let mut objects = match self.objects.take() {
            Some(objects) => objects,
            None => self.git.objects()?,
        };
        let answer = objects.read(name, largest)?;
        if !matches!(answer, Answer::TooLarge) {
            self.objects = Some(objects);
        }
        Ok(answer)
    }
}

/// A walk along a path.
struct Walk {
    /// The directories that the one at hand is in.
    above: Vec<Found>,
    at: Found,
    /// How many symbolic links may still be followed.
    links: usize,
}

impl Walk {
    fn along(&mut self, repository: &mut Repository, path: &Path) -> io::Result<()> {
        for component in path.components() {
            let (entries, real) = match &self.at {
                Found::Directory { entries, real } => (entries, real),
                Found::File { .. } => return Err(Errno::NOTDIR.into()),
                Found::Submodule => return Err(not_there()),
            };
            match component {
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir => return Err(outside(path)),
                Component::ParentDir => {
                    self.at = self.above.pop().ok_or_else(|| outside(path))?;
                }
                Component::Normal(name) => {
                    let mut named = entries.iter();
                    let entry = named.find(|entry| *entry.name == *name.as_bytes());
                    let entry = entry.cloned().ok_or_else(not_there)?;
                    let real = real.join(name);
                    self.step(repository, &entry, real)?;
                }
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        repository: &mut Repository,
        entry: &Entry,
        real: PathBuf,
    ) -> io::Result<()> {
        let object = entry.object.clone();
        let next = match entry.mode {
            Mode::File => Found::File { object, real },
            Mode::Directory => repository.directory(&object, real)?,
            Mode::Submodule => Found::Submodule,
            Mode::Link => {
                let links = self.links.checked_sub(1);
                self.links = links.ok_or(io::Error::from(Errno::LOOP))?;
                let target = repository.read(&object, LONGEST_TARGET);
                let target = target.map_err(io::Error::other)?;
                return self.along(repository, Path::new(OsStr::from_bytes(&target)));
            }
        };
        self.above.push(std::mem::replace(&mut self.at, next));
        Ok(())
    }
}

/// The lines of a tree object: `MODE NAME\0HASH`, the hash in `length` bytes.
fn entries(mut bytes: &[u8], length: usize) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let space = memchr::memchr(b' ', bytes)?;
        let end = memchr::memchr(0, bytes)?;
        let mode = match bytes[..space].strip_prefix(b"0").unwrap_or(&bytes[..space]) {
            b"40000" => Mode::Directory,
            b"120000" => Mode::Link,
            b"160000" => Mode::Submodule,
            _ => Mode::File,
        };
        let hash = bytes.get(end + 1..end + 1 + length)?;
        entries.push(Entry {
            mode,
            name: bytes.get(space + 1..end)?.into(),
            object: hexadecimal(hash).into(),
        });
        bytes = &bytes[end + 1 + length..];
    }
    Some(entries)
}

fn not_there() -> io::Error {
    Errno::NOENT.into()
}

fn outside(path: &Path) -> io::Error {
    let target = path.to_owned();
    io::Error::new(io::ErrorKind::InvalidInput, Error::OutsideCommit { target })
}

fn missing(object: &str) -> io::Error {
    io::Error::other(format!(
        "the repository lacks object {object}: a partial clone has not fetched it, and zkt fetches \
         nothing; check the commit out, or clone without a filter"
    ))
}

fn too_large(object: &str) -> io::Error {
    io::Error::other(format!("directory {object} is too large"))
}

/// What git says, unless it only says that there is no such revision.
fn no_revision(revision: &str, said: &str, is_shallow: bool) -> io::Error {
    io::Error::other(match said.trim() {
        "" | "fatal: Needed a single revision" if is_shallow => format!(
            "the repository has no revision {revision:?}; it is a shallow clone, which lacks older commits and \
             other branches until they are fetched"
        ),
        "" | "fatal: Needed a single revision" => {
            format!("the repository has no revision {revision:?}")
        }
        said => said.to_owned(),
    })
}
