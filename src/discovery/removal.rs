//! Deleting a node with all below it.

use std::collections::BTreeSet;

use super::error::{Error, parse};
use super::handle::ZooKeeper;
use crate::live;
use crate::node::Live;
use crate::path::ZPath;
use crate::session::{is_fatal, is_outcome_unknown};
use crate::tree::Tree;
use zookeeper_client::Error as Refusal;

/// How often what appeared meanwhile is deleted, too.
const ROUNDS: usize = 20;

/// How many deletions are in flight at once.
const WINDOW: usize = 256;

/// What a deletion may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Only tell what would be done.
    pub dry_run: bool,
    /// Ephemeral nodes are deleted, too.
    pub force: bool,
    /// That the topmost node itself is ephemeral, and so stays, is not worth telling.
    pub ignore_if_ephemeral: bool,
}

/// Why a node stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is ephemeral.
    Ephemeral,
    /// It holds something that is ephemeral.
    HoldsEphemeral,
    /// It may not be deleted, or holds what may not be.
    NoPermission,
}

/// A node that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The node.
    pub path: ZPath,
    /// Why.
    pub reason: Reason,
}

/// What a deletion did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// The deleted nodes in the order of their deletion, children before parents.
    pub deleted: Vec<ZPath>,
    /// The nodes that stay, children before parents.
    pub kept: Vec<Kept>,
}

impl ZooKeeper {
    /// Deletes a node and all below it, but for ephemeral nodes and those that hold any.
    /// `/zookeeper` of the ensemble is not looked at, and `/` itself stays.
    ///
    /// What appears below while it is deleted is deleted, too. Where the connection is lost, it is
    /// looked at again and gone on with.
    ///
    /// # Errors
    /// [`Error::NoNode`] where there is no such node, and those of the connection. What was deleted
    /// by then stays deleted.
    ///
    /// # Cancellation safety
    /// Dropping the future stops after what is in flight.
    pub async fn delete_recursive(&self, path: &str, removal: Removal) -> Result<Removed, Error> {
        let top = parse(path)?;
        let mut removed = Removed::default();
        let mut denied = BTreeSet::new();
        for round in 0..ROUNDS {
            let connection = self.connection().await?;
            let read = live::read_subtree(&connection.session, &top, false, &mut |_| {}).await;
            let live = match read {
                Ok(live) => live,
                Err(error) => {
                    let error = Error::Live(error);
                    if error.is_temporary() && round + 1 < ROUNDS {
                        continue;
                    }
                    return Err(error);
                }
            };
            if live.get(&top).is_none() {
                return match round {
                    0 => Err(Error::NoNode(top)),
                    _ => Ok(removed),
                };
            }
            let (doomed, kept) = sort(&live, &top, removal, &denied);
            removed.kept = kept;
            if removal.dry_run {
                removed.deleted = doomed.into_iter().map(|(path, _)| path).collect();
                return Ok(removed);
            }
            if doomed.is_empty() {
                return Ok(removed);
            }
            let client = connection.session.client();
            for chunk in doomed.chunks(WINDOW) {
                let requests: Vec<_> = chunk
                    .iter()
                    .map(|(path, version)| client.delete(path.as_str(), Some(*version)))
                    .collect();
                for ((path, _), request) in chunk.iter().zip(requests) {
                    match request.await {
                        Ok(()) => removed.deleted.push(path.clone()),
                        Err(Refusal::NoAuth) => _ = denied.insert(path.clone()),
                        // It is looked at again in the next round.
                        Err(Refusal::NoNode | Refusal::NotEmpty | Refusal::BadVersion) => {}
                        Err(error) if is_outcome_unknown(&error) || is_fatal(&error) => {}
                        Err(error) => return Err(Error::of(path, error)),
                    }
                }
            }
        }
        Err(Error::NotEmpty(top))
    }
}

/// What is to be deleted with its version, and what stays; both with children before parents.
fn sort(
    live: &Tree<Live>,
    top: &ZPath,
    removal: Removal,
    denied: &BTreeSet<ZPath>,
) -> (Vec<(ZPath, i32)>, Vec<Kept>) {
    let (mut doomed, mut kept): (Vec<_>, Vec<Kept>) = (Vec::new(), Vec::new());
    // Parents of what stays, with the reason.
    let mut holding: Vec<(ZPath, Reason)> = Vec::new();
    for (path, node) in live.iter().rev() {
        let held = holding
            .iter()
            .rposition(|(parent, _)| parent == path)
            .map(|at| holding.swap_remove(at).1);
        let reason = match (node.node(), held) {
            _ if denied.contains(path) => Some(Reason::NoPermission),
            (Some(node), _) if node.ephemeral && !removal.force => Some(Reason::Ephemeral),
            (_, Some(Reason::NoPermission)) => Some(Reason::NoPermission),
            (_, Some(_)) => Some(Reason::HoldsEphemeral),
            (Some(_), None) => None,
            // Its children are unknown, and so is its version.
            (None, None) => Some(Reason::NoPermission),
        };
        match (reason, node.node()) {
            (None, Some(node)) if !path.is_root() => {
                doomed.push((path.clone(), node.version.get()));
            }
            (None, _) => {}
            (Some(reason), _) => {
                let is_told =
                    !(removal.ignore_if_ephemeral && path == top && reason == Reason::Ephemeral);
                if is_told && !path.is_root() {
                    let path = path.clone();
                    kept.push(Kept { path, reason });
                }
                if let Some(parent) = path.parent()
                    && !holding.iter().any(|(other, _)| *other == parent)
                {
                    holding.push((parent, reason));
                }
            }
        }
    }
    (doomed, kept)
}
