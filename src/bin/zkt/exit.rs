//! Exit codes, and errors that end a command.

use std::fmt;
use std::process::ExitCode;

/// How a command ends; scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing to do.
    Done,
    /// Usage, files, connection, refused by the server; `fmt --check`: files differ.
    Error,
    /// `diff`: the trees differ.
    Different,
    /// `plan --detailed-exitcode`: there are changes.
    Changes,
    /// `diff`: an error.
    DiffError,
    /// Refused by a guard; nothing was written.
    Refused,
    /// The live tree moved under the plan.
    Conflict,
    /// An error after something was committed.
    Partial,
    /// As the command that was run.
    Command(u8),
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error | Self::Different => 1,
            Self::Changes | Self::DiffError => 2,
            Self::Refused => 3,
            Self::Conflict => 4,
            Self::Partial => 5,
            Self::Command(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What to do where a node is larger than a request may be.
pub(crate) const MAX_REQUEST_HINT: &str =
    "--max-request SIZE allows more, where the servers' jute.maxbuffer does";

/// What helps where a server says that somebody is not authorized.
pub(crate) const PERMISSIONS: &str =
    "permissions come from --auth, and from the ACLs of a node and its parent";

/// An error that ends a command, told in one line and perhaps a hint.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened; empty where it has been told already.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// How the command ends.
    pub(crate) exit: Exit,
}

impl Failure {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            exit: Exit::Error,
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(crate) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Everything has been told.
    pub(crate) fn told(exit: Exit) -> Self {
        Self {
            message: String::new(),
            hint: None,
            exit,
        }
    }
}

/// ZooKeeper's own authentication schemes.
const SCHEMES: [&str; 5] = ["digest", "sasl", "x509", "ip", "super"];

/// What to do where credentials with these schemes are refused. One that is unknown may be a user,
/// whose password follows.
fn scheme_hint(schemes: &[String]) -> Option<String> {
    let scheme = schemes
        .iter()
        .find(|scheme| !SCHEMES.contains(&scheme.as_str()))?;
    Some(format!(
        "{scheme} is no scheme of ZooKeeper's own; a user and a password are digest:{scheme}:…"
    ))
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("cannot write the output: {error}"))
    }
}

impl From<zkt::zookeeper::session::Error> for Failure {
    fn from(error: zkt::zookeeper::session::Error) -> Self {
        let hint = match &error {
            zkt::zookeeper::session::Error::Unreachable { .. } => {
                "is the server running? -c HOSTS names another one, --wait waits for it"
            }
            zkt::zookeeper::session::Error::Credentials { schemes, .. } => {
                let Some(hint) = scheme_hint(schemes) else {
                    return Self::new(error);
                };
                return Self::new(error).hint(hint);
            }
            zkt::zookeeper::session::Error::NoChroot { chroot, .. }
                if chroot.as_str().contains(',') =>
            {
                "the chroot stands behind the last server only, as in h1:2181,h2:2181/chroot"
            }
            zkt::zookeeper::session::Error::NoChroot { .. } => {
                "connect without the chroot to create it: a tree says where it lives with /a/b/c"
            }
            _ => return Self::new(error),
        };
        Self::new(error).hint(hint)
    }
}

impl From<zkt::zookeeper::live::Error> for Failure {
    fn from(error: zkt::zookeeper::live::Error) -> Self {
        match error {
            zkt::zookeeper::live::Error::Unreadable { .. } => {
                Self::new(error).hint("--auth or --auth-file gives credentials")
            }
            error => Self::new(error),
        }
    }
}

impl From<zkt::reconcile::Error> for Failure {
    fn from(error: zkt::reconcile::Error) -> Self {
        use zkt::reconcile::Error;
        match error {
            Error::Reserved => Self::new(error).hint("connect with another chroot"),
            Error::NoPlace { path, hosts } => {
                let failure = Self::new(format!("--path {path} does not exist on {hosts}"));
                failure.hint(format!(
                    "a tree that brings its own place says {path}/… itself"
                ))
            }
            Error::Session(error) => error.into(),
            Error::Live(error) => error.into(),
        }
    }
}

impl From<zkt::services::Error> for Failure {
    fn from(error: zkt::services::Error) -> Self {
        match error {
            zkt::services::Error::Session(error) => error.into(),
            zkt::services::Error::TooLarge { .. } => Self::new(error).hint(MAX_REQUEST_HINT),
            zkt::services::Error::Live(error) => error.into(),
            zkt::services::Error::NoPermission(_) => Self::new(error).hint(PERMISSIONS),
            error => Self::new(error),
        }
    }
}
