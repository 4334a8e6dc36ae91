//! Reading the ACLs of a subtree, and nothing else of it.

use std::collections::VecDeque;

use super::acls::{Answer, Shared, answer};
use super::reader::{Attempts, Pending, Reader};
use super::{Error, FetchOptions};
use crate::model::acl::audit::NodeAcl;
use crate::model::path::{ZPath, check_name};
use crate::zookeeper::session::{ClientError, RawAcl, Session, Stat};

/// The ACLs of a subtree.
#[derive(Debug, Default)]
pub struct SubtreeAcls {
    /// The nodes in path order, each with its ACL if the session may see it. Empty if there is no such
    /// subtree.
    pub nodes: Vec<NodeAcl>,
    /// Nodes whose children the session may not list, though it sees their ACL, in path order.
    pub unlisted: Vec<ZPath>,
}

/// What was asked of a node.
enum Asked<'s> {
    Acl(ZPath, Pending<'s, (Vec<RawAcl>, Stat)>),
    Children(ZPath, Pending<'s, Vec<String>>),
}

/// Reads the ACL of the node `top` and of all below it: one request a node, and one more where it has
/// children, a bounded number in flight. `/zookeeper` of the ensemble is left out, unless `top` is in it.
/// Nodes that go away meanwhile are left out. `progress` is called with the number of nodes read so far.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub async fn walk_acls(
    session: &Session,
    top: &ZPath,
    mut progress: impl FnMut(usize),
) -> Result<SubtreeAcls, Error> {
    let client = session.client();
    let options = FetchOptions::read_only();
    let mut unheard = |_| {};
    let mut reader = Reader::new(session, &options, &mut unheard);
    reader.start_sync();
    reader.finish_sync().await?;
    let system = session.system();
    let mut found = SubtreeAcls::default();
    let mut shared = Shared::default();
    let mut waiting = VecDeque::from([top.clone()]);
    let mut in_flight: VecDeque<Asked<'_>> = VecDeque::new();
    loop {
        while in_flight.len() < options.acl_window {
            let Some(path) = waiting.pop_front() else {
                break;
            };
            let pending = Box::pin(client.get_acl(path.as_str()));
            in_flight.push_back(Asked::Acl(path, pending));
        }
        match in_flight.pop_front() {
            Some(Asked::Acl(path, pending)) => {
                let answer = answer(client, &mut reader, &path, pending.await).await?;
                let acl = match answer {
                    Answer::Gone => continue,
                    Answer::Hidden => None,
                    Answer::Acl(acl, stat) => {
                        if stat.num_children > 0 {
                            let pending = Box::pin(client.list_children(path.as_str()));
                            in_flight.push_back(Asked::Children(path.clone(), pending));
                        }
                        Some(shared.take(acl))
                    }
                };
                found.nodes.push((path, acl));
                progress(found.nodes.len());
            }
            Some(Asked::Children(path, pending)) => {
                let Some(names) = children(&path, pending.await, session, &mut reader).await?
                else {
                    found.unlisted.push(path);
                    continue;
                };
                for name in names {
                    if check_name(&name).is_err() {
                        return Err(Error::Name { parent: path, name });
                    }
                    let child = path.join(&name);
                    waiting.extend((Some(&child) != system.as_ref()).then_some(child));
                }
            }
            None => break,
        }
    }
    found.nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
    found.unlisted.sort();
    Ok(found)
}

/// Returns the names of a node's children, an empty list if the node is gone, and `None` if the session may
/// not list them.
async fn children(
    path: &ZPath,
    mut result: Result<Vec<String>, ClientError>,
    session: &Session,
    reader: &mut Reader<'_>,
) -> Result<Option<Vec<String>>, Error> {
    let mut attempts = Attempts::default();
    loop {
        match result {
            Ok(names) => return Ok(Some(names)),
            Err(ClientError::NoAuth) => return Ok(None),
            Err(ClientError::NoNode) => return Ok(Some(Vec::new())),
            Err(error) => reader.check_retry(path, &mut attempts, error)?,
        }
        result = session.client().list_children(path.as_str()).await;
    }
}
