//! Why an apply ended before all was done.

use std::fmt;

use zkt::model::path::ZPath;
use zkt::plan::saved::Found;
use zkt::zookeeper::executor::Stop;

use crate::exit::{Exit, Failure};
use crate::words;

/// Why a run ended before all was done.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) path: Option<ZPath>,
    /// The nodes that moved under a saved plan, as they are now.
    pub(super) found: Vec<Found>,
}

impl End {
    pub(super) fn new(kind: &'static str, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            path: None,
            found: Vec::new(),
        }
    }

    pub(super) fn of_failure(failure: &Failure) -> Self {
        if failure.message.is_empty() {
            return Self::new("error", "stderr tells what is wrong");
        }
        let kind = match failure.exit {
            Exit::Conflict => "conflict",
            _ => "error",
        };
        Self {
            found: failure.found.clone(),
            ..Self::new(kind, &failure.message)
        }
    }

    pub(super) fn of_stop(stop: &Stop) -> Self {
        let kind = match stop {
            Stop::Conflict { .. } => "conflict",
            Stop::Failed { .. }
            | Stop::InvalidAcl { .. }
            | Stop::Unread { .. }
            | Stop::Unguarded { .. } => "failed",
            Stop::TooLarge { .. } => "too large",
            Stop::Disconnected { .. } => "disconnected",
            Stop::Uncertain { .. } => "uncertain",
            Stop::Deposed { .. } => "deposed",
            Stop::Record { reason } if reason.is_loss() => "disconnected",
            Stop::Record { .. } => "record",
        };
        let path = stop.path().cloned();
        Self {
            path,
            ..Self::new(kind, words::stop(stop))
        }
    }
}
