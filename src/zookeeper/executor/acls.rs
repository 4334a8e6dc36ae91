//! Changing ACLs, which no batch can hold: one by one, several in flight.

use std::collections::VecDeque;

use zookeeper_client::Error as ClientError;

use super::batch::AclChange;
use super::flight::Flight;
use super::guards;
use super::look;
use super::report::{BatchFate, Stop};
use super::seen::{self, Check, Created};
use super::tracker::Tracker;
use crate::zookeeper::session::{acl, is_outcome_unknown};

/// Makes the changes of this batch. After the first that fails no more are sent.
pub(super) async fn change(
    flight: Flight<'_>,
    batch: usize,
    created: &Created<'_>,
    tracker: &mut Tracker<'_>,
) -> Option<Stop> {
    let changes = flight.batches[batch].acls();
    tracker.starting(batch);
    let mut outcomes = vec![BatchFate::NotCommitted; changes.len()];
    let stop = match hindrance(flight, changes, created).await {
        Some(stop) => Some(stop),
        None => send(flight, batch, &mut outcomes, tracker).await,
    };
    let is = |outcome| outcomes.contains(&outcome);
    let outcome = match stop {
        _ if is(BatchFate::Unknown) => BatchFate::Unknown,
        _ if is(BatchFate::NotCommitted) => BatchFate::NotCommitted,
        _ => BatchFate::Committed,
    };
    tracker.ended(batch, outcome);
    stop
}

/// Why none of the changes may be made.
async fn hindrance(
    flight: Flight<'_>,
    changes: &[AclChange<'_>],
    created: &Created<'_>,
) -> Option<Stop> {
    let Flight {
        session, options, ..
    } = flight;
    if let stop @ Some(_) = guards::look(session.client(), options).await {
        return stop;
    }
    let mut nodes = Vec::with_capacity(changes.len());
    for change in changes {
        match created.expected(change.path, change.node, change.action) {
            Ok(node) => nodes.extend(node),
            Err(stop) => return Some(stop),
        }
    }
    let check = Check::start(session, nodes, seen::WINDOW);
    let stops = check.end(options).await.stops;
    let first = changes.iter().find_map(|change| stops.get(&change.action));
    first.cloned()
}

/// Sends the changes, and returns when it is known what became of all that were sent.
async fn send(
    flight: Flight<'_>,
    batch: usize,
    outcomes: &mut [BatchFate],
    tracker: &mut Tracker<'_>,
) -> Option<Stop> {
    let Flight {
        session,
        batches,
        options,
    } = flight;
    let (client, changes) = (session.client(), batches[batch].acls());
    let (mut stop, mut loss) = (None, None);
    let mut lost = Vec::new();
    let mut waiting = changes.iter().enumerate();
    let mut in_flight = VecDeque::new();
    loop {
        while stop.is_none() && loss.is_none() && in_flight.len() < options.acl_window.max(1) {
            let Some((i, change)) = waiting.next() else {
                break;
            };
            let entries = acl::to_client(change.acl);
            let expected = Some(change.expected.get());
            tracker.acl(change, BatchFate::Unknown);
            in_flight.push_back((i, client.set_acl(change.path.as_str(), &entries, expected)));
        }
        let Some((i, pending)) = in_flight.pop_front() else {
            break;
        };
        let change = &changes[i];
        outcomes[i] = match pending.await {
            Ok(_) => BatchFate::Committed,
            Err(reason) if is_outcome_unknown(&reason) => {
                lost.push(i);
                loss.get_or_insert(reason);
                BatchFate::Unknown
            }
            Err(reason) => {
                stop.get_or_insert_with(|| Stop::refused(change.path, change.action, reason));
                BatchFate::NotCommitted
            }
        };
        tracker.acl(change, outcomes[i]);
    }
    let Some(reason) = loss else {
        return stop;
    };
    let asked: Vec<&AclChange<'_>> = lost.iter().map(|&i| &changes[i]).collect();
    let found = look::acls(session, &asked, options.look_until(session)).await;
    for (&i, found) in lost.iter().zip(found) {
        outcomes[i] = found;
        tracker.acl(&changes[i], found);
    }
    stop.or_else(|| Some(lost_at(flight, batch, outcomes, reason)))
}

fn lost_at(flight: Flight<'_>, batch: usize, outcomes: &[BatchFate], reason: ClientError) -> Stop {
    if outcomes.contains(&BatchFate::Unknown) {
        let actions = flight.batches[batch].actions.clone();
        return Stop::Uncertain { actions, reason };
    }
    let made = |outcome: &BatchFate| *outcome == BatchFate::Committed;
    Stop::Disconnected {
        in_flight: 1,
        committed: outcomes.iter().all(made),
        reason,
    }
}
