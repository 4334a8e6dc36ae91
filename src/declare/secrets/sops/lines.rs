//! Files of lines: `NAME=value`, with or without sections.

use super::error::SopsError;
use super::node::{MAX_DEPTH, Node};

type Parts = (Node, Node);

/// The values of a dotenv file, and what it says of itself: that is spread over variables.
pub(super) fn dotenv(text: &str) -> Result<Parts, SopsError> {
    const METADATA: &str = "sops_";
    let (mut values, mut metadata) = (Vec::new(), Node::Map(Vec::new()));
    for line in text.split('\n') {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = split(line)?;
        let value = value.replace("\\n", "\n");
        match name.strip_prefix(METADATA) {
            Some(name) => place(&mut metadata, name, value)?,
            None => values.push((name.to_owned(), Node::Text(value))),
        }
    }
    Ok((Node::map(values)?, metadata))
}

/// The values of an INI file by section, and what it says of itself: that is a section, too. Values above the
/// first section are in one named DEFAULT.
pub(super) fn ini(text: &str) -> Result<Parts, SopsError> {
    const METADATA: &str = "sops";
    const TOP: &str = "DEFAULT";
    let mut sections = vec![(TOP.to_owned(), Vec::new())];
    let mut metadata = Node::Map(Vec::new());
    let mut section = TOP.to_owned();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            name.trim().clone_into(&mut section);
            if section != METADATA {
                sections.push((section.clone(), Vec::new()));
            }
            continue;
        }
        let (name, value) = split(line)?;
        let (name, value) = (name.trim(), unquoted(value.trim()));
        if section == METADATA {
            place(&mut metadata, name, value.replace("\\n", "\n"))?;
        } else if let Some((_, entries)) = sections.last_mut() {
            entries.push((name.to_owned(), Node::Text(value.to_owned())));
        }
    }
    let sections = sections.into_iter();
    let sections = sections.map(|(name, entries)| Ok((name, Node::map(entries)?)));
    let sections = sections.collect::<Result<_, SopsError>>()?;
    Ok((Node::map(sections)?, metadata))
}

fn split(line: &str) -> Result<(&str, &str), SopsError> {
    let parts = line.split_once('=');
    parts.ok_or_else(|| SopsError::malformed("a line has no equals sign"))
}

fn unquoted(text: &str) -> &str {
    let quotes = ['"', '\'', '`'].into_iter();
    let mut inner = quotes.filter_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    inner.next().unwrap_or(text)
}

/// Puts a value in its place, as its name says: `age__list_0__map_enc`.
fn place(root: &mut Node, name: &str, value: String) -> Result<(), SopsError> {
    let mut at = root;
    let mut rest = name;
    let mut is_item = false;
    for _ in 0..MAX_DEPTH {
        let (part, next) = first(rest);
        at = match is_item {
            true => item(at, part),
            false => entry(at, part),
        }
        .ok_or_else(|| SopsError::malformed("two entries about itself do not go together"))?;
        let Some(next) = next else {
            *at = Node::Text(value);
            return Ok(());
        };
        (is_item, rest) = next;
    }
    Err(SopsError::malformed("it is nested too deep"))
}

/// The first part of a name, and the others, if there are some: whether they start with the number of an item.
fn first(name: &str) -> (&str, Option<(bool, &str)>) {
    for (at, _) in name.match_indices('_') {
        let tail = &name[at..];
        let next = match (tail.strip_prefix("__list_"), tail.strip_prefix("__map_")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            (None, None) => continue,
        };
        return (&name[..at], Some(next));
    }
    (name, None)
}

/// How many entries a map of what a file says of itself may have.
const MOST: usize = 1000;

/// The entry of a map; where there is nothing yet there is one then.
fn entry<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    if *node == Node::Null {
        *node = Node::Map(Vec::new());
    }
    let Node::Map(entries) = node else {
        return None;
    };
    let at = entries.iter().position(|(other, _)| other == name);
    if at.is_none() && entries.len() > MOST {
        return None;
    }
    let at = at.unwrap_or_else(|| {
        entries.push((name.to_owned(), Node::Null));
        entries.len() - 1
    });
    Some(&mut entries[at].1)
}

/// The item of a list. They come in order.
fn item<'n>(node: &'n mut Node, number: &str) -> Option<&'n mut Node> {
    if *node == Node::Null {
        *node = Node::List(Vec::new());
    }
    let Node::List(items) = node else { return None };
    let number: usize = number.parse().ok()?;
    if number == items.len() {
        items.push(Node::Null);
    }
    items.get_mut(number)
}
