//! Whether nodes still are those that the plan saw. ZooKeeper has no write that checks a zxid, so they
//! are read again right before.

use std::time::Duration;

use foldhash::HashMap;
use tokio::time::timeout;
use zookeeper_client::{Error as Refusal, Stat};

use super::batch::{AclChange, Operation};
use super::report::{Conflict, Stop};
use crate::model::node::Zxids;
use crate::model::path::ZPath;
use crate::zookeeper::session::{Client, is_fatal, is_outcome_unknown};

/// How many nodes are asked for at once.
const WINDOW: usize = 512;

/// How often a node is asked for whose answer was lost.
const ATTEMPTS: usize = 4;

/// A node, and which one it has to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'p> {
    path: &'p ZPath,
    seen: Zxids,
    /// Whether its data has to be that which was seen.
    as_written: bool,
    action: usize,
}

impl<'p> Expected<'p> {
    /// Returns `None` where the operation does not depend on which node it finds.
    pub(super) fn of(operation: &Operation<'p>) -> Option<Self> {
        Some(Self {
            path: operation.path,
            seen: operation.seen?,
            as_written: true,
            action: operation.action,
        })
    }

    /// Data that is newer does not matter to a change of an ACL.
    pub(super) fn of_acl(change: &AclChange<'p>) -> Option<Self> {
        Some(Self {
            path: change.path,
            seen: change.seen?,
            as_written: false,
            action: change.action,
        })
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

/// Reads these nodes again. Returns for each action whose node is not the one that was seen, or
/// cannot be read, why it may not be carried out.
pub(super) async fn check(
    client: &Client,
    nodes: &[Expected<'_>],
    patience: Duration,
) -> HashMap<usize, Stop> {
    let mut stops = HashMap::default();
    // Once a server has not answered in time, nobody waits for the answers of the other nodes.
    let mut is_mute = false;
    for nodes in nodes.chunks(WINDOW) {
        if is_mute {
            let mute = |node| Some((node, stop(node, Err(Refusal::Timeout))?));
            let mute = nodes.iter().filter_map(mute);
            stops.extend(mute.map(|(node, stop)| (node.action, stop)));
            continue;
        }
        // A request is sent when it is made.
        let asked: Vec<_> = nodes
            .iter()
            .map(|node| client.check_stat(node.path.as_str()))
            .collect();
        for (node, answer) in nodes.iter().zip(asked) {
            let mut answer = match is_mute {
                true => Err(Refusal::Timeout),
                false => within(patience, answer).await,
            };
            for _ in 1..ATTEMPTS {
                match &answer {
                    Err(error) if may_be_asked_again(error) => {
                        let again = client.check_stat(node.path.as_str());
                        answer = within(patience, again).await;
                    }
                    _ => break,
                }
            }
            is_mute |= matches!(answer, Err(Refusal::Timeout));
            if let Some(stop) = stop(node, answer) {
                stops.insert(node.action, stop);
            }
        }
    }
    stops
}

async fn within(
    patience: Duration,
    answer: impl Future<Output = Result<Option<Stat>, Refusal>>,
) -> Result<Option<Stat>, Refusal> {
    timeout(patience, answer)
        .await
        .unwrap_or(Err(Refusal::Timeout))
}

/// A lost connection comes back; a server that does not answer in time mostly does not.
fn may_be_asked_again(error: &Refusal) -> bool {
    is_outcome_unknown(error) && !is_fatal(error) && !matches!(error, Refusal::Timeout)
}

fn stop(node: &Expected<'_>, answer: Result<Option<Stat>, Refusal>) -> Option<Stop> {
    let (path, action) = (node.path.clone(), node.action);
    match answer {
        Ok(stat) => {
            let reason = node.check(stat.as_ref()).err()?;
            Some(Stop::Conflict {
                path,
                action,
                reason,
            })
        }
        Err(source) if is_outcome_unknown(&source) => Some(Stop::Disconnected {
            in_flight: 0,
            committed: false,
            source,
        }),
        Err(source) => Some(Stop::Failed {
            path,
            action,
            source,
        }),
    }
}
