//! Why TLS to a server fails.

use std::fmt;
use std::time::SystemTime;

use crate::syntax::spelling::printable;

/// How many names of a certificate a message has, if they are too many to show all, and how long one may be.
const MOST_NAMES: usize = 5;
const SOME_NAMES: usize = 3;
const LONGEST_NAME: usize = 100;

/// Why TLS to a server fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsTrouble {
    /// The server speaks ZooKeeper without TLS.
    Plain,
    /// What listens there speaks something else.
    Foreign,
    /// It takes the connection, and does not answer.
    Silent,
    /// It closes the connection, before TLS is there or after it.
    Closed,
    /// The name of the server, as the list has it, can be in no certificate.
    Name(String),
    /// Its certificate is not accepted.
    Certificate(CertificateTrouble),
    /// It demands a certificate, and none is given.
    Demanded,
    /// It refuses the certificate of this side, for this reason.
    Refused(String),
    /// It has neither TLS 1.3 nor TLS 1.2.
    Version,
    /// It has no cipher or signature in common with this side.
    Algorithms,
    /// Another reason, in the words of the TLS library.
    Other(String),
}

/// Why the certificate of a server is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateTrouble {
    /// No authority that is trusted has signed it.
    UnknownAuthority,
    /// It is for other names.
    Name {
        /// The name that was looked for.
        expected: String,
        /// Those that it has.
        names: Vec<String>,
    },
    /// Its time is over.
    Expired(SystemTime),
    /// Its time has not come.
    NotYetValid(SystemTime),
    /// Another reason, in the words of the TLS library.
    Other(String),
}

impl fmt::Display for TlsTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "it speaks no TLS: it answers as ZooKeeper without TLS does",
            Self::Foreign => "it speaks no TLS: what listens there speaks something else",
            Self::Silent => "it accepts the connection, but does not answer in TLS",
            Self::Closed => "it closes the connection in TLS (no quorum, or no TLS port?)",
            Self::Name(name) => {
                return write!(f, "{name:?} is no name that a certificate can have");
            }
            Self::Certificate(trouble) => return trouble.fmt(f),
            Self::Demanded => "it demands a certificate of the client, and none is given",
            Self::Refused(reason) => {
                return write!(f, "it refuses the certificate of the client: {reason}");
            }
            Self::Version => "it has neither TLS 1.2 nor TLS 1.3",
            Self::Algorithms => "it has no TLS cipher or signature in common with this client",
            Self::Other(reason) => return write!(f, "TLS fails: {reason}"),
        })
    }
}

impl fmt::Display for CertificateTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |time: &SystemTime| humantime::format_rfc3339_seconds(*time).to_string();
        match self {
            Self::UnknownAuthority => {
                f.write_str("its certificate is of an authority that is not trusted")
            }
            Self::Name { expected, names } => match names.as_slice() {
                [] => write!(
                    f,
                    "its certificate names no host (subjectAltName), so it is not for {expected}"
                ),
                names => write!(
                    f,
                    "its certificate is for {}, not for {expected}",
                    listed(names)
                ),
            },
            Self::Expired(time) => write!(f, "its certificate expired at {}", day(time)),
            Self::NotYetValid(time) => {
                write!(f, "its certificate is valid from {} on", day(time))
            }
            Self::Other(reason) => write!(f, "its certificate is not accepted: {reason}"),
        }
    }
}

/// Names on one line. Whoever made the certificate has chosen them, and their number.
fn listed(names: &[String]) -> String {
    let shown = match names.len() {
        0..=MOST_NAMES => names,
        _ => &names[..SOME_NAMES],
    };
    let shown: Vec<String> = shown.iter().map(|name| short(name)).collect();
    let shown = shown.join(", ");
    match names.len() {
        0..=MOST_NAMES => shown,
        all => format!("{shown} and {} others", all - SOME_NAMES),
    }
}

fn short(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", printable(&name[..end])),
        None => printable(name).into_owned(),
    }
}
