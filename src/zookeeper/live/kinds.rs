//! The kinds of many nodes, without reading their data.

use std::collections::VecDeque;

use zookeeper_client::{Error as ClientError, Stat};

use super::reader::{Attempts, Reader};
use super::{Error, FetchOptions};
use crate::model::path::ZPath;
use crate::zookeeper::session::Session;

/// What is known of a node that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It does not exist any more.
    Gone,
    /// It is ephemeral.
    Ephemeral,
    /// It is not ephemeral, or unknown: servers from 3.8.4 on require READ.
    Other,
}

impl Kind {
    /// From the answer to a request for the stat of a node.
    pub(crate) fn of(answer: Result<Option<Stat>, ClientError>) -> Result<Self, ClientError> {
        Ok(match answer {
            Ok(None) => Self::Gone,
            Ok(Some(stat)) if stat.ephemeral_owner != 0 => Self::Ephemeral,
            Ok(Some(_)) | Err(ClientError::NoAuth) => Self::Other,
            Err(error) => return Err(error),
        })
    }
}

/// The kinds of these nodes, in their order.
pub(crate) async fn of(session: &Session, paths: &[ZPath]) -> Result<Vec<Kind>, Error> {
    let options = FetchOptions::default();
    let mut progress = |_| {};
    let reader = Reader::new(session, &options, &mut progress);
    let client = session.client();
    let mut kinds = Vec::with_capacity(paths.len());
    let mut next = paths.iter();
    let mut in_flight = VecDeque::new();
    loop {
        while in_flight.len() < options.acl_window {
            let Some(path) = next.next() else { break };
            in_flight.push_back((path, client.check_stat(path.as_str())));
        }
        let Some((path, pending)) = in_flight.pop_front() else {
            return Ok(kinds);
        };
        let mut attempts = Attempts::default();
        let mut result = pending.await;
        kinds.push(loop {
            match Kind::of(result) {
                Ok(kind) => break kind,
                Err(error) => {
                    reader.check_retry(path, &mut attempts, error)?;
                    result = client.check_stat(path.as_str()).await;
                }
            }
        });
    }
}
