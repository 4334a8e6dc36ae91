//! Which servers speak TLS, whom to trust, and who this side is.

use std::path::PathBuf;

use crate::zookeeper::session::password::Password;

/// Which servers speak TLS, whom to trust, and who this side is.
///
/// A server with `tcp+tls://` before it speaks TLS 1.2 or 1.3, one with `tcp://` does not, whatever stands
/// here. All files may be PEM, PKCS#12 or a Java key store (JKS), which is told from their contents, and
/// PKCS#12 as well as keys with a password need the feature `keystores`. Files are read again for a new
/// connection if they have changed since the last; if the new ones are no good, those of before stay.
///
/// Without the feature `tls`, to connect to a server that speaks TLS is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Whether servers without a scheme speak TLS.
    pub on: bool,
    /// A file with the certificates of the authorities to trust, or of servers themselves. `None` means
    /// those that the system trusts.
    pub ca: Option<PathBuf>,
    /// A file with the certificate of this side, and behind it those up to its authority.
    pub certificate: Option<PathBuf>,
    /// A file with the key of the certificate. `None` if that stands in the same file.
    pub key: Option<PathBuf>,
    /// The password of these files.
    pub password: Option<Password>,
    /// The password of `ca`, if it has another one.
    pub ca_password: Option<Password>,
    /// The name that the certificates of all servers are to have. `None` means each server's own in the
    /// list. It is sent to servers as the name that is asked for.
    pub server_name: Option<String>,
    /// Takes every certificate of a server. Whoever is on the way can then read and change everything.
    pub insecure_skip_verify: bool,
}

impl Tls {
    /// Whether something is said that matters only to servers that speak TLS.
    pub(super) fn says_how(&self) -> bool {
        let Self {
            on: _,
            ca,
            certificate,
            key,
            // A variable for all programs may hold them.
            password: _,
            ca_password: _,
            server_name,
            insecure_skip_verify,
        } = self;
        let files = [ca, certificate, key];
        files.iter().any(|file| file.is_some()) || server_name.is_some() || *insecure_skip_verify
    }
}
