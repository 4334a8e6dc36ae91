//! Sending the atomic batches of one stage, several at a time, and finding out what became of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;

use zookeeper_client::{Acls, CreateMode, Error as ClientError, MultiWriteError, MultiWriteResult};

use super::batch::{Operation, Packed, Which, Write};
use super::guards::Guards;
use super::reply::{self, Reply};
use super::report::{BatchFate, Stop};
use super::seen::{self, Check, Created, NewNodes};
use super::tracker::Tracker;
use super::{ExecuteOptions, look};
use crate::zookeeper::session::{Client, Session, acl};

/// What is sent, how, and to whom.
#[derive(Clone, Copy)]
pub(super) struct Flight<'a> {
    pub(super) session: &'a Session,
    pub(super) batches: &'a [Packed<'a>],
    pub(super) options: &'a ExecuteOptions,
}

impl Flight<'_> {
    /// How many batches may be in flight.
    fn window(self) -> usize {
        self.options.window.max(1)
    }
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
    stage.check_next(created);
    while let Some(next) = stage.under_way.pop_front() {
        match next {
            UnderWay::Check(batch, check) => {
                stage.finish(batch, check, created, tracker).await;
            }
            UnderWay::Write(sent) => stage.receive(sent, created, tracker).await,
        }
    }
    let Stage {
        replies,
        mut outcomes,
        ..
    } = stage;
    settle(flight, first, before, &mut outcomes, tracker).await;
    reply::end(&flight.batches[first..], &replies, &outcomes)
}

/// The batches of a stage on their way: of each the nodes are checked, and then it is sent.
///
/// The first checks start together. Every other one starts right behind the write whose place in
/// flight its batch takes: since answers come in the order of the requests, that place is free when the
/// check ends. So a check costs no time of its own, and its batch never waits: between the check of a
/// node and its write there is one round trip, as if batches were checked and sent one by one.
struct Stage<'a> {
    flight: Flight<'a>,
    /// The batches that are not sent.
    unsent: Range<usize>,
    /// The batch before which all checks have started.
    checked: usize,
    /// How many nodes one check asks for at once.
    at_once: usize,
    /// In the order in which they were asked for, and are answered.
    under_way: VecDeque<UnderWay<'a>>,
    /// What came back, and what became of the batches, in their order.
    replies: Vec<Reply>,
    outcomes: Vec<BatchFate>,
}

/// What is waited for.
enum UnderWay<'a> {
    /// The check of the nodes of a batch, which is not sent before.
    Check(usize, Check<'a>),
    Write(Sent<'a>),
}

/// A batch in flight.
struct Sent<'a> {
    batch: usize,
    reply: Pin<Box<dyn Future<Output = Reply> + Send + 'a>>,
    nodes: Option<NewNodes<'a>>,
}

impl<'a> Stage<'a> {
    fn new(flight: Flight<'a>, batches: Range<usize>) -> Self {
        let together = flight.window().min(batches.len());
        Self {
            flight,
            checked: batches.start,
            unsent: batches,
            at_once: seen::WINDOW / together.max(1),
            under_way: VecDeque::new(),
            replies: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// Starts to check the batches that come next: as many as may be in flight.
    fn check_next(&mut self, created: &Created<'a>) {
        let Flight {
            session, batches, ..
        } = self.flight;
        let next = self.unsent.start + self.flight.window();
        let end = next.min(self.unsent.end);
        let unchecked = batches.iter().enumerate().take(end).skip(self.checked);
        for (batch, packed) in unchecked {
            let operations = packed.writes().iter();
            let nodes = operations.filter_map(|operation| created.expected_by(operation).ok()?);
            let check = Check::start(session, nodes.collect(), self.at_once);
            self.under_way.push_back(UnderWay::Check(batch, check));
        }
        self.checked = self.checked.max(end);
    }

    /// Waits for the end of a check, and sends the batch if nothing is in the way.
    async fn finish(
        &mut self,
        batch: usize,
        check: Check<'a>,
        created: &mut Created<'a>,
        tracker: &mut Tracker<'_>,
    ) {
        let checked = check.end(self.flight.options).await;
        if checked.was_lost {
            self.wait_for_all(created, tracker).await;
        }
        // Something that was waited for has failed.
        if self.unsent.is_empty() {
            return;
        }
        self.unsent.start = batch + 1;
        let mut operations = self.flight.batches[batch].writes().iter();
        let refusal = operations.find_map(|operation| {
            let stop = match created.expected_by(operation) {
                Ok(_) => checked.stops.get(&operation.action)?.clone(),
                Err(stop) => stop,
            };
            // Who may write a new node, and not read it, has nothing but its version.
            (!stop.is_unauthorized() || operation.node != Which::Created).then_some(stop)
        });
        self.send(batch, refusal, created, tracker);
        self.check_next(created);
    }

    /// Hears of all that is in flight: it may be lost as well, and then nothing more is sent. What the
    /// other checks saw may be old by then, so they start again.
    async fn wait_for_all(&mut self, created: &mut Created<'a>, tracker: &mut Tracker<'_>) {
        for under_way in std::mem::take(&mut self.under_way) {
            if let UnderWay::Write(sent) = under_way {
                self.receive(sent, created, tracker).await;
            }
        }
        self.checked = self.unsent.start + 1;
    }

    /// Sends a batch, unless something is in the way.
    fn send(
        &mut self,
        batch: usize,
        refusal: Option<Stop>,
        created: &Created<'a>,
        tracker: &mut Tracker<'_>,
    ) {
        let Flight {
            session,
            batches,
            options,
        } = self.flight;
        let operations = batches[batch].writes();
        let sent = match refusal {
            Some(stop) => Err(Reply::Refused(stop)),
            None => {
                tracker.starting(batch);
                let guards = Guards::of(operations, options);
                write(session.client(), operations, &guards).map(|sent| (sent, guards))
            }
        };
        let reply: Pin<Box<dyn Future<Output = Reply> + Send + 'a>> = match sent {
            Ok((sent, guards)) => Box::pin(async move {
                match sent.await {
                    Ok(_) => Reply::Committed,
                    Err(error) => Reply::from_error(error, operations, &guards),
                }
            }),
            Err(reply) => {
                self.end();
                Box::pin(std::future::ready(reply))
            }
        };
        let nodes = created.ask(session.client(), operations);
        self.under_way.push_back(UnderWay::Write(Sent {
            batch,
            reply,
            nodes,
        }));
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
            BatchFate::NotCommitted | BatchFate::Unknown => self.end(),
        }
        self.replies.push(reply);
        self.outcomes.push(outcome);
    }

    /// Sends nothing more. What is in flight is waited for.
    fn end(&mut self) {
        self.unsent.end = self.unsent.start;
        self.under_way
            .retain(|under_way| matches!(under_way, UnderWay::Write(_)));
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

/// Sends a batch at once; the future only waits for the answer.
fn write<'a>(
    client: &'a Client,
    operations: &[Operation<'_>],
    guards: &Guards,
) -> Result<
    impl Future<Output = Result<Vec<MultiWriteResult>, MultiWriteError>> + Send + use<'a>,
    Reply,
> {
    if !client.dialect().creates() {
        let creates = |operation: &Operation<'_>| matches!(operation.write, Write::Create { .. });
        let first = operations.iter().position(creates);
        // It would close the connection, and with it the session would end.
        if let Some(first) = first.or(guards.create().then_some(0)) {
            return Err(Reply::refused(
                operations,
                first,
                ClientError::Unimplemented,
            ));
        }
    }
    let mut writer = client.new_multi_writer();
    let added = guards.add(&mut writer);
    added.map_err(|reason| Reply::refused(operations, 0, reason))?;
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
            Write::Check { expected } => writer.add_check_version(path, expected.get()),
        };
        added.map_err(|reason| Reply::refused(operations, i, reason))?;
    }
    Ok(writer.commit())
}
