//! How far an execution got, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};
use zkt::executor::{Batch, BatchKind, Fate, Report, Stop};
use zkt::plan::{Action, Plan, Summary};

use crate::exit::Exit;
use crate::render::{self, Mode};

/// Of so many actions with the same fate, each has a line.
const LONGEST_LIST: usize = 20;

/// How many actions of each kind stand.
pub(super) fn done(plan: &Plan, report: &Report) -> Summary {
    let mut standing = Plan::empty(plan.path.clone());
    let actions = plan.actions.iter().zip(&report.fates);
    standing.actions = actions
        .filter(|(_, fate)| **fate == Fate::Done)
        .map(|(action, _)| action.clone())
        .collect();
    standing.summary()
}

/// One line of JSON for a batch that stands.
pub(super) fn batch_json(batch: &Batch) -> Value {
    let kind = match batch.kind {
        BatchKind::Atomic => "atomic",
        BatchKind::Acls => "acls",
    };
    json!({
        "event": "batch", "kind": kind,
        "batch": batch.index + 1, "batches": batch.count,
        "actions": batch.actions.len(),
        "operations": batch.operations,
    })
}

/// The last line of JSON of an execution.
pub(super) fn report_json(plan: &Plan, report: &Report, exit: Exit) -> Value {
    let Summary {
        add,
        update,
        link,
        trim,
        ..
    } = done(plan, report);
    let with = |fate: Fate| -> Vec<Value> {
        let actions = plan
            .actions
            .iter()
            .zip(&report.fates)
            .filter(|(_, f)| **f == fate);
        actions.map(|(action, _)| name_json(action)).collect()
    };
    let mut line = json!({
        "event": "report",
        "done": {"add": add, "update": update, "link": link, "trim": trim},
        "not_done": with(Fate::NotDone),
        "unknown": with(Fate::Unknown),
        "data_only": with(Fate::DataOnly),
        "exit_code": exit.code(),
    });
    if let Some(stop) = &report.stop {
        let kind = match stop {
            Stop::Conflict { .. } => "conflict",
            Stop::Failed { .. } => "failed",
            Stop::TooLarge { .. } => "too large",
            Stop::Disconnected { .. } => "disconnected",
            Stop::Uncertain { .. } => "uncertain",
        };
        line["stop"] = json!({"kind": kind, "message": stop.to_string()});
        if let Stop::Conflict { path, .. }
        | Stop::Failed { path, .. }
        | Stop::TooLarge { path, .. } = stop
        {
            line["stop"]["path"] = path.as_str().into();
        }
    }
    line
}

/// The report where there was nothing to do.
pub(super) fn nothing_json() -> Value {
    let done = json!({"add": 0, "update": 0, "link": 0, "trim": 0});
    json!({
        "event": "report", "done": done, "not_done": [], "unknown": [], "data_only": [],
        "exit_code": Exit::Done.code(),
    })
}

fn name_json(action: &Action) -> Value {
    json!({"action": action.name(), "path": action.path().as_str()})
}

/// What stands and what does not, of an execution that did not reach its end.
pub(super) fn write_text(plan: &Plan, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let done = done(plan, report);
    writeln!(out)?;
    if done == Summary::default() {
        writeln!(out, "Nothing of this plan was written.")?;
    } else {
        writeln!(out, "{}", render::summary_line(done, Mode::Done))?;
    }
    for (fate, heading) in [
        (Fate::NotDone, "Not done:"),
        (Fate::DataOnly, "Written, but not their ACLs:"),
        (Fate::Unknown, "Unknown, done or not:"),
    ] {
        let actions: Vec<&Action> = plan
            .actions
            .iter()
            .zip(&report.fates)
            .filter(|(_, f)| **f == fate)
            .map(|(action, _)| action)
            .collect();
        if actions.is_empty() || fate == Fate::NotDone && done == Summary::default() {
            continue;
        }
        writeln!(out, "{heading}")?;
        for action in actions.iter().take(LONGEST_LIST) {
            writeln!(
                out,
                "  {} {}",
                action.name(),
                render::path_text(action.path())
            )?;
        }
        if actions.len() > LONGEST_LIST {
            writeln!(out, "  … and {} more", actions.len() - LONGEST_LIST)?;
        }
    }
    Ok(())
}
