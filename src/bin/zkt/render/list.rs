//! How many there are, and lists of which only the beginning is shown.

use std::io::{self, Write};

use zkt::model::path::ZPath;

/// How many nodes a message names.
const NAMED: usize = 3;

/// Writes the first of some lines, indented, and how many others there are.
pub(crate) fn write_first(
    lines: impl ExactSizeIterator<Item = String>,
    most: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let more = lines.len().saturating_sub(most);
    for line in lines.take(most) {
        writeln!(out, "  {line}")?;
    }
    if more > 0 {
        writeln!(out, "  … and {more} more")?;
    }
    Ok(())
}

/// The first of these nodes, and how many others there are.
pub(crate) fn named(paths: &[ZPath]) -> String {
    let first: Vec<&str> = paths.iter().take(NAMED).map(ZPath::as_str).collect();
    let first = first.join(", ");
    match paths.len().saturating_sub(NAMED) {
        0 => first,
        1 => format!("{first} and 1 more node"),
        more => format!("{first} and {more} more nodes"),
    }
}

/// Nodes at the beginning of a sentence: `1 node has`, `3 nodes have`.
pub(crate) fn nodes_have(number: usize) -> String {
    let have = if number == 1 { "has" } else { "have" };
    format!("{} {have}", count(number, "node"))
}

/// A number with its noun: `1 node`, `3 nodes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
