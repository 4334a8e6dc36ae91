//! The counters of a loop in the OpenMetrics text format. No label holds a path.

use std::fmt::{Display, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use zkt::watch::{BUCKETS, Connection, Ending, HeldReason, Leadership, State};

/// One family of metrics after the other.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        _ = writeln!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, value: impl Display) {
        _ = writeln!(self.0, "{name} {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(&format!("{name}_total"), value);
    }
}

/// All metrics.
pub(super) fn text(state: &State) -> String {
    let mut text = Text::default();
    text.reconciles(state);
    text.actions(state);
    text.nodes(state);
    text.server(state);
    text.0.push_str("# EOF\n");
    text.0
}

impl Text {
    fn reconciles(&mut self, state: &State) {
        let counters = &state.counters;
        self.family("zkt_reconciles", "counter", "Reconciles by how they ended.");
        for (ending, count) in Ending::ALL.iter().zip(counters.endings) {
            let name = format!("zkt_reconciles_total{{result=\"{}\"}}", ending.name());
            self.sample(&name, count);
        }
        self.family(
            "zkt_reconcile_duration_seconds",
            "histogram",
            "How long reconciles took.",
        );
        let mut count = 0;
        let bounds = BUCKETS.iter().map(|bound| format!("{bound:?}"));
        let bounds = bounds.chain(["+Inf".to_owned()]);
        for (bound, more) in bounds.zip(counters.durations) {
            count += more;
            let name = format!("zkt_reconcile_duration_seconds_bucket{{le=\"{bound}\"}}");
            self.sample(&name, count);
        }
        self.sample("zkt_reconcile_duration_seconds_sum", counters.seconds);
        self.sample("zkt_reconcile_duration_seconds_count", count);
        let seconds = |time: Option<SystemTime>| {
            let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            since.map_or(0.0, |since| since.as_secs_f64())
        };
        self.gauge(
            "zkt_last_attempt_timestamp_seconds",
            "When the last reconcile ended; 0 before the first.",
            seconds(state.last_attempt.map(|(time, _)| time)),
        );
        self.gauge(
            "zkt_last_success_timestamp_seconds",
            "When the last reconcile that succeeded ended; 0 before the first.",
            seconds(state.last_success.map(|(time, _)| time)),
        );
    }

    fn actions(&mut self, state: &State) {
        let counters = &state.counters;
        self.family("zkt_actions", "counter", "Actions that were carried out.");
        let done = counters.done;
        for (kind, count) in [
            ("add", done.add),
            ("update", done.update),
            ("link", done.link),
            ("trim", done.trim),
        ] {
            self.sample(&format!("zkt_actions_total{{kind=\"{kind}\"}}"), count);
        }
        self.counter(
            "zkt_drift_found",
            "Differences that appeared though the files had not changed.",
            counters.drift,
        );
    }

    fn nodes(&mut self, state: &State) {
        let held = |is: fn(&HeldReason) -> bool| {
            let held = state.held.iter();
            held.filter(|node| is(&node.reason)).count()
        };
        self.gauge(
            "zkt_nodes_contended",
            "Nodes that are changed again after each repair, and so are repaired later and later.",
            held(|reason| matches!(reason, HeldReason::Contended)),
        );
        self.gauge(
            "zkt_nodes_refused",
            "Declared nodes that may not be read or written.",
            held(|reason| matches!(reason, HeldReason::Refused(_))),
        );
        let out_of_sync = state.plan.as_ref().map_or(0, |plan| plan.actions.len());
        self.gauge(
            "zkt_out_of_sync",
            "Actions that the last plan had and that were not carried out.",
            if state.is_in_sync() { 0 } else { out_of_sync },
        );
        self.gauge(
            "zkt_nodes_declared",
            "Nodes that are declared.",
            state
                .files
                .in_force()
                .map_or(0, |revision| revision.source.tree().len()),
        );
        self.gauge(
            "zkt_nodes_mirrored",
            "Live nodes that are mirrored.",
            state.mirrored,
        );
    }

    fn server(&mut self, state: &State) {
        let counters = &state.counters;
        self.gauge(
            "zkt_session_up",
            "Whether the session is up.",
            u8::from(state.connection == Connection::Up),
        );
        self.counter("zkt_sessions", "Sessions.", counters.sessions);
        self.gauge(
            "zkt_leader",
            "Whether this replica writes.",
            u8::from(state.leadership != Leadership::Follows),
        );
        self.counter(
            "zkt_guard_refusals",
            "Plans that a guard refused.",
            counters.refusals,
        );
        self.gauge(
            "zkt_source_broken",
            "Whether the newest files declare no sound tree.",
            u8::from(state.files.broken().is_some()),
        );
        self.counter(
            "zkt_missed_changes",
            "Changes of the live tree that no event told of.",
            counters.missed,
        );
        self.counter(
            "zkt_full_reads",
            "How often everything was read.",
            counters.full_reads,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_and_the_end_is_told() {
        let mut state = State::new();
        state.counters.durations[0] = 2;
        state.counters.durations[10] = 1;
        let text = text(&state);
        let has = |line: &str| assert!(text.contains(line), "{text}");
        has("\nzkt_reconcile_duration_seconds_bucket{le=\"0.005\"} 2\n");
        has("\nzkt_reconcile_duration_seconds_bucket{le=\"1.0\"} 2\n");
        has("\nzkt_reconcile_duration_seconds_bucket{le=\"+Inf\"} 3\n");
        has("\nzkt_reconcile_duration_seconds_count 3\n");
        has("\nzkt_reconciles_total{result=\"in_sync\"} 0\n");
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        assert!(!text.contains("\n\n"), "{text}");
    }
}
