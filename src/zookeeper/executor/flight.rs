//! Sending atomic batches, one alone or several of a chain at a time, and finding out what became
//! of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use foldhash::HashMap;
use tokio::time::{timeout, timeout_at};
use zookeeper_client::{Acls, CreateMode, Error as Refusal, MultiWriteError, MultiWriteResult};

use super::batch::{Operation, Stage, Write};
use super::chain::{Chain, Knot};
use super::reply::{End, Reply};
use super::report::{Progress, Stop};
use super::seen::Expected;
use super::{ExecuteOptions, look, patience, reply, seen};
use crate::model::node::DataVersion;
use crate::model::path::ZPath;
use crate::zookeeper::session::{Client, Session, acl};

/// What is sent, how, and to whom.
#[derive(Clone, Copy)]
pub(super) struct Flight<'a> {
    pub(super) session: &'a Session,
    pub(super) stages: &'a [Stage<'a>],
    pub(super) options: &'a ExecuteOptions,
}

/// Sends one batch, and returns when it is known what became of it.
pub(super) async fn one(
    flight: Flight<'_>,
    batch: usize,
    progress: &mut Progress<'_>,
) -> Option<Stop> {
    match fly(flight, batch..batch + 1, None, progress).await {
        Ok(()) => None,
        Err(End::Stopped(stop) | End::Unmarked(stop)) => Some(stop),
    }
}

/// Sends the batches of a chain, the first alone and then several at a time, and returns when it is
/// known what became of all that were sent.
pub(super) async fn all(
    flight: Flight<'_>,
    chain: &Chain,
    progress: &mut Progress<'_>,
) -> Option<Stop> {
    let Range { start, end } = chain.batches;
    let mut markers = Markers {
        client: flight.session.client(),
        chain,
        left: start..start,
    };
    let mut sent = fly(flight, start..start + 1, Some(&mut markers), progress).await;
    if sent.is_ok() {
        sent = fly(flight, start + 1..end, Some(&mut markers), progress).await;
    }
    match sent {
        // The last batch has taken the last marker away.
        Ok(()) => {
            markers.left = end..end;
            None
        }
        Err(End::Stopped(stop)) => {
            if !matches!(stop, Stop::Uncertain { .. }) {
                markers.remove(patience(flight.session)).await;
            }
            Some(stop)
        }
        Err(End::Unmarked(refusal)) => {
            markers.left = start..start;
            tracing::debug!(%refusal, "no markers are taken here, so batches go one at a time");
            for batch in start..end {
                let stop = one(flight, batch, progress).await;
                if stop.is_some() {
                    return stop;
                }
            }
            None
        }
    }
}

/// Removes the marker that is left, also where the execution is dropped.
struct Markers<'a> {
    client: &'a Client,
    chain: &'a Chain,
    /// The batches one of which may have left its marker behind.
    left: Range<usize>,
}

impl Markers<'_> {
    async fn remove(&mut self, patience: Duration) {
        let removals = self.removals();
        let all = async {
            for removal in removals {
                if !matches!(removal.await, Ok(()) | Err(Refusal::NoNode)) {
                    return false;
                }
            }
            true
        };
        if timeout(patience, all).await == Ok(true) {
            self.left.start = self.left.end;
        }
    }

    /// They are sent when they are made, behind the batches that are in flight.
    fn removals(&self) -> Vec<impl Future<Output = Result<(), Refusal>> + Send + use<>> {
        let paths = self.left.clone().map(|batch| self.chain.marker(batch));
        paths
            .map(|path| self.client.delete(path.as_str(), None))
            .collect()
    }
}

impl Drop for Markers<'_> {
    fn drop(&mut self) {
        drop(self.removals());
    }
}

/// Sends batches as long as all goes well, several of a chain at a time, and returns when it is
/// known what became of all that were sent.
async fn fly(
    flight: Flight<'_>,
    run: Range<usize>,
    mut markers: Option<&mut Markers<'_>>,
    progress: &mut Progress<'_>,
) -> Result<(), End> {
    let Flight {
        session, stages, ..
    } = flight;
    let first = run.start;
    let chain = markers.as_ref().map(|markers| markers.chain);
    let mut check = Check {
        flight,
        end: run.end,
        checked: run.start,
        stops: HashMap::default(),
    };
    let mut waiting = Some(run);
    let mut in_flight = VecDeque::new();
    let mut replies = Vec::new();
    // Until when what is in flight is waited for, once something went wrong.
    let mut last_call: Option<Instant> = None;
    loop {
        while in_flight.len() < flight.options.window.max(1) {
            let Some(batch) = waiting.as_mut().and_then(Iterator::next) else {
                break;
            };
            let knot = chain.map(|chain| chain.knot(batch));
            let sent = match check.refusal(batch).await {
                Some(refusal) => Err(refusal),
                None => {
                    progress.starting(batch);
                    let guard = flight.options.guard.as_ref();
                    send(
                        session.client(),
                        stages[batch].writes(),
                        knot.as_ref(),
                        guard,
                    )
                }
            };
            if sent.is_err() {
                waiting = None;
            }
            if let Some(markers) = &mut markers {
                markers.left.end = batch + 1;
            }
            in_flight.push_back((batch, knot, sent));
        }
        let Some((batch, knot, sent)) = in_flight.pop_front() else {
            break;
        };
        let patience = Instant::now() + patience(session);
        let reply = match sent {
            Ok(sent) => match timeout_at(last_call.unwrap_or(patience).into(), sent).await {
                Ok(Ok(_)) => Reply::Committed,
                Ok(Err(error)) => {
                    let guard = flight.options.guard.as_ref();
                    Reply::from_error(error, stages[batch].writes(), knot.as_ref(), guard)
                }
                Err(_) => Reply::Unanswered,
            },
            Err(reply) => reply,
        };
        if last_call.is_none() && reply == Reply::Committed {
            progress.committed(batch);
            if let Some(markers) = &mut markers {
                markers.left.start = batch;
            }
        } else {
            waiting = None;
            last_call.get_or_insert(patience);
        }
        replies.push(reply);
    }
    if last_call.is_none() {
        return Ok(());
    }
    let standing = settle(flight, first, &replies, chain).await;
    let fates = reply::fates(&replies, &standing);
    let told = |reply: &&Reply| **reply == Reply::Committed;
    let told = replies.iter().take_while(told).count();
    for (batch, fate) in (first..).zip(&fates).skip(told) {
        match fate {
            Some(true) => progress.committed(batch),
            Some(false) => {}
            None => progress.unknown(batch),
        }
    }
    reply::end(&stages[first..], &replies, &fates).map_or(Ok(()), Err)
}

/// Finds out, before batches are sent, whether their nodes still are those that the plan saw.
struct Check<'a> {
    flight: Flight<'a>,
    /// The end of the batches that are sent together.
    end: usize,
    /// The batch before which all were looked at.
    checked: usize,
    /// What stands in the way, by action.
    stops: HashMap<usize, Stop>,
}

impl Check<'_> {
    /// Why a batch may not be sent. Looks at as many batches as may be in flight together, since
    /// the answers come behind those to all that is in flight.
    async fn refusal(&mut self, batch: usize) -> Option<Reply> {
        let Flight {
            session,
            stages,
            options,
        } = self.flight;
        if batch >= self.checked {
            self.checked = (batch + options.window.max(1)).min(self.end);
            let operations = stages[batch..self.checked].iter().flat_map(Stage::writes);
            let nodes: Vec<Expected<'_>> = operations.filter_map(Expected::of).collect();
            if !nodes.is_empty() {
                self.stops = seen::check(session.client(), &nodes, patience(session)).await;
            }
        }
        let mut operations = stages[batch].writes().iter();
        let stop = operations.find_map(|operation| {
            let stop = operation.seen.and(self.stops.get(&operation.action));
            stop.cloned()
        })?;
        let in_order = false;
        Some(Reply::Refused { stop, in_order })
    }
}

/// Sends a batch at once; the future only waits for the answer.
fn send<'a>(
    client: &'a Client,
    operations: &[Operation<'_>],
    knot: Option<&Knot>,
    guard: Option<&ZPath>,
) -> Result<
    impl Future<Output = Result<Vec<MultiWriteResult>, MultiWriteError>> + Send + use<'a>,
    Reply,
> {
    let mut writer = client.new_multi_writer();
    let new = Some(DataVersion::NEW.get());
    if let Some(guard) = guard {
        let added = writer.add_check_version(guard.as_str(), DataVersion::NEW.get());
        added.map_err(|source| Reply::refused(operations, 0, source, false))?;
    }
    if let Some(marker) = knot.and_then(|knot| knot.before.as_ref()) {
        let added = writer.add_delete(marker.as_str(), new);
        added.map_err(|source| Reply::refused(operations, 0, source, false))?;
    }
    for (i, operation) in operations.iter().enumerate() {
        let path = operation.path.as_str();
        let added = match &operation.write {
            Write::Create { data, acl } => {
                let acl = acl.map(acl::to_client);
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
        added.map_err(|source| Reply::refused(operations, i, source, false))?;
    }
    if let Some(marker) = knot.and_then(|knot| knot.after.as_ref()) {
        // Nobody needs to write it; it is deleted by the permissions of its parent.
        let options = CreateMode::Ephemeral.with_acls(Acls::anyone_read());
        let added = writer.add_create(marker.as_str(), &[], &options);
        added.map_err(|source| Reply::refused(operations, 0, source, false))?;
    }
    Ok(writer.commit())
}

/// How many of the batches from `first` on stand for sure, and how many at most; where the replies
/// do not tell, by a look at the live tree.
async fn settle(
    flight: Flight<'_>,
    first: usize,
    replies: &[Reply],
    chain: Option<&Chain>,
) -> Range<usize> {
    let mut standing = reply::standing(replies);
    if standing.is_empty() {
        return standing;
    }
    let doubtful = first + standing.start..first + standing.end;
    let knots: Vec<Knot> = chain.map_or_else(Vec::new, |chain| {
        doubtful.clone().map(|batch| chain.knot(batch)).collect()
    });
    let batches = flight.stages[doubtful].iter().map(Stage::writes);
    let batches: Vec<&[Operation<'_>]> = batches.collect();
    let deadline = flight.options.look_until(flight.session);
    let found = look::batches(flight.session, &batches, &knots, deadline).await;
    // What may still be waiting to be sent can be committed later.
    if found.for_good || !replies[standing.clone()].contains(&Reply::Unanswered) {
        standing.end = standing.start + found.standing.end;
    }
    standing.start += found.standing.start;
    standing
}
