//! What an execution tells: its events, how far it got, and why it stopped.

use std::ops::Range;

use zookeeper_client::Error as Refusal;

use super::batch::{AclChange, Stage};
use crate::path::ZPath;
use crate::plan::{Action, Plan};

/// How far an execution got, and why it stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many leading actions stand entirely.
    pub applied: usize,
    /// What became of each action of the plan.
    pub fates: Vec<Fate>,
    /// The batches that stand entirely, in order.
    pub batches: Vec<Batch>,
    /// How many operations were committed.
    pub committed_operations: usize,
    /// Why the plan was not carried out to its end; none where it was.
    pub stop: Option<Stop>,
}

/// What became of one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was not carried out.
    NotDone,
    /// The node has its new data, but not yet its new ACL.
    DataOnly,
    /// It stands.
    Done,
    /// It may have been carried out or not.
    Unknown,
}

/// One request's worth of a plan, or one run of ACL changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which batch it is, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
    /// What it consists of.
    pub kind: BatchKind,
    /// The actions of the plan that it carries out, wholly or in part.
    pub actions: Range<usize>,
    /// How many operations it has: at most one for each action.
    pub operations: usize,
    /// The bytes of its requests.
    pub bytes: usize,
}

/// What a batch consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// Creates, sets and deletes: all of them happen or none.
    Atomic,
    /// ACL changes, each of which happens by itself: ZooKeeper has no other way.
    Acls,
}

/// What happens while a plan is executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The batch is about to be sent.
    Starting(Batch),
    /// The batch stands.
    Committed(Batch),
}

/// Why an execution stopped before the end of its plan. Nothing was sent after that was known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The live tree is not as the plan saw it.
    #[error("{path}: {reason}")]
    Conflict {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// How it differs.
        reason: Conflict,
    },
    /// The server refused an operation.
    #[error("{path}: {source}")]
    Failed {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// The refusal.
        source: Refusal,
    },
    /// An operation is larger than a request may be. Nothing was written at all.
    #[error("{path}: writing it takes a request of {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// The bytes that it takes.
        bytes: usize,
        /// The bytes that a request may have.
        limit: usize,
    },
    /// The connection was lost while a batch was being committed, and a look at the nodes
    /// afterwards told what became of it.
    #[error(
        "the connection was lost ({source}); the batch in flight was {}committed",
        if *committed { "" } else { "not " }
    )]
    Disconnected {
        /// Whether all of the batch stands. [`Report::fates`] tells of each action.
        committed: bool,
        /// What the batch ran into.
        source: Refusal,
    },
    /// The connection was lost while a batch was being committed, and what became of it could not
    /// be told.
    #[error(
        "the connection was lost ({source}); whether the batch in flight was committed is unknown"
    )]
    Uncertain {
        /// The actions that may stand or not.
        actions: Range<usize>,
        /// What the batch ran into.
        source: Refusal,
    },
}

impl Stop {
    /// Whether the session was not allowed to do what the plan says.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self,
            Self::Failed {
                source: Refusal::NoAuth,
                ..
            }
        )
    }
}

/// How a node differs from what the plan saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// To be created, it is there.
    #[error("it exists already")]
    Exists,
    /// It is gone, or its parent is.
    #[error("it does not exist any more, or its parent does not")]
    Missing,
    /// It was written.
    #[error("it was changed meanwhile")]
    Changed,
    /// To be deleted, it has children.
    #[error("it has children that the plan does not delete")]
    NotEmpty,
    /// Its parent belongs to a session.
    #[error("its parent is ephemeral and can have no children")]
    EphemeralParent,
}

/// What is left to do of one action.
#[derive(Debug, Clone, Copy)]
struct Left {
    data: bool,
    acl: bool,
    /// Whether a part of it was sent and nobody knows the outcome.
    unknown: bool,
}

/// What of the plan stands so far.
pub(super) struct Progress {
    left: Vec<Left>,
    /// Whether an action has data to write at all.
    has_data: Vec<bool>,
    batches: Vec<Batch>,
    operations: usize,
}

impl Progress {
    pub(super) fn new(plan: &Plan) -> Self {
        let left = |action: &Action| match action {
            Action::Update(update) => Left {
                data: update.data.is_some(),
                acl: update.acl.is_some(),
                unknown: false,
            },
            Action::Add(_) | Action::Link(_) | Action::Trim(_) => Left {
                data: true,
                acl: false,
                unknown: false,
            },
        };
        let left: Vec<Left> = plan.actions.iter().map(left).collect();
        let has_data = left.iter().map(|left| left.data).collect();
        Self {
            left,
            has_data,
            batches: Vec::new(),
            operations: 0,
        }
    }

    pub(super) fn note_batch(&mut self, batch: Batch) {
        self.batches.push(batch);
    }

    pub(super) fn note_atomic(&mut self, stage: &Stage, stop: Option<&Stop>) {
        let left = self.left[stage.actions.clone()].iter_mut();
        match stop {
            None
            | Some(Stop::Disconnected {
                committed: true, ..
            }) => {
                left.for_each(|left| left.data = false);
                self.operations += stage.operations();
            }
            Some(Stop::Uncertain { .. }) => {
                left.filter(|left| left.data)
                    .for_each(|left| left.unknown = true);
            }
            Some(_) => {}
        }
    }

    pub(super) fn note_acls(&mut self, changes: &[AclChange], made: &[Option<bool>]) {
        for (change, made) in changes.iter().zip(made) {
            let left = &mut self.left[change.action];
            match made {
                Some(true) => {
                    left.acl = false;
                    self.operations += 1;
                }
                Some(false) => {}
                None => left.unknown = true,
            }
        }
    }

    pub(super) fn report(self, stop: Option<Stop>) -> Report {
        let fate = |(left, has_data): (&Left, &bool)| match left {
            Left { unknown: true, .. } => Fate::Unknown,
            Left {
                data: false,
                acl: false,
                ..
            } => Fate::Done,
            Left {
                data: false,
                acl: true,
                ..
            } if *has_data => Fate::DataOnly,
            Left { .. } => Fate::NotDone,
        };
        let fates: Vec<Fate> = self.left.iter().zip(&self.has_data).map(fate).collect();
        let applied = fates.iter().take_while(|fate| **fate == Fate::Done).count();
        let (batches, committed_operations) = (self.batches, self.operations);
        Report {
            applied,
            fates,
            batches,
            committed_operations,
            stop,
        }
    }
}
