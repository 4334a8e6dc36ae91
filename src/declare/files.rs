//! Where layers are read from: the disk and standard input, or files in memory.

mod disk;
mod memory;
mod root;

pub use disk::{DEFAULT_LARGEST, Disk};
pub use memory::Memory;
pub use root::Root;

use std::io;
use std::path::{Path, PathBuf};

/// What a path leads to, symbolic links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something to read.
    File,
    /// A directory.
    Directory,
    /// A pipe, a device, a socket.
    Other,
}

/// Where files come from: a [`Disk`] or a [`Memory`].
pub trait Files {
    /// What stands at a path.
    #[doc(hidden)]
    fn kind(&self, path: &Path) -> io::Result<Kind>;
    /// Where all files of a layer must lie; `-` is standard input. Default: anywhere, since files
    /// in memory have no outside.
    ///
    /// # Errors
    /// There is no such layer, or a symbolic link on its way leads out of its git checkout.
    #[doc(hidden)]
    fn root(&self, layer: &Path) -> Result<Root, Error> {
        _ = layer;
        Ok(Root::everything())
    }
    /// The contents of a regular file, if it lies, symbolic links resolved, within `root`.
    ///
    /// # Errors
    /// It cannot be read, or it may not be read.
    #[doc(hidden)]
    fn read(&self, path: &Path, root: &Root) -> Result<Vec<u8>, Error>;
    /// The paths in a directory, in any order.
    #[doc(hidden)]
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;
    /// One path for all paths that lead to the same place, so that circles can be seen.
    #[doc(hidden)]
    fn identity(&self, path: &Path) -> io::Result<PathBuf>;
    /// All of standard input.
    ///
    /// # Errors
    /// It cannot be read, or it does not end in time.
    #[doc(hidden)]
    fn standard_input(&self) -> Result<Vec<u8>, Error>;
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system says why.
    #[error("{}", reason(.0))]
    Io(io::Error),
    /// A directory stands where a file is needed.
    #[error("it is a directory")]
    Directory,
    /// A pipe, a device or a socket: reading it may never end.
    #[error("it is no regular file")]
    NotRegular,
    /// A symbolic link without a target.
    #[error("it is a symbolic link that leads nowhere")]
    Dangling,
    /// Something of `/proc`, `/sys` or `/dev`.
    #[error("it lies at {}, and what the system shows there is never read as data", real.display())]
    System {
        /// Where it lies.
        real: PathBuf,
    },
    /// A git repository's own files: `.git/config` may hold credentials.
    #[error(
        "it lies at {}, among git's own files, which are not read",
        real.display()
    )]
    Git {
        /// Where it lies.
        real: PathBuf,
    },
    /// A file outside of the layer's root.
    #[error(
        "it lies at {}, outside of {}",
        real.display(), root.display()
    )]
    Outside {
        /// Where it lies.
        real: PathBuf,
        /// Where it would have to lie.
        root: PathBuf,
    },
    /// A directory of [`Disk::allowed`] is missing.
    #[error("the allowed directory {}: {}", directory.display(), reason(error))]
    Allowed {
        /// The directory.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// More bytes than [`Disk::largest`].
    #[error("it has more than the {largest} bytes that are allowed")]
    TooLarge {
        /// The limit.
        largest: u64,
    },
}

/// Its text says it all: it is not told again as the source.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What went wrong, without the number that the operating system has for it.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}
