//! Access control lists: entries, identities, and how a server stores them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::syntax::acl::{are_permissions, secret_part};
use crate::syntax::parser::HIDDEN;

pub mod audit;
mod identities;

pub use identities::{Agreement, Allowed, Identities};

/// The permissions of an ACL entry: a set of `c`, `d`, `r`, `w`, `a`. As something that a session needs or
/// has at a node, one of them is called a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Permissions(u8);

impl Permissions {
    /// The letters in the order in which ZooKeeper's own tools write them, with ZooKeeper's bits.
    const LETTERS: [(char, u8); 5] = [('c', 4), ('d', 8), ('r', 1), ('w', 2), ('a', 16)];

    /// Create, delete, read, write and admin.
    pub const ALL: Self = Self(31);
    /// To read data and names of children.
    pub const READ: Self = Self(1);
    /// To set data.
    pub const WRITE: Self = Self(2);
    /// To create children.
    pub const CREATE: Self = Self(4);
    /// To delete children.
    pub const DELETE: Self = Self(8);
    /// To change the ACL, and to see it whole.
    pub const ADMIN: Self = Self(16);

    /// The name of a single one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WRITE => "write",
            Self::CREATE => "create",
            Self::DELETE => "delete",
            Self::ADMIN => "admin",
            _ => "read",
        }
    }

    /// Those that are in at least one of the two.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each of them alone.
    pub fn each(self) -> impl Iterator<Item = Self> {
        let single = [1, 2, 4, 8, 16].into_iter();
        single.filter(move |bit| self.0 & bit != 0).map(Self)
    }

    /// From ZooKeeper's bits: 1 read, 2 write, 4 create, 8 delete, 16 admin.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// ZooKeeper's bits.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Reads letters of `cdrwa`. Returns `None` if there is any other letter, or one twice.
    #[must_use]
    pub fn parse(letters: &str) -> Option<Self> {
        let named = Self::LETTERS.iter().filter(|(l, _)| letters.contains(*l));
        are_permissions(letters).then(|| Self(named.map(|(_, bit)| bit).sum()))
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = Self::LETTERS.iter().filter(|(_, bit)| self.0 & bit != 0);
        letters
            .map(|(letter, _)| *letter)
            .collect::<String>()
            .fmt(f)
    }
}

/// Who an ACL entry is for: `digest:ops:HASH`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthId {
    /// `world`, `auth`, `digest`, `ip`, `x509`, `sasl` or a server's own.
    pub scheme: String,
    /// The identity within the scheme; empty for `auth`.
    pub id: String,
}

impl AuthId {
    /// Reads `scheme:id`, as in `digest:ops:HASH` or `digest:ops`. Returns `None` if there is no scheme, or
    /// no id.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, id) = text.split_once(':')?;
        let is_complete = !scheme.is_empty() && !id.is_empty();
        is_complete.then(|| Self {
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        })
    }

    /// The name without its proof: the user of a `digest` id.
    #[must_use]
    pub fn user(&self) -> &str {
        match self.scheme.as_str() {
            "digest" => self.id.split(':').next().unwrap_or_default(),
            _ => &self.id,
        }
    }
}

/// One entry of an ACL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclEntry {
    /// Who.
    pub who: AuthId,
    /// May do what.
    pub permissions: Permissions,
}

/// Why a text is not an ACL entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// Fewer than two colons.
    #[error("expected an entry of the form scheme:id:perms, found {0:?}")]
    Form(String),
    /// Permissions with an unknown or repeated letter, or none.
    #[error("expected permissions out of the letters cdrwa, each once, found {0:?}")]
    Permissions(String),
    /// An id that the scheme does not have.
    #[error("the scheme {scheme} takes the id {expected:?}, found {found:?}")]
    Id {
        /// The scheme.
        scheme: String,
        /// Its one id.
        expected: &'static str,
        /// What was written.
        found: String,
    },
}

impl AclEntry {
    /// Reads `scheme:id:perms`; the id itself may hold colons.
    pub fn parse(text: &str) -> Result<Self, AclError> {
        let form = || AclError::Form(without_secret(text));
        let (scheme, rest) = text.split_once(':').ok_or_else(form)?;
        let (id, letters) = rest.rsplit_once(':').ok_or_else(form)?;
        if scheme.is_empty() {
            return Err(form());
        }
        let only = match scheme {
            "world" => Some("anyone"),
            "auth" => Some(""),
            _ => None,
        };
        if let Some(expected) = only.filter(|only| *only != id) {
            let scheme = scheme.to_owned();
            return Err(AclError::Id {
                scheme,
                expected,
                found: match secret_part(text) {
                    Some(_) => HIDDEN.to_owned(),
                    None => id.to_owned(),
                },
            });
        }
        let permissions = Permissions::parse(letters).ok_or_else(|| {
            let hidden = secret_part(text).is_some_and(|secret| secret.end == text.len());
            AclError::Permissions(if hidden { HIDDEN } else { letters }.to_owned())
        })?;
        let who = AuthId {
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        };
        Ok(Self { who, permissions })
    }
}

/// The entry without what may be a secret.
fn without_secret(entry: &str) -> String {
    match secret_part(entry) {
        Some(secret) => format!("{}{HIDDEN}{}", &entry[..secret.start], &entry[secret.end..]),
        None => entry.to_owned(),
    }
}

impl AclEntry {
    /// Whether the server shows this entry with its hash replaced by `x`, as it does to a session
    /// without the right ADMIN.
    #[must_use]
    #[doc(hidden)]
    pub fn is_masked(&self) -> bool {
        self.who.scheme == "digest" && self.who.id.ends_with(":x")
    }

    /// Whether the entry has a `digest` id that no password can match: its hash is no base64 of
    /// 20 bytes.
    #[must_use]
    #[doc(hidden)]
    pub fn is_no_digest(&self) -> bool {
        let hash = self.who.id.rsplit_once(':').map(|(_, hash)| hash);
        let bytes = hash.and_then(|hash| BASE64.decode(hash).ok());
        self.who.scheme == "digest" && bytes.is_none_or(|bytes| bytes.len() != 20)
    }
}

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}",
            self.who.scheme, self.who.id, self.permissions
        )
    }
}

/// An access control list; the order of its entries does not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Acl {
    /// The entries as they were written.
    pub entries: Vec<AclEntry>,
}

impl Acl {
    /// `world:anyone:cdrwa`, the default of a new node.
    #[must_use]
    pub fn open() -> Self {
        let who = AuthId {
            scheme: "world".to_owned(),
            id: "anyone".to_owned(),
        };
        Self {
            entries: vec![AclEntry {
                who,
                permissions: Permissions::ALL,
            }],
        }
    }

    /// `auth::cdrwa`: only the session that sets it may do anything. New nodes whose declared ACL comes
    /// last have it until then.
    pub(crate) fn session_alone() -> &'static Self {
        static SESSION_ALONE: LazyLock<Acl> = LazyLock::new(|| {
            let who = AuthId {
                scheme: "auth".to_owned(),
                id: String::new(),
            };
            Acl {
                entries: vec![AclEntry {
                    who,
                    permissions: Permissions::ALL,
                }],
            }
        });
        &SESSION_ALONE
    }

    /// Entries that the server may refuse: unknown schemes first, then
    /// the others; without what may be a secret.
    pub(crate) fn doubtful(&self) -> String {
        let is_common = |scheme: &str| matches!(scheme, "world" | "auth" | "digest");
        let has_other = self.entries.iter().any(|e| !is_common(&e.who.scheme));
        let entries = self.entries.iter();
        let entries = entries.filter(|e| !has_other || !is_common(&e.who.scheme));
        let shown: Vec<String> = entries
            .map(|entry| without_secret(&entry.to_string()))
            .collect();
        shown.join(" ")
    }

    /// Whether it names a `digest` user with a hash, as a server shows it only to those who may
    /// administer the node.
    pub(crate) fn shows_hash(&self) -> bool {
        let mut digests = self.entries.iter().filter(|e| e.who.scheme == "digest");
        digests.any(|entry| !entry.is_masked())
    }

    /// Whether the server masks any entry, as it does for a session without the right ADMIN.
    #[must_use]
    #[doc(hidden)]
    pub fn is_masked(&self) -> bool {
        self.entries.iter().any(AclEntry::is_masked)
    }

    /// Whether an entry says `auth::…`, which ZooKeeper replaces by the session's own identities.
    #[must_use]
    pub fn needs_identity(&self) -> bool {
        self.entries.iter().any(|entry| entry.who.scheme == "auth")
    }

    /// The ACL that the server stores if a session with these identities sets this one.
    #[must_use]
    #[doc(hidden)]
    pub fn stored_by(&self, identities: &[AuthId]) -> Self {
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            if entry.who.scheme == "auth" {
                let AclEntry { permissions, .. } = *entry;
                // The server skips ids that are addresses.
                let who = identities.iter().filter(|who| who.scheme != "ip").cloned();
                entries.extend(who.map(|who| AclEntry { who, permissions }));
            } else {
                entries.push(entry.clone());
            }
        }
        Self { entries }
    }

    fn has_entries_of(&self, other: &Self) -> bool {
        let set = |acl: &Self| acl.entries.iter().cloned().collect::<BTreeSet<_>>();
        set(self) == set(other)
    }

    /// Whether `live`, the ACL that the server returned, equals this one.
    ///
    /// To a session without the right ADMIN the server shows `digest` ids with their hash
    /// replaced by `x`; such a list is compared without hashes.
    #[must_use]
    #[doc(hidden)]
    pub fn agrees_with(&self, live: &Self) -> bool {
        let mask = live.is_masked();
        let set = |acl: &Self| -> BTreeSet<AclEntry> {
            let mut entries = acl.entries.clone();
            for entry in entries
                .iter_mut()
                .filter(|e| mask && e.who.scheme == "digest")
            {
                let user = entry.who.id.split(':').next().unwrap_or_default();
                entry.who.id = format!("{user}:x");
            }
            entries.into_iter().collect()
        };
        set(self) == set(live)
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, entry) in self.entries.iter().enumerate() {
            write!(f, "{}{entry}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_nothing_that_may_be_a_password() {
        for entry in [
            "digest:ops:hunter2:hunter2",
            "digest:ops:hunter2",
            "digest:hunter2:hunter2",
            "digest:hunter2",
            "auth:ops:hunter2:hunter2",
            "ops:hunter2:hunter2",
            "ops:hunter2",
        ] {
            let error = AclEntry::parse(entry);
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn what_the_syntax_takes_for_permissions_are_permissions() {
        let none = ["", "rr", "x", "crx", "R", "cdrwac"];
        let some = ["c", "cdrwa", "awr"];
        let both = none.map(|letters| (letters, false)).into_iter();
        for (letters, is_one) in both.chain(some.map(|letters| (letters, true))) {
            assert_eq!(Permissions::parse(letters).is_some(), is_one, "{letters}");
            assert_eq!(
                crate::syntax::acl::are_permissions(letters),
                is_one,
                "{letters}"
            );
        }
    }
}
