//! What an error of a TLS connection means.

use std::io;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error as RustlsError, OtherError, PeerIncompatible,
};

use crate::zookeeper::session::trouble::{CertificateTrouble, TlsTrouble};

/// What is known of the client's part of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Asked {
    /// The server did not ask for a certificate.
    No,
    /// It did, and there is none.
    InVain,
    /// It did, and got one.
    Answered,
}

/// What an error of a TLS connection means; `None` if it is not one of TLS.
pub(in super::super) fn of_io(error: &io::Error, asked: Asked) -> Option<TlsTrouble> {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<RustlsError>());
    match inner {
        Some(error) => Some(of_rustls(error, asked)),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => Some(closed(asked)),
            _ => None,
        },
    }
}

/// What it means that the server closes the connection.
pub(in super::super) fn closed(asked: Asked) -> TlsTrouble {
    match asked {
        // Some close it without an alert.
        Asked::InVain => TlsTrouble::Demanded,
        Asked::No | Asked::Answered => TlsTrouble::Closed,
    }
}

fn of_rustls(error: &RustlsError, asked: Asked) -> TlsTrouble {
    match error {
        RustlsError::InvalidMessage(_) => TlsTrouble::Foreign,
        RustlsError::InvalidCertificate(error) => TlsTrouble::Certificate(of_certificate(error)),
        RustlsError::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13,
        ) => TlsTrouble::Version,
        RustlsError::PeerIncompatible(_) => TlsTrouble::Algorithms,
        RustlsError::AlertReceived(alert) => of_alert(*alert, asked),
        other => TlsTrouble::Other(other.to_string()),
    }
}

fn of_alert(alert: AlertDescription, asked: Asked) -> TlsTrouble {
    let words = match alert {
        AlertDescription::ProtocolVersion => return TlsTrouble::Version,
        AlertDescription::CertificateRequired => return TlsTrouble::Demanded,
        AlertDescription::UnrecognisedName => {
            return TlsTrouble::Other("the server does not know the name asked for".to_owned());
        }
        AlertDescription::BadCertificate => "it is bad",
        AlertDescription::UnsupportedCertificate => "it is of a kind that is not supported",
        AlertDescription::CertificateRevoked => "it is revoked",
        AlertDescription::CertificateExpired => "it has expired",
        AlertDescription::CertificateUnknown => "it is not accepted",
        AlertDescription::UnknownCA => "its authority is not trusted",
        AlertDescription::AccessDenied => "its owner has no access",
        AlertDescription::DecryptError => "its signature is wrong",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            return match asked {
                Asked::InVain => TlsTrouble::Demanded,
                Asked::Answered => TlsTrouble::Refused("no reason is given".to_owned()),
                Asked::No => TlsTrouble::Algorithms,
            };
        }
        other => return TlsTrouble::Other(format!("the server answers with the alert {other:?}")),
    };
    match asked {
        Asked::InVain => TlsTrouble::Demanded,
        Asked::No | Asked::Answered => TlsTrouble::Refused(words.to_owned()),
    }
}

/// Why a certificate cannot be used.
pub(super) fn of_use(error: &RustlsError) -> String {
    match error {
        RustlsError::InvalidCertificate(error) => match of_certificate(error) {
            CertificateTrouble::Other(words) => words,
            trouble => trouble.to_string(),
        },
        other => other.to_string(),
    }
}

fn of_certificate(error: &CertificateError) -> CertificateTrouble {
    let at = |time: &UnixTime| UNIX_EPOCH + Duration::from_secs(time.as_secs());
    match error {
        CertificateError::UnknownIssuer => CertificateTrouble::UnknownAuthority,
        // Signed by itself, and not among those that are trusted themselves.
        CertificateError::Other(other) if is_authority(other) => {
            CertificateTrouble::UnknownAuthority
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            CertificateTrouble::Expired(at(not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            CertificateTrouble::NotYetValid(at(not_before))
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => CertificateTrouble::Name {
            expected: expected.to_str().into_owned(),
            names: presented
                .iter()
                .filter_map(|name| plain_name(name))
                .collect(),
        },
        CertificateError::BadSignature => CertificateTrouble::Other(
            "a signature is wrong, or of a key that is too short".to_owned(),
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            CertificateTrouble::Other(
                "it is signed in a way that is not accepted (SHA-1?)".to_owned(),
            )
        }
        CertificateError::Other(OtherError(other)) => {
            CertificateTrouble::Other(in_words(&other.to_string()))
        }
        other => CertificateTrouble::Other(in_words(&other.to_string())),
    }
}

/// What the TLS library has only a name for, in words.
fn in_words(text: &str) -> String {
    if text == "UnsupportedCertVersion" {
        return "it is of an old version of X.509, and only version 3 is accepted".to_owned();
    }
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut words = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_name && c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(if is_name { c.to_ascii_lowercase() } else { c });
    }
    words
}

/// Whether webpki refuses a certificate since it is that of an authority.
pub(super) fn is_authority(error: &OtherError) -> bool {
    // Its type is one of a library that is not used here directly.
    format!("{error:?}").contains("CaUsedAsEndEntity")
}

/// `DnsName("h")` and `IpAddress(127.0.0.1)` without what stands around them. `None` if it is no name of a host.
fn plain_name(name: &str) -> Option<String> {
    let dns = name
        .strip_prefix("DnsName(\"")
        .and_then(|rest| rest.strip_suffix("\")"));
    let address = name
        .strip_prefix("IpAddress(")
        .and_then(|rest| rest.strip_suffix(')'));
    dns.or(address).map(str::to_owned)
}
