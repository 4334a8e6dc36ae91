//! Why there is no session, and what an error of a request means for it.

use std::fmt;

use super::{ClientError, HostsError, SaslError, SaslTrouble, TlsError, Trouble};
use crate::model::path::ZPath;

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The host string is not one.
    #[error("{hosts:?} is no list of servers: {reason}")]
    Hosts {
        /// What was given.
        hosts: String,
        /// What is wrong with it.
        reason: HostsError,
    },
    /// The options of TLS are wrong, or the files that they name.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The options of SASL are wrong, or the file that they name.
    #[error("SASL: {0}")]
    Sasl(#[from] SaslError),
    /// A server refuses to know the session by SASL, or does not speak it.
    #[error("SASL ({mechanism}) with {server} fails: {trouble}")]
    SaslRefused {
        /// The server.
        server: String,
        /// The name of the mechanism.
        mechanism: &'static str,
        /// Why.
        trouble: SaslTrouble,
    },
    /// The servers take no session that does not authenticate, by SASL or otherwise.
    #[error("{}", demanded(hosts, schemes))]
    Demanded {
        /// The servers and the chroot.
        hosts: String,
        /// The schemes of the credentials given, which do not suffice, as in [`Error::Credentials`].
        schemes: Vec<String>,
    },
    /// No port of this machine can be had, behind which to speak TLS or SASL.
    #[error("cannot open a port of this machine for the way to {hosts}: {reason}")]
    Tunnel {
        /// The servers and the chroot.
        hosts: String,
        /// What the system says.
        reason: String,
    },
    /// No server answered in time.
    #[error(
        "cannot reach a ZooKeeper server at {hosts}: {}",
        unreachable(reason, troubles)
    )]
    Unreachable {
        /// The servers and the chroot.
        hosts: String,
        /// The error of the last attempt.
        reason: ClientError,
        /// Each server, and what is wrong with it; empty where nobody looked.
        troubles: Vec<(String, Trouble)>,
    },
    /// A server refused the credentials.
    #[error("{hosts} refuses the credentials ({})", schemes.join(", "))]
    Credentials {
        /// The servers and the chroot.
        hosts: String,
        /// The schemes of all credentials given, in their order. One that is none of ZooKeeper's own may be
        /// a secret: it is not named.
        schemes: Vec<String>,
    },
    /// The chroot does not exist.
    #[error("the chroot {chroot} does not exist on {servers}")]
    NoChroot {
        /// The servers without the chroot.
        servers: String,
        /// The chroot.
        chroot: ZPath,
    },
    /// A server answered with an error.
    #[error("{hosts}: {}", described(reason))]
    Server {
        /// The servers and the chroot.
        hosts: String,
        /// The error.
        reason: ClientError,
    },
}

fn demanded(hosts: &str, schemes: &[String]) -> String {
    match schemes {
        [] => format!("{hosts} demands that clients authenticate, and this one does not"),
        given => {
            let given = given.join(", ");
            format!("{hosts} demands that clients authenticate otherwise than by {given}")
        }
    }
}

/// Why no server was reached, in words that need no knowledge of the client.
fn unreachable(reason: &ClientError, troubles: &[(String, Trouble)]) -> String {
    match troubles {
        [] => {}
        [(_, Trouble::None)] => return format!("it makes sessions, but {}", described(reason)),
        [(_, trouble)] => return trouble.to_string(),
        all => {
            let lines = all
                .iter()
                .map(|(server, trouble)| format!("\n  {server}: {trouble}"));
            return lines.collect();
        }
    }
    match reason {
        ClientError::NoHosts => {
            "no connection is accepted there, or the name is unknown".to_owned()
        }
        ClientError::Timeout => "there is no answer".to_owned(),
        other => described(other).to_string(),
    }
}

/// Whether a write that failed with this error may nevertheless have happened.
pub(crate) fn is_outcome_unknown(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::ConnectionLoss
            | ClientError::Custom(_)
            | ClientError::UnexpectedError(_)
            | ClientError::UnmarshalError { .. }
            | ClientError::Timeout
    ) || is_fatal(error)
}

/// The words of a request's error where the task of zookeeper-client has died.
pub(super) const DIED: &str = "the session is lost by a fault in the client library";

/// Whether the session is dead after this error: every later request fails the same.
pub(crate) fn is_fatal(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::SessionExpired
            | ClientError::SessionMoved
            | ClientError::AuthFailed
            | ClientError::ClientClosed
    ) || matches!(error, ClientError::UnexpectedError(words) if words == DIED)
}

/// Describes the error of a request to readers who do not know the client library.
pub(crate) fn described(error: &ClientError) -> impl fmt::Display {
    match error {
        ClientError::Timeout => "there was no answer within the request timeout".to_owned(),
        // Only create requests of 3.5 are unknown to a server that speaks all else.
        ClientError::MarshallingError => {
            "the server does not know this request: creating nodes needs ZooKeeper 3.5 or later"
                .to_owned()
        }
        ClientError::Unimplemented => "the server is too old for this request".to_owned(),
        ClientError::UnmarshalError { .. } => {
            "the server sent a reply that cannot be read".to_owned()
        }
        ClientError::UnexpectedError(words) => words.clone(),
        other => other.to_string(),
    }
}
