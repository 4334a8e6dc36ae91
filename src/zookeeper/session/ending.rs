//! How a session ends.
//!
//! To end a session with ClickHouse Keeper or RaftKeeper, zkt sends credentials that are refused:
//! `AuthFailed` is final for the client library. The request that ends a session is not enough: these
//! servers close the connection instead of answering, and zookeeper-client 0.11.2 takes that for a loss,
//! connects anew, ends that session, and so on, hundreds of times a second.

use std::ops::Deref;

use zookeeper_client as zk;

use super::dialect::Dialect;

/// A client whose session ends when it is dropped, and with it the client's task.
#[derive(Debug)]
pub(super) struct Ending {
    client: zk::Client,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The server answers, or somebody else keeps the session.
    Plain,
    /// The server closes the connection.
    Unanswered,
}

impl Ending {
    /// A session of zkt's own, with a server of a kind that is not known yet.
    pub(super) fn owned(client: zk::Client) -> Self {
        let end = match Dialect::guess(&client) {
            Dialect::ZooKeeper => End::Plain,
            _ => End::Unanswered,
        };
        Self { client, end }
    }

    /// A session that somebody else keeps.
    pub(super) fn borrowed(client: zk::Client) -> Self {
        let end = End::Plain;
        Self { client, end }
    }

    /// It turned out to be ZooKeeper after all.
    pub(super) fn answered(mut self) -> Self {
        self.end = End::Plain;
        self
    }
}

impl Deref for Ending {
    type Target = zk::Client;

    fn deref(&self) -> &zk::Client {
        &self.client
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if self.end == End::Unanswered && !self.client.state().is_terminated() {
            // It is sent when it is made, and before the end of the session, which the server sees too.
            drop(self.client.auth("none", b""));
        }
    }
}
