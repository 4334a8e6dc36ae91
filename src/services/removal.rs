//! Deleting a node with all below it.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{Error, parse};
use super::handle::ZooKeeper;
use crate::model::node::{Live, LiveNode, Zxids};
use crate::model::path::ZPath;
use crate::model::record;
use crate::model::tree::Tree;
use crate::zookeeper::live;
use crate::zookeeper::session::{Client, ClientError, is_outcome_unknown};

/// In how many rounds nodes that appeared meanwhile are deleted, too, and for how long at least.
const ROUNDS: u32 = 20;
const LONGEST: Duration = Duration::from_secs(10);

/// How often in all the nodes are read again after a lost connection.
const FAILURES: u32 = 20;

/// How many deletions are in flight at once.
const WINDOW: usize = 256;

/// What a deletion may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Only report what would be done.
    pub dry_run: bool,
    /// Ephemeral nodes are deleted, too.
    pub force: bool,
    /// Do not report that the topmost node stays because it is ephemeral.
    pub ignore_if_ephemeral: bool,
}

/// Why a node stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SparedReason {
    /// It is ephemeral.
    Ephemeral,
    /// It holds something that is ephemeral.
    HoldsEphemeral,
    /// It is the record of an owner, which only its own path names for deletion.
    Record,
    /// It holds the record of an owner.
    HoldsRecord,
    /// It may not be deleted, or holds what may not be.
    NoPermission,
}

/// A node that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spared {
    /// The node.
    pub path: ZPath,
    /// Why.
    pub reason: SparedReason,
}

/// What a deletion did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// The deleted nodes in the order of their deletion, children before parents.
    pub deleted: Vec<ZPath>,
    /// The nodes that stay, children before parents.
    pub spared: Vec<Spared>,
    /// Nodes whose deletion was sent and not answered: deleted or not.
    pub unknown: BTreeSet<ZPath>,
    /// Nodes that were to be deleted, and were not.
    pub left: BTreeSet<ZPath>,
    /// All nodes that were there at first, and the transactions that made them.
    #[doc(hidden)]
    pub found: Vec<(ZPath, Option<Zxids>)>,
}

impl ZooKeeper {
    /// Deletes a node and all below it, but for ephemeral nodes, the records of owners, and nodes that hold
    /// any of them. A record is deleted only if `path` is that of its node.
    /// `/zookeeper` of the ensemble is not looked at, and `/` itself stays.
    ///
    /// Nodes that appear below it meanwhile are deleted, too. After a lost connection, the deletion
    /// reads again and goes on. A request that is not answered in time ends it.
    ///
    /// # Errors
    /// [`Error::NoNode`] where there is no such node, and those of the connection. What was deleted
    /// by then stays deleted; [`ZooKeeper::delete_recursive_into`] reports it.
    ///
    /// # Cancellation safety
    /// Dropping the future stops after what is in flight.
    pub async fn delete_recursive(&self, path: &str, removal: Removal) -> Result<Removed, Error> {
        let mut removed = Removed::default();
        self.delete_recursive_into(path, removal, &mut removed)
            .await?;
        Ok(removed)
    }

    /// As [`ZooKeeper::delete_recursive`], with an account in `removed` that is true at any moment,
    /// also after an error and where the future was dropped.
    ///
    /// # Errors and cancellation safety
    /// As [`ZooKeeper::delete_recursive`].
    pub async fn delete_recursive_into(
        &self,
        path: &str,
        removal: Removal,
        removed: &mut Removed,
    ) -> Result<(), Error> {
        let top = parse(path)?;
        let mut denied = BTreeSet::new();
        let mut failures = 0;
        let started = Instant::now();
        for round in 0_u32.. {
            let connection = self.core.connection().await?;
            let read = live::read_subtree_with_records(&connection.session, &top).await;
            let live = match read {
                Ok(live) => live,
                Err(error) => {
                    let error = Error::Live(error);
                    failures += 1;
                    if error.is_temporary() && !error.is_timeout() && failures < FAILURES {
                        continue;
                    }
                    return Err(error);
                }
            };
            removed.look_again(&live);
            if live.get(&top).is_none() {
                removed.left.clear();
                return match round {
                    0 => Err(Error::NoNode(top)),
                    _ => Ok(()),
                };
            }
            removed.remember(&live);
            let (doomed, spared) = sort(&live, &top, removal, &denied);
            removed.spared = spared;
            if removal.dry_run {
                removed.deleted = doomed.into_iter().map(|(path, _)| path).collect();
                return Ok(());
            }
            removed.left = doomed.iter().map(|(path, _)| path.clone()).collect();
            if doomed.is_empty() {
                return Ok(());
            }
            if round >= ROUNDS && started.elapsed() > LONGEST {
                return Err(Error::NotEmpty(top));
            }
            let client = connection.session.client();
            delete(client, &doomed, removed, &mut denied).await?;
            if round > 0 {
                // Another client goes on creating nodes below: do not keep step with it.
                let pause = u64::from(round.min(20));
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=pause))).await;
            }
        }
        Err(Error::NotEmpty(top))
    }
}

impl Removed {
    /// Takes note of what is there: what was sent without an answer, and is gone, was deleted.
    fn look_again(&mut self, live: &Tree<Live>) {
        let unknown = std::mem::take(&mut self.unknown);
        let gone = unknown.into_iter().filter(|path| live.get(path).is_none());
        // Children before parents.
        let mut gone: Vec<ZPath> = gone.collect();
        gone.reverse();
        for path in &gone {
            self.left.remove(path);
        }
        self.deleted.extend(gone);
    }

    /// Takes note of what is there at first.
    fn remember(&mut self, live: &Tree<Live>) {
        if self.found.is_empty() {
            let found = |(path, live): &(ZPath, Live)| {
                let zxids = live.node().and_then(LiveNode::zxids);
                (path.clone(), zxids)
            };
            self.found = live.iter().map(found).collect();
        }
    }
}

/// Deletes these nodes, several at a time, as long as their parents can follow.
async fn delete(
    client: &Client,
    doomed: &[(ZPath, i32)],
    removed: &mut Removed,
    denied: &mut BTreeSet<ZPath>,
) -> Result<(), Error> {
    for chunk in doomed.chunks(WINDOW) {
        let mut requests = Vec::with_capacity(chunk.len());
        for (path, version) in chunk {
            removed.left.remove(path);
            removed.unknown.insert(path.clone());
            requests.push(client.delete(path.as_str(), Some(*version)));
        }
        let mut failed = None;
        for ((path, _), request) in chunk.iter().zip(requests) {
            let answer = request.await;
            match &answer {
                Err(error @ ClientError::Timeout) => {
                    failed.get_or_insert(Error::of_write(path, error.clone()));
                    continue;
                }
                // It is looked at again in the next round.
                Err(error) if is_outcome_unknown(error) => continue,
                _ => {}
            }
            removed.unknown.remove(path);
            match answer {
                Ok(()) => removed.deleted.push(path.clone()),
                // Somebody else was faster, or comes before it in the next round.
                Err(ClientError::NoNode) => {}
                Err(ClientError::NotEmpty | ClientError::BadVersion) => {
                    _ = removed.left.insert(path.clone());
                }
                Err(ClientError::NoAuth) => {
                    removed.left.insert(path.clone());
                    denied.insert(path.clone());
                }
                Err(error) => {
                    removed.left.insert(path.clone());
                    failed.get_or_insert(Error::of(path, error));
                }
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(())
}

/// What is to be deleted with its version, and what stays; both with children before parents.
fn sort(
    live: &Tree<Live>,
    top: &ZPath,
    removal: Removal,
    denied: &BTreeSet<ZPath>,
) -> (Vec<(ZPath, i32)>, Vec<Spared>) {
    let (mut doomed, mut spared): (Vec<_>, Vec<Spared>) = (Vec::new(), Vec::new());
    // A record goes as a whole, and where its own path says so.
    let is_record = |path: &ZPath, live: &Live| {
        let data = live.node().map_or(&[][..], |node| &node.data);
        match path == top {
            true => record::is_shard(data),
            false => record::is_head(data),
        }
    };
    let all = live.iter();
    let records = all.filter(|(path, live)| is_record(path, live));
    let records: HashSet<&ZPath> = records.map(|(path, _)| path).collect();
    // Most trees hold none.
    let of_record =
        |path: &ZPath| !records.is_empty() && path.prefixes().any(|above| records.contains(&above));
    // Parents of what stays, with the reason.
    let mut holding: Vec<(ZPath, SparedReason)> = Vec::new();
    for (path, node) in live.iter().rev() {
        let held = holding
            .iter()
            .rposition(|(parent, _)| parent == path)
            .map(|at| holding.swap_remove(at).1);
        let reason = match (node.node(), held) {
            _ if denied.contains(path) => Some(SparedReason::NoPermission),
            _ if of_record(path) => Some(SparedReason::Record),
            (Some(node), _) if node.ephemeral && !removal.force => Some(SparedReason::Ephemeral),
            (_, Some(SparedReason::NoPermission)) => Some(SparedReason::NoPermission),
            (_, Some(SparedReason::Record | SparedReason::HoldsRecord)) => {
                Some(SparedReason::HoldsRecord)
            }
            (_, Some(_)) => Some(SparedReason::HoldsEphemeral),
            (Some(_), None) => None,
            // Its children are unknown, and so is its version.
            (None, None) => Some(SparedReason::NoPermission),
        };
        match (reason, node.node()) {
            (None, Some(node)) if !path.is_root() => {
                doomed.push((path.clone(), node.version.get()));
            }
            (None, _) => {}
            (Some(reason), _) => {
                let is_reported = match reason {
                    SparedReason::Ephemeral => !removal.ignore_if_ephemeral || path != top,
                    SparedReason::Record => records.contains(&path),
                    _ => true,
                };
                if is_reported && !path.is_root() {
                    let path = path.clone();
                    spared.push(Spared { path, reason });
                }
                if let Some(parent) = path.parent()
                    && !holding.iter().any(|(other, _)| *other == parent)
                {
                    holding.push((parent, reason));
                }
            }
        }
    }
    (doomed, spared)
}
