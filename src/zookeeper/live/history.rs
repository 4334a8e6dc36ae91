//! What a history of live nodes needs besides their data.

use std::collections::BTreeSet;

use super::reader::Reader;
use super::{Error, FetchOptions, acls};
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::zookeeper::session::Session;

/// Reads the ACLs of nodes that were read before; those that are gone meanwhile are dropped.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub(crate) async fn read_acls(session: &Session, nodes: &mut Tree<Live>) -> Result<(), Error> {
    let options = FetchOptions::read_only();
    let mut unheard = |_| {};
    let mut reader = Reader::new(session, &options, &mut unheard);
    acls::read(session, nodes, |_| true, &options, &mut reader).await
}

/// The highest transaction in which a child of any of these nodes was created or deleted. Nodes that are
/// gone or may not be seen do not count.
pub(crate) async fn last_child_change(session: &Session, nodes: &BTreeSet<ZPath>) -> i64 {
    let client = session.client();
    let asked: Vec<_> = nodes
        .iter()
        .map(|path| client.check_stat(path.as_str()))
        .collect();
    let mut last = 0;
    for stat in asked {
        if let Ok(Some(stat)) = stat.await {
            last = last.max(stat.pzxid);
        }
    }
    last
}
