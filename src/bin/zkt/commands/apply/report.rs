//! How far a run got, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};
use zkt::model::plan::Summary;
use zkt::reconcile::{Account, NamedAction};
use zkt::zookeeper::executor::Fate;

use super::end::End;
use crate::exit::Exit;
use crate::render::{self, Mode};

/// Of so many actions with the same fate, each has a line.
const LONGEST_LIST: usize = 20;

/// The last line of JSON: what was done by the whole run, and what its last execution left.
pub(super) fn report_json(account: &Account, end: Option<&End>, exit: Exit) -> Value {
    let with = |fate: Fate| names_json(&account.with(fate));
    let Summary {
        add,
        update,
        link,
        trim,
        ..
    } = account.counted();
    let mut line = json!({
        "event": "report",
        "done": {"add": add, "update": update, "link": link, "trim": trim},
        "not_done": with(Fate::NotDone),
        "unknown": with(Fate::Unknown),
        "data_only": with(Fate::DataOnly),
        "exit_code": exit.code(),
    });
    if let Some(End {
        kind,
        message,
        path,
        found,
    }) = end
    {
        line["stands"] = names_json(&account.stands());
        line["stop"] = json!({"kind": kind, "message": message});
        if let Some(path) = path {
            line["stop"]["path"] = path.as_str().into();
        }
        if !found.is_empty() {
            line["stop"]["found"] = found.iter().map(render::found_json).collect();
        }
    }
    line
}

fn names_json(actions: &[NamedAction]) -> Value {
    let name = |(name, path): &NamedAction| json!({"action": name, "path": path.as_str()});
    actions.iter().map(name).collect()
}

/// What the whole run did. If it ended early, also which actions are committed, unknown and left.
pub(super) fn write_text(
    account: &Account,
    end: Option<&End>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let done = account.counted();
    if done != Summary::default() {
        writeln!(out, "{}", render::summary_line(done, Mode::Done))?;
    }
    if end.is_none() {
        return Ok(());
    }
    if !account.wrote() {
        if account.is_open() {
            writeln!(out, "Nothing of this plan was written.")?;
        }
        return Ok(());
    }
    write_names(&account.stands(), out)?;
    for (fate, heading) in [
        (Fate::NotDone, "Not done:"),
        (Fate::DataOnly, "Written, but not their ACLs:"),
        (Fate::Unknown, "Unknown, done or not:"),
    ] {
        let actions = account.with(fate);
        if !actions.is_empty() {
            writeln!(out, "{heading}")?;
            write_names(&actions, out)?;
        }
    }
    Ok(())
}

fn write_names(actions: &[NamedAction], out: &mut dyn Write) -> io::Result<()> {
    let line = |(name, path): &NamedAction| format!("{name} {}", render::path_text(path));
    render::write_first(actions.iter().map(line), LONGEST_LIST, out)
}
