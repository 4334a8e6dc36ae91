//! As whom a session authenticates by SASL, and how.

use crate::model::acl::AuthId;
use crate::zookeeper::session::password::Password;

/// As whom a session authenticates by SASL, and how.
///
/// Each connection of the session does so before anything else goes to the server. A server that does not
/// take part, or does not believe it, is an error: there is no session without the identity.
///
/// Without the feature `sasl`, to connect with it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sasl {
    /// DIGEST-MD5: a user and a password. The password is not sent. Servers with a `DigestLoginModule` in the
    /// section `Server` of their JAAS file speak it.
    DigestMd5 {
        /// The user, whom ACLs know as `sasl:USER`.
        user: String,
        /// The password. If that is in a file, the file is read again for each connection; if it cannot be
        /// read then, the password of before stays, for this session and those that come after it.
        password: Password,
    },
    /// GSSAPI with Kerberos. The tickets are those of the default cache, or what the keytab of the client
    /// (`KRB5_CLIENT_KTNAME`) gives; the library of the system heeds its own variables. It is an error without the
    /// feature `gssapi`.
    Kerberos {
        /// The first part of the servers' principals: `zookeeper` of `zookeeper/zk1.example.org`.
        service: String,
        /// The second part, for all servers. `None` means each server's own name in the list of hosts.
        host: Option<String>,
    },
}

impl Sasl {
    /// The name of the mechanism.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::DigestMd5 { .. } => "DIGEST-MD5",
            Self::Kerberos { .. } => "GSSAPI",
        }
    }

    /// The identity that servers know, if it can be told without asking. A server makes a shorter name of one
    /// with a realm or a host, by rules of its own.
    pub(in super::super) fn identity(&self) -> Option<AuthId> {
        let Self::DigestMd5 { user, .. } = self else {
            return None;
        };
        let is_plain = !user.contains(['@', '/']);
        is_plain.then(|| AuthId {
            scheme: "sasl".to_owned(),
            id: user.clone(),
        })
    }
}
