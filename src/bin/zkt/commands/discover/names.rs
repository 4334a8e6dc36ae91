//! Children of a service that are no addresses: whoever may create nodes there chose their names.

use std::collections::BTreeSet;

use zkt::services::{Endpoints, LeftOut};
use zkt::syntax::spelling;

use crate::output::Output;

/// How many are named at once.
const NAMED: usize = 5;

/// How much of a name is shown in a warning, in characters.
const SHOWN: usize = 80;

/// The names that have been printed.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Warns of those below `path` that were not there before.
    pub(super) fn warn(&mut self, endpoints: &Endpoints, path: &str, output: &Output) {
        let all = endpoints.left_out();
        let new = all.iter().filter(|one| !self.0.contains(&one.name));
        let new: Vec<&LeftOut> = new.collect();
        let path = spelling::printable(path);
        for LeftOut { name, reason, .. } in new.iter().take(NAMED) {
            let name = shortened(name);
            output.note(&format!(
                "warning: {path}: {name} is no address and is left out: {reason}"
            ));
        }
        let more = match new.len().saturating_sub(NAMED) {
            0 => None,
            1 => Some("1 more child is no address and is".to_owned()),
            more => Some(format!("{more} more children are no addresses and are")),
        };
        if let Some(more) = more {
            output.note(&format!(
                "warning: {path}: {more} left out (--all-names prints all)"
            ));
        }
        self.0 = all.iter().map(|one| one.name.clone()).collect();
    }

    /// Lines for those that have come and gone, in the way of `--watch`.
    pub(super) fn lines(&mut self, endpoints: &Endpoints) -> String {
        let now: BTreeSet<String> = endpoints
            .left_out()
            .iter()
            .map(|one| one.name.clone())
            .collect();
        let line = |sign: char, name: &String| format!("{sign} {}\n", spelling::quoted(name));
        let added = now.difference(&self.0).map(|name| line('+', name));
        let removed = self.0.difference(&now).map(|name| line('-', name));
        let lines = added.chain(removed).collect();
        self.0 = now;
        lines
    }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        None => spelling::quoted(name),
        Some((end, _)) => format!("{}…", spelling::quoted(&name[..end])),
    }
}
