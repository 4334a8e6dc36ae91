//! The sender of a request, and the form of its reply.

use super::code::ErrorCode;
use super::watches::ConnectionId;

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) connection: ConnectionId,
    pub(crate) session: i64,
}

/// How a request is answered. The body has been written by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Body,
    Error(ErrorCode),
    ErrorWithBody(ErrorCode),
    /// Not at all.
    Silence,
}

impl From<Result<(), ErrorCode>> for Answer {
    fn from(result: Result<(), ErrorCode>) -> Self {
        match result {
            Ok(()) => Self::Body,
            Err(error) => Self::Error(error),
        }
    }
}
