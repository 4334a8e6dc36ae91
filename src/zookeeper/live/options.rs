//! Limits for requests.

/// Limits for requests. The defaults suit a server with little memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchOptions {
    /// How many nodes a batch may have at most.
    pub batch_cap: usize,
    /// How many nodes the first batch has, when their size is unknown.
    pub first_batch: usize,
    /// How many batches are in flight at most.
    pub window: usize,
    /// Bytes that the reply to a batch should not exceed. An oversized multi-read can take the
    /// server's memory.
    pub reply_target: usize,
    /// Bytes that a request may have; the server refuses more than 1,048,575.
    pub request_limit: usize,
    /// How many ACLs are asked for at once.
    pub acl_window: usize,
    /// How often a batch is asked again after its connection was lost.
    pub retries: usize,
    /// Whether to use multi-reads where the server has them. Servers before 3.6 have none, and those of
    /// ClickHouse Keeper cannot be decoded, which is found out without this.
    pub multi_read: bool,
    /// Whether nodes are read by whose version no write can be guarded. Otherwise one is
    /// [`Error::Version`](super::Error::Version).
    pub unguarded: bool,
}

impl FetchOptions {
    /// For those who write nothing.
    #[must_use]
    pub fn read_only() -> Self {
        Self {
            unguarded: true,
            ..Self::default()
        }
    }
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            batch_cap: 512,
            first_batch: 32,
            window: 8,
            reply_target: 1 << 20,
            request_limit: 512 << 10,
            acl_window: 256,
            retries: 3,
            multi_read: true,
            unguarded: false,
        }
    }
}
