//! The lines of the log that are not about single actions.

use std::sync::Arc;
use std::time::Duration;

use super::super::held::HeldNews;
use super::super::revision::{Broken, Revision};
use super::super::state::{Connection, Ending, Reconcile, State};
use super::named::{Naming, Word};
use crate::reconcile::{Account, Tally};
use crate::syntax::spelling::printable;
use crate::zookeeper::executor::Fate;

/// What comes after a reconcile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Next {
    /// Nothing, before something happens.
    Rest,
    /// Another attempt, after this wait.
    Retry(Duration),
    /// Another attempt. Why this one failed was logged when the files were read.
    QuietRetry,
    /// Nothing, before something happens, or the nodes may be written that were refused.
    Nodes,
    /// As `Nodes`, and all of it was logged before.
    Known,
}

impl Next {
    /// The same, where nothing is new of the nodes that were refused.
    pub(super) fn unless_known(self) -> Self {
        match self {
            Self::Nodes => Self::Known,
            next => next,
        }
    }
}

pub(super) fn log_lost(servers: &str) {
    tracing::warn!(servers, "the connection is lost; trying to connect again");
}

pub(super) fn log_off(reason: &str) {
    tracing::warn!("no server makes a session: {reason}");
}

pub(super) fn log_back(servers: &str) {
    tracing::info!(servers, "connected again");
}

pub(super) fn log_broken(broken: &Broken, in_force: Option<&Arc<Revision>>) {
    for drawn in &broken.drawn {
        tracing::error!(revision = broken.revision, "{drawn}");
    }
    let then = match in_force {
        Some(_) => "the last sound one stays in force",
        None => "nothing is written before they do",
    };
    let what = match broken.only_secrets {
        true => "secret values from outside are missing, so that the files declare no sound tree",
        false => "the files declare no sound tree",
    };
    tracing::error!(
        errors = broken.errors.len(),
        in_force = in_force.map_or("none", |revision| revision.id.as_str()),
        "{what}; {then}"
    );
}

pub(super) fn log_held(news: &HeldNews) {
    match news {
        HeldNews::Contended {
            path,
            repairs,
            longest,
        } => tracing::warn!(
            path = %printable(path.as_str()),
            repairs,
            "is changed again after each repair: another watch or an application writes it, \
             too; it is repaired later and later, at last every {} s",
            longest.as_secs_f64()
        ),
        HeldNews::More(more) => {
            tracing::warn!("{more} more nodes are changed again after each repair");
        }
        HeldNews::Rested(path) => {
            let path = printable(path.as_str()).into_owned();
            tracing::info!(path, "is no longer changed after each repair");
        }
    }
}

/// One line for each reconcile.
pub(super) fn log(reconcile: &Reconcile, state: &State, next: Next) {
    let then = match next {
        Next::QuietRetry | Next::Known => return,
        Next::Retry(wait) => format!("; trying again in {:.1} s", wait.as_secs_f64()),
        Next::Rest | Next::Nodes => String::new(),
    };
    let Reconcile {
        causes,
        took,
        revision,
        ending,
        found,
        done,
        error,
        ..
    } = reconcile;
    let revision = revision.as_deref().unwrap_or("none");
    let commit = state.files.commit().map(tracing::field::display);
    let not_compared = state
        .plan
        .as_ref()
        .map_or(0, |plan| plan.not_compared.len());
    let not_compared = (not_compared > 0).then_some(not_compared);
    // JSON has no number for 128 bits: the log would write a string.
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    macro_rules! line {
        ($level:ident, $($more:tt)*) => {
            tracing::$level!(
                cause = %causes, revision, commit, result = %ending,
                found.add, found.update, found.link, found.trim,
                done.add, done.update, done.link, done.trim,
                not_compared, ms, $($more)*
            )
        };
    }
    let failed = match ending {
        Ending::InSync | Ending::Applied => return line!(info, "reconciled"),
        Ending::Drift => return line!(warn, "reconciled"),
        Ending::Refused => "a guard refuses to reconcile",
        Ending::Conflict | Ending::Failed => "cannot reconcile",
        Ending::Partial => "cannot reconcile all",
    };
    let error = match (&state.outage, error) {
        (Some(outage), Some(error)) if state.connection == Connection::Lost => {
            Some(format!("{error} ({outage})"))
        }
        (_, error) => error.clone(),
    };
    let error = error.map(tracing::field::display);
    line!(error, error, "{failed}{then}");
}

/// What stands, what is unknown, and what is left.
pub(super) fn log_interrupted(account: &Account) {
    if !account.is_open() && !account.wrote() {
        return;
    }
    let mut naming = Naming::default();
    for (action, fate) in account.under_way() {
        match fate {
            Fate::Done => naming.note(action, Word::Done),
            Fate::Unknown => naming.note(action, Word::Unknown),
            Fate::DataOnly => naming.note(action, Word::DataOnly),
            Fate::NotDone | Fate::Needless => {}
        }
    }
    naming.end();
    let Tally {
        stands,
        unknown,
        left,
    } = account.tally();
    tracing::warn!(
        stands,
        unknown,
        left,
        "interrupted in the middle of a reconcile"
    );
}
