//! What is wrong with a server that cannot be reached.

use std::fmt;

mod tls;

pub use tls::{CertificateTrouble, TlsTrouble};

/// What is wrong with a server that cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// No address is known for its name.
    UnknownName,
    /// Nobody listens at its port.
    Refused,
    /// The connection cannot be made for another reason.
    Unconnected(String),
    /// Nothing answers the attempt to connect.
    Unanswered,
    /// It closes the connection on a connect request.
    Closed,
    /// It takes a connect request, and does not answer.
    Silent,
    /// It speaks TLS, and was asked without.
    Tls,
    /// TLS to it fails.
    Handshake(TlsTrouble),
    /// It is a ClickHouse Keeper that refuses sessions: it has no leader, or too much to do.
    Refusing,
    /// It is read-only: it has lost the majority of its ensemble.
    ReadOnly,
    /// It answers in another protocol.
    Foreign,
    /// Nothing: it answers as a ZooKeeper server does.
    None,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownName => "the name is unknown",
            Self::Refused => "the connection is refused",
            Self::Unconnected(reason) => reason,
            Self::Unanswered => {
                "nothing answers the attempt to connect (a firewall, or it is down?)"
            }
            Self::Closed => "it accepts the connection and closes it (no quorum, or a TLS port?)",
            Self::Silent => "it accepts the connection, but does not answer",
            Self::Tls => "it speaks TLS",
            Self::Handshake(trouble) => return trouble.fmt(f),
            Self::Refusing => "it is a ClickHouse Keeper without a leader, or too busy",
            Self::ReadOnly => {
                "it is read-only, since it does not reach the majority of its ensemble"
            }
            Self::Foreign => "what listens there does not speak ZooKeeper",
            Self::None => "it makes sessions",
        })
    }
}
