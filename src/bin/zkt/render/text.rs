//! A plan as text.

mod layout;

use std::collections::BTreeMap;
use std::io::{self, Write};

use zkt::model::lint::Level;
use zkt::model::path::ZPath;
use zkt::model::plan::{
    Action, Change, Effect, Fingerprints, Objection, Plan, Refusal, Summary, Warning,
};
use zkt::syntax::spelling::clipped;

use super::acls::Acls;
use super::bounds::Bounds;
use super::change::{
    acl_text, new_acl, new_type, push_new, stored_properties, write_change, write_inherited_acl,
};
use super::claims::{adopted_as_equal, parts};
use super::rights;
use super::style::{BOLD, DIM, REFUSED, WARNING};
use super::subtrees::{is_moved, moved_by, node_count, topmost_trims};
use super::value::{path_text, printable};
use crate::words;

use self::layout::{Heading, Layout, location, push_heading};

/// How many siblings with the same note are listed before the others are counted.
const LONGEST_LIST: usize = 10;

/// How many subtrees are named that an owner adopts as they are declared.
const MOST_ADOPTED: usize = 20;

/// Whether the text says what would be or what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What would be done.
    Plan,
    /// What was done.
    Done,
}

/// How a plan is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextOptions<'a> {
    /// The first words: `zkt plan`.
    pub(crate) title: &'a str,
    /// The server and the path: `127.0.0.1:2181/`.
    pub(crate) server: &'a str,
    /// The layers; none leaves out the arrow.
    pub(crate) sources: &'a [String],
    /// What it is narrowed to.
    pub(crate) bounds: &'a Bounds,
    /// What would be or what was done.
    pub(crate) mode: Mode,
    /// The columns of the terminal, or 80.
    pub(crate) width: usize,
    /// `--extras show`.
    pub(crate) extras: bool,
    /// Whether only refusals and the summary are written.
    pub(crate) brief: bool,
    /// Whether colours are of use. Without them some stand in the text all the same: a caller
    /// whose output has none strips those.
    pub(crate) colors: bool,
}

/// Writes the whole plan, coloured.
pub(crate) fn plan_text(
    plan: &Plan,
    options: &TextOptions<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if options.brief {
        write_refusals(&plan.refusals, out)?;
        return writeln!(out, "{}", last_line(plan, options.bounds, options.mode));
    }
    write_title(options, out)?;
    out.write_all(options.bounds.lines(options.width).as_bytes())?;
    if !plan.is_empty() {
        writeln!(out)?;
    }
    write_actions(plan, &Layout::of(plan, options.width, options.colors), out)?;
    write_untouched(plan, options, out)?;
    let mut remarks = plan.remarks().peekable();
    if !plan.warnings.is_empty() || remarks.peek().is_some() {
        writeln!(out)?;
    }
    write_warnings(&plan.warnings, out)?;
    write_remarks(remarks, out)?;
    if !plan.refusals.is_empty() {
        writeln!(out)?;
    }
    write_refusals(&plan.refusals, out)?;
    rights::write_found(plan, out)?;
    writeln!(out, "\n{}", last_line(plan, options.bounds, options.mode))
}

/// Writes the command, the server, and the sources.
fn write_title(options: &TextOptions<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (title, server) = (printable(options.title), printable(options.server));
    write!(out, "{BOLD}{title}{BOLD:#}: {server}")?;
    for (i, source) in options.sources.iter().enumerate() {
        let before = if i == 0 { " <- " } else { " " };
        let source = if source == "-" { "<stdin>" } else { source };
        write!(out, "{before}{}", printable(source))?;
    }
    writeln!(out)
}

/// What stands above the secret values that could not be had.
pub(super) const NOT_COMPARED: &str = "Not compared, since there is no value here";

/// Writes which nodes the plan leaves alone.
fn write_untouched(plan: &Plan, options: &TextOptions<'_>, out: &mut dyn Write) -> io::Result<()> {
    if options.extras && !plan.extras.is_empty() {
        writeln!(out, "\n{}:", options.bounds.extras())?;
        write_grouped(plan.extras.iter().map(|path| (path, String::new())), out)?;
    }
    if !plan.kept.is_empty() {
        writeln!(out, "\nKept as they are:")?;
        let kept = plan.kept.iter();
        write_grouped(
            kept.map(|kept| (&kept.path, words::kept(&kept.reason))),
            out,
        )?;
    }
    if !plan.not_compared.is_empty() {
        writeln!(out, "\n{NOT_COMPARED}:")?;
        let lacking = plan.not_compared.iter();
        write_grouped(
            lacking.map(|one| (&one.path, printable(&one.to_string()).into_owned())),
            out,
        )?;
    }
    if let Some(fingerprints) = &plan.fingerprints {
        writeln!(out, "\n{FINGERPRINTS}:")?;
        write_grouped(fingerprint_notes(fingerprints), out)?;
    }
    write_claims(plan, out)
}

/// What stands above fingerprints.
pub(super) const FINGERPRINTS: &str = "Fingerprints of secret values";

/// The fingerprints of each value, with its node.
pub(super) fn fingerprint_notes(
    fingerprints: &Fingerprints,
) -> impl ExactSizeIterator<Item = (&ZPath, String)> {
    let values = fingerprints.values.iter();
    values.map(|((path, name), of)| (path, printable(&format!("{name} {of}")).into_owned()))
}

/// Writes what changes in what the owner has.
fn write_claims(plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
    for (heading, nodes) in parts(&plan.claims) {
        if !nodes.is_empty() {
            writeln!(out, "\n{heading}:")?;
            write_grouped(nodes.into_iter(), out)?;
        }
    }
    let Some((line, tops)) = adopted_as_equal(&plan.claims) else {
        return Ok(());
    };
    writeln!(out, "\n{line}:")?;
    for (top, nodes) in tops.iter().take(MOST_ADOPTED) {
        writeln!(
            out,
            "  {}  {DIM}{}{DIM:#}",
            path_text(top),
            node_count(*nodes)
        )?;
    }
    match tops.len().saturating_sub(MOST_ADOPTED) {
        0 => Ok(()),
        more => writeln!(out, "  … and {more} more, which --format json lists"),
    }
}

/// What a plan comes to.
pub(super) fn last_line(plan: &Plan, bounds: &Bounds, mode: Mode) -> String {
    let is_strict =
        |refusal: &Refusal| matches!(refusal, Refusal::Strict { .. } | Refusal::Denied { .. });
    if plan.is_empty() && !plan.refusals.iter().all(is_strict) {
        return "Nothing is planned: the plan is refused.".to_owned();
    }
    if !plan.is_empty() {
        return summary_line(plan.summary(), mode);
    }
    let part = bounds.part(|text| printable(text).into_owned());
    let unchanged = as_declared(plan.summary().unchanged);
    let but = but(plan);
    format!("No changes{but}{part}: {unchanged}{}.", bounds.unsaid())
}

/// What changes although no node does, or that not all is known.
pub(super) fn but(plan: &Plan) -> &'static str {
    match (plan.claims.are_asked_for(), plan.not_compared.is_empty()) {
        (true, _) => " but in what the owner has",
        (false, false) => " in what was compared",
        (false, true) => "",
    }
}

/// `3 nodes are as declared`.
pub(super) fn as_declared(nodes: usize) -> String {
    match nodes {
        1 => "1 node is as declared".to_owned(),
        nodes => format!("{nodes} nodes are as declared"),
    }
}

fn write_refusals(refusals: &[Refusal], out: &mut dyn Write) -> io::Result<()> {
    for refusal in refusals {
        write!(
            out,
            "{REFUSED}refused{REFUSED:#}: {}",
            printable(&words::refusal_of_list(refusal))
        )?;
        if let Some(origin) = refusal.origin() {
            write!(out, " {DIM}({}){DIM:#}", printable(&origin.to_string()))?;
        }
        writeln!(out)?;
        if let Refusal::NoRight { nodes } = refusal
            && nodes.len() > 1
        {
            rights::write_nodes(nodes, out)?;
        }
    }
    Ok(())
}

/// Writes what rules of policies say, one a line.
fn write_remarks<'p>(
    remarks: impl Iterator<Item = &'p Objection>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for remark in remarks {
        let label = match remark.effect {
            Effect::Ask => "asks",
            Effect::Deny | Effect::Warn => "warning",
        };
        let (rule, nodes) = (&remark.rule, remark.named());
        let (message, nodes) = (printable(&remark.message), printable(&nodes));
        writeln!(out, "{WARNING}{label}{WARNING:#}: rule {rule}: {message}")?;
        write!(out, "  {nodes}")?;
        if let Some(origin) = &remark.origin {
            write!(out, " {DIM}({}){DIM:#}", printable(&origin.to_string()))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Writes warnings, one a line, each with its place and the name of its lint.
pub(crate) fn write_warnings(warnings: &[Warning], out: &mut dyn Write) -> io::Result<()> {
    for warning in warnings {
        let path = path_text(&warning.path);
        let message = clipped(&warning.message);
        let message = printable(&message);
        match warning.level {
            Level::Deny => write!(out, "{REFUSED}error{REFUSED:#}")?,
            Level::Allow | Level::Warn => write!(out, "{WARNING}warning{WARNING:#}")?,
        }
        write!(out, ": {path}: {message}")?;
        if let Some(origin) = &warning.origin {
            write!(out, " {DIM}({}){DIM:#}", printable(&origin.to_string()))?;
        }
        writeln!(out, " {DIM}[{}]{DIM:#}", warning.lint)?;
    }
    Ok(())
}

/// Writes moves, then actions in their order; of trims only the topmost, in the end.
fn write_actions(plan: &Plan, layout: &Layout, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = String::new();
    let mut acls = Acls::of(plan);
    let moved = plan.moved_nodes();
    write_moves(plan, &moved, layout, &mut acls, out)?;
    let is_shown = |action: &&Action| !is_moved(action, &moved);
    for action in plan.actions.iter().filter(is_shown) {
        action_text(action, layout, &mut acls, &mut lines, out)?;
    }
    lines.clear();
    for (top, nodes) in topmost_trims(plan) {
        let heading = Heading::of(&layout.marks.trim, top);
        push_heading(&mut lines, &heading, Some(&node_count(nodes)), layout);
    }
    out.write_all(lines.as_bytes())
}

/// Writes the subtrees that are moved, each with what changes in it.
fn write_moves<'a>(
    plan: &'a Plan,
    nodes: &BTreeMap<ZPath, &ZPath>,
    layout: &Layout,
    acls: &mut Acls<'a>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut lines = String::new();
    let counts = moved_by(plan, nodes);
    for moved in &plan.moves {
        lines.clear();
        let places = format!("{} -> {}", path_text(&moved.from), path_text(&moved.to));
        let heading = Heading {
            mark: &layout.marks.moved,
            path: places.into(),
            kind: "",
        };
        let number = node_count(counts.get(&moved.from).copied().unwrap_or_default());
        push_heading(&mut lines, &heading, Some(&number), layout);
        out.write_all(lines.as_bytes())?;
        for (path, changes) in &moved.changes {
            if *path != moved.to {
                lines.clear();
                let heading = Heading::of(&layout.marks.update, path);
                push_heading(&mut lines, &heading, None, layout);
                out.write_all(lines.as_bytes())?;
            }
            write_changes(path, changes, acls, out)?;
        }
    }
    Ok(())
}

/// Writes one action with what belongs to it; `lines` is a buffer.
fn action_text<'a>(
    action: &'a Action,
    layout: &Layout,
    acls: &mut Acls<'a>,
    lines: &mut String,
    out: &mut dyn Write,
) -> io::Result<()> {
    lines.clear();
    match action {
        Action::Add(add) => {
            let object = add.data.to_object();
            let properties = stored_properties(add, &object);
            let kind = new_type(add, &properties);
            let has_type = kind.is_some();
            let heading = Heading {
                mark: &layout.marks.add,
                path: path_text(&add.path),
                kind: kind.as_deref().unwrap_or_default(),
            };
            push_heading(lines, &heading, location(add).as_deref(), layout);
            let acl = add.acl.as_deref();
            let acl = acl.filter(|acl| acls.shown_at(&add.path, acl).is_none());
            let acl = acl.map(|acl| acl_text(acl, acls.users));
            push_new(lines, add, acl, properties, has_type);
            out.write_all(lines.as_bytes())
        }
        Action::Update(update) => {
            let heading = Heading::of(&layout.marks.update, &update.path);
            push_heading(lines, &heading, None, layout);
            out.write_all(lines.as_bytes())?;
            write_changes(&update.path, &update.changes, acls, out)
        }
        Action::Link(link) => {
            let heading = Heading::of(&layout.marks.link, &link.path);
            push_heading(lines, &heading, None, layout);
            out.write_all(lines.as_bytes())?;
            let mut changes = link.changes.iter();
            changes.try_for_each(|change| write_change(change, acls.users, out))
        }
        Action::Trim(_) => Ok(()),
    }
}

/// Writes what changes at a node; of an ACL that stands above already, only that.
fn write_changes<'a>(
    path: &'a ZPath,
    changes: &'a [Change],
    acls: &mut Acls<'a>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for change in changes {
        let acl = new_acl(change);
        match acl.and_then(|acl| acls.shown_at(path, acl)) {
            Some(above) => write_inherited_acl(above, out)?,
            None => write_change(change, acls.users, out)?,
        }
    }
    Ok(())
}

/// `Plan: 1 to add, …`, `Done: 1 added, …`, or that there is nothing to do.
pub(crate) fn summary_line(summary: Summary, mode: Mode) -> String {
    let Summary {
        add,
        update,
        link,
        trim,
        unchanged,
    } = summary;
    match mode {
        _ if add + update + link + trim == 0 => {
            format!("No changes: {}.", as_declared(unchanged))
        }
        Mode::Plan => {
            format!("Plan: {add} to add, {update} to update, {link} to link, {trim} to trim.")
        }
        Mode::Done => {
            format!("Done: {add} added, {update} updated, {link} linked, {trim} trimmed.")
        }
    }
}

fn write_grouped<'a>(
    entries: impl Iterator<Item = (&'a ZPath, String)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut groups: BTreeMap<(ZPath, String), Vec<&ZPath>> = BTreeMap::new();
    for (path, note) in entries {
        let parent = path.parent().unwrap_or_else(ZPath::root);
        groups.entry((parent, note)).or_default().push(path);
    }
    // In path order, also where nodes side by side stay for different reasons.
    let mut lines: Vec<(&ZPath, String)> = Vec::new();
    for ((parent, note), mut paths) in groups {
        paths.sort();
        let note = if note.is_empty() {
            note
        } else {
            format!("  {DIM}({note}){DIM:#}")
        };
        // One more line is no longer than to say that there is one more.
        let listed = if paths.len() > LONGEST_LIST + 1 {
            LONGEST_LIST
        } else {
            paths.len()
        };
        let shown = paths[..listed].iter();
        lines.extend(shown.map(|path| (*path, format!("{}{note}", path_text(path)))));
        if listed < paths.len() {
            let more = paths.len() - listed;
            let text = format!("… and {more} more in {}{note}", path_text(&parent));
            lines.push((paths[listed - 1], text));
        }
    }
    lines.sort_by_key(|(path, _)| *path);
    lines
        .iter()
        .try_for_each(|(_, line)| writeln!(out, "  {line}"))
}
