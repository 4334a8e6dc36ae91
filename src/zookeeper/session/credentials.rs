//! Secrets that a session is authenticated with, and the identities that they stand for.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest as _, Sha1};

use crate::model::acl::AuthId;

/// A secret of one authentication scheme: for `digest` it is `user:password`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `digest`, or what else the server knows.
    pub scheme: String,
    /// What the scheme takes.
    pub secret: Vec<u8>,
}

/// ZooKeeper's own schemes.
const SCHEMES: [&str; 7] = ["world", "auth", "digest", "ip", "x509", "sasl", "super"];

impl Credentials {
    /// The scheme, if it is one of ZooKeeper's own. Another one may be a user whose password follows, or
    /// part of a file that holds no credentials at all.
    pub(super) fn scheme_shown(&self) -> &str {
        match SCHEMES.contains(&self.scheme.as_str()) {
            true => &self.scheme,
            false => "an unknown scheme",
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("scheme", &self.scheme_shown())
            .finish_non_exhaustive()
    }
}

/// The identities that `digest` credentials stand for: `user:base64(sha1("user:password"))`.
pub(super) fn digests(credentials: &[Credentials]) -> impl Iterator<Item = AuthId> {
    credentials
        .iter()
        .filter(|credentials| credentials.scheme == "digest")
        .map(|credentials| {
            let secret = &credentials.secret;
            let user = secret
                .split(|byte| *byte == b':')
                .next()
                .unwrap_or_default();
            let hash = BASE64.encode(Sha1::digest(secret));
            let id = format!("{}:{hash}", String::from_utf8_lossy(user));
            AuthId {
                scheme: "digest".to_owned(),
                id,
            }
        })
}

/// Whether a session with these credentials may be the super user of a ClickHouse Keeper: the hash of that
/// user's password is in the server's configuration (`superdigest`), and the name is always `super`.
pub(super) fn may_be_super(credentials: &[Credentials]) -> bool {
    let mut users = digests(credentials);
    users.any(|who| who.user() == "super")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_scheme_is_shown() {
        let credentials = Credentials {
            scheme: "DB_PASSWORD=hunter2".into(),
            secret: Vec::new(),
        };
        let shown = format!("{credentials:?}");
        assert_eq!(shown, "Credentials { scheme: \"an unknown scheme\", .. }");
    }

    #[test]
    fn digests_are_as_zookeeper_makes_them() {
        // The example of ZooKeeper's administrator's guide.
        let credentials = Credentials {
            scheme: "digest".into(),
            secret: b"super:super123".to_vec(),
        };
        let shown = format!("{credentials:?}");
        assert_eq!(shown, "Credentials { scheme: \"digest\", .. }");
        let ids: Vec<_> = digests(&[credentials]).map(|who| who.id).collect();
        assert_eq!(ids, ["super:UdxDQl4f9v5oITwcAsO9bmWgHSI="]);
    }
}
