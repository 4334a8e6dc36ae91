//! Exit codes, and errors that end a command.

use std::fmt;
use std::process::ExitCode;

use zkt::plan::saved::Found;

use crate::render::Remark;

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

/// An error that ends a command: one line, and perhaps a hint.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened. Empty if it has been printed already.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// The nodes that a saved plan does not find as it saw them, as they are now.
    pub(crate) found: Vec<Found>,
    /// How the command ends.
    pub(crate) exit: Exit,
    /// What has been printed already, for those who read something else than stderr.
    printed: Vec<Remark>,
}

impl Failure {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            found: Vec::new(),
            exit: Exit::Error,
            printed: Vec::new(),
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    pub(crate) fn found(self, found: Vec<Found>) -> Self {
        Self { found, ..self }
    }

    pub(crate) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// A failure that has been printed already.
    pub(crate) fn printed(exit: Exit, printed: Vec<Remark>) -> Self {
        Self {
            message: String::new(),
            hint: None,
            found: Vec::new(),
            exit,
            printed,
        }
    }

    /// What went wrong, one remark an error.
    pub(crate) fn remarks(&self) -> Vec<Remark> {
        if self.message.is_empty() {
            return self.printed.clone();
        }
        vec![Remark::error(&self.message, self.hint.as_deref(), None)]
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("cannot write the output: {error}"))
    }
}
