//! Reading the ACLs of many nodes: one request each, a bounded number in flight.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use zookeeper_client::Error as ClientError;

use super::reader::{Attempts, Reader};
use super::{Error, FetchOptions};
use crate::model::acl::Acl;
use crate::model::node::{AclVersion, Live};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::zookeeper::session::{Session, acl};

/// Reads the ACL of every node of `tree` that was read and for which `wanted` holds. Without the
/// permission to read it, it stays unknown. Nodes that are gone meanwhile are dropped.
pub(super) async fn read(
    session: &Session,
    tree: &mut Tree<Live>,
    wanted: impl Fn(&ZPath) -> bool,
    options: &FetchOptions,
    reader: &mut Reader<'_>,
) -> Result<(), Error> {
    let client = session.client();
    let mut gone = Vec::new();
    let mut nodes = tree
        .iter_mut()
        .filter_map(|(path, live)| match live {
            Live::Read(node) if wanted(path) => Some((path, node)),
            _ => None,
        })
        .fuse();
    let mut in_flight = VecDeque::new();
    loop {
        while in_flight.len() < options.acl_window.max(1) {
            let Some((path, node)) = nodes.next() else {
                break;
            };
            in_flight.push_back((path, node, client.get_acl(path.as_str())));
        }
        let Some((path, node, pending)) = in_flight.pop_front() else {
            break;
        };
        let mut attempts = Attempts::default();
        let mut result = pending.await;
        loop {
            match result {
                Ok((entries, stat)) => {
                    node.acl = Some(Arc::new(acl::from_client(&entries)));
                    node.acl_version = AclVersion::new(stat.aversion)
                        .or(options.unguarded.then_some(AclVersion::UNGUARDED))
                        .ok_or_else(|| Error::Version { path: path.clone() })?;
                }
                Err(ClientError::NoAuth) => {}
                Err(ClientError::NoNode) => gone.push(path.clone()),
                Err(error) => {
                    reader.check_retry(path, &mut attempts, error)?;
                    result = client.get_acl(path.as_str()).await;
                    continue;
                }
            }
            break;
        }
    }
    drop(nodes);
    drop_subtrees(tree, &gone);
    Ok(())
}

/// The nodes whose ACL is not the open one, `world:anyone:cdrwa`, of those whose paths come, until no
/// more come. Nodes that are gone meanwhile are left out.
///
/// A stat does not show it: ZooKeeper has no cheaper way than one request for each node. These go
/// between other reads of the session, a bounded number in flight.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub async fn closed(
    session: &Session,
    mut paths: UnboundedReceiver<ZPath>,
) -> Result<Vec<ZPath>, Error> {
    let client = session.client();
    let options = FetchOptions::default();
    let mut unheard = |_| {};
    let reader = Reader::new(session, &options, &mut unheard);
    let open = Acl::open();
    let mut closed = Vec::new();
    let mut in_flight = VecDeque::new();
    loop {
        while in_flight.len() < options.acl_window.max(1) {
            let next = match in_flight.is_empty() {
                true => paths.recv().await,
                false => paths.try_recv().ok(),
            };
            let Some(path) = next else { break };
            let pending = client.get_acl(path.as_str());
            in_flight.push_back((path, pending));
        }
        let Some((path, pending)) = in_flight.pop_front() else {
            return Ok(closed);
        };
        let mut attempts = Attempts::default();
        let mut result = pending.await;
        let is_closed = loop {
            match result {
                Ok((entries, _)) => break acl::from_client(&entries) != open,
                Err(ClientError::NoAuth) => break true,
                Err(ClientError::NoNode) => break false,
                Err(error) => reader.check_retry(&path, &mut attempts, error)?,
            }
            result = client.get_acl(path.as_str()).await;
        };
        if is_closed {
            closed.push(path);
        }
    }
}

/// Drops nodes that went away while the tree was read, with all below them.
pub(super) fn drop_subtrees(tree: &mut Tree<Live>, tops: &[ZPath]) {
    if tops.is_empty() {
        return;
    }
    let mut keep = vec![true; tree.len()];
    for top in tops {
        keep[tree.subtree_range(top)].fill(false);
    }
    let mut keep = keep.into_iter();
    tree.retain(|_, _| keep.next().unwrap_or(true));
}
