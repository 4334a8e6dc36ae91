//! What came back for batches that were sent one after the other, and what follows from it; without
//! a server.

use std::ops::Range;

use zookeeper_client::{Error as Refusal, MultiWriteError};

use super::batch::{Operation, Stage};
use super::chain::Knot;
use super::refused;
use super::report::Stop;
use crate::model::path::ZPath;
use crate::zookeeper::session::is_outcome_unknown;

/// What came back for a batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    Committed,
    /// Nothing of it was done, for a reason of its own.
    Refused {
        stop: Stop,
        /// Whether the marker of the batch before, where there is one, was found.
        in_order: bool,
    },
    /// Nothing of it was done, because the marker of the batch before was not there.
    Untied(Stop),
    /// Nothing of it was done, because the first marker of a chain was not taken.
    Unmarked(Stop),
    Lost(Refusal),
    /// Nothing came back: the request may even be waiting to be sent.
    Unanswered,
}

/// Why no more batches are sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    Stopped(Stop),
    /// The server takes no markers.
    Unmarked(Stop),
}

impl Reply {
    /// What an error says of a batch of these operations.
    pub(super) fn from_error(
        error: MultiWriteError,
        operations: &[Operation<'_>],
        knot: Option<&Knot>,
        guard: Option<&ZPath>,
    ) -> Self {
        let (index, source) = match error {
            MultiWriteError::RequestFailed { source } if is_outcome_unknown(&source) => {
                return Self::Lost(source);
            }
            MultiWriteError::RequestFailed { source } => {
                return Self::refused(operations, 0, source, false);
            }
            MultiWriteError::OperationFailed { index, source } => (index, source),
        };
        let index = match (guard, index) {
            (Some(guard), 0) => {
                let guard = guard.clone();
                let stop = Stop::Deposed { guard };
                let in_order = false;
                return Self::Refused { stop, in_order };
            }
            (Some(_), _) => index - 1,
            (None, _) => index,
        };
        let Some(knot) = knot else {
            return Self::refused(operations, index, source, true);
        };
        let index = match (&knot.before, index) {
            (Some(marker), 0) => {
                return Self::Untied(at_the_marker(marker, operations, source));
            }
            (Some(_), _) => index - 1,
            (None, _) => index,
        };
        match &knot.after {
            Some(marker) if index == operations.len() => {
                let stop = at_the_marker(marker, operations, source);
                if knot.before.is_none() {
                    Self::Unmarked(stop)
                } else {
                    let in_order = true;
                    Self::Refused { stop, in_order }
                }
            }
            _ => Self::refused(operations, index, source, true),
        }
    }

    pub(super) fn refused(
        operations: &[Operation<'_>],
        index: usize,
        source: Refusal,
        in_order: bool,
    ) -> Self {
        match operations.get(index).or(operations.first()) {
            Some(operation) => Self::Refused {
                stop: refused(operation.path, operation.action, source),
                in_order,
            },
            None => Self::Committed,
        }
    }

    fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Unanswered)
    }
}

fn at_the_marker(marker: &ZPath, operations: &[Operation<'_>], source: Refusal) -> Stop {
    let action = operations.first().map_or(0, |operation| operation.action);
    refused(marker, action, source)
}

/// How many of the batches stand for sure, and how many at most. All in between were lost.
pub(super) fn standing(replies: &[Reply]) -> Range<usize> {
    let mut standing = 0..replies.len();
    for (i, reply) in replies.iter().enumerate() {
        match reply {
            Reply::Committed => standing.start = i + 1,
            Reply::Refused { in_order, .. } => {
                standing.end = standing.end.min(i);
                if *in_order {
                    standing.start = i;
                }
            }
            Reply::Untied(_) | Reply::Unmarked(_) => standing.end = standing.end.min(i),
            Reply::Lost(_) | Reply::Unanswered => {}
        }
    }
    standing
}

/// What became of each batch, by its own reply and by how many stand; none where that is unknown.
pub(super) fn fates(replies: &[Reply], standing: &Range<usize>) -> Vec<Option<bool>> {
    let by_others = |i: usize| match (i < standing.start, i < standing.end) {
        (true, true) => Some(true),
        (false, false) => Some(false),
        (true, false) | (false, true) => None,
    };
    let fate = |(i, reply): (usize, &Reply)| match reply {
        Reply::Committed => Some(true),
        Reply::Refused { .. } | Reply::Untied(_) | Reply::Unmarked(_) => Some(false),
        Reply::Lost(_) | Reply::Unanswered => by_others(i),
    };
    replies.iter().enumerate().map(fate).collect()
}

/// Why nothing more was sent after these batches: by the first that has not just been committed, but
/// for one that was lost, where another was refused for a reason of its own.
pub(super) fn end(stages: &[Stage<'_>], replies: &[Reply], fates: &[Option<bool>]) -> Option<End> {
    let source = match replies.iter().find(|reply| **reply != Reply::Committed)? {
        Reply::Unmarked(stop) => return Some(End::Unmarked(stop.clone())),
        Reply::Refused { stop, .. } | Reply::Untied(stop) => {
            return Some(End::Stopped(stop.clone()));
        }
        Reply::Lost(source) => source.clone(),
        Reply::Committed | Reply::Unanswered => Refusal::Timeout,
    };
    let mut unknown = stages.iter().zip(fates).filter(|(_, fate)| fate.is_none());
    if let Some((first, _)) = unknown.next() {
        let last = unknown.next_back().map_or(first, |(stage, _)| stage);
        let actions = first.actions.start..last.actions.end;
        return Some(End::Stopped(Stop::Uncertain { actions, source }));
    }
    let refusal = replies.iter().find_map(|reply| match reply {
        Reply::Refused { stop, .. } => Some(stop.clone()),
        _ => None,
    });
    let lost = || {
        replies
            .iter()
            .zip(fates)
            .filter(|(reply, _)| reply.is_lost())
    };
    Some(End::Stopped(refusal.unwrap_or_else(|| {
        Stop::Disconnected {
            in_flight: lost().count(),
            committed: lost().all(|(_, fate)| *fate == Some(true)),
            source,
        }
    })))
}

#[cfg(test)]
mod tests;
