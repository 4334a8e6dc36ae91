//! What an execution tells: its events, how far it got, and why it stopped.

use std::ops::Range;

use zookeeper_client::Error as Refusal;

use super::batch::{AclChange, Stage, Work};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan, Summary};
use crate::zookeeper::live;
use crate::zookeeper::session::told;

/// How far an execution got, and why it stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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

impl Report {
    /// How many actions of each kind stand, of the plan that was executed.
    #[must_use]
    pub fn done(&self, plan: &Plan) -> Summary {
        let actions = plan.actions.iter().zip(&self.fates);
        let done = actions.filter(|(_, fate)| **fate == Fate::Done);
        Summary::of(done.map(|(action, _)| action))
    }
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
    /// Somebody else has made the node so in the meantime. Only executions of
    /// contended nodes look for that.
    Needless,
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
    /// How many operations it has, but for markers: at most one for each action.
    pub operations: usize,
    /// The bytes of its requests, but for markers.
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
    /// The batch is about to be sent. Where the server refuses its marker, this comes again.
    Starting(Batch),
    /// The batch stands. These come in order, each after all before it.
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
    #[error("{path}: {}", told(source))]
    Failed {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// The refusal.
        source: Refusal,
    },
    /// The server refused the ACL of a node.
    #[error(
        "{path}: the server refuses the ACL entry {entries}: it does not know the scheme, or takes no such id"
    )]
    InvalidAcl {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// The entries that it may be about, without what may be a secret.
        entries: String,
    },
    /// An operation is larger than a request may be. Nothing was written at all.
    #[error(
        "{path}: writing it takes a request of {bytes} bytes, more than the {limit} that --max-request allows"
    )]
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
    /// A node that has to be read again before it is written could not be.
    #[error("{source}")]
    Unread {
        /// The node.
        path: ZPath,
        /// The action.
        action: usize,
        /// Why.
        source: live::Error,
    },
    /// The node without which nothing is written, [`ExecuteOptions::guard`], is not there.
    ///
    /// [`ExecuteOptions::guard`]: super::ExecuteOptions::guard
    #[error("{guard} is gone, and with it the right to write")]
    Deposed {
        /// The node.
        guard: ZPath,
    },
    /// The connection was lost while batches were being committed, and a look at the nodes
    /// afterwards told what became of them.
    #[error("the connection was lost ({}); {}", told(source), what_became(*in_flight, *committed))]
    Disconnected {
        /// How many batches were in flight.
        in_flight: usize,
        /// Whether all of them stand. [`Report::fates`] tells of each action.
        committed: bool,
        /// What the first of them ran into.
        source: Refusal,
    },
    /// The connection was lost while batches were being committed, and what became of them could
    /// not be told.
    #[error(
        "the connection was lost ({}); what was in flight may be committed or not",
        told(source)
    )]
    Uncertain {
        /// The actions that may stand or not.
        actions: Range<usize>,
        /// What the first of the batches ran into.
        source: Refusal,
    },
}

impl Stop {
    /// The only node that the stop is about; the server takes what concerns others.
    #[cfg(feature = "watch")]
    pub(crate) fn of_one_node(&self) -> Option<&ZPath> {
        match self {
            Self::Failed {
                path,
                source: Refusal::NoAuth | Refusal::QuotaExceeded | Refusal::BadArguments(_),
                ..
            }
            | Self::InvalidAcl { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Unread { path, .. } => Some(path),
            _ => None,
        }
    }

    /// The node at which it stopped; `None` if it was not about one.
    #[must_use]
    pub fn path(&self) -> Option<&ZPath> {
        match self {
            Self::Conflict { path, .. }
            | Self::Failed { path, .. }
            | Self::InvalidAcl { path, .. }
            | Self::TooLarge { path, .. }
            | Self::Unread { path, .. } => Some(path),
            Self::Deposed { .. } | Self::Disconnected { .. } | Self::Uncertain { .. } => None,
        }
    }

    /// The action at which it stopped; `None` if it was not about one.
    pub(crate) fn action_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Conflict { action, .. }
            | Self::Failed { action, .. }
            | Self::InvalidAcl { action, .. }
            | Self::TooLarge { action, .. }
            | Self::Unread { action, .. } => Some(action),
            Self::Deposed { .. } | Self::Disconnected { .. } | Self::Uncertain { .. } => None,
        }
    }

    /// Whether the session was not allowed to do what the plan says.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self,
            Self::Failed {
                source: Refusal::NoAuth,
                ..
            } | Self::Unread {
                source: live::Error::Unreadable { .. },
                ..
            }
        )
    }
}

fn what_became(in_flight: usize, committed: bool) -> String {
    match (in_flight, committed) {
        (0, _) => "nothing was in flight".to_owned(),
        (0..=1, true) => "the batch in flight was committed".to_owned(),
        (0..=1, false) => "the batch in flight was not committed".to_owned(),
        (_, true) => format!("the {in_flight} batches in flight were committed"),
        (_, false) => format!("not all of the {in_flight} batches in flight were committed"),
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
    /// It was deleted, and another node was created in its place.
    #[error("it was deleted and created again meanwhile")]
    Replaced,
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

/// What of the plan stands so far, told while it comes to stand.
pub(super) struct Progress<'a> {
    left: Vec<Left>,
    /// Whether an action has data to write at all.
    has_data: Vec<bool>,
    stages: &'a [Stage<'a>],
    events: &'a mut (dyn FnMut(&Event) + Send),
    batches: Vec<Batch>,
    operations: usize,
}

impl<'a> Progress<'a> {
    pub(super) fn new(
        plan: &Plan,
        stages: &'a [Stage<'a>],
        events: &'a mut (dyn FnMut(&Event) + Send),
    ) -> Self {
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
        let mut left: Vec<Left> = plan.actions.iter().map(left).collect();
        // A new node may get its ACL in a step of its own.
        for stage in stages {
            if let Work::Acls(changes) = &stage.work {
                changes
                    .iter()
                    .for_each(|change| left[change.action].acl = true);
            }
        }
        let has_data = left.iter().map(|left| left.data).collect();
        Self {
            left,
            has_data,
            stages,
            events,
            batches: Vec::new(),
            operations: 0,
        }
    }

    /// The batch is about to be sent.
    pub(super) fn starting(&mut self, batch: usize) {
        let batch = self.described(batch);
        (self.events)(&Event::Starting(batch));
    }

    /// All of the batch stands.
    pub(super) fn committed(&mut self, batch: usize) {
        let stage = &self.stages[batch];
        if let Work::Atomic(operations) = &stage.work {
            let left = self.left[stage.actions.clone()].iter_mut();
            left.for_each(|left| left.data = false);
            self.operations += operations.len();
        }
        let batch = self.described(batch);
        self.batches.push(batch.clone());
        (self.events)(&Event::Committed(batch));
    }

    /// All of the batch stands, or nothing of it.
    pub(super) fn unknown(&mut self, batch: usize) {
        let left = self.left[self.stages[batch].actions.clone()].iter_mut();
        left.filter(|left| left.data)
            .for_each(|left| left.unknown = true);
    }

    pub(super) fn note_acls(&mut self, changes: &[AclChange<'_>], made: &[Option<bool>]) {
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

    fn described(&self, batch: usize) -> Batch {
        let stage = &self.stages[batch];
        let kind = match stage.work {
            Work::Atomic(_) => BatchKind::Atomic,
            Work::Acls(_) => BatchKind::Acls,
        };
        Batch {
            index: batch,
            count: self.stages.len(),
            kind,
            actions: stage.actions.clone(),
            operations: stage.operations(),
            bytes: stage.bytes,
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
