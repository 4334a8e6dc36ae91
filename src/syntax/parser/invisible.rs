//! Characters that nobody sees: outside of quotes they are slips, most often copied from elsewhere.

use pest::iterators::Pair;

use super::explain::Explained;
use super::{ErrorKind, Parser, Rule};
use crate::syntax::source::Span;
use crate::syntax::spelling::{is_invisible, quoted, string_literal};

impl<'s> Parser<'s> {
    /// Reports the first invisible character of a bare text that stands at `span`.
    pub(super) fn check_visible(&mut self, pair: &Pair<'s, Rule>, span: Span) {
        let text = pair.as_str();
        let Some((at, character)) = find(text) else {
            return;
        };
        let instead = match pair.as_rule() {
            Rule::type_text => format!("type = {}", string_literal(text)),
            Rule::target | Rule::property_target => {
                format!(
                    "the property that the link is stored as: \"… ->\" = {}",
                    string_literal(text)
                )
            }
            _ => quoted(text),
        };
        let instead = Some(instead).filter(|instead| instead.len() <= LONGEST);
        let start = span.range().start + at;
        let kind = ErrorKind::Invisible { character, instead };
        self.error(start, start + character.len_utf8(), kind);
    }
}

/// Longer texts are not shown again.
const LONGEST: usize = 200;

fn find(text: &str) -> Option<(usize, char)> {
    if text.is_ascii() {
        return None;
    }
    text.char_indices().find(|(_, c)| is_invisible(*c))
}

/// An invisible character outside of quotes and comments, before or at the place where the grammar
/// gives up: what makes the line wrong.
pub(super) fn explain(line: &str, at: usize) -> Option<Explained> {
    find(line)?;
    // What ends the quote or the comment at hand.
    let mut end = None;
    let mut before = ' ';
    for (i, c) in line.char_indices().take_while(|(i, _)| *i <= at) {
        match end {
            Some(quote) if quote == c && !is_escaped(&line[..i]) => end = None,
            Some(_) => {}
            None if c == '#' && before.is_ascii_whitespace() => end = Some('\n'),
            None if matches!(c, '\'' | '"') => end = Some(c),
            None if is_invisible(c) => {
                let kind = ErrorKind::Invisible {
                    character: c,
                    instead: None,
                };
                let range = i..i + c.len_utf8();
                return Some(Explained { kind, range });
            }
            None => {}
        }
        before = c;
    }
    None
}

fn is_escaped(before: &str) -> bool {
    (before.len() - before.trim_end_matches('\\').len()) % 2 == 1
}
