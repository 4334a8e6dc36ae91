//! Bounds of an execution.

use std::time::{Duration, Instant};

use crate::model::path::ZPath;
use crate::model::request::MAX_REQUEST;
use crate::zookeeper::record::Hold;
use crate::zookeeper::session::Session;

/// Bounds on what is sent at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecuteOptions {
    /// Request bytes up to which the whole plan is one batch.
    pub whole_plan_bytes: usize,
    /// Request bytes of a batch where the plan needs several.
    pub batch_bytes: usize,
    /// Operations of a batch where the plan needs several.
    pub batch_operations: usize,
    /// How many batches of one stage are in flight at most.
    pub window: usize,
    /// Request bytes that no request may exceed. Past `jute.maxbuffer`, 1,048,575 bytes as
    /// ZooKeeper comes, the server drops the connection with all that is in flight.
    pub request_limit: usize,
    /// How many ACL changes are in flight at most.
    pub acl_window: usize,
    /// How long to look, after a lost connection, for what became of a batch; no longer than three
    /// times the session's request timeout, where its options have one.
    pub recovery: Duration,
    /// A node without which nothing is written: each batch checks that it is there, and was never
    /// written, in the same request. No batch can hold ACL changes; before those it is looked at.
    pub guard: Option<ZPath>,
    /// The right to write for an owner: each batch checks that nobody else has it by now, and creates a
    /// journal of what it creates and sets. Before ACL changes it is looked at.
    pub hold: Option<Hold>,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self {
            whole_plan_bytes: 1_000_000,
            batch_bytes: 512 << 10,
            batch_operations: 1000,
            window: 4,
            request_limit: MAX_REQUEST,
            acl_window: 64,
            recovery: Duration::from_secs(30),
            guard: None,
            hold: None,
        }
    }
}

impl ExecuteOptions {
    /// The defaults, with requests as large as the session's options allow.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        Self {
            request_limit: session.max_request(),
            ..Self::default()
        }
    }

    /// Until when to look for what became of requests that are lost now.
    pub(super) fn look_until(&self, session: &Session) -> Instant {
        let asked = session.request_timeout();
        let limit = asked.map_or(Duration::MAX, |timeout| timeout.saturating_mul(3));
        Instant::now() + self.recovery.min(limit)
    }
}
