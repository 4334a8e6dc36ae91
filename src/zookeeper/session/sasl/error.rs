//! What is wrong with the options of SASL, and why a server does not believe them.

use std::fmt;
use std::path::PathBuf;

/// What is wrong with the options of SASL, or with the file of the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SaslError {
    /// This build has no SASL.
    #[error("this build speaks no SASL: it lacks the feature sasl")]
    NotBuilt,
    /// This build has no Kerberos.
    #[error("this build speaks no Kerberos: it lacks the feature gssapi")]
    NoKerberos,
    /// The service or the host is an empty text, or has what a principal has not.
    #[error("{0:?} is no part of a principal")]
    Principal(String),
    /// The user is an empty text.
    #[error("the user is empty")]
    NoUser,
    /// The user has a control character; here is what stands before it.
    #[error("the user name has a control character after {0:?}")]
    User(String),
    /// The password is an empty text.
    #[error("the password is empty")]
    NoPassword,
    /// The file of the password cannot be read, or has none.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a session could not authenticate to a server by SASL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslTrouble {
    /// It answers that it has no SASL.
    NotOffered,
    /// It answers nothing to a ticket: it has no SASL, or does not take the ticket and lets failed clients in
    /// (`zookeeper.allowSaslFailedClients`).
    NothingSaid,
    /// It closes the connection where SASL begins.
    Closed,
    /// It does not take the mechanism.
    Mechanism,
    /// It refuses the user or the password. Which of them, no server tells.
    Refused,
    /// It refuses the ticket, or Kerberos at all.
    Ticket,
    /// Kerberos gives no ticket for it, for this reason.
    Kerberos(String),
    /// No KDC of this realm answers in time; `None` if what the realm is could not be found out in time either.
    Kdc(Option<String>),
    /// It lets the session in, but not as this user: the user or the password is wrong, and it allows failed
    /// clients (`zookeeper.allowSaslFailedClients`).
    Unconfirmed,
    /// It does not prove who it is, as by knowing the password itself, so it may be another server than it seems.
    Impostor,
    /// What it asks for is not understood, for this reason.
    Challenge(String),
    /// It answers with this error.
    Code(i32),
}

impl SaslTrouble {
    /// Whether the next attempt would end the same.
    #[cfg(feature = "sasl")]
    pub(in super::super) fn is_final(&self) -> bool {
        // The connection may have been lost just then, and a KDC comes back.
        !matches!(self, Self::Closed | Self::Kerberos(_) | Self::Kdc(_))
    }
}

impl fmt::Display for SaslTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOffered => "it offers no SASL",
            Self::NothingSaid => {
                "it offers no SASL, or refuses the ticket and would let the session in as nobody"
            }
            Self::Closed => "it closes the connection where SASL begins, so it may know none",
            Self::Mechanism => "it does not take this mechanism",
            Self::Refused => "the user is unknown there, or the password is wrong",
            Self::Ticket => "it refuses the ticket, or takes no Kerberos at all",
            Self::Kerberos(reason) => reason,
            Self::Kdc(Some(realm)) => {
                return write!(f, "no KDC of the realm {realm} answers");
            }
            Self::Kdc(None) => "no KDC answers, or no name service",
            Self::Unconfirmed => {
                "the user is unknown there, or the password is wrong; the server would let the session in \
                 as nobody"
            }
            Self::Impostor => {
                "it does not prove who it is, so it may be another server than it seems"
            }
            Self::Challenge(reason) => {
                return write!(f, "what it asks for is not understood: {reason}");
            }
            Self::Code(code) => return write!(f, "it answers with the error {code}"),
        })
    }
}
