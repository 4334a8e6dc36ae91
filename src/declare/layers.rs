//! Layers of files, with what they include, to the tree that they declare.

mod foreign;
mod globs;
mod listing;
mod loader;
mod walk;

pub use listing::tree_files;
pub use loader::load;
pub use walk::SELF;

use super::files::{DEFAULT_LARGEST, Disk, Files};
use super::secrets::SecretSources;
use crate::model::path::ZPath;

/// What to read, and where it goes.
///
/// A layer is a file, a directory with every `*.zkt` below it, or `-` for standard input. A later
/// layer is laid over those before. With `GitFiles` it may also be a file or a directory in a commit.
pub struct Layers<'a> {
    names: Vec<String>,
    destination: ZPath,
    below_chroot: bool,
    allow_empty: bool,
    files: &'a dyn Files,
    secrets: SecretSources,
    observer: Option<&'a mut dyn FnMut(Vec<ZPath>)>,
}

impl<'a> Layers<'a> {
    /// These layers on the disk, whose top-level nodes go to the root of a server.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        static DISK: Disk = Disk {
            allowed: Vec::new(),
            largest: DEFAULT_LARGEST,
            withheld: Vec::new(),
        };
        Self {
            names: names.into_iter().map(Into::into).collect(),
            destination: ZPath::root(),
            below_chroot: false,
            allow_empty: false,
            files: &DISK,
            secrets: SecretSources::none(),
            observer: None,
        }
    }

    /// Where the top-level nodes go. Default: the root.
    #[must_use]
    pub fn at(self, destination: ZPath) -> Self {
        Self {
            destination,
            ..self
        }
    }

    /// Whether the tree goes below a chroot, or to no server: there `/zookeeper` is a node like
    /// any. Default: no.
    #[must_use]
    pub fn below_chroot(self, below_chroot: bool) -> Self {
        Self {
            below_chroot,
            ..self
        }
    }

    /// Whether a layer may declare nothing, which is more often a mistake than meant. Default: no.
    #[must_use]
    pub fn allow_empty(self, allow_empty: bool) -> Self {
        Self {
            allow_empty,
            ..self
        }
    }

    /// Where the files come from. Default: the disk, and only a layer's own files.
    #[must_use]
    pub fn files(self, files: &'a dyn Files) -> Self {
        Self { files, ..self }
    }

    /// Where the values of `@secret … from` come from. Default: nowhere, so that they are not compared, and
    /// nothing is applied that needs one.
    #[must_use]
    pub fn secrets(self, secrets: SecretSources) -> Self {
        Self { secrets, ..self }
    }

    /// Gets the nodes as they are found, some at a time, each once.
    #[must_use]
    #[doc(hidden)]
    pub fn observer(self, observer: &'a mut dyn FnMut(Vec<ZPath>)) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }
}
