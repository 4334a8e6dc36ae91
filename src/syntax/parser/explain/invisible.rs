//! Characters that nobody sees: outside of quotes they are slips, most often copied from elsewhere.

use crate::syntax::characters::is_invisible;
use crate::syntax::parser::error::{ErrorKind, Explained};
use crate::syntax::scanner::tokens::bare_characters;

/// An invisible character outside of quotes and comments, before or at the place where the grammar
/// gives up: what makes the line wrong.
pub(super) fn explain_invisible(line: &str, at: usize) -> Option<Explained> {
    if line.is_ascii() {
        return None;
    }
    let mut bare = bare_characters(line).take_while(|(i, _)| *i <= at);
    let (start, character) = bare.find(|(_, c)| is_invisible(*c))?;
    let kind = ErrorKind::Invisible {
        character,
        instead: None,
    };
    let range = start..start + character.len_utf8();
    Some(Explained { kind, range })
}
