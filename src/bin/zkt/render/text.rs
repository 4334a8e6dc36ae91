//! A plan as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;
use zkt::path::ZPath;
use zkt::plan::{Action, Change, Plan, Refusal, Summary, Warning};

use super::change::{new_type, write_change, write_new};
use super::style::{ADD, BOLD, DIM, LINK, REFUSED, TRIM, UPDATE, WARNING};
use super::value::{path_text, printable};

/// Of so many siblings with the same to say about them, each has a line.
const LONGEST_LIST: usize = 10;
/// Where the right column starts unless long lines push it.
const COLUMN: usize = 53;
const NARROWEST: usize = 30;

/// Whether the text tells what would be or what was done.
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
    /// What would be or what was done.
    pub(crate) mode: Mode,
    /// The columns of the terminal, or 80.
    pub(crate) width: usize,
    /// `--extras show`.
    pub(crate) extras: bool,
}

/// Where the right column of a plan's text stands.
#[derive(Debug, Clone, Copy)]
struct Layout {
    column: usize,
}

impl Layout {
    /// A column that as many lines as possible of this plan can keep.
    fn of(plan: &Plan, width: usize) -> Self {
        let (mut left, mut right) = (0, 0);
        for action in &plan.actions {
            if let Some(note) = location(action) {
                right = right.max(columns(&note));
                // Beyond the place where the right column has to start, nothing changes it.
                if left + 2 < width.saturating_sub(right) {
                    left = left.max(columns(&heading(action)));
                }
            }
        }
        for (top, nodes) in topmost_trims(plan) {
            left = left.max(4 + path_text(top).width());
            right = right.max(node_count(nodes).width());
        }
        let fitting = width.saturating_sub(right);
        let column = COLUMN
            .min(fitting.max(NARROWEST))
            .max(fitting.min(left + 2));
        Self { column }
    }
}

/// Writes the whole plan, coloured: a caller whose output has no colours strips them.
pub(crate) fn plan_text(
    plan: &Plan,
    options: &TextOptions<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let TextOptions {
        title,
        server,
        sources,
        ..
    } = options;
    write!(
        out,
        "{BOLD}{}{BOLD:#}: {}",
        printable(title),
        printable(server)
    )?;
    for (i, source) in sources.iter().enumerate() {
        write!(
            out,
            "{}{}",
            if i == 0 { " <- " } else { " " },
            printable(if source == "-" { "<stdin>" } else { source })
        )?;
    }
    writeln!(out)?;

    if !plan.is_empty() {
        writeln!(out)?;
    }
    let layout = Layout::of(plan, options.width);
    for action in plan
        .actions
        .iter()
        .filter(|action| !matches!(action, Action::Trim(_)))
    {
        action_text(action, &layout, out)?;
    }
    for (top, nodes) in topmost_trims(plan) {
        write_heading(
            '-',
            TRIM,
            &path_text(top),
            Some(&node_count(nodes)),
            &layout,
            out,
        )?;
    }

    if options.extras && !plan.extras.is_empty() {
        writeln!(out, "\nExtra, left alone without --trim:")?;
        write_grouped(plan.extras.iter().map(|path| (path, String::new())), out)?;
    }
    if !plan.kept.is_empty() {
        writeln!(out, "\nKept as they are:")?;
        write_grouped(
            plan.kept
                .iter()
                .map(|kept| (&kept.path, kept.reason.to_string())),
            out,
        )?;
    }
    if !plan.warnings.is_empty() {
        writeln!(out)?;
    }
    write_warnings(&plan.warnings, out)?;
    if !plan.refusals.is_empty() {
        writeln!(out)?;
    }
    for refusal in &plan.refusals {
        write!(
            out,
            "{REFUSED}refused{REFUSED:#}: {}",
            printable(&refusal.to_string())
        )?;
        if let Refusal::Protected {
            origin: Some(origin),
            ..
        } = refusal
        {
            write!(out, " {DIM}({}){DIM:#}", printable(&origin.to_string()))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\n{}", summary_line(plan.summary(), options.mode))
}

/// Writes warnings, one a line, each with its place.
pub(crate) fn write_warnings(warnings: &[Warning], out: &mut dyn Write) -> io::Result<()> {
    for warning in warnings {
        let path = path_text(&warning.path);
        let message = printable(&warning.message);
        write!(out, "{WARNING}warning{WARNING:#}: {path}: {message}")?;
        if let Some(origin) = &warning.origin {
            write!(out, " {DIM}({}){DIM:#}", printable(&origin.to_string()))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A number with its noun: `1 node`, `3 nodes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Writes one action with what belongs to it.
fn action_text(action: &Action, layout: &Layout, out: &mut dyn Write) -> io::Result<()> {
    let (symbol, style) = match action {
        Action::Add(_) => ('+', ADD),
        Action::Update(_) => ('~', UPDATE),
        Action::Link(_) => ('@', LINK),
        Action::Trim(_) => ('-', TRIM),
    };
    let heading = heading(action);
    write_heading(
        symbol,
        style,
        &heading[4..],
        location(action).as_deref(),
        layout,
        out,
    )?;
    match action {
        Action::Add(add) => write_new(add, out),
        Action::Update(update) => write_changes(&update.changes, out),
        Action::Link(link) => write_changes(&link.changes, out),
        Action::Trim(_) => Ok(()),
    }
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
        _ if add + update + link + trim == 0 => match unchanged {
            1 => "No changes: 1 node is as declared.".to_owned(),
            nodes => format!("No changes: {nodes} nodes are as declared."),
        },
        Mode::Plan => {
            format!("Plan: {add} to add, {update} to update, {link} to link, {trim} to trim.")
        }
        Mode::Done => {
            format!("Done: {add} added, {update} updated, {link} linked, {trim} trimmed.")
        }
    }
}

fn write_changes(changes: &[Change], out: &mut dyn Write) -> io::Result<()> {
    changes
        .iter()
        .try_for_each(|change| write_change(change, out))
}

/// The heading without colours; the symbol is left blank.
fn heading(action: &Action) -> String {
    let path = path_text(action.path());
    let kind = match action {
        Action::Add(add) => new_type(add),
        Action::Update(_) | Action::Link(_) | Action::Trim(_) => None,
    };
    format!("    {path}{}", kind.unwrap_or_default())
}

fn location(action: &Action) -> Option<String> {
    let Action::Add(add) = action else {
        return None;
    };
    let origin = add.origin.as_ref()?;
    Some(format!("{}:{}", printable(&origin.source), origin.line))
}

fn write_heading(
    symbol: char,
    style: Style,
    text: &str,
    note: Option<&str>,
    layout: &Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = format!("  {style}{symbol}{style:#} {BOLD}{text}{BOLD:#}");
    if let Some(note) = note {
        let gap = layout.column.saturating_sub(4 + columns(text)).max(2);
        line.extend(std::iter::repeat_n(' ', gap));
        _ = write!(line, "{DIM}{note}{DIM:#}");
    }
    line.push('\n');
    out.write_all(line.as_bytes())
}

/// How many columns a text takes.
fn columns(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// The trimmed nodes whose parent stays, by path, each with the number of nodes that go.
fn topmost_trims(plan: &Plan) -> Vec<(&ZPath, usize)> {
    let trims = plan
        .actions
        .iter()
        .filter(|action| matches!(action, Action::Trim(_)));
    let mut paths: Vec<&ZPath> = trims.map(Action::path).collect();
    paths.sort();
    let mut tops: Vec<(&ZPath, usize)> = Vec::new();
    for path in paths {
        match tops.last_mut() {
            Some((top, nodes)) if path.is_within(top) => *nodes += 1,
            _ => tops.push((path, 1)),
        }
    }
    tops
}

fn node_count(nodes: usize) -> String {
    format!("({})", count(nodes, "node"))
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
        for path in &paths[..listed] {
            writeln!(out, "  {}{note}", path_text(path))?;
        }
        if listed < paths.len() {
            let more = paths.len() - listed;
            writeln!(out, "  … and {more} more in {}{note}", path_text(&parent))?;
        }
    }
    Ok(())
}
