//! Which names are secret, from texts that need not parse.

use std::collections::BTreeSet;

use crate::syntax::characters::is_visible;
use crate::syntax::names::{Globs, glob, looks_secret};
use crate::syntax::scanner::lenient::{
    LenientKind, LenientLine, after_operator, is_space, operators,
};
use crate::syntax::scanner::table::COMMENT;
use crate::syntax::scanner::tokens::quoted_name;

/// What the `@secret` lines of some texts cover.
#[derive(Debug, Default)]
pub(super) struct Names {
    patterns: BTreeSet<String>,
    /// The patterns, compiled as one: there may be as many of them as lines.
    globs: Globs,
    /// The last names of nodes that are secret whole.
    pub(super) whole: BTreeSet<String>,
    /// The last names of nodes with any secret.
    pub(super) any: BTreeSet<String>,
    /// Whether a `@secret` line without names stands in no node that can be named.
    pub(super) everything: bool,
    /// Whether any `@secret` line does: it covers the data of some node.
    pub(super) all_data: bool,
}

impl Names {
    pub(super) fn of(texts: &[&str]) -> Self {
        let mut names = Self::default();
        for text in texts {
            let mut nodes = Nodes::default();
            for line in text.lines() {
                let line = LenientLine::new(line);
                match line.kind {
                    LenientKind::Blank | LenientKind::Comment => {}
                    LenientKind::Node => nodes.node(&line),
                    LenientKind::Directive(_) | LenientKind::Entry => {
                        nodes.other(&line);
                        if let Some(rest) = line.after_word("@secret") {
                            names.secret_line(rest, &nodes);
                        } else if let Some(rest) = line.after_unknown_directive() {
                            // It may be a misspelt @secret, so its words count as patterns.
                            names.patterns_in(rest);
                        }
                    }
                }
            }
        }
        names.compile();
        names
    }

    fn compile(&mut self) {
        match Globs::new(self.patterns.iter().cloned().collect()) {
            Ok(globs) => self.globs = globs,
            Err(_) => self.everything = true,
        }
    }

    /// Takes in the names in the rest of a line; returns whether there is none.
    fn patterns_in(&mut self, rest: &str) -> bool {
        let is_between = |c: char| !is_visible(c) || c == ' ' || c == ',';
        let words = rest.split(is_between).filter(|word| !word.is_empty());
        let mut is_whole = true;
        for word in words.take_while(|word| !word.starts_with(COMMENT)) {
            let named = word.trim_start_matches(['=', '-', '>', ':']);
            is_whole &= named.is_empty();
            self.pattern(word);
            if !named.is_empty() && named.len() < word.len() {
                self.pattern(named);
            }
        }
        // A name in quotes may hold blanks.
        if let Some(quoted) = rest.find('"') {
            let length = quoted_name(&rest[quoted..]).unwrap_or(0);
            let pattern = serde_json::from_str::<String>(&rest[quoted..quoted + length]).ok();
            let pattern = pattern.filter(|pattern| glob(pattern, false).is_ok());
            self.patterns.extend(pattern);
        }
        is_whole
    }

    fn pattern(&mut self, word: &str) {
        let pattern: String = serde_json::from_str(word)
            .unwrap_or_else(|_| word.trim_matches(['"', '\'']).to_owned());
        match glob(&pattern, false) {
            Ok(_) => _ = self.patterns.insert(pattern),
            Err(_) => self.everything = true,
        }
    }

    /// Takes in the rest of a `@secret` line.
    fn secret_line(&mut self, rest: &str, nodes: &Nodes) {
        let (names, of_data) = before_source(rest);
        let is_whole = self.patterns_in(names) || of_data;
        match nodes.nearest() {
            Some(around) => {
                let around: Vec<String> = around.cloned().collect();
                if is_whole {
                    self.whole.extend(around.iter().cloned());
                }
                self.any.extend(around);
            }
            None => {
                self.everything |= is_whole;
                self.all_data = true;
            }
        }
    }

    /// Whether a property of this name is secret.
    pub(super) fn covers(&self, name: &str) -> bool {
        let visible: String = name.chars().filter(|c| is_visible(*c)).collect();
        let name = visible.trim();
        !name.is_empty() && (looks_secret(name) || self.globs.matches(name))
    }

    /// Where the secret value in a statement starts: behind its name and operator. With `whole`
    /// every value is secret.
    pub(super) fn secret_in(&self, statement: &str, whole: bool) -> Option<usize> {
        if statement.starts_with('"') {
            let end = quoted_name(statement).unwrap_or(0);
            let name: Option<String> = serde_json::from_str(&statement[..end]).ok();
            if whole && end > 0 || name.is_some_and(|name| self.covers(&name)) {
                return Some(after_operator(statement, end));
            }
        }
        let operator = operators(statement).next();
        let name = &statement[..operator.map_or(statement.len(), |(at, _)| at)];
        if whole {
            let first = name
                .trim_end()
                .find(is_space)
                .or(operator.map(|(at, _)| at));
            return Some(first.map_or(0, |at| after_operator(statement, at)));
        }
        // Words in the place of the name: what follows one may be its value.
        let mut at = 0;
        for word in name.split_inclusive(is_space) {
            at += word.len();
            if self.covers(unquoted(word)) && at < statement.len() {
                return Some(after_operator(statement, at));
            }
        }
        // A name may hold colons.
        let operator = operators(statement).find(|(at, _)| !statement[*at..].starts_with(':'));
        if let Some((_, after)) = operator.filter(|(at, _)| self.covers(&statement[..*at])) {
            return Some(after);
        }
        // Names further on, as in a dict.
        operators(statement).find_map(|(at, after)| {
            let before = statement[..at].trim_end();
            let quoted = before.ends_with(['"', '\'']);
            let before = before.trim_end_matches(['"', '\'']);
            let is_edge = |c: char| match quoted {
                true => c == '"' || c == '\'',
                false => is_space(c) || "\"'[](){},;&?:=".contains(c),
            };
            let start = before.rfind(is_edge);
            let name = &before[start.map_or(0, |at| at + char_at(before, at))..];
            // A name with escapes may be any name.
            let is_escaped = quoted && name.contains('\\');
            (is_escaped || self.covers(name)).then_some(after)
        })
    }

    /// Where what is secret in a node's line starts: its type, or a value if a property was meant.
    pub(super) fn secret_in_node(&self, statement: &str, is_secret: bool) -> Option<usize> {
        if is_secret || self.everything {
            return operators(statement).next().map(|(_, after)| after);
        }
        let operator = ["->", "="]
            .iter()
            .filter_map(|op| statement.find(op))
            .min()?;
        let at = self.secret_in(&statement[1..], false)? + 1;
        (at > operator).then_some(at)
    }
}

/// The names of a `@secret` line, without where the value comes from, and whether that is the value of the
/// node's data.
fn before_source(rest: &str) -> (&str, bool) {
    let mut words = rest.split_whitespace();
    let (name, from, form) = (words.next(), words.next(), words.next());
    if from != Some("from") || !matches!(form, Some("env" | "file" | "sops")) {
        return (rest, false);
    }
    let names = rest.find(" from").or_else(|| rest.find("\tfrom"));
    let names = names.map_or(rest, |at| &rest[..at]);
    (names, name == Some(RAW_DATA))
}

/// The name that stands for a node's data.
const RAW_DATA: &str = "@data";

fn char_at(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

fn unquoted(word: &str) -> &str {
    word.trim().trim_matches(['"', '\'', ':', '-', ','])
}

/// The nodes around a line, as far as its indentation shows.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// The open lines with their indentation; no name where a line is no node.
    open: Vec<(usize, Option<String>)>,
    last: Option<String>,
}

impl Nodes {
    pub(super) fn node(&mut self, line: &LenientLine<'_>) {
        self.close(line.indent);
        let name = line.node_name();
        self.last = Some(name.clone());
        self.open.push((line.indent, Some(name)));
    }

    pub(super) fn other(&mut self, line: &LenientLine<'_>) {
        self.close(line.indent);
        self.open.push((line.indent, None));
    }

    fn close(&mut self, indent: usize) {
        while self.open.last().is_some_and(|(open, _)| *open >= indent) {
            self.open.pop();
        }
    }

    /// The node around the last line, and the node before it; `None` if the line stands in none.
    fn nearest(&self) -> Option<impl Iterator<Item = &String>> {
        let around = self.open.iter().rev().nth(1)?.1.as_ref()?;
        Some([Some(around), self.last.as_ref()].into_iter().flatten())
    }

    /// Whether any node around the last line, or the node before it, is one of these.
    pub(super) fn is_in(&self, names: &BTreeSet<String>) -> bool {
        let open = self.open.iter().filter_map(|(_, name)| name.as_ref());
        open.chain(&self.last).any(|name| names.contains(name))
    }
}
