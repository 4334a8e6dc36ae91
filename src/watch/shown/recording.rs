//! What the log says of a record.

use std::fmt;
use std::time::Duration;

/// A record, as the log has told of it.
#[derive(Debug, Default)]
pub(in super::super) struct Recording(Last);

#[derive(Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Nothing,
    Recorded,
    Failed(String),
}

impl Recording {
    /// Everything is recorded; this took so many commits.
    pub(in super::super) fn recorded(&mut self, commits: usize) {
        match self.0 {
            Last::Recorded if commits == 0 => {}
            Last::Recorded => tracing::debug!(commits, "changes of the live tree are recorded"),
            Last::Nothing | Last::Failed(_) => {
                tracing::info!(commits, "the live tree is recorded");
            }
        }
        self.0 = Last::Recorded;
    }

    /// All is recorded, but git cannot pack it.
    pub(in super::super) fn untidy(&self, error: &str) {
        tracing::warn!(error, "git cannot pack the history");
    }

    /// Nothing is recorded until the next try, after this wait.
    pub(in super::super) fn failed(&mut self, error: &impl fmt::Display, wait: Duration) {
        let error = error.to_string();
        let seconds = wait.as_secs_f64();
        if self.0 == Last::Failed(error.clone()) {
            tracing::debug!(error, "cannot record; trying again in {seconds:.1} s");
        } else {
            tracing::error!(error, "cannot record; trying again in {seconds:.1} s");
        }
        self.0 = Last::Failed(error);
    }
}
