//! Why there is no value from outside.

use std::path::PathBuf;

#[cfg(feature = "sops")]
use super::sops::SopsError;
use crate::declare::files;

/// Why there is no value for `@secret … from`.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nobody gives values.
    #[error("nothing is read from outside here")]
    NotRead,
    /// The variable is not set, or to nothing.
    #[error("the variable is not set")]
    NotSet,
    /// The file holds nothing: it is more often being written than meant.
    #[error("it is empty")]
    Empty,
    /// The variable may not be taken.
    #[error("the variable may not be taken")]
    NotAllowed,
    /// The file lies where none may be taken.
    #[error("it lies at {}, and no file there may be taken", real.display())]
    Outside {
        /// Where it lies.
        real: PathBuf,
    },
    /// The file cannot be read, or may not be.
    #[doc(hidden)]
    #[error("{0}")]
    File(files::Error),
    /// The value of a property is no text.
    #[error("it is not UTF-8, and the value of a property is text")]
    NotText,
    /// More than a node can hold.
    #[error("it has more than the {most} bytes that a value may have")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// The file of SOPS gives no value.
    #[cfg(feature = "sops")]
    #[doc(hidden)]
    #[error(transparent)]
    Sops(#[from] SopsError),
    /// This zkt was built without SOPS.
    #[error("this zkt was built without the feature sops")]
    NoSops,
}

impl SecretError {
    /// Whether it only says that whoever runs this lacks the right or the means, which somebody else may
    /// have: then the value is not compared. Everything else is wrong for everybody.
    #[must_use]
    pub fn is_lack(&self) -> bool {
        match self {
            Self::NotRead | Self::NotSet | Self::Empty | Self::NoSops => true,
            Self::File(error) => is_lack(error),
            #[cfg(feature = "sops")]
            Self::Sops(error) => error.is_lack(),
            Self::NotAllowed | Self::Outside { .. } | Self::NotText | Self::TooLarge { .. } => {
                false
            }
        }
    }

    /// Whether a list of what may be taken says so.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::NotAllowed | Self::Outside { .. })
    }

    /// What to do about it.
    #[must_use]
    pub(in crate::declare) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotText => "as the data of a node it may be anything: @secret @data from …",
            _ => return None,
        })
    }
}

/// Whether a file is not there, or not for this user.
fn is_lack(error: &files::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match error {
        files::Error::Io(error) => {
            matches!(error.kind(), NotFound | PermissionDenied | NotADirectory)
        }
        files::Error::Dangling => true,
        _ => false,
    }
}
