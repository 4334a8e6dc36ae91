//! Executing a plan: atomic batches, strictly in order, and an honest account of how far it got.
//!
//! The executor decides nothing. It lowers actions to operations, packs consecutive ones into
//! atomic batches, and stops at the first thing that is not as the plan expects.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use zookeeper_client::Error as Refusal;

use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};
use crate::zookeeper::session::{Session, acl, is_outcome_unknown};

use self::batch::{AclChange, Work};
use self::flight::Flight;
use self::report::Progress;
use self::seen::Expected;

mod batch;
mod chain;
mod flight;
mod ledger;
mod look;
mod reply;
mod report;
mod seen;

pub(crate) use self::batch::acl_bytes;
pub use self::ledger::Ledger;
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
    /// How many batches are in flight at most; with 1 there are no markers.
    pub window: usize,
    /// Request bytes that no request may exceed. Past `jute.maxbuffer`, 1,048,575 bytes as
    /// ZooKeeper comes, the server drops the connection with all that is in flight.
    pub request_limit: usize,
    /// How many ACL changes are in flight at most.
    pub acl_window: usize,
    /// How long to look, after a lost connection, for what became of a batch; no longer than three
    /// times the session's request timeout, where its options have one.
    pub recovery: Duration,
    /// A node without which nothing is written: each batch checks that it is there, and was never
    /// written, in the same request. No batch can hold ACL changes; before those it is looked at.
    pub guard: Option<ZPath>,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self {
            whole_plan_bytes: 1_000_000,
            batch_bytes: 512 << 10,
            batch_operations: 1000,
            window: 4,
            request_limit: 1_048_575,
            acl_window: 64,
            recovery: Duration::from_secs(30),
            guard: None,
        }
    }
}

impl ExecuteOptions {
    /// The defaults, with requests as large as the session's options allow.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self {
            request_limit: session.max_request(),
            ..Self::default()
        }
    }

    /// Until when to look for what became of requests that are lost now.
    fn look_until(&self, session: &Session) -> Instant {
        let asked = session.request_timeout();
        let limit = asked.map_or(Duration::MAX, |timeout| timeout.saturating_mul(3));
        Instant::now() + self.recovery.min(limit)
    }
}

/// Carries out `plan`, all of it or up to the first obstacle, and tells `events` of each batch.
///
/// Where the whole plan fits one request it is one batch, but for ACL changes, which no batch can
/// hold: they come last, since they may take permissions that the rest needs; those of
/// [`Access::opened`](crate::model::plan::Access::opened), which give them, come first. A link of a node that is
/// written in the same batch becomes part of that write. Each set, delete and ACL change names
/// the version that it must find: the plan's, advanced by what this execution wrote itself.
///
/// Neither the plan's refusals nor its warnings are looked at.
///
/// # Which node
/// A version does not identify a node: one that was deleted and created again starts at 0 again. So
/// right before sets, deletes and ACL changes are sent, their nodes are read, and one that is not the
/// one that the plan [saw](crate::model::node::Zxids) is a [`Stop::Conflict`]. Only the time between that read
/// and the write remains.
///
/// # Several batches
/// They are committed strictly in order, none without all before it. Where three or more follow
/// each other, up to [`ExecuteOptions::window`] are in flight together, and *markers* keep the
/// order: ephemeral nodes without data, named `zkt-applying-` and what nobody can guess. Each of these
/// batches but the last creates one, and the next one deletes it, which fails unless just that batch
/// was committed; so there is one at a time. It is never a child of a node that was there
/// before, but of the first one that the first batch creates. So batches in front that create none go
/// one at a time, and so do all where nobody who may create below that node could surely delete
/// there, or where the server refuses the first marker. When the future is done no marker is left,
/// unless the connection was lost: then it goes with the session at the latest.
///
/// # On connection loss
/// Nothing more is sent. Once connected again, with a new session if need be, the marker that is
/// there tells how many batches stand, or else the nodes of those that were in flight do: a batch
/// happens entirely or not at all. Where another writer did just the same meanwhile, its writes are
/// taken for a batch's. Every wait is bounded, by the session timeout and by [`ExecuteOptions::recovery`].
///
/// # Cancellation safety
/// A request is sent when it is made, so dropping the future does not take back the batches in
/// flight: they may be committed or not, still in order. No other batch is sent.
pub async fn execute(
    session: &Session,
    plan: &Plan,
    options: &ExecuteOptions,
    events: &mut (dyn FnMut(&Event) + Send),
) -> Report {
    let stages = match batch::pack(plan, session.chroot_len(), options) {
        Ok(stages) => stages,
        Err(batch::TooLarge {
            path,
            action,
            bytes,
        }) => {
            let limit = options.request_limit;
            return Progress::new(plan, &[], events).report(Some(Stop::TooLarge {
                path,
                action,
                bytes,
                limit,
            }));
        }
    };
    let chains = if options.window > 1 {
        chain::find(&stages, session.chroot_len(), options.request_limit)
    } else {
        Vec::new()
    };
    let mut chains = chains.iter().peekable();
    let mut progress = Progress::new(plan, &stages, events);
    let flight = Flight {
        session,
        stages: &stages,
        options,
    };
    let mut next = 0;
    while let Some(stage) = stages.get(next) {
        let chain = chains.next_if(|chain| chain.batches.start == next);
        let stop = match (&stage.work, chain) {
            (Work::Atomic(_), Some(chain)) => flight::all(flight, chain, &mut progress).await,
            (Work::Atomic(_), None) => flight::one(flight, next, &mut progress).await,
            (Work::Acls(changes), _) => {
                progress.starting(next);
                let (made, stop) = change_acls(session, changes, options, &stage.actions).await;
                progress.note_acls(changes, &made);
                if made.iter().all(|made| *made == Some(true)) {
                    progress.committed(next);
                }
                stop
            }
        };
        if let Some(stop) = stop {
            return progress.report(Some(explain_acl(plan, stop)));
        }
        next = chain.map_or(next + 1, |chain| chain.batches.end);
    }
    progress.report(None)
}

/// How long an answer may take at most: every request gives up by itself before that.
fn patience(session: &Session) -> Duration {
    session.client().limit().saturating_mul(2)
}

/// Changes ACLs, several at a time; of each tells whether it was made, none where that is unknown.
/// After the first that fails no more are sent.
async fn change_acls(
    session: &Session,
    changes: &[AclChange<'_>],
    options: &ExecuteOptions,
    actions: &Range<usize>,
) -> (Vec<Option<bool>>, Option<Stop>) {
    let client = session.client();
    let mut made = vec![Some(false); changes.len()];
    let mut stop = None;
    if let Some(guard) = &options.guard {
        let looked = timeout(patience(session), client.check_stat(guard.as_str()));
        if matches!(looked.await, Ok(Ok(None))) {
            let guard = guard.clone();
            return (made, Some(Stop::Deposed { guard }));
        }
    }
    let nodes: Vec<Expected<'_>> = changes.iter().filter_map(Expected::of_acl).collect();
    let stops = seen::check(client, &nodes, patience(session)).await;
    let first = changes.iter().find_map(|change| stops.get(&change.action));
    if let Some(stop) = first {
        return (made, Some(stop.clone()));
    }
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
            let entries = acl::to_client(change.acl);
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
                stop.get_or_insert_with(|| refused(changes[i].path, changes[i].action, source));
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
    let asked: Vec<&AclChange<'_>> = lost.iter().map(|&i| &changes[i]).collect();
    let found = look::acls(session, &asked, options.look_until(session)).await;
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
                in_flight: 1,
                committed: made.iter().all(|made| *made == Some(true)),
                source,
            }
        }
    });
    (made, Some(stop))
}

/// Names the entries of an ACL that the server refuses.
fn explain_acl(plan: &Plan, stop: Stop) -> Stop {
    match stop {
        Stop::Failed {
            path,
            action,
            source: Refusal::InvalidAcl,
        } => {
            let acl = match plan.actions.get(action) {
                Some(Action::Add(add)) => add.acl.as_deref(),
                Some(Action::Update(update)) => update.acl.as_ref().map(|(_, acl)| &**acl),
                _ => None,
            };
            let entries = acl
                .map(crate::model::acl::Acl::doubtful)
                .unwrap_or_default();
            Stop::InvalidAcl {
                path,
                action,
                entries,
            }
        }
        stop => stop,
    }
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
