//! Nodes that moved under a saved plan, as they are now.

use std::io::{self, Write};

use serde_json::{Value, json};
use zkt::plan::saved::{Extent, Found};

use super::change::write_change;
use super::json::changes_json;
use super::list::count;
use super::style::{BOLD, DIM, UPDATE};
use super::value::{path_text, time_text};

/// How many changes of one node are written before the others are counted.
const MOST_CHANGES: usize = 20;

/// Writes what differs at each node from what a plan saw, as a plan shows it; nothing for no nodes.
pub(crate) fn write_found(found: &[Found], out: &mut dyn Write) -> io::Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nFrom what the plan saw to what is there now:")?;
    for node in found {
        write_node(node, out)?;
    }
    writeln!(out, "\nThe servers do not know who wrote it.")
}

fn write_node(node: &Found, out: &mut dyn Write) -> io::Result<()> {
    let (path, time) = (path_text(&node.path), time_text(node.modified));
    writeln!(
        out,
        "  {UPDATE}~{UPDATE:#} {BOLD}{path}{BOLD:#}  {DIM}(data last written {time}){DIM:#}"
    )?;
    let changes = &node.changes;
    for change in changes.iter().take(MOST_CHANGES) {
        write_change(change, &[], out)?;
    }
    if let more @ 1.. = changes.len().saturating_sub(MOST_CHANGES) {
        writeln!(out, "      {DIM}({}){DIM:#}", count(more, "more change"))?;
    }
    if let Some(note) = note(node) {
        writeln!(out, "      {DIM}({note}){DIM:#}")?;
    }
    Ok(())
}

/// What the changes do not say.
fn note(node: &Found) -> Option<&'static str> {
    match (node.extent, node.changes.is_empty()) {
        (Extent::All, true) => Some("it holds what it held"),
        (Extent::WithoutSecrets, true) => {
            Some("secret values were not compared; the others are the same")
        }
        (Extent::WithoutSecrets, false) => Some("secret values were not compared"),
        (Extent::Contents, true) => Some("it holds nothing"),
        (Extent::Contents, false) => Some("this is all that it holds"),
        (Extent::All, false) | (Extent::Nothing, _) => None,
    }
}

/// One node, as [`write_found`] writes it.
pub(crate) fn found_json(node: &Found) -> Value {
    json!({
        "path": node.path.as_str(),
        "modified": time_text(node.modified),
        "changes": changes_json(&node.changes),
        "extent": match node.extent {
            Extent::All => "all",
            Extent::WithoutSecrets => "without secrets",
            Extent::Contents => "contents",
            Extent::Nothing => "nothing",
        },
    })
}
