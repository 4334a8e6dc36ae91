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
use crate::plan::Plan;
use crate::session::{Session, acl, is_outcome_unknown};

use self::batch::{AclChange, Operation, Stage, Work, Write};
use self::report::Progress;

mod batch;
mod look;
mod report;

pub use self::report::{Batch, BatchKind, Conflict, Event, Fate, Report, Stop};

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

/// Carries out `plan`, all of it or up to the first obstacle, and tells `events` of each batch.
///
/// Where the whole plan fits one request it is one batch, but for ACL changes, which no batch can
/// hold: they come last, since they may take permissions that the rest needs. A link of a node that is
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
            progress.note_batch(batch.clone());
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
                writer.add_create(
                    path,
                    data.as_bytes(),
                    &CreateMode::Persistent.with_acls(acls),
                )
            }
            Write::Set { data, expected } => {
                writer.add_set_data(path, data.as_bytes(), Some(expected.get()))
            }
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
