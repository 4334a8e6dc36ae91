//! What a plan says of the rights that it takes.

use std::io::{self, Write};

use zkt::model::path::ZPath;
use zkt::model::plan::{CheckedRights, NodeRights, Plan, Refusal};

use super::list::{count, write_first};
use super::value::path_text;

/// How many nodes are listed before the others are counted.
pub(super) const LISTED: usize = 10;

/// What was found, where somebody asked for it.
pub(super) fn found(checked: &CheckedRights) -> String {
    let nodes = count(checked.nodes, "node");
    let at = |nodes: &[NodeRights]| count(nodes.len(), "node");
    let (missing, unknown) = (&checked.missing, &checked.unknown);
    let unknown = match unknown.is_empty() {
        true => String::new(),
        false => format!(", it cannot be told at {}", at(unknown)),
    };
    match missing.is_empty() {
        true if unknown.is_empty() => format!("Rights: {nodes} checked, none is missing."),
        true => format!("Rights: {nodes} checked{unknown}."),
        false => format!(
            "Rights: {nodes} checked, some are missing at {}{unknown}.",
            at(missing)
        ),
    }
}

/// What the session surely lacks.
pub(super) fn missing(plan: &Plan) -> &[NodeRights] {
    let checked = plan.access.rights.as_ref();
    match checked {
        Some(checked) => &checked.missing,
        None => refused(plan),
    }
}

/// That for which the plan is refused.
fn refused(plan: &Plan) -> &[NodeRights] {
    let missing = plan.refusals.iter().find_map(|refusal| match refusal {
        Refusal::NoRight { nodes } => Some(nodes.as_slice()),
        _ => None,
    });
    missing.unwrap_or_default()
}

/// That for which it would be refused without `--force`.
fn allowed(plan: &Plan) -> Vec<NodeRights> {
    let refused = refused(plan);
    let is_allowed = |node: &&NodeRights| !refused.contains(node);
    let checked = plan.access.rights.iter();
    let missing = checked.flat_map(|checked| &checked.missing);
    missing.filter(is_allowed).cloned().collect()
}

/// What it may lack, where somebody asked for it.
pub(super) fn unknown(plan: &Plan) -> &[NodeRights] {
    let checked = plan.access.rights.as_ref();
    checked.map_or(&[], |checked| checked.unknown.as_slice())
}

/// Each node with the names of the rights, for a list of nodes.
pub(super) fn noted(nodes: &[NodeRights]) -> impl ExactSizeIterator<Item = (&ZPath, String)> {
    nodes.iter().map(|node| (&node.path, node.names()))
}

/// Writes what was found, where somebody asked for it, with the nodes of which it cannot be told.
pub(super) fn write_found(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    let Some(checked) = &plan.access.rights else {
        return Ok(());
    };
    writeln!(out, "\n{}", found(checked))?;
    let allowed = allowed(plan);
    if !allowed.is_empty() {
        writeln!(out, "Missing; apply --force tries anyway:")?;
        write_nodes(&allowed, out)?;
        if !checked.unknown.is_empty() {
            writeln!(out, "Not known:")?;
        }
    }
    write_nodes(&checked.unknown, out)
}

/// Writes nodes with the names of the rights, and how many others there are.
pub(super) fn write_nodes(nodes: &[NodeRights], out: &mut dyn Write) -> io::Result<()> {
    let lines = noted(nodes).map(|(path, names)| format!("{}  ({names})", path_text(path)));
    write_first(lines, LISTED, out)
}
