//! What a mechanism does next.

/// What a mechanism does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Send(Vec<u8>),
    /// Nothing: the session is authenticated.
    Done,
}
