//! What came back for the batches of a stage, and what follows from it; without a server.

use zookeeper_client::{Error as Refusal, MultiWriteError};

use super::batch::{Operation, Packed};
use super::refused;
use super::report::{Outcome, Stop};
use crate::model::path::ZPath;
use crate::zookeeper::session::is_outcome_unknown;

/// What came back for a batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Committed,
    /// Nothing of it was done.
    Refused(Stop),
    /// The reply was lost, and perhaps the request.
    Lost(Refusal),
}

impl Reply {
    /// What an error says of a batch of these operations.
    pub(super) fn from_error(
        error: MultiWriteError,
        operations: &[Operation<'_>],
        guard: Option<&ZPath>,
    ) -> Self {
        let (index, source) = match error {
            MultiWriteError::RequestFailed { source } if is_outcome_unknown(&source) => {
                return Self::Lost(source);
            }
            MultiWriteError::RequestFailed { source } => {
                return Self::refused(operations, 0, source);
            }
            MultiWriteError::OperationFailed { index, source } => (index, source),
        };
        match (guard, index) {
            (Some(guard), 0) => {
                let guard = guard.clone();
                Self::Refused(Stop::Deposed { guard })
            }
            (Some(_), _) => Self::refused(operations, index - 1, source),
            (None, _) => Self::refused(operations, index, source),
        }
    }

    pub(super) fn refused(operations: &[Operation<'_>], index: usize, source: Refusal) -> Self {
        match operations.get(index).or(operations.first()) {
            Some(operation) => Self::Refused(refused(operation.path, operation.action, source)),
            None => Self::Committed,
        }
    }
}

/// Why nothing more was sent after these batches, the first of `batches`: by the first that was not
/// committed. Returns `None` if nothing went wrong.
pub(super) fn end(batches: &[Packed<'_>], replies: &[Reply], outcomes: &[Outcome]) -> Option<Stop> {
    let lost = || {
        let all = replies.iter().zip(outcomes);
        all.filter_map(|(reply, outcome)| match reply {
            Reply::Lost(source) => Some((source, *outcome)),
            Reply::Committed | Reply::Refused(_) => None,
        })
    };
    let mut all = replies.iter().zip(outcomes);
    let first = all.find(|(_, outcome)| **outcome != Outcome::Committed);
    if let Some((Reply::Refused(stop), _)) = first {
        let is_loss = matches!(stop, Stop::Disconnected { .. });
        if !is_loss || lost().next().is_none() {
            return Some(stop.clone());
        }
    }
    let source = lost().next()?.0.clone();
    let unknown = batches.iter().zip(outcomes);
    let mut unknown = unknown.filter(|(_, outcome)| **outcome == Outcome::Unknown);
    if let Some((first, _)) = unknown.next() {
        let last = unknown.next_back().map_or(first, |(batch, _)| batch);
        let actions = first.actions.start..last.actions.end;
        return Some(Stop::Uncertain { actions, source });
    }
    Some(Stop::Disconnected {
        in_flight: lost().count(),
        committed: lost().all(|(_, outcome)| outcome == Outcome::Committed),
        source,
    })
}

#[cfg(test)]
mod tests;
