//! Passwords, and the files that hold them.

use std::fmt;
#[cfg(any(feature = "sasl", feature = "tls"))]
use std::io;
#[cfg(any(feature = "sasl", feature = "tls"))]
use std::path::Path;
use std::path::PathBuf;

#[cfg(any(feature = "sasl", feature = "tls"))]
use crate::declare::files::{open_regular, read_bounded};

/// A password: of key stores and keys, or of a user of SASL.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// It is this.
    Text(String),
    /// It is the first line of a file, which is read again when it changes.
    File(PathBuf),
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// Why a file gives no password.
#[cfg(any(feature = "sasl", feature = "tls"))]
#[derive(Debug)]
pub(super) enum NoPassword {
    Unreadable(io::Error),
    /// What it holds is none.
    Unusable(&'static str),
}

/// Reads the first line of a file, which may have `largest` bytes. It blocks while the disk is slow.
#[cfg(any(feature = "sasl", feature = "tls"))]
pub(super) fn first_line(file: &Path, largest: u64) -> Result<String, NoPassword> {
    let read = open_regular(file).and_then(|opened| read_bounded(opened, largest));
    let text = String::from_utf8(read.map_err(NoPassword::Unreadable)?);
    let text = text.map_err(|_| NoPassword::Unusable("it is not UTF-8"))?;
    match text.lines().next() {
        None | Some("") => Err(NoPassword::Unusable("its first line has no password")),
        Some(line) => Ok(line.to_owned()),
    }
}
