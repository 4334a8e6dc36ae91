//! Where layers are read from: the disk and standard input, commits, or files in memory.

mod disk;
mod error;
#[cfg(feature = "git")]
mod git;
mod memory;
mod noted;
mod regular;
mod reread;
mod root;

pub use disk::{DEFAULT_LARGEST, Disk};
pub use error::{Error, reason};
#[cfg(feature = "git")]
pub use git::{GitFiles, is_in_commit};
pub use memory::Memory;
pub(super) use noted::Noted;
pub use regular::{open_regular, read_bounded, too_large};
#[doc(hidden)]
pub use reread::{Content, Reread};
pub use root::{Root, Withheld};

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
    /// The contents of a file that holds a secret: nothing that others see depends on them. Default: no other
    /// than [`Files::read`].
    ///
    /// # Errors
    /// As those of [`Files::read`].
    #[doc(hidden)]
    fn read_secret(&self, path: &Path, root: &Root) -> Result<Vec<u8>, Error> {
        self.read(path, root)
    }
    /// The paths in a directory, in any order.
    #[doc(hidden)]
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;
    /// The same, where a file becomes a node whatever its name. Default: no other than
    /// [`Files::list`].
    #[doc(hidden)]
    fn list_nodes(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.list(directory)
    }
    /// One path for all paths that lead to the same place, so that circles can be seen.
    #[doc(hidden)]
    fn identity(&self, path: &Path) -> io::Result<PathBuf>;
    /// The path of what a file refers to. Default: `named` in the file's folder.
    #[doc(hidden)]
    fn beside(&self, file: &Path, named: &str) -> PathBuf {
        file.parent().unwrap_or(Path::new("")).join(named)
    }
    /// The last name of a path; empty where it has none.
    #[doc(hidden)]
    fn name(&self, path: &Path) -> PathBuf {
        path.file_name().unwrap_or_default().into()
    }
    /// All of standard input.
    ///
    /// # Errors
    /// It cannot be read, or it does not end in time.
    #[doc(hidden)]
    fn standard_input(&self) -> Result<Vec<u8>, Error>;
}
