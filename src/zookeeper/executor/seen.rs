//! Whether nodes still are those that the plan saw. ZooKeeper has no write that checks a zxid, so they
//! are read again right before.

use std::pin::Pin;
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashSet};
use tokio::time::sleep;
use zookeeper_client::{Error as ClientError, Stat};

use super::ExecuteOptions;
use super::batch::{Operation, Packed, Which, Write};
use super::report::{Conflict, Stop};
use crate::model::node::Zxids;
use crate::model::path::ZPath;
use crate::zookeeper::live::stats::{self, Answer, Asked, Known};
use crate::zookeeper::session::{Client, Session, is_fatal, is_outcome_unknown};

/// How many nodes are asked for at once.
pub(super) const WINDOW: usize = 4096;

/// How long to wait before nodes are asked for again.
const PAUSE: Duration = Duration::from_millis(20);

/// A node, and which one it has to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'p> {
    path: &'p ZPath,
    seen: Zxids,
    /// Whether its data has to be that which was seen.
    as_written: bool,
    /// How many bytes of data it should have, if that is known.
    bytes: Option<usize>,
    action: usize,
}

impl Expected<'_> {
    /// Why nothing may be done to the node.
    fn stop(&self, answer: Answer) -> Option<Stop> {
        match answer {
            Ok(stat) => {
                let reason = self.check(stat.as_ref()).err()?;
                Some(conflict(self.path, self.action, reason))
            }
            Err(reason) => Some(unread(self.path, self.action, reason)),
        }
    }

    fn check(&self, stat: Option<&Stat>) -> Result<(), Conflict> {
        let Zxids { created, modified } = self.seen;
        match stat {
            None => Err(Conflict::Missing),
            Some(stat) if stat.czxid != created => Err(Conflict::Replaced),
            Some(stat) if self.as_written && stat.mzxid != modified => Err(Conflict::Changed),
            Some(_) => Ok(()),
        }
    }
}

/// A check under way: whether nodes still are those that were seen.
pub(super) struct Check<'a> {
    session: &'a Session,
    nodes: Vec<Expected<'a>>,
    /// How many of them are asked for at once.
    at_once: usize,
    /// The requests for the first of them.
    first: Vec<Asked<'a>>,
}

/// What came of a check.
pub(super) struct Checked {
    /// For each action whose node is not the one that was seen, or cannot be read, why it may not be
    /// carried out.
    pub(super) stops: HashMap<usize, Stop>,
    /// Whether answers were lost, so that nodes were asked for again.
    pub(super) was_lost: bool,
}

impl<'a> Check<'a> {
    /// Asks for the nodes, or for as many of them as may be asked for at once.
    pub(super) fn start(session: &'a Session, nodes: Vec<Expected<'a>>, at_once: usize) -> Self {
        let at_once = at_once.max(1);
        let first = nodes.iter().take(at_once).collect::<Vec<_>>();
        let first = ask(session, &first);
        Self {
            session,
            nodes,
            at_once,
            first,
        }
    }

    /// Waits for the answers, and asks for the nodes that are left.
    pub(super) async fn end(self, options: &ExecuteOptions) -> Checked {
        let Self {
            session,
            nodes,
            at_once,
            first,
        } = self;
        let mut stops = HashMap::default();
        let mut lost = Lost::No;
        let mut first = Some(first);
        for nodes in nodes.chunks(at_once) {
            let mut left: Vec<&Expected<'_>> = nodes.iter().collect();
            while !left.is_empty() {
                if let Lost::Mute = lost {
                    let stop = |node: &Expected<'_>| node.stop(Err(ClientError::Timeout));
                    let all = left
                        .iter()
                        .filter_map(|node| Some((node.action, stop(node)?)));
                    stops.extend(all);
                    break;
                }
                let asked = first.take().unwrap_or_else(|| ask(session, &left));
                let until = || options.look_until(session);
                left = receive(asked, left, until, &mut lost, &mut stops).await;
            }
        }
        let was_lost = !matches!(lost, Lost::No);
        Checked { stops, was_lost }
    }
}

/// Asks for nodes once.
fn ask<'a>(session: &'a Session, nodes: &[&Expected<'a>]) -> Vec<Asked<'a>> {
    let known = |node: &&Expected<'a>| Known {
        path: node.path,
        bytes: node.bytes,
    };
    let known: Vec<_> = nodes.iter().map(known).collect();
    stats::ask(session, &known)
}

/// Waits for the answers about nodes. Returns those whose answers were lost or are not waited for.
async fn receive<'n, 'p>(
    asked: Vec<Asked<'_>>,
    nodes: Vec<&'n Expected<'p>>,
    until: impl Fn() -> Instant,
    lost: &mut Lost,
    stops: &mut HashMap<usize, Stop>,
) -> Vec<&'n Expected<'p>> {
    let mut left = Vec::new();
    for asked in asked {
        if let Lost::Mute = lost {
            left.extend(asked.nodes.iter().map(|&i| nodes[i]));
            continue;
        }
        for (i, answer) in asked.answers().await {
            let node = nodes[i];
            match answer {
                Err(error) if lost.may_ask_again(&error, &until) => left.push(node),
                answer => stops.extend(node.stop(answer).map(|stop| (node.action, stop))),
            }
        }
    }
    if let (Lost::Until(_), false) = (lost, left.is_empty()) {
        sleep(PAUSE).await;
    }
    left
}

/// Whether answers were lost while nodes were read.
#[derive(Debug)]
enum Lost {
    No,
    /// Some were; until then all nodes are asked for again.
    Until(Instant),
    /// The server did not answer in time, or not before the deadline: nobody waits for the answers
    /// of the other nodes.
    Mute,
}

impl Lost {
    fn may_ask_again(&mut self, error: &ClientError, deadline: impl Fn() -> Instant) -> bool {
        if !is_outcome_unknown(error) || is_fatal(error) {
            return false;
        }
        let until = match self {
            Self::No => deadline(),
            Self::Until(until) => *until,
            Self::Mute => return false,
        };
        // A lost connection comes back; a server that does not answer in time mostly does not.
        let may = !matches!(error, ClientError::Timeout) && Instant::now() < until;
        *self = if may { Self::Until(until) } else { Self::Mute };
        may
    }
}

/// The nodes that a batch creates and that are written again, and the answer about the first of them.
pub(super) struct NewNodes<'p> {
    nodes: Vec<Operation<'p>>,
    first: Pin<Box<dyn Future<Output = Answer> + Send>>,
}

/// Which nodes an execution has created, as far as it writes them or changes their ACLs later.
pub(super) struct Created<'p> {
    wanted: HashSet<&'p ZPath>,
    /// Each with the bytes of its data.
    found: HashMap<&'p ZPath, Result<(Zxids, usize), Stop>>,
}

impl<'p> Created<'p> {
    pub(super) fn new(batches: &[Packed<'p>]) -> Self {
        let acls = batches.iter().flat_map(Packed::acls);
        let acls = acls.map(|change| (change.path, change.node));
        let writes = batches.iter().flat_map(Packed::writes);
        let writes = writes.map(|operation| (operation.path, operation.node));
        let created = acls
            .chain(writes)
            .filter(|(_, node)| *node == Which::Created);
        Self {
            wanted: created.map(|(path, _)| path).collect(),
            found: HashMap::default(),
        }
    }

    /// Asks for the first of those that a batch creates. What is asked right behind the batch leaves
    /// another writer no time to put another node in the place of one.
    pub(super) fn ask(
        &self,
        client: &Client,
        operations: &[Operation<'p>],
    ) -> Option<NewNodes<'p>> {
        let wanted = operations.iter().filter(|operation| {
            let is_new = matches!(operation.write, Write::Create { .. });
            is_new && self.wanted.contains(operation.path)
        });
        let nodes: Vec<_> = wanted.copied().collect();
        let first = Box::pin(client.check_stat(nodes.first()?.path.as_str()));
        Some(NewNodes { nodes, first })
    }

    /// Records the answer, where the batch was committed. Its nodes were created by one transaction, so
    /// one of them has the czxid of all. If the first does not, all are asked; a
    /// node that another writer put there since has a later czxid than those that were created.
    pub(super) async fn note(&mut self, client: &Client, asked: Option<NewNodes<'p>>) {
        let Some(NewNodes { nodes, first }) = asked else {
            return;
        };
        let mut answers = vec![first.await];
        if !matches!(answers[0], Ok(Some(_))) {
            let others = nodes.iter().skip(1);
            let others = others.map(|node| client.check_stat(node.path.as_str()));
            for other in others.collect::<Vec<_>>() {
                answers.push(other.await);
            }
        }
        let stats = answers.iter().flatten().flatten();
        let czxid = stats.map(|stat| stat.czxid).min();
        let mut answers = answers.into_iter();
        for Operation {
            path,
            action,
            write,
            ..
        } in nodes
        {
            let found = match (answers.next(), czxid) {
                (Some(Err(reason)), _) => Err(unread(path, action, reason)),
                (Some(Ok(None)), _) | (_, None) => Err(conflict(path, action, Conflict::Missing)),
                (_, Some(czxid)) => {
                    let zxids = Zxids {
                        created: czxid,
                        modified: czxid,
                    };
                    Ok((zxids, write.bytes()))
                }
            };
            self.found.insert(path, found);
        }
    }

    /// Which node an operation must find, or why there is none.
    pub(super) fn expected_by(
        &self,
        operation: &Operation<'p>,
    ) -> Result<Option<Expected<'p>>, Stop> {
        self.expected(operation.path, operation.node, operation.action)
    }

    /// Which node an action must find, or why there is none.
    pub(super) fn expected(
        &self,
        path: &'p ZPath,
        node: Which,
        action: usize,
    ) -> Result<Option<Expected<'p>>, Stop> {
        let seen = match node {
            Which::Seen(seen) | Which::Written(seen) => seen.map(|seen| (seen, None)),
            Which::Created => match self.found.get(path) {
                Some(found) => found
                    .clone()
                    .map(|(seen, bytes)| Some((seen, Some(bytes))))?,
                None => return Err(conflict(path, action, Conflict::Missing)),
            },
        };
        Ok(seen.map(|(seen, bytes)| Expected {
            path,
            seen,
            bytes,
            as_written: matches!(node, Which::Seen(_)),
            action,
        }))
    }
}

fn conflict(path: &ZPath, action: usize, reason: Conflict) -> Stop {
    Stop::Conflict {
        path: path.clone(),
        action,
        reason,
    }
}

fn unread(path: &ZPath, action: usize, reason: ClientError) -> Stop {
    if is_outcome_unknown(&reason) {
        return Stop::Disconnected {
            in_flight: 0,
            committed: false,
            reason,
        };
    }
    Stop::Failed {
        path: path.clone(),
        action,
        reason,
    }
}
