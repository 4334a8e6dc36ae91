//! Error codes of replies.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// Why ZooKeeper refused a request, by the names and numbers of its `KeeperException`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name = $number,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

codes! {
    /// Something went wrong that has no code of its own.
    SystemError = -1,
    /// An operation of a transaction that was not tried because an earlier one failed.
    RuntimeInconsistency = -2,
    /// Data did not agree.
    DataInconsistency = -3,
    /// The connection was lost.
    ConnectionLoss = -4,
    /// The request could not be read.
    MarshallingError = -5,
    /// The server does not know this request.
    Unimplemented = -6,
    /// The operation took too long.
    OperationTimeout = -7,
    /// A path, a flag or another argument is not valid.
    BadArguments = -8,
    /// The server knows no such session.
    UnknownSession = -12,
    /// The new configuration has no quorum.
    NewConfigNoQuorum = -13,
    /// Another reconfiguration is in progress.
    ReconfigInProgress = -14,
    /// The node does not exist.
    NoNode = -101,
    /// The session has no permission.
    NoAuth = -102,
    /// The version is not the expected one.
    BadVersion = -103,
    /// Ephemeral nodes have no children.
    NoChildrenForEphemerals = -108,
    /// The node exists.
    NodeExists = -110,
    /// The node has children.
    NotEmpty = -111,
    /// The session has expired.
    SessionExpired = -112,
    /// A callback is not valid.
    InvalidCallback = -113,
    /// The ACL is not valid.
    InvalidAcl = -114,
    /// The server does not accept the credentials.
    AuthFailed = -115,
    /// The session is connected to another server.
    SessionMoved = -118,
    /// The server only reads.
    NotReadOnly = -119,
    /// A local session cannot hold ephemeral nodes.
    EphemeralOnLocalSession = -120,
    /// There is no such watch.
    NoWatcher = -121,
    /// The request took too long.
    RequestTimeout = -122,
    /// Reconfiguration is switched off.
    ReconfigDisabled = -123,
    /// The server wants SASL.
    SessionClosedRequireSaslAuth = -124,
    /// A quota is used up.
    QuotaExceeded = -125,
    /// The server is too busy.
    ThrottledOp = -127,
}

impl ErrorCode {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The code with a name, as in `NoNode`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| format!("{code:?}") == name)
    }

    /// The code with a number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.number() == number)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.number())
    }
}

/// The reply to what cannot be read, if there is a reply at all.
impl From<super::wire::Malformed> for ErrorCode {
    fn from(_: super::wire::Malformed) -> Self {
        Self::MarshallingError
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_their_codes() {
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(code));
            assert_eq!(ErrorCode::from_name(&format!("{code:?}")), Some(code));
        }
        assert_eq!(ErrorCode::from_number(0), None);
        assert_eq!(ErrorCode::NoNode.to_string(), "NoNode (-101)");
    }
}
