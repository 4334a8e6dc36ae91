//! What came back for the batches of a stage, and what follows from it; without a server.

use zookeeper_client::{Error as ClientError, MultiWriteError};

use super::batch::{Operation, Packed};
use super::guards::Guards;
use super::report::{BatchFate, Stop};
use crate::zookeeper::session::is_outcome_unknown;

/// What came back for a batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Committed,
    /// Nothing of it was done.
    Refused(Stop),
    /// The reply was lost, and perhaps the request.
    Lost(ClientError),
}

impl Reply {
    /// What an error says of a batch of these operations.
    pub(super) fn from_error(
        error: MultiWriteError,
        operations: &[Operation<'_>],
        guards: &Guards,
    ) -> Self {
        let (index, reason) = match error {
            MultiWriteError::RequestFailed { source: reason } if is_outcome_unknown(&reason) => {
                return Self::Lost(reason);
            }
            MultiWriteError::RequestFailed { source: reason } => {
                return Self::refused(operations, 0, reason);
            }
            MultiWriteError::OperationFailed {
                index,
                source: reason,
            } => (index, reason),
        };
        match guards.refusal(index, &reason) {
            Ok(index) => Self::refused(operations, index, reason),
            Err(stop) => Self::Refused(stop),
        }
    }

    pub(super) fn refused(operations: &[Operation<'_>], index: usize, reason: ClientError) -> Self {
        match operations.get(index).or(operations.first()) {
            Some(operation) => {
                Self::Refused(Stop::refused(operation.path, operation.action, reason))
            }
            None => Self::Committed,
        }
    }
}

/// Why nothing more was sent after these batches, the first of `batches`: by the first that was not
/// committed. Returns `None` if nothing went wrong.
pub(super) fn end(
    batches: &[Packed<'_>],
    replies: &[Reply],
    outcomes: &[BatchFate],
) -> Option<Stop> {
    let lost = || {
        let all = replies.iter().zip(outcomes);
        all.filter_map(|(reply, outcome)| match reply {
            Reply::Lost(reason) => Some((reason, *outcome)),
            Reply::Committed | Reply::Refused(_) => None,
        })
    };
    let mut all = replies.iter().zip(outcomes);
    let first = all.find(|(_, outcome)| **outcome != BatchFate::Committed);
    if let Some((Reply::Refused(stop), _)) = first {
        let is_loss = matches!(stop, Stop::Disconnected { .. });
        if !is_loss || lost().next().is_none() {
            return Some(stop.clone());
        }
    }
    let reason = lost().next()?.0.clone();
    let unknown = batches.iter().zip(outcomes);
    let mut unknown = unknown.filter(|(_, outcome)| **outcome == BatchFate::Unknown);
    if let Some((first, _)) = unknown.next() {
        let last = unknown.next_back().map_or(first, |(batch, _)| batch);
        let actions = first.actions.start..last.actions.end;
        return Some(Stop::Uncertain { actions, reason });
    }
    Some(Stop::Disconnected {
        in_flight: lost().count(),
        committed: lost().all(|(_, outcome)| outcome == BatchFate::Committed),
        reason,
    })
}

#[cfg(test)]
mod tests;
