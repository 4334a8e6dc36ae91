//! Why a file was not read.

use std::io;
use std::path::PathBuf;

use crate::model::path;
use crate::syntax::spelling::grouped;

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
    /// A symbolic link without a target, or a file that is gone since its directory was listed.
    #[error("it is a symbolic link that leads nowhere, or was removed just now")]
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
    /// A file with a credential of who reads.
    #[error("it is the file given as {what}: credentials of zkt itself are never read as data")]
    Withheld {
        /// What it was given as.
        what: String,
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
    /// A path in a commit that leads out of it.
    #[error("it leads to {}, outside of the commit", target.display())]
    OutsideCommit {
        /// Where it leads.
        target: PathBuf,
    },
    /// A directory of [`Disk::allowed`](super::Disk::allowed) is missing.
    #[error("the allowed directory {}: {}", directory.display(), reason(error))]
    Allowed {
        /// The directory.
        directory: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A directory is needed, and this is none.
    #[error("it is no directory")]
    NotDirectory,
    /// A directory that lies in itself, by a symbolic link.
    #[error("it leads back to a directory that it lies in")]
    Circle,
    /// A file whose name no node can have.
    #[error("its name cannot name a node: {0}")]
    Name(path::Error),
    /// A file whose name is no text.
    #[error("its name is not UTF-8, so that it cannot name a node")]
    NotUnicode,
    /// A directory of the name that stands for a directory's own bytes.
    #[error(
        "a file of this name holds the bytes of the directory around it, and this is a directory"
    )]
    SelfDirectory,
    /// Too many files for `@files`.
    #[error("with it @files would look at more than {} files and directories", grouped(*most))]
    TooManyFiles {
        /// The limit.
        most: usize,
    },
    /// Too many bytes for `@files`.
    #[error("with it @files would read more than {} bytes", grouped(*most))]
    TooMuch {
        /// The limit.
        most: usize,
    },
    /// More bytes than [`Disk::largest`](super::Disk::largest).
    #[error("it has more than the {largest} bytes that are allowed")]
    TooLarge {
        /// The limit.
        largest: u64,
    },
}

/// The text holds the whole error, so it is not kept as a source as well. What was wrapped is unwrapped.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::Io)
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
