//! Sending the atomic batches of one stage, several at a time, and finding out what became of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;

use foldhash::{HashMap, HashSet};
use zookeeper_client::{Acls, CreateMode, MultiWriteError, MultiWriteResult};

use super::batch::{Operation, Packed, Which, Write};
use super::reply::{self, Reply};
use super::report::{BatchFate, Stop};
use super::seen::{self, Asked, Created};
use super::tracker::Tracker;
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
    tracker: &mut Tracker<'_>,
) -> Option<Stop> {
    let first = stage.start;
    let before = flight.session.client().newest();
    let mut stage = Stage::new(flight, stage);
    loop {
        stage.fill(created, tracker).await;
        let Some(sent) = stage.in_flight.pop_front() else {
            break;
        };
        stage.receive(sent, created, tracker).await;
    }
    let Stage {
        replies,
        mut outcomes,
        ..
    } = stage;
    settle(flight, first, before, &mut outcomes, tracker).await;
    reply::end(&flight.batches[first..], &replies, &outcomes)
}

/// The batches of a stage on their way.
struct Stage<'a> {
    flight: Flight<'a>,
    check: Check<'a>,
    waiting: Range<usize>,
    in_flight: VecDeque<Sent<'a>>,
    /// Whether what is in flight is heard of before more is sent.
    is_held: bool,
    /// What came back, and what became of the batches, in their order.
    replies: Vec<Reply>,
    outcomes: Vec<BatchFate>,
}

/// A batch in flight.
struct Sent<'a> {
    batch: usize,
    reply: Pin<Box<dyn Future<Output = Reply> + Send + 'a>>,
    nodes: Option<Asked<'a>>,
}

impl<'a> Stage<'a> {
    fn new(flight: Flight<'a>, batches: Range<usize>) -> Self {
        Self {
            flight,
            check: Check {
                flight,
                end: batches.end,
                checked: batches.start,
                stops: HashMap::default(),
            },
            waiting: batches,
            in_flight: VecDeque::new(),
            is_held: false,
            replies: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// Sends as many batches as may be in flight.
    async fn fill(&mut self, created: &Created<'a>, tracker: &mut Tracker<'_>) {
        let Flight {
            session, options, ..
        } = self.flight;
        // The answers come behind the replies to all that is in flight, and may come long after a
        // loss. One of those replies may say that nothing more is to be sent.
        let has_looked = self.check.look(self.waiting.start, created).await;
        self.is_held = (self.is_held || has_looked) && !self.in_flight.is_empty();
        while !self.is_held
            && self.check.covers(self.waiting.start)
            && self.in_flight.len() < options.window.max(1)
            && let Some(batch) = self.waiting.next()
        {
            let reply = self.send(batch, tracker);
            let operations = self.flight.batches[batch].writes();
            let nodes = created.ask(session.client(), operations);
            self.in_flight.push_back(Sent {
                batch,
                reply,
                nodes,
            });
        }
    }

    /// Sends a batch, unless something is in the way.
    fn send(
        &mut self,
        batch: usize,
        tracker: &mut Tracker<'_>,
    ) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        let Flight {
            session,
            batches,
            options,
        } = self.flight;
        let (operations, guard) = (batches[batch].writes(), options.guard.as_ref());
        let sent = match self.check.refusal(batch) {
            Some(stop) => Err(Reply::Refused(stop)),
            None => {
                tracker.starting(batch);
                write(session.client(), operations, guard)
            }
        };
        match sent {
            Ok(sent) => Box::pin(async move {
                match sent.await {
                    Ok(_) => Reply::Committed,
                    Err(error) => Reply::from_error(error, operations, guard),
                }
            }),
            Err(reply) => {
                self.waiting.end = self.waiting.start;
                Box::pin(std::future::ready(reply))
            }
        }
    }

    /// Waits for the reply to a batch.
    async fn receive(
        &mut self,
        sent: Sent<'a>,
        created: &mut Created<'a>,
        tracker: &mut Tracker<'_>,
    ) {
        let Sent {
            batch,
            reply,
            nodes,
        } = sent;
        let reply = reply.await;
        let outcome = match &reply {
            Reply::Committed => BatchFate::Committed,
            Reply::Refused(_) => BatchFate::NotCommitted,
            Reply::Lost(_) => BatchFate::Unknown,
        };
        tracker.ended(batch, outcome);
        match outcome {
            BatchFate::Committed => created.note(self.flight.session.client(), nodes).await,
            BatchFate::NotCommitted | BatchFate::Unknown => self.waiting.end = self.waiting.start,
        }
        self.replies.push(reply);
        self.outcomes.push(outcome);
    }
}

/// Looks at the live tree for what became of the batches from `first` on whose replies were lost. They
/// were sent after the transaction `before`.
async fn settle(
    flight: Flight<'_>,
    first: usize,
    before: i64,
    outcomes: &mut [BatchFate],
    tracker: &mut Tracker<'_>,
) {
    let lost = (first..).zip(outcomes);
    let lost = lost.filter(|(_, outcome)| **outcome == BatchFate::Unknown);
    let lost: Vec<(usize, &mut BatchFate)> = lost.collect();
    if lost.is_empty() {
        return;
    }
    let operations = lost
        .iter()
        .map(|(batch, _)| flight.batches[*batch].writes());
    let operations: Vec<&[Operation<'_>]> = operations.collect();
    let deadline = flight.options.look_until(flight.session);
    let found = look::batches(flight.session, &operations, before, deadline).await;
    for ((batch, outcome), found) in lost.into_iter().zip(found) {
        *outcome = found;
        tracker.ended(batch, found);
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
