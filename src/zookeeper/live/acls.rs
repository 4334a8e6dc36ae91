//! Reading the ACLs of many nodes: one request each, a bounded number in flight.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use zookeeper_client::{Error as ClientError, Stat};

use super::reader::{Attempts, Reader};
use super::{Error, FetchOptions};
use crate::model::acl::Acl;
use crate::model::node::{AclVersion, Live};
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::zookeeper::session::{Client, RawAcl, Session, acl};

/// Reads the ACL of every node of `tree` that was read and for which `wanted` holds. Without the
/// right to read it, it stays unknown. Nodes that are gone meanwhile are dropped.
pub(super) async fn read(
    session: &Session,
    tree: &mut Tree<Live>,
    wanted: impl Fn(&ZPath) -> bool,
    options: &FetchOptions,
    reader: &mut Reader<'_>,
) -> Result<(), Error> {
    let client = session.client();
    let mut shared = Shared::default();
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
        match answer(client, reader, path, pending.await).await? {
            Answer::Shown((acl, stat)) => {
                node.acl = Some(shared.take(acl));
                node.acl_version = AclVersion::new(stat.aversion)
                    .or(options.unguarded.then_some(AclVersion::UNGUARDED))
                    .ok_or_else(|| Error::Version { path: path.clone() })?;
            }
            Answer::Hidden => {}
            Answer::Gone => gone.push(path.clone()),
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
    let mut reader = Reader::new(session, &options, &mut unheard);
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
        let is_closed = match answer(client, &mut reader, &path, pending.await).await? {
            Answer::Shown((acl, _)) => acl != open,
            Answer::Hidden => true,
            Answer::Gone => false,
        };
        if is_closed {
            closed.push(path);
        }
    }
}

/// The ACL of a node, as far as the session may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenAcl {
    /// This is it.
    Shown(Arc<Acl>),
    /// The session may neither read nor administer the node.
    Hidden,
    /// There is no such node.
    Gone,
}

/// The ACLs of these nodes, in their order: one request each, a bounded number in flight. Nodes with the
/// same ACL share it. `progress` is called with the number of ACLs read so far.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub async fn lookup_acls<'p>(
    session: &Session,
    paths: impl IntoIterator<Item = &'p ZPath>,
    mut progress: impl FnMut(usize),
) -> Result<Vec<SeenAcl>, Error> {
    let client = session.client();
    let options = FetchOptions::read_only();
    let mut unheard = |_| {};
    let mut reader = Reader::new(session, &options, &mut unheard);
    let mut paths = paths.into_iter().fuse();
    let mut seen: Vec<SeenAcl> = Vec::with_capacity(paths.size_hint().0);
    let mut shared = Shared::default();
    let mut in_flight = VecDeque::new();
    loop {
        while in_flight.len() < options.acl_window {
            let Some(path) = paths.next() else { break };
            in_flight.push_back((path, client.get_acl(path.as_str())));
        }
        let Some((path, pending)) = in_flight.pop_front() else {
            return Ok(seen);
        };
        seen.push(
            match answer(client, &mut reader, path, pending.await).await? {
                Answer::Shown((acl, _)) => SeenAcl::Shown(shared.take(acl)),
                Answer::Hidden => SeenAcl::Hidden,
                Answer::Gone => SeenAcl::Gone,
            },
        );
        progress(seen.len());
    }
}

/// ACLs, each once: most nodes have one of a few.
#[derive(Debug, Default)]
pub(super) struct Shared(HashSet<Arc<Acl>>);

impl Shared {
    /// Returns the one that is equal.
    pub(super) fn take(&mut self, acl: Acl) -> Arc<Acl> {
        if let Some(same) = self.0.get(&acl) {
            return same.clone();
        }
        let acl = Arc::new(acl);
        self.0.insert(acl.clone());
        acl
    }
}

/// What the server says of a node.
pub(super) enum Answer<T> {
    Shown(T),
    /// The session may not see it.
    Hidden,
    /// There is no such node.
    Gone,
}

/// Takes in the answer to a request for an ACL. Asks again where it was lost.
pub(super) async fn answer(
    client: &Client,
    reader: &mut Reader<'_>,
    path: &ZPath,
    result: Result<(Vec<RawAcl>, Stat), ClientError>,
) -> Result<Answer<(Acl, Stat)>, Error> {
    let again = || client.get_acl(path.as_str());
    Ok(match answered(reader, path, result, again).await? {
        Answer::Shown((entries, stat)) => Answer::Shown((acl::from_client(&entries), stat)),
        Answer::Hidden => Answer::Hidden,
        Answer::Gone => Answer::Gone,
    })
}

/// Takes in the answer to any request for a node. Asks `again` where it was lost.
pub(super) async fn answered<T, F>(
    reader: &mut Reader<'_>,
    path: &ZPath,
    mut result: Result<T, ClientError>,
    again: impl Fn() -> F,
) -> Result<Answer<T>, Error>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let mut attempts = Attempts::default();
    loop {
        match result {
            Ok(shown) => return Ok(Answer::Shown(shown)),
            Err(ClientError::NoAuth) => return Ok(Answer::Hidden),
            Err(ClientError::NoNode) => return Ok(Answer::Gone),
            Err(error) => reader.check_retry(path, &mut attempts, error)?,
        }
        result = again().await;
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
