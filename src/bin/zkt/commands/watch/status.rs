//! A loop's state as JSON, secrets masked as plans mask them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::time::Instant;
use zkt::model::plan::{Plan, Summary};
use zkt::watch::{Connection, HeldNode, HeldReason, Leadership, Reconcile, State};

use super::health;
use crate::render::{self, FORMAT_VERSION, TextOptions};

/// Maximum number of actions that are shown of a plan.
const LONGEST_PLAN: usize = 500;

/// The whole state.
pub(super) fn json(state: &State, layers: &[String], interval: Duration) -> Value {
    let revision = state.files.in_force();
    let broken = state.files.broken();
    let ready = health::is_ready(state, interval);
    let out_of_sync = state.plan.as_deref().filter(|_| !state.is_in_sync());
    json!({
        "format_version": FORMAT_VERSION,
        "sync": sync(state, interval),
        "unknown_because": unknown(state, interval),
        "ready": ready.is_ok(),
        "not_ready_because": ready.err(),
        "server": state.hosts,
        "layers": layers,
        "session": match state.connection {
            Connection::Up => "up",
            Connection::Lost => "lost",
            Connection::None => "none",
        },
        "events": state.has_watches,
        "leader": state.leadership != Leadership::Follows,
        "elects": state.leadership != Leadership::Alone,
        "revision": revision.map(|revision| &revision.id),
        "commit": state.files.commit(),
        "source_drawn": broken.map_or(&[][..], |broken| &broken.drawn),
        "source_errors": broken.map_or(&[][..], |broken| &broken.errors),
        "nodes_declared": revision.map_or(0, |revision| revision.source.tree().len()),
        "nodes_mirrored": state.mirrored,
        "started": seconds(state.began),
        "seconds_since_success": state.last_success.map(|(_, at)| {
            Instant::now().saturating_duration_since(at).as_secs_f64()
        }),
        "last_error": state.history.iter().find_map(|reconcile| reconcile.error.as_ref()),
        "plan": out_of_sync.map(|plan| render::plan_json(&shortened(plan))),
        "plan_text": out_of_sync.map(|plan| plan_text(plan, state, layers)),
        "plan_actions": out_of_sync.map_or(0, |plan| plan.actions.len()),
        "planned": state.planned.map(seconds),
        "not_compared": state.plan.as_ref().map_or_else(Vec::new, |plan| {
            plan.not_compared.iter().map(render::not_compared_json).collect()
        }),
        "held": state.held.iter().map(held_json).collect::<Vec<_>>(),
        "extras": state.plan.as_ref().map_or(0, |plan| plan.extras.len()),
        "warnings": state.plan.as_ref().map_or_else(Vec::new, |plan| {
            plan.warnings.iter().map(render::warning_json).collect()
        }),
        "applied": state.applied.as_ref().map(|applied| json!({
            "at": seconds(applied.at),
            "cause": applied.causes.to_string(),
            "revision": applied.revision,
            "actions": applied.actions,
            "text": plan_text(&applied.plan, state, layers),
        })),
        "history": state.history.iter().map(|reconcile| reconcile_json(reconcile)).collect::<Vec<_>>(),
    })
}

/// How declared and live tree stand to each other, in one word or a few.
fn sync(state: &State, interval: Duration) -> &'static str {
    if unknown(state, interval).is_some() {
        return "unknown";
    }
    match &state.plan {
        _ if state.is_in_sync() => "in sync",
        Some(plan) if !plan.refusals.is_empty() => "refused",
        Some(plan) if !plan.is_empty() => "out of sync",
        _ => "unknown",
    }
}

/// Why nobody can say how the trees stand to each other.
fn unknown(state: &State, interval: Duration) -> Option<String> {
    match state.connection {
        Connection::None => return Some(health::outage("there is no session", state)),
        Connection::Lost => return Some(health::outage("the connection is lost", state)),
        Connection::Up => {}
    }
    let last = state.last_success.map(|(_, at)| at);
    let is_stale = |at| Instant::now().saturating_duration_since(at) > interval * 2;
    let why = match state.files.broken() {
        Some(broken) if broken.only_secrets => "secret values from outside are missing",
        // What the last sound files declare is not what the files declare.
        Some(_) => "the newest files are broken",
        None if state.is_in_sync() && last.is_some_and(is_stale) => {
            "the last look at the live tree is too long ago"
        }
        None => return None,
    };
    Some(why.to_owned())
}

fn held_json(held: &HeldNode) -> Value {
    let (reason, error) = match &held.reason {
        HeldReason::Contended => ("contended", None),
        HeldReason::Refused(error) => ("refused", Some(error)),
    };
    json!({"path": held.path.as_str(), "reason": reason, "times": held.times, "error": error})
}

fn reconcile_json(reconcile: &Reconcile) -> Value {
    json!({
        "at": seconds(reconcile.began),
        "seconds": reconcile.took.as_secs_f64(),
        "cause": reconcile.causes.to_string(),
        "revision": reconcile.revision,
        "result": reconcile.ending.name(),
        "found": summary(reconcile.found),
        "done": summary(reconcile.done),
        "error": reconcile.error,
    })
}

fn summary(summary: Summary) -> Value {
    let Summary {
        add,
        update,
        link,
        trim,
        ..
    } = summary;
    json!({"add": add, "update": update, "link": link, "trim": trim})
}

fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}

fn shortened(plan: &Plan) -> Plan {
    let mut short = Plan {
        actions: Vec::new(),
        ..plan.clone()
    };
    short.actions = plan.actions.iter().take(LONGEST_PLAN).cloned().collect();
    short.hide_doubtful();
    short
}

/// A plan as the command line prints it.
fn plan_text(plan: &Plan, state: &State, layers: &[String]) -> String {
    let options = TextOptions {
        title: "zkt watch",
        server: &state.hosts,
        sources: layers,
        bounds: &render::Bounds::default(),
        mode: render::Mode::Plan,
        width: 100,
        extras: true,
        brief: false,
        colors: false,
    };
    let mut text = Vec::new();
    // Writing to memory does not fail.
    _ = render::plan_text(&shortened(plan), &options, &mut text);
    let text = String::from_utf8_lossy(&text);
    anstream::adapter::strip_str(&text).to_string()
}
