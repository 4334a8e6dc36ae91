//! Who a session is.

use std::net::{IpAddr, SocketAddr};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha1::{Digest as _, Sha1};

use super::code::ErrorCode;
use super::names::{java_hash, spread};

/// A proof of who a session is, in one scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) scheme: &'static str,
    pub(crate) id: String,
}

impl Identity {
    /// Java writes IPv6 addresses at full length.
    pub(crate) fn of_address(address: SocketAddr) -> Self {
        let id = match address.ip().to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let segments = address.segments().map(|segment| format!("{segment:x}"));
                segments.join(":")
            }
        };
        Self { scheme: "ip", id }
    }

    /// The identity that `credentials`, a user and a password, prove.
    pub(crate) fn of_digest(credentials: &str) -> Self {
        let user = credentials.split(':').next().unwrap_or_default();
        let hash = BASE64_STANDARD.encode(Sha1::digest(credentials.as_bytes()));
        Self {
            scheme: "digest",
            id: format!("{user}:{hash}"),
        }
    }

    /// The name of the user, as `whoAmI` reports it.
    pub(crate) fn user(&self) -> &str {
        match self.scheme {
            "digest" => self.id.split(':').next().unwrap_or_default(),
            _ => &self.id,
        }
    }

    fn java_hash(&self) -> u32 {
        let add = |hash: u32, text: &str| hash.wrapping_mul(37).wrapping_add(java_hash(text));
        add(add(17, self.scheme), &self.id)
    }
}

/// The identities of one connection, in the order in which ZooKeeper keeps them.
#[derive(Debug, Clone)]
pub(crate) struct Identities(Vec<Identity>);

impl Identities {
    pub(crate) fn of_address(address: SocketAddr) -> Self {
        Self(vec![Identity::of_address(address)])
    }

    /// Nobody is known by an address.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// An identity that has all permissions: only the server itself.
    pub(crate) fn of_server() -> Self {
        Self(vec![Identity {
            scheme: "super",
            id: String::new(),
        }])
    }

    pub(crate) fn may_everything(&self) -> bool {
        matches!(
            &self.0[..],
            [Identity {
                scheme: "super",
                ..
            }]
        )
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.0.iter()
    }

    /// Adds what `credentials` prove in `scheme`.
    pub(crate) fn authenticate(
        &mut self,
        scheme: Option<&str>,
        credentials: Option<&[u8]>,
    ) -> Result<(), ErrorCode> {
        match (scheme, credentials) {
            (Some("digest"), Some(credentials)) => {
                self.add(Identity::of_digest(&String::from_utf8_lossy(credentials)));
                Ok(())
            }
            (Some("ip"), _) => Ok(()),
            _ => Err(ErrorCode::AuthFailed),
        }
    }

    /// Adds a user of SASL.
    pub(crate) fn know(&mut self, user: &str) {
        self.add(Identity {
            scheme: "sasl",
            id: user.to_owned(),
        });
    }

    /// Whether there is a user of SASL.
    pub(crate) fn have_sasl(&self) -> bool {
        self.0.iter().any(|identity| identity.scheme == "sasl")
    }

    /// ZooKeeper keeps them in a Java `HashSet`, which begins with sixteen slots.
    fn add(&mut self, identity: Identity) {
        if self.0.contains(&identity) {
            return;
        }
        self.0.push(identity);
        let mut slots = 16;
        while self.0.len() >= slots / 4 * 3 {
            slots *= 2;
        }
        self.0
            .sort_by_key(|identity| spread(identity.java_hash()) as usize & (slots - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_zookeeper() {
        let identity = Identity::of_digest("super:secret");
        assert_eq!(identity.id, "super:lK75jTNcA+U9vtVEw5vB51mj/w4=");
        assert_eq!(identity.user(), "super");
        assert!(Identity::of_digest("alone").id.starts_with("alone:"));
    }

    #[test]
    fn credentials_prove_who_someone_is() {
        let far = Identities::of_address("[::1]:5".parse().unwrap());
        assert_eq!(far.iter().next().unwrap().id, "0:0:0:0:0:0:0:1");
        let mut someone = Identities::of_address("[::ffff:127.0.0.1]:5".parse().unwrap());
        let none = someone.authenticate(Some("world"), Some(b"anyone"));
        assert_eq!(none, Err(ErrorCode::AuthFailed));
        assert_eq!(someone.authenticate(None, None), Err(ErrorCode::AuthFailed));
        assert_eq!(
            someone.authenticate(Some("digest"), None),
            Err(ErrorCode::AuthFailed)
        );
        assert_eq!(someone.authenticate(Some("ip"), None), Ok(()));
        for _ in 0..2 {
            assert_eq!(someone.authenticate(Some("digest"), Some(b"u:p")), Ok(()));
        }
        let users: Vec<&str> = someone.iter().map(Identity::user).collect();
        assert_eq!(users, ["127.0.0.1", "u"]);
    }
}
