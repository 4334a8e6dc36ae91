//! Sending the atomic batches of one stage, several at a time, and finding out what became of them.

use std::collections::VecDeque;
use std::ops::Range;

use foldhash::{HashMap, HashSet};
use zookeeper_client::{Acls, CreateMode, MultiWriteError, MultiWriteResult};

use super::batch::{Operation, Packed, Which, Write};
use super::progress::Progress;
use super::reply::{self, Reply};
use super::report::{Outcome, Stop};
use super::seen::{self, Created};
use super::{ExecuteOptions, look};
use crate::model::node::DataVersion;
use crate::model::path::ZPath;
use crate::zookeeper::session::{Client, Session, acl};

/// What is sent, how, and to whom.
#[derive(Clone, Copy)]
pub(super) struct Flight<'a> {
    pub(super) session: &'a Session,
    pub(super) batches: &'a [Packed<'a>],
    pub(super) options: &'a ExecuteOptions,
}

/// Sends batches as long as all goes well, several at a time, and returns when it is known what became
/// of all that were sent.
pub(super) async fn send<'a>(
    flight: Flight<'a>,
    stage: Range<usize>,
    created: &mut Created<'a>,
    progress: &mut Progress<'_>,
) -> Option<Stop> {
    let Flight {
        session,
        batches,
        options,
    } = flight;
    let guard = options.guard.as_ref();
    let first = stage.start;
    let mut check = Check {
        flight,
        end: stage.end,
        checked: first,
        stops: HashMap::default(),
    };
    let mut waiting = stage;
    let mut in_flight = VecDeque::new();
    let (mut replies, mut outcomes) = (Vec::new(), Vec::new());
    let mut is_held = false;
    loop {
        // The answers come behind the replies to all that is in flight, and may come long after a
        // loss. One of those replies may say that nothing more is to be sent.
        let has_looked = check.look(waiting.start, created).await;
        is_held = (is_held || has_looked) && !in_flight.is_empty();
        while !is_held && check.covers(waiting.start) && in_flight.len() < options.window.max(1) {
            let Some(batch) = waiting.next() else {
                break;
            };
            let operations = batches[batch].writes();
            let sent = match check.refusal(batch) {
                Some(stop) => Err(Reply::Refused(stop)),
                None => {
                    progress.starting(batch);
                    write(session.client(), operations, guard)
                }
            };
            if sent.is_err() {
                waiting = first..first;
            }
            let nodes = created.ask(session.client(), operations);
            in_flight.push_back((batch, sent, nodes));
        }
        let Some((batch, sent, nodes)) = in_flight.pop_front() else {
            break;
        };
        let reply = match sent {
            Ok(sent) => match sent.await {
                Ok(_) => Reply::Committed,
                Err(error) => Reply::from_error(error, batches[batch].writes(), guard),
            },
            Err(reply) => reply,
        };
        let outcome = match &reply {
            Reply::Committed => Outcome::Committed,
            Reply::Refused(_) => Outcome::NotCommitted,
            Reply::Lost(_) => Outcome::Unknown,
        };
        progress.ended(batch, outcome);
        match outcome {
            Outcome::Committed => created.note(session.client(), nodes).await,
            Outcome::NotCommitted | Outcome::Unknown => waiting = first..first,
        }
        replies.push(reply);
        outcomes.push(outcome);
    }
    settle(flight, first, &mut outcomes, progress).await;
    reply::end(&batches[first..], &replies, &outcomes)
}

/// Looks at the live tree for what became of the batches from `first` on whose replies were lost.
async fn settle(
    flight: Flight<'_>,
    first: usize,
    outcomes: &mut [Outcome],
    progress: &mut Progress<'_>,
) {
    let lost = (first..).zip(outcomes);
    let lost = lost.filter(|(_, outcome)| **outcome == Outcome::Unknown);
    let lost: Vec<(usize, &mut Outcome)> = lost.collect();
    if lost.is_empty() {
        return;
    }
    let operations = lost
        .iter()
        .map(|(batch, _)| flight.batches[*batch].writes());
    let operations: Vec<&[Operation<'_>]> = operations.collect();
    let deadline = flight.options.look_until(flight.session);
    let found = look::batches(flight.session, &operations, deadline).await;
    for ((batch, outcome), found) in lost.into_iter().zip(found) {
        *outcome = found;
        progress.ended(batch, found);
    }
}

/// Finds out, before batches are sent, whether their nodes still are those that the plan saw.
struct Check<'a> {
    flight: Flight<'a>,
    /// The end of the batches that are sent together.
    end: usize,
    /// The batch before which all were looked at.
    checked: usize,
    /// What is in the way, by action.
    stops: HashMap<usize, Stop>,
}

impl Check<'_> {
    /// Looks at a batch, and at as many as may be in flight together with it. Returns whether there
    /// was anything to look at that was not looked at before.
    async fn look(&mut self, batch: usize, created: &Created<'_>) -> bool {
        let Flight {
            session,
            batches,
            options,
        } = self.flight;
        if self.covers(batch) || batch >= self.end {
            return false;
        }
        self.checked = (batch + options.window.max(1)).min(self.end);
        let operations = batches[batch..self.checked].iter().flat_map(Packed::writes);
        let mut stops = Vec::new();
        let mut nodes = Vec::new();
        let mut new = HashSet::default();
        for operation in operations {
            if operation.node == Which::Created {
                new.insert(operation.action);
            }
            match created.expected(operation.path, operation.node, operation.action) {
                Ok(node) => nodes.extend(node),
                Err(stop) => stops.push((operation.action, stop)),
            }
        }
        self.stops = seen::check(session, &nodes, options).await;
        self.stops.extend(stops);
        // Who may write a new node, and not read it, has nothing but its version.
        self.stops
            .retain(|action, stop| !stop.is_unauthorized() || !new.contains(action));
        !nodes.is_empty()
    }

    fn covers(&self, batch: usize) -> bool {
        batch < self.checked
    }

    /// Why a batch that was looked at may not be sent.
    fn refusal(&self, batch: usize) -> Option<Stop> {
        let mut operations = self.flight.batches[batch].writes().iter();
        operations.find_map(|operation| self.stops.get(&operation.action).cloned())
    }
}

/// Sends a batch at once; the future only waits for the answer.
fn write<'a>(
    client: &'a Client,
    operations: &[Operation<'_>],
    guard: Option<&ZPath>,
) -> Result<
    impl Future<Output = Result<Vec<MultiWriteResult>, MultiWriteError>> + Send + use<'a>,
    Reply,
> {
    let mut writer = client.new_multi_writer();
    if let Some(guard) = guard {
        let added = writer.add_check_version(guard.as_str(), DataVersion::NEW.get());
        added.map_err(|reason| Reply::refused(operations, 0, reason))?;
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
        added.map_err(|reason| Reply::refused(operations, i, reason))?;
    }
    Ok(writer.commit())
}
