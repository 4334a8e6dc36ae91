//! Asking a person.

use std::io::{BufRead as _, Write as _};

use crate::exit::Failure;
use crate::output::Output;

/// Asks on stderr; only a plain yes is one.
pub(crate) async fn ask(output: &Output, question: &str) -> Result<bool, Failure> {
    let mut err = output.err();
    write!(err, "{question} Only 'yes' is taken for a yes: ")?;
    err.flush()?;
    // The session must be kept alive while a person thinks.
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut answer)
            .map(|_| answer)
    });
    let answer = answer.await.unwrap_or_else(|error| Err(error.into()));
    let answer =
        answer.map_err(|error| Failure::new(format!("cannot read the answer: {error}")))?;
    Ok(answer.trim() == "yes")
}
