//! A plan as text.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, LazyLock};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;
use zkt::model::lint::Level;
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Add, Effect, Move, Objection, Plan, Refusal, Summary, Warning};
use zkt::syntax::spelling::clipped;

use super::acls::Acls;
use super::bounds::Bounds;
use super::change::{
    acl_text, new_acl, new_type, push_new, stored_properties, write_change, write_inherited_acl,
};
use super::list::count;
use super::style::{ADD, BOLD, DIM, LINK, REFUSED, TRIM, UPDATE, WARNING};
use super::value::{path_text, printable};
use crate::words;

/// How many siblings with the same note are listed before the others are counted.
const LONGEST_LIST: usize = 10;
/// Where the right column starts unless long lines push it.
const COLUMN: usize = 53;
const NARROWEST: usize = 30;

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

/// The right column of a plan's text, and what lines start and end with.
struct Layout {
    column: usize,
    marks: &'static Marks,
}

impl Layout {
    /// A column that as many lines as possible of this plan can keep.
    fn of(plan: &Plan, options: &TextOptions<'_>) -> Self {
        let width = options.width;
        let (mut left, mut right) = (0, 0);
        // Most nodes come from the same source as the one before.
        let mut source: (Option<&Arc<str>>, usize) = (None, 0);
        for action in &plan.actions {
            let Action::Add(add) = action else { continue };
            let Some(origin) = &add.origin else { continue };
            let digits = origin.line.checked_ilog10().unwrap_or_default() as usize + 1;
            if !source
                .0
                .is_some_and(|last| Arc::ptr_eq(last, &origin.source))
            {
                source = (Some(&origin.source), columns(&printable(&origin.source)));
            }
            right = right.max(source.1 + 1 + digits);
            // Beyond the place where the right column has to start, nothing changes it.
            if left + 2 < width.saturating_sub(right) {
                let object = add.data.to_object();
                let kind = new_type(add, &stored_properties(add, &object)).unwrap_or_default();
                let heading = Heading {
                    kind: &kind,
                    ..Heading::of("", &add.path)
                };
                left = left.max(heading.columns());
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
        let marks = if options.colors {
            &*MARKS
        } else {
            &*PLAIN_MARKS
        };
        Self { column, marks }
    }
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
    write_actions(plan, &Layout::of(plan, options), out)?;
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
    Ok(())
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
    format!("No changes{part}: {unchanged}{}.", bounds.unsaid())
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
            printable(&words::refusal(refusal))
        )?;
        if let Some(origin) = refusal.origin() {
            write!(out, " {DIM}({}){DIM:#}", printable(&origin.to_string()))?;
        }
        writeln!(out)?;
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
        let about = remark.about();
        let (rule, about) = (&remark.rule, printable(&about));
        write!(out, "{WARNING}{label}{WARNING:#}: rule {rule}: {about}")?;
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

/// Whether an action adds a node that is moved.
pub(super) fn is_moved(action: &Action, moved: &BTreeMap<ZPath, &ZPath>) -> bool {
    matches!(action, Action::Add(add) if moved.contains_key(&add.path))
}

/// How many of the nodes that are moved belong to one move.
pub(super) fn moved_by(moved: &Move, nodes: &BTreeMap<ZPath, &ZPath>) -> usize {
    let old = nodes.values();
    old.filter(|path| path.is_within(&moved.from)).count()
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
    for moved in &plan.moves {
        lines.clear();
        let places = format!("{} -> {}", path_text(&moved.from), path_text(&moved.to));
        let heading = Heading {
            mark: &layout.marks.moved,
            path: places.into(),
            kind: "",
        };
        let number = node_count(moved_by(moved, nodes));
        push_heading(&mut lines, &heading, Some(&number), layout);
        out.write_all(lines.as_bytes())?;
        for (path, changes) in &moved.changes {
            if *path != moved.to {
                lines.clear();
                let heading = Heading::of(&layout.marks.update, path);
                push_heading(&mut lines, &heading, None, layout);
                out.write_all(lines.as_bytes())?;
            }
            for change in changes {
                let acl = new_acl(change);
                match acl.and_then(|acl| acls.shown_at(path, acl)) {
                    Some(above) => write_inherited_acl(above, out)?,
                    None => write_change(change, acls.users, out)?,
                }
            }
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
            for change in &update.changes {
                let acl = new_acl(change);
                match acl.and_then(|acl| acls.shown_at(&update.path, acl)) {
                    Some(above) => write_inherited_acl(above, out)?,
                    None => write_change(change, acls.users, out)?,
                }
            }
            Ok(())
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

/// The first line of an action.
struct Heading<'a> {
    /// The mark before the path.
    mark: &'a str,
    path: Cow<'a, str>,
    /// The type with its colon.
    kind: &'a str,
}

impl<'a> Heading<'a> {
    fn of(mark: &'a str, path: &'a ZPath) -> Self {
        let path = path_text(path);
        let kind = "";
        Self { mark, path, kind }
    }

    /// How many columns it takes.
    fn columns(&self) -> usize {
        4 + columns(&self.path) + columns(self.kind)
    }
}

/// The marks of the kinds of actions, and the ends of colours.
struct Marks {
    add: String,
    update: String,
    link: String,
    moved: String,
    trim: String,
    dim: String,
    plain: String,
}

static MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let mark = |symbol: char, style: Style| format!("  {style}{symbol}{style:#} {BOLD}");
    Marks {
        add: mark('+', ADD),
        update: mark('~', UPDATE),
        link: mark('@', LINK),
        moved: mark('>', LINK),
        trim: mark('-', TRIM),
        dim: format!("{DIM}"),
        plain: format!("{DIM:#}"),
    }
});

static PLAIN_MARKS: LazyLock<Marks> = LazyLock::new(|| {
    let plain = |mark: &String| anstream::adapter::strip_str(mark).to_string();
    Marks {
        add: plain(&MARKS.add),
        update: plain(&MARKS.update),
        link: plain(&MARKS.link),
        moved: plain(&MARKS.moved),
        trim: plain(&MARKS.trim),
        dim: String::new(),
        plain: String::new(),
    }
});

/// Where a new node is declared: a file and a line of it.
fn location(add: &Add) -> Option<String> {
    let origin = add.origin.as_ref()?;
    let source = printable(&origin.source);
    let mut text = String::with_capacity(source.len() + 8);
    text.push_str(&source);
    _ = write!(text, ":{}", origin.line);
    Some(text)
}

fn push_heading(lines: &mut String, heading: &Heading<'_>, note: Option<&str>, layout: &Layout) {
    lines.push_str(heading.mark);
    lines.push_str(&heading.path);
    lines.push_str(heading.kind);
    lines.push_str(&layout.marks.plain);
    if let Some(note) = note {
        let gap = layout.column.saturating_sub(heading.columns()).max(2);
        lines.extend(std::iter::repeat_n(' ', gap));
        lines.push_str(&layout.marks.dim);
        lines.push_str(note);
        lines.push_str(&layout.marks.plain);
    }
    lines.push('\n');
}

/// How many columns a text takes.
fn columns(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// The trimmed nodes whose parent stays, by path, each with the number of nodes that go. Moved ones do
/// not count.
pub(super) fn topmost_trims(plan: &Plan) -> Vec<(&ZPath, usize)> {
    let trims = plan
        .actions
        .iter()
        .filter(|action| matches!(action, Action::Trim(_)));
    let moved = plan.moved_nodes();
    let moved: BTreeSet<&ZPath> = moved.into_values().collect();
    let trims = trims.map(Action::path);
    let mut paths: Vec<&ZPath> = trims.filter(|path| !moved.contains(path)).collect();
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

pub(super) fn node_count(nodes: usize) -> String {
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
