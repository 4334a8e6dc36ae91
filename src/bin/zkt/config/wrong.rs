//! What is wrong with a `zkt.toml`.

use std::fmt;

use zkt::syntax::place::{Located, Span};
use zkt::syntax::source::Sources;

use crate::diagnostics;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// An error about a place in the file.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

impl Located for Wrong {
    fn span(&self) -> Span {
        self.span
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// Everything that is wrong with a file, and its text without what may be secret.
#[derive(Debug)]
pub(crate) struct Wrongs {
    pub(super) sources: Box<Sources>,
    pub(super) wrongs: Vec<Wrong>,
}

impl Wrongs {
    /// Draws all of it on stderr.
    pub(super) fn report(&self, output: &Output) -> Failure {
        let located: Vec<&dyn Located> = self.wrongs.iter().map(|wrong| wrong as _).collect();
        let (width, mut err) = (output.width(), output.err());
        _ = diagnostics::write_errors(&located, &self.sources, width, &mut err);
        // It ends zkt before a command has a format in which it could say more.
        Failure::printed(Exit::Error, Vec::new())
    }
}
