//! A plan as a comment on a pull request: one line that says it all, what to know, and folded below
//! it what changes.

mod actions;
mod block;
mod quoted;
mod values;

use std::fmt::Write as _;

use zkt::model::path::ZPath;
use zkt::model::plan::{Effect, Plan, Summary};

use super::bounds::Bounds;
use super::claims::{adopted_as_equal, parts};
use super::list::count;
use super::remark::{Level, Remark};
use super::rights;
use super::subtrees::node_count;
use super::text::{FINGERPRINTS, NOT_COMPARED, as_declared, but, fingerprint_notes};
use super::value::path_text;
use crate::words;
use quoted::{code, fenced, size};

/// How many characters GitHub takes, less one.
pub(super) const LONGEST: usize = 65_535;
/// What errors, refusals and warnings may take of that.
const REMARKS: usize = 16 << 10;
/// What nodes that are left alone may take.
const LEFT_ALONE: usize = 4 << 10;
/// How many layers are named.
const LAYERS: usize = 10;
/// What top-level nodes are that only the old tree has.
const STAYS: &str = "Trimmed here, and left alone by an apply without --trim owned";
/// Beyond the actions: summary, fences, the line that says what was cut, and the checksum.
const FRAME: usize = 500;

/// What was planned, for the first line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The command: `zkt plan`.
    pub(crate) title: &'a str,
    /// What stands before the tree that changes, and that tree: `on`, a server; or its layers.
    pub(crate) old: (&'a str, &'a [String]),
    /// What stands before the layers, and those: `from`.
    pub(crate) new: (&'a str, &'a [String]),
    /// What the plan is narrowed to.
    pub(crate) bounds: &'a Bounds,
    /// Nodes that the plan trims and no apply does, without an owner.
    pub(crate) stays: &'a [ZPath],
}

impl Subject<'_> {
    /// The command, and the context.
    pub(crate) fn titled(&self) -> String {
        self.bounds.titled(self.title)
    }
}

/// The whole comment; secret values are never in it.
pub(crate) fn plan_markdown(plan: &Plan, subject: &Subject<'_>, checksum: Option<&str>) -> String {
    let (remarks, left_alone) = (Remark::of_plan(plan), left_alone(plan, subject));
    let mut out = headline(&verdict(plan, subject.bounds), subject);
    push_bounds(&mut out, subject.bounds);
    push_remarks(&mut out, &remarks);
    let room = LONGEST - FRAME - size(&out) - size(&left_alone);
    push_actions(&mut out, plan, room);
    out.push_str(&left_alone);
    if let Some(checksum) = checksum {
        _ = writeln!(out, "\nChecksum: {}", code(checksum));
    }
    out
}

/// The comment where there is no plan.
pub(crate) fn failure_markdown(remarks: &[Remark], subject: &Subject<'_>) -> String {
    let errors = count(remarks.len(), "error");
    let mut out = headline(&format!("no plan, {errors}"), subject);
    push_bounds(&mut out, subject.bounds);
    push_remarks(&mut out, remarks);
    out
}

/// The line that says it all.
fn headline(verdict: &str, subject: &Subject<'_>) -> String {
    let Subject {
        title,
        old,
        new,
        bounds,
        stays: _,
    } = subject;
    let context = bounds.context().map(code);
    let context = context.map_or(String::new(), |context| format!(" {context}"));
    let mut line = format!("**{title}{context}: {verdict}**");
    push_side(&mut line, old.0, old.1);
    push_side(&mut line, new.0, new.1);
    line.push('\n');
    line
}

fn push_side(line: &mut String, word: &str, layers: &[String]) {
    for (i, layer) in layers.iter().take(LAYERS).enumerate() {
        let before = if i == 0 { word } else { "and" };
        let layer = if layer == "-" { "<stdin>" } else { layer };
        _ = write!(line, " {before} {}", code(layer));
    }
    match layers.len().saturating_sub(LAYERS) {
        0 => {}
        more => _ = write!(line, " and {}", count(more, "more layer")),
    }
}

/// The context and the options, if there is anything to say.
fn push_bounds(out: &mut String, bounds: &Bounds) {
    let items = bounds.items(code);
    if !items.is_empty() {
        _ = writeln!(out, "\nWith {}.", items.join(", "));
    }
}

/// What a plan comes to.
fn verdict(plan: &Plan, bounds: &Bounds) -> String {
    let all = plan.summary();
    let part = bounds.part(code);
    let does = match (plan.is_empty(), plan.refusals.is_empty()) {
        (true, true) => format!(
            "no changes{}{part}, {}{}",
            but(plan),
            as_declared(all.unchanged),
            bounds.unsaid()
        ),
        (true, false) => "refused, nothing is planned".to_owned(),
        (false, true) => format!("{}{part}", to_do(&all)),
        (false, false) => format!("refused ({}){part}", to_do(&all)),
    };
    let asks = plan.remarks().filter(|one| one.effect == Effect::Ask);
    let asks = match asks.count() {
        0 => String::new(),
        asks => format!("; {}", count(asks, "question")),
    };
    let warns = plan.objections.iter();
    let warns = warns.filter(|objection| objection.effect == Effect::Warn);
    match plan.warnings.len() + warns.count() {
        0 => format!("{does}{asks}"),
        warnings => format!("{does}{asks}; {}", count(warnings, "warning")),
    }
}

/// `3 to add, 1 to update`, without kinds that there are none of.
fn to_do(summary: &Summary) -> String {
    let Summary {
        add,
        update,
        link,
        trim,
        ..
    } = summary;
    let kinds = [
        (add, "add"),
        (update, "update"),
        (link, "link"),
        (trim, "trim"),
    ];
    let some = kinds.iter().filter(|(number, _)| **number > 0);
    let some: Vec<String> = some
        .map(|(number, kind)| format!("{number} to {kind}"))
        .collect();
    some.join(", ")
}

/// A list, each with its place.
fn push_remarks(out: &mut String, remarks: &[Remark]) {
    if remarks.is_empty() {
        return;
    }
    out.push('\n');
    let mut taken = 0;
    for (i, remark) in remarks.iter().enumerate() {
        let level = match remark.level {
            Level::Error => "error",
            Level::Refused => "refused",
            Level::Warning => "warning",
        };
        let lint = remark
            .lint
            .map_or(String::new(), |lint| format!(" ({lint})"));
        let mut line = format!("- **{level}**{lint}: {}", code(&remark.message));
        if let Some(place) = &remark.place {
            _ = write!(line, " in {}", code(&place.to_string()));
        }
        line.push('\n');
        taken += size(&line);
        if taken > REMARKS {
            let more = remarks.len() - i;
            _ = writeln!(out, "- **{more} more of these are not shown**");
            return;
        }
        out.push_str(&line);
    }
}

/// Whole actions as long as there is room, and what of them is cut.
fn push_actions(out: &mut String, plan: &Plan, room: usize) {
    if plan.is_empty() {
        return;
    }
    let (mut lines, mut shown, mut taken) = (String::new(), Summary::default(), 0);
    for next in actions::shown(plan) {
        taken += size(&next.lines);
        if taken > room {
            break;
        }
        lines.push_str(&next.lines);
        shown += next.actions;
    }
    let all = count(plan.actions.len(), "action");
    push_folded(out, &all, "diff", &lines);
    let more = rest(plan.summary(), shown);
    let number = more.add + more.update + more.link + more.trim;
    if number > 0 {
        let verb = if number == 1 { "is" } else { "are" };
        let more = to_do(&more);
        _ = writeln!(
            out,
            "\n**Cut here: {number} of {all} {verb} not shown: {more}.**"
        );
    }
}

fn rest(all: Summary, shown: Summary) -> Summary {
    Summary {
        add: all.add - shown.add,
        update: all.update - shown.update,
        link: all.link - shown.link,
        trim: all.trim - shown.trim,
        unchanged: all.unchanged,
    }
}

fn push_folded(out: &mut String, summary: &str, language: &str, lines: &str) {
    let lines = fenced(language, lines);
    _ = write!(
        out,
        "\n<details><summary>{summary}</summary>\n\n{lines}\n</details>\n"
    );
}

/// Which nodes stay although the declared tree says otherwise, and what changes in what the owner has.
fn left_alone(plan: &Plan, subject: &Subject<'_>) -> String {
    let (mut out, bounds) = (String::new(), subject.bounds);
    let stays = subject.stays.iter().map(|path| (path, String::new()));
    push_nodes(&mut out, STAYS, stays);
    if let Some(checked) = &plan.access.rights {
        _ = writeln!(out, "\n{}", rights::found(checked));
    }
    for (heading, nodes) in [
        ("Rights that are missing", rights::missing(plan)),
        ("Rights of which it cannot be told", rights::unknown(plan)),
    ] {
        let nodes = rights::noted(nodes).map(|(path, names)| (path, format!("  ({names})")));
        push_nodes(&mut out, heading, nodes);
    }
    let extras = plan.extras.iter().map(|path| (path, String::new()));
    push_nodes(&mut out, bounds.extras(), extras);
    let kept = plan.kept.iter();
    let kept = kept.map(|kept| (&kept.path, format!("  ({})", words::kept(&kept.reason))));
    push_nodes(&mut out, "Kept as they are", kept);
    let lacking = plan.not_compared.iter();
    let lacking = lacking.map(|one| (&one.path, format!("  ({one})")));
    let summary = format!("{NOT_COMPARED}: {}", count(lacking.len(), "value"));
    push_listed(&mut out, &summary, lacking);
    if let Some(fingerprints) = &plan.fingerprints {
        let notes = fingerprint_notes(fingerprints);
        let summary = format!("{FINGERPRINTS}: {}", count(notes.len(), "value"));
        let notes = notes.map(|(path, note)| (path, format!("  ({note})")));
        push_listed(&mut out, &summary, notes);
    }
    for (heading, nodes) in parts(&plan.claims) {
        let nodes = nodes.into_iter();
        let nodes = nodes.map(|(path, note)| (path, format!("  ({note})")));
        push_nodes(&mut out, heading, nodes);
    }
    if let Some((line, tops)) = adopted_as_equal(&plan.claims) {
        let tops = tops.into_iter();
        let tops = tops.map(|(path, nodes)| (path, format!("  {}", node_count(nodes))));
        push_listed(&mut out, &line, tops);
    }
    out
}

fn push_nodes<'a>(
    out: &mut String,
    what: &str,
    nodes: impl ExactSizeIterator<Item = (&'a ZPath, String)>,
) {
    let summary = format!("{what}: {}", count(nodes.len(), "node"));
    push_listed(out, &summary, nodes);
}

fn push_listed<'a>(
    out: &mut String,
    summary: &str,
    nodes: impl ExactSizeIterator<Item = (&'a ZPath, String)>,
) {
    let all = nodes.len();
    let (mut lines, mut listed) = (String::new(), 0);
    for (path, note) in nodes {
        let line = quoted::one_line(&format!("{}{note}", path_text(path)));
        if size(&lines) + size(&line) > LEFT_ALONE {
            break;
        }
        lines.push_str(&line);
        lines.push('\n');
        listed += 1;
    }
    if listed < all {
        _ = writeln!(lines, "({})", count(all - listed, "more node"));
    }
    if all > 0 {
        push_folded(out, summary, "text", &lines);
    }
}
