//! Executing a plan: atomic batches, stage by stage, and an honest account of how far it got.
//!
//! The executor decides nothing. It lowers actions to operations, packs consecutive ones into
//! atomic batches, and stops at the first thing that is not as the plan expects.

use zookeeper_client::Error as ClientError;

use crate::model::plan::{Action, Plan};
use crate::zookeeper::session::Session;

use self::batch::{TooLarge, Work};
use self::flight::Flight;
use self::seen::Created;
use self::tracker::Tracker;

mod above;
mod acls;
mod batch;
mod flight;
mod guards;
mod ledger;
mod look;
mod options;
mod packer;
mod reply;
mod report;
mod seen;
mod tracker;

pub use self::ledger::Ledger;
pub use self::options::ExecuteOptions;
pub use self::report::{Batch, BatchFate, BatchKind, Conflict, Event, Fate, Report, Stop};

/// Carries out `plan`, all of it or up to the first obstacle, and calls `events` for each batch.
///
/// Where the whole plan fits one request it is one batch, but for ACL changes, which no batch can
/// hold: they come last, since they may take rights that the rest needs; those of
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
/// A plan that is larger is carried out in stages: what adds nodes, what updates, links and trims them,
/// in the order of the plan. A stage begins when all of the one before is committed. The batches of one
/// stage do not depend on each other, and up to [`ExecuteOptions::window`] are in flight together.
/// After the first that fails nothing more is sent, and what is in flight is waited for: each batch of
/// it happens entirely or not at all, by itself. ZooKeeper carries out the requests of a session in
/// order, so a batch finds the parents that those before it create. Where one of these failed, the
/// batch fails as well, unless another writer has created the very nodes that it needs: then nodes
/// stand that are declared. In the same way a node is deleted only after its children are. Nothing is
/// left in the tree that the plan does not name.
///
/// # On connection loss
/// Nothing more is sent. Once connected again, with a new session if need be, the nodes of each batch
/// whose reply was lost show whether it was committed. Where another writer did just the same
/// meanwhile, its writes are taken for the batch's. Every wait is bounded, by the session timeout and
/// by [`ExecuteOptions::recovery`].
///
/// # Cancellation safety
/// A request is sent when it is made, so dropping the future does not take back the batches in
/// flight: each may be committed or not. No other batch is sent. A [`Ledger`] that takes note of the
/// events knows at any time what became of each action.
pub async fn execute(
    session: &Session,
    plan: &Plan,
    options: &ExecuteOptions,
    events: &mut (dyn FnMut(&Event) + Send),
) -> Report {
    let batches = match packer::pack(plan, session.chroot_len(), options) {
        Ok(batches) => batches,
        Err(TooLarge {
            path,
            action,
            bytes,
        }) => {
            let limit = options.request_limit;
            return Tracker::new(plan, &[], events).report(Some(Stop::TooLarge {
                path,
                action,
                bytes,
                limit,
            }));
        }
    };
    let mut created = Created::new(&batches);
    let mut tracker = Tracker::new(plan, &batches, events);
    let flight = Flight {
        session,
        batches: &batches,
        options,
    };
    let mut next = 0;
    for stage in batches.chunk_by(|one, other| one.stage == other.stage) {
        let all = next..next + stage.len();
        next = all.end;
        let stop = match &stage[0].work {
            Work::Atomic(_) => flight::send(flight, all, &mut created, &mut tracker).await,
            Work::Acls(_) => acls::change(flight, all.start, &created, &mut tracker).await,
        };
        if let Some(stop) = stop {
            return tracker.report(Some(explain_acl(plan, stop)));
        }
    }
    tracker.report(None)
}

/// Names the entries of an ACL that the server refuses.
fn explain_acl(plan: &Plan, stop: Stop) -> Stop {
    match stop {
        Stop::Failed {
            path,
            action,
            reason: ClientError::InvalidAcl,
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
