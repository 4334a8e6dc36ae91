//! Executing a plan: atomic batches, one after the other, and an honest account of how far it got.
//!
//! The executor decides nothing. It lowers actions to operations, packs consecutive ones into
//! atomic batches, and stops at the first thing that is not as the plan expects.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use zookeeper_client::{Acls, CreateMode, Error as Refusal, MultiWriteError};

use crate::path::ZPath;
use crate::plan::{Action, Plan};
use crate::session::{Session, acl, is_outcome_unknown};

use self::batch::{AclChange, Operation, Stage, Work, Write};

mod batch;
mod look;

/// Bounds on what is sent at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecuteOptions {
    /// Request bytes up to which the whole plan is one batch.
    pub whole_plan_bytes: usize,
    /// Request bytes of a batch where the plan needs several.
    pub batch_bytes: usize,
    /// Operations of a batch where the plan needs several.
    pub batch_operations: usize,
    /// Request bytes that no request may exceed. Past `jute.maxbuffer`, 1,048,575 bytes as
    /// ZooKeeper comes, the server drops the connection with all that is in flight.
    pub request_limit: usize,
    /// How many ACL changes are in flight at most.
    pub acl_window: usize,
    /// How long to look, after a lost connection, for what became of a batch.
    pub recovery: Duration,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self {
            whole_plan_bytes: 1_000_000,
            batch_bytes: 512 << 10,
            batch_operations: 1000,
            request_limit: 1_048_575,
            acl_window: 64,
            recovery: Duration::from_secs(30),
        }
    }
}

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

/// Carries out `plan`, all of it or up to the first obstacle, and tells `events` of each batch.
///
/// Where the whole plan fits one request it is one batch, but for ACL changes, which no batch can
/// hold: of a run of updates first all data is set, then their ACLs. A link of a node that is
/// written in the same batch becomes part of that write. Each set, delete and ACL change names
/// the version that it must find: the plan's, advanced by what this execution wrote itself.
///
/// Neither the plan's refusals nor its warnings are looked at.
///
/// # On connection loss
/// Nothing more is sent. Once connected again, with a new session if need be, the batch's nodes
/// are looked at: a batch happens entirely or not at all, so they tell which. Where another
/// writer did just the same meanwhile, its writes are taken for this batch's. Every wait is
/// bounded, by the session timeout and by [`ExecuteOptions::recovery`].
///
/// # Cancellation safety
/// A request is sent when it is made, so dropping the future does not take back the batch in
/// flight: it may be committed or not. No other batch is sent.
pub async fn execute(
    session: &Session,
    plan: &Plan,
    options: &ExecuteOptions,
    events: &mut (dyn FnMut(&Event) + Send),
) -> Report {
    let mut progress = Progress::new(plan);
    let stages = match batch::pack(plan, session.chroot_len(), options) {
        Ok(stages) => stages,
        Err(batch::TooLarge {
            path,
            action,
            bytes,
        }) => {
            let limit = options.request_limit;
            return progress.report(Some(Stop::TooLarge {
                path,
                action,
                bytes,
                limit,
            }));
        }
    };
    let count = stages.len();
    for (index, stage) in stages.iter().enumerate() {
        let batch = described(stage, index, count);
        events(&Event::Starting(batch.clone()));
        let stop = match &stage.work {
            Work::Atomic(operations) => {
                let stop = commit(session, operations, options, &stage.actions).await;
                progress.note_atomic(stage, stop.as_ref());
                stop
            }
            Work::Acls(changes) => {
                let (made, stop) = change_acls(session, changes, options, &stage.actions).await;
                progress.note_acls(changes, &made);
                stop
            }
        };
        if matches!(
            stop,
            None | Some(Stop::Disconnected {
                committed: true,
                ..
            })
        ) {
            progress.batches.push(batch.clone());
            events(&Event::Committed(batch));
        }
        if stop.is_some() {
            return progress.report(stop);
        }
    }
    progress.report(None)
}

fn described(stage: &Stage, index: usize, count: usize) -> Batch {
    let kind = match stage.work {
        Work::Atomic(_) => BatchKind::Atomic,
        Work::Acls(_) => BatchKind::Acls,
    };
    let (actions, operations) = (stage.actions.clone(), stage.operations());
    Batch {
        index,
        count,
        kind,
        actions,
        operations,
        bytes: stage.bytes,
    }
}

/// How long an answer may take before it is given up. The client itself gives up a silent
/// connection, and after it the session, well before.
fn patience(session: &Session) -> Duration {
    (session.timeout() * 3).max(Duration::from_secs(10))
}

async fn commit(
    session: &Session,
    operations: &[Operation],
    options: &ExecuteOptions,
    actions: &Range<usize>,
) -> Option<Stop> {
    let mut writer = session.client().new_multi_writer();
    for operation in operations {
        let path = operation.path.as_str();
        let added = match &operation.write {
            Write::Create { data, acl } => {
                let acl = acl.as_deref().map(acl::to_client);
                let acls = acl.as_deref().map_or(Acls::anyone_all(), Acls::new);
                writer.add_create(path, data, &CreateMode::Persistent.with_acls(acls))
            }
            Write::Set { data, expected } => writer.add_set_data(path, data, Some(expected.get())),
            Write::Delete { expected } => writer.add_delete(path, Some(expected.get())),
        };
        if let Err(source) = added {
            return Some(refused(&operation.path, operation.action, source));
        }
    }
    let uncertain = |source| {
        Some(Stop::Uncertain {
            actions: actions.clone(),
            source,
        })
    };
    let deadline = |limit| Instant::now() + limit;
    match timeout(patience(session), writer.commit()).await {
        Ok(Ok(_)) => None,
        Ok(Err(MultiWriteError::OperationFailed { index, source })) => {
            let operation = operations.get(index).or(operations.first())?;
            Some(refused(&operation.path, operation.action, source))
        }
        Ok(Err(MultiWriteError::RequestFailed { source })) if is_outcome_unknown(&source) => {
            match look::batch(session, operations, deadline(options.recovery)).await {
                Some(committed) => Some(Stop::Disconnected { committed, source }),
                None => uncertain(source),
            }
        }
        Ok(Err(MultiWriteError::RequestFailed { source })) => {
            let first = operations.first()?;
            Some(refused(&first.path, first.action, source))
        }
        // The request may still be waiting to be sent, so that it did not happen proves nothing.
        Err(_) => match look::batch(session, operations, deadline(options.recovery)).await {
            Some(true) => Some(Stop::Disconnected {
                committed: true,
                source: Refusal::Timeout,
            }),
            _ => uncertain(Refusal::Timeout),
        },
    }
}

/// Changes ACLs, several at a time; of each tells whether it was made, none where that is unknown.
/// After the first that fails no more are sent.
async fn change_acls(
    session: &Session,
    changes: &[AclChange],
    options: &ExecuteOptions,
    actions: &Range<usize>,
) -> (Vec<Option<bool>>, Option<Stop>) {
    let client = session.client();
    let mut made = vec![Some(false); changes.len()];
    let mut stop = None;
    let mut lost = Vec::new();
    let mut loss = None;
    let mut timed_out = false;
    let mut waiting = changes.iter().enumerate();
    let mut in_flight = VecDeque::new();
    loop {
        while stop.is_none() && loss.is_none() && in_flight.len() < options.acl_window.max(1) {
            let Some((i, change)) = waiting.next() else {
                break;
            };
            let entries = acl::to_client(&change.acl);
            let expected = Some(change.expected.get());
            in_flight.push_back((i, client.set_acl(change.path.as_str(), &entries, expected)));
        }
        let Some((i, pending)) = in_flight.pop_front() else {
            break;
        };
        match timeout(patience(session), pending).await {
            Ok(Ok(_)) => made[i] = Some(true),
            Ok(Err(source)) if is_outcome_unknown(&source) => {
                lost.push(i);
                loss.get_or_insert(source);
            }
            Ok(Err(source)) => {
                stop.get_or_insert_with(|| refused(&changes[i].path, changes[i].action, source));
            }
            Err(_) => {
                timed_out = true;
                lost.push(i);
                loss.get_or_insert(Refusal::Timeout);
            }
        }
    }
    let Some(source) = loss else {
        return (made, stop);
    };
    let asked: Vec<&AclChange> = lost.iter().map(|&i| &changes[i]).collect();
    let found = look::acls(session, &asked, Instant::now() + options.recovery).await;
    for (&i, found) in lost.iter().zip(found) {
        // What timed out may still be waiting to be sent.
        made[i] = found.filter(|made| *made || !timed_out);
    }
    let stop = stop.unwrap_or_else(|| {
        if made.contains(&None) {
            Stop::Uncertain {
                actions: actions.clone(),
                source,
            }
        } else {
            Stop::Disconnected {
                committed: made.iter().all(|made| *made == Some(true)),
                source,
            }
        }
    });
    (made, Some(stop))
}

fn refused(path: &ZPath, action: usize, source: Refusal) -> Stop {
    let reason = match source {
        Refusal::NodeExists => Conflict::Exists,
        Refusal::NoNode => Conflict::Missing,
        Refusal::BadVersion => Conflict::Changed,
        Refusal::NotEmpty => Conflict::NotEmpty,
        Refusal::NoChildrenForEphemerals => Conflict::EphemeralParent,
        source => {
            return Stop::Failed {
                path: path.clone(),
                action,
                source,
            };
        }
    };
    Stop::Conflict {
        path: path.clone(),
        action,
        reason,
    }
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
struct Progress {
    left: Vec<Left>,
    /// Whether an action has data to write at all.
    has_data: Vec<bool>,
    batches: Vec<Batch>,
    operations: usize,
}

impl Progress {
    fn new(plan: &Plan) -> Self {
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

    fn note_atomic(&mut self, stage: &Stage, stop: Option<&Stop>) {
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

    fn note_acls(&mut self, changes: &[AclChange], made: &[Option<bool>]) {
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

    fn report(self, stop: Option<Stop>) -> Report {
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
