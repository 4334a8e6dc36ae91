//! Why an apply ended before all was done.

use std::fmt;

use zkt::model::path::ZPath;
use zkt::reconcile::Account;
use zkt::zookeeper::executor::Stop;

use crate::exit::{Exit, Failure, MAX_REQUEST_HINT, PERMISSIONS};

/// Why a run ended before all was done.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) path: Option<ZPath>,
}

impl End {
    pub(super) fn new(kind: &'static str, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            path: None,
        }
    }

    pub(super) fn of_failure(failure: &Failure) -> Self {
        if failure.message.is_empty() {
            return Self::new("error", "stderr tells what is wrong");
        }
        Self::new("error", &failure.message)
    }

    pub(super) fn of_stop(stop: &Stop) -> Self {
        let kind = match stop {
            Stop::Conflict { .. } => "conflict",
            Stop::Failed { .. } | Stop::InvalidAcl { .. } | Stop::Unread { .. } => "failed",
            Stop::TooLarge { .. } => "too large",
            Stop::Disconnected { .. } => "disconnected",
            Stop::Uncertain { .. } => "uncertain",
            Stop::Deposed { .. } => "deposed",
        };
        let path = stop.path().cloned();
        Self {
            path,
            ..Self::new(kind, stop)
        }
    }
}

/// What an interrupt leaves behind, and a hint what to do about it.
pub(in crate::commands) fn interrupted(account: &Account, hint: &str) -> Failure {
    let message = match account.course() {
        Some(course) => format!("interrupted: {course}"),
        None if account.wrote() => "interrupted between two attempts".to_owned(),
        None => return Failure::new("interrupted: nothing was written"),
    };
    Failure::new(message).hint(hint).exit(Exit::Partial)
}

/// The error that ends a run which stopped so.
pub(super) fn failure(stop: &Stop, account: &Account) -> Failure {
    let failure = Failure::new(stop);
    match stop {
        Stop::Conflict { .. } => failure
            .hint("another writer changes these nodes; nothing of theirs was overwritten")
            .exit(Exit::Conflict),
        Stop::Disconnected { .. } | Stop::Uncertain { .. } => {
            failure.hint("run apply again: it finishes what is left")
        }
        stop if stop.is_unauthorized() => match account.missing_right(stop) {
            Some((path, right)) => {
                let right = right.name();
                failure.hint(format!("it takes the {right} right at {path}; {PERMISSIONS}"))
            }
            None => failure.hint(PERMISSIONS),
        },
        Stop::TooLarge { .. } => failure.hint(MAX_REQUEST_HINT),
        Stop::InvalidAcl { .. } => failure.hint(
            "ZooKeeper's own schemes are world, auth, digest, ip, x509, sasl and super; a server may have more",
        ),
        Stop::Failed { .. } | Stop::Unread { .. } | Stop::Deposed { .. } => failure,
    }
}
