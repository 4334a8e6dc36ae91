//! What later layers add, and whether a slip is the reason.

use std::collections::HashMap;

use super::found::Found;
use crate::model::lint::Lint;
use crate::model::node::{Content, Declared};
use crate::model::path::ZPath;
use crate::model::plan::About;
use crate::model::tree::Tree;
use crate::model::value::entries;
use crate::syntax::place::Span;
use crate::syntax::source::Additions;

/// Of more new names in one place than these nobody asks whether they are slips.
const MOST_SLIPS: usize = 20;
/// Shorter names differ in a letter all the time.
const SHORTEST: usize = 5;

/// Nodes and properties of later layers that no earlier layer has.
pub(super) fn additions(declared: &Tree<Declared>, found: &mut Found<'_>) {
    let is_heeded = found.heeds(Lint::OverlayTypo) || found.heeds(Lint::OverlayAddition);
    let Some(added) = found.sources.additions().filter(|_| is_heeded) else {
        return;
    };
    nodes(declared, added, found);
    for (path, node) in declared {
        if let Some(places) = added.get(path.as_str()) {
            properties(path, node, places, found);
        }
    }
}

/// Children by whether they are new.
#[derive(Default)]
struct Children<'a> {
    new: Vec<(&'a ZPath, Option<Span>)>,
    old: Vec<&'a str>,
}

fn nodes(declared: &Tree<Declared>, added: &Additions, found: &mut Found<'_>) {
    let is_new = |path: &ZPath, node: &Declared| {
        let places = added.get(path.as_str());
        places.is_some_and(|places| node.origin.is_some_and(|span| places.contains(&span)))
    };
    let mut places: HashMap<&str, Children<'_>> = HashMap::new();
    for (path, node) in declared.iter().filter(|(path, node)| is_new(path, node)) {
        let children = places.entry(path.parent_str().unwrap_or_default());
        children.or_default().new.push((path, node.origin));
    }
    if places.is_empty() {
        return;
    }
    for (path, _) in declared.iter().filter(|(path, node)| !is_new(path, node)) {
        if let Some(children) = path.parent_str().and_then(|parent| places.get_mut(parent)) {
            children.old.push(path.name());
        }
    }
    for Children { new, old } in places.into_values() {
        for (path, origin) in &new {
            let near = near(path.name(), &old, new.len());
            let what = ("node", path.name());
            push(what, near, path, *origin, found);
        }
    }
}

fn properties(path: &ZPath, node: &Declared, added: &[Span], found: &mut Found<'_>) {
    let Content::Properties(properties) = &node.content else {
        return;
    };
    let origins = properties.origins();
    if !origins.iter().any(|origin| added.contains(origin)) {
        return;
    }
    let object = properties.encoded().to_object();
    let names = entries(&object).map(|entry| entry.name).zip(origins);
    let (new, old): (Vec<_>, Vec<_>) = names.partition(|(_, origin)| added.contains(origin));
    let old: Vec<&str> = old.iter().map(|(name, _)| &**name).collect();
    for (name, origin) in &new {
        let near = near(name, &old, new.len());
        push(("property", name), near, path, Some(**origin), found);
    }
}

fn push(
    (what, name): (&str, &str),
    near: Option<&str>,
    path: &ZPath,
    at: Option<Span>,
    found: &mut Found<'_>,
) {
    let (lint, message) = match near {
        Some(near) => (
            Lint::OverlayTypo,
            format!("no earlier layer has the {what} {name}: is {near} meant?"),
        ),
        None => (
            Lint::OverlayAddition,
            format!("no earlier layer has the {what} {name}"),
        ),
    };
    if found.heeds(lint) {
        found.push((lint, About::Trees), path, at, message);
    }
}

/// The old name that is one slip away from a new one.
fn near<'n>(name: &str, old: &[&'n str], new: usize) -> Option<&'n str> {
    if new > MOST_SLIPS {
        return None;
    }
    let mut old = old.iter().copied();
    old.find(|other| is_slip(name, other))
}

/// Whether one letter is missing, doubled, wrong, or stands one place too early. A letter between marks, as in
/// `zone-a`, counts things, and so does a digit.
fn is_slip(a: &str, b: &str) -> bool {
    if a.len().abs_diff(b.len()) > 4 || a.eq_ignore_ascii_case(b) {
        return false;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len() < SHORTEST {
        return false;
    }
    let same = short.iter().zip(&long).take_while(|(a, b)| a == b).count();
    let (rest, other) = (&short[same..], &long[same..]);
    let is_edit = match long.len() - short.len() {
        0 => {
            let is_swap = rest.len() > 1
                && (rest[0], rest[1]) == (other[1], other[0])
                && rest[2..] == other[2..];
            is_swap || rest[1..] == other[1..] && !stands_alone(&long, same)
        }
        1 => *rest == other[1..],
        _ => false,
    };
    let counts = |rest: &[char]| rest.first().is_some_and(char::is_ascii_digit);
    is_edit && !counts(rest) && !counts(other)
}

/// Whether a character has no letter or digit beside it.
fn stands_alone(name: &[char], at: usize) -> bool {
    let is_mark = |c: Option<&char>| c.is_none_or(|c| !c.is_alphanumeric());
    is_mark(at.checked_sub(1).and_then(|at| name.get(at))) && is_mark(name.get(at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_told_from_other_names() {
        for (a, b) in [
            ("thraeds", "threads"),
            ("thread", "threads"),
            ("threadds", "threads"),
            ("threeds", "threads"),
            ("hreads", "threads"),
            ("threadz", "threads"),
        ] {
            assert!(is_slip(a, b) && is_slip(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("cms1", "cms2"),
            ("broker1", "broker2"),
            ("broker1", "broker10"),
            ("broker", "broker2"),
            ("zone-a", "zone-b"),
            ("crm", "cms"),
            ("primary", "replica"),
            ("Threads", "threads"),
            ("threads", "threads"),
        ] {
            assert!(!is_slip(a, b) && !is_slip(b, a), "{a} {b}");
        }
    }
}
