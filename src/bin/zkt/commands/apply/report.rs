//! How far an execution got, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};
use zkt::executor::{Batch, BatchKind, Fate, Report, Stop};
use zkt::plan::{Action, Plan, Summary};

use crate::exit::Exit;
use crate::render::{self, Mode};

/// Of so many actions with the same fate, each has a line.
const LONGEST_LIST: usize = 20;

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

/// The last line of JSON: what was done by the whole run, and what its last execution left.
pub(super) fn report_json(done: Summary, stopped: Option<&(Plan, Report)>, exit: Exit) -> Value {
    let with = |fate: Fate| -> Vec<Value> {
        let actions = stopped
            .into_iter()
            .flat_map(|(plan, report)| with_fate(plan, report, fate));
        actions.map(name_json).collect()
    };
    let Summary {
        add,
        update,
        link,
        trim,
        ..
    } = done;
    let mut line = json!({
        "event": "report",
        "done": {"add": add, "update": update, "link": link, "trim": trim},
        "not_done": with(Fate::NotDone),
        "unknown": with(Fate::Unknown),
        "data_only": with(Fate::DataOnly),
        "exit_code": exit.code(),
    });
    if let Some(stop) = stopped.and_then(|(_, report)| report.stop.as_ref()) {
        let kind = match stop {
            Stop::Conflict { .. } => "conflict",
            Stop::Failed { .. } => "failed",
            Stop::TooLarge { .. } => "too large",
            Stop::Disconnected { .. } => "disconnected",
            Stop::Uncertain { .. } => "uncertain",
            Stop::Deposed { .. } => "deposed",
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

fn with_fate<'a>(
    plan: &'a Plan,
    report: &'a Report,
    fate: Fate,
) -> impl Iterator<Item = &'a Action> {
    let actions = plan.actions.iter().zip(&report.fates);
    actions
        .filter(move |(_, f)| **f == fate)
        .map(|(action, _)| action)
}

fn name_json(action: &Action) -> Value {
    json!({"action": action.name(), "path": action.path().as_str()})
}

/// What was done by the whole run, and what its last execution left where it stopped.
pub(super) fn write_text(
    done: Summary,
    stopped: Option<&(Plan, Report)>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if done != Summary::default() {
        writeln!(out, "{}", render::summary_line(done, Mode::Done))?;
    }
    let Some((plan, report)) = stopped else {
        return Ok(());
    };
    if done == Summary::default() && report.fates.iter().all(|fate| *fate == Fate::NotDone) {
        return writeln!(out, "Nothing of this plan was written.");
    }
    for (fate, heading) in [
        (Fate::NotDone, "Not done:"),
        (Fate::DataOnly, "Written, but not their ACLs:"),
        (Fate::Unknown, "Unknown, done or not:"),
    ] {
        let actions: Vec<&Action> = with_fate(plan, report, fate).collect();
        if actions.is_empty() {
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
