//! The identities of a session, and the rights that an ACL gives it.

use std::net::IpAddr;

use super::{Acl, AclEntry, AuthId, Permissions};

/// The identities of a session, as far as the server reports them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identities {
    /// What `auth::` in an ACL stands for.
    pub stored: Vec<AuthId>,
    /// The addresses from which the server sees the session connect.
    pub addresses: Vec<String>,
    /// Whether ACLs do not apply to the session: it is the server's super user.
    pub is_super: bool,
    /// Whether the session may have more identities than these.
    pub may_be_more: bool,
    /// Whether the server shows the hashes of `digest` ids to everybody. ZooKeeper masks them for sessions
    /// without the right ADMIN; ClickHouse Keeper does not.
    pub sees_hashes: bool,
}

/// Whether an ACL lets a session do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Not all identities of the session are known, or the scheme of an entry is not.
    Unknown,
}

impl Identities {
    /// Whether `acl` gives the session this right.
    #[must_use]
    pub fn may(&self, acl: &Acl, right: Permissions) -> Allowed {
        // No server checks an empty one.
        if self.is_super || acl.entries.is_empty() {
            return Allowed::Yes;
        }
        let gives = |entry: &&AclEntry| entry.permissions.bits() & right.bits() != 0;
        let mut allowed = Allowed::No;
        for entry in acl.entries.iter().filter(gives) {
            match self.are(&entry.who) {
                // To a session without the right ADMIN, a server does not reveal whose entry it is.
                Allowed::No if self.may_be_masked(entry) && self.stand_in(entry) => {
                    allowed = Allowed::Unknown;
                }
                Allowed::Yes => return Allowed::Yes,
                Allowed::Unknown => allowed = Allowed::Unknown,
                Allowed::No => {}
            }
        }
        allowed
    }

    /// Whether the session surely has no identity that a node could be created for.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.stored.is_empty() && !self.may_be_more
    }

    /// The names of the identities without what proves them: `ops`.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.stored.iter().map(AuthId::user)
    }

    /// Whether an entry is for one of these identities, or a masked one for one of their users.
    #[must_use]
    pub fn stand_in(&self, entry: &AclEntry) -> bool {
        let is_same = |who: &AuthId| {
            *who == entry.who
                || self.may_be_masked(entry)
                    && who.scheme == entry.who.scheme
                    && who.user() == entry.who.user()
        };
        self.stored.iter().any(is_same)
    }

    /// Whether the hash of an entry may be one that the server has masked.
    pub(super) fn may_be_masked(&self, entry: &AclEntry) -> bool {
        !self.sees_hashes && entry.is_masked()
    }

    /// Whether the server lets the session see all of `acl`, an ACL that it has shown.
    pub(super) fn see_all_of(&self, acl: &Acl) -> bool {
        self.sees_hashes || self.may(acl, Permissions::ADMIN) == Allowed::Yes
    }

    /// Returns the live `acl` as it may be shown beside the one that files declare: what they hold word
    /// for word stays, the entries of all identities of the session are `auth::`, and no other hash is
    /// shown, since a password can be guessed by it.
    #[must_use]
    pub fn shown(&self, mut acl: Acl, declared: &Acl) -> Acl {
        let auth = |permissions| AclEntry {
            who: AuthId {
                scheme: "auth".to_owned(),
                id: String::new(),
            },
            permissions,
        };
        let is_declared = |entry: &AclEntry| declared.entries.contains(entry);
        let first = self.stored.first();
        let own = acl.entries.iter();
        let own = own.filter(|e| first == Some(&e.who) && !is_declared(e));
        let own: Vec<Permissions> = own.map(|e| e.permissions).collect();
        for permissions in own {
            let is_of_auth = |e: &AclEntry| {
                e.permissions == permissions && self.stored.contains(&e.who) && !is_declared(e)
            };
            let all = self.stored.iter().all(|who| {
                let mut entries = acl.entries.iter();
                entries.any(|e| e.who == *who && is_of_auth(e))
            });
            if let Some(at) = acl.entries.iter().position(is_of_auth).filter(|_| all) {
                acl.entries[at] = auth(permissions);
                acl.entries.retain(|e| !is_of_auth(e));
            }
        }
        let hashed = acl.entries.iter_mut();
        for entry in hashed.filter(|e| e.who.scheme == "digest" && !is_declared(e)) {
            entry.who.id = format!("{}:x", entry.who.user());
        }
        acl
    }

    fn are(&self, who: &AuthId) -> Allowed {
        let unknown_if = |unknown: bool| {
            if unknown {
                Allowed::Unknown
            } else {
                Allowed::No
            }
        };
        match who.scheme.as_str() {
            "world" => Allowed::Yes,
            "auth" if self.stored.is_empty() => unknown_if(self.may_be_more),
            "auth" => Allowed::Yes,
            _ if self.stored.contains(who) => Allowed::Yes,
            "ip" if self.addresses.is_empty() => Allowed::Unknown,
            "ip" => self.are_in(&who.id),
            "digest" | "sasl" | "x509" => unknown_if(self.may_be_more),
            _ => Allowed::Unknown,
        }
    }

    /// Whether the server sees the session at an address of this network.
    fn are_in(&self, network: &str) -> Allowed {
        let Some(network) = Network::parse(network) else {
            return Allowed::Unknown;
        };
        let mut allowed = Allowed::No;
        for address in &self.addresses {
            match parse_address(address) {
                Some(address) if network.holds(address) => return Allowed::Yes,
                Some(_) => {}
                None => allowed = Allowed::Unknown,
            }
        }
        allowed
    }
}

/// Whether a declared ACL and a live one are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// They are.
    Same,
    /// They are not.
    Different,
    /// The server masks the parts that may differ.
    Unknown,
}

impl Acl {
    /// Compares with `live`, the ACL that the server returned to a session with these identities.
    #[must_use]
    #[doc(hidden)]
    pub fn compare(&self, live: &Self, seen_by: &Identities) -> Agreement {
        let is_masked = !seen_by.see_all_of(live) && live.is_masked();
        if is_masked && self.agrees_with(live) {
            Agreement::Unknown
        } else if !is_masked && self.has_entries_of(live) {
            Agreement::Same
        } else {
            Agreement::Different
        }
    }
}

impl From<Vec<AuthId>> for Identities {
    fn from(all: Vec<AuthId>) -> Self {
        all.into_iter().collect()
    }
}

impl FromIterator<AuthId> for Identities {
    /// All there are: those of the scheme `ip` are addresses, and `super` is a right.
    fn from_iter<I: IntoIterator<Item = AuthId>>(all: I) -> Self {
        let mut identities = Self::default();
        for who in all {
            match who.scheme.as_str() {
                "ip" => identities.addresses.push(who.id),
                "super" => identities.is_super = true,
                _ if !identities.stored.contains(&who) => identities.stored.push(who),
                _ => {}
            }
        }
        identities
    }
}

impl AuthId {
    /// Whether it is everybody: `world:anyone`, or each address.
    pub(super) fn is_everybody(&self) -> bool {
        match self.scheme.as_str() {
            "world" => true,
            "ip" => Network::parse(&self.id).is_some_and(|network| network.bits == 0),
            _ => false,
        }
    }
}

/// The addresses of an ACL entry: one, or `address/bits`.
struct Network {
    base: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().ok()?;
        let base = written.to_canonical();
        // The bits of `::ffff:10.0.0.0/104` are counted from its first one.
        let skipped = width(written) - width(base);
        let bits = match bits {
            Some(bits) => u32::checked_sub(bits, skipped)?,
            None => width(base),
        };
        (bits <= width(base)).then_some(Self { base, bits })
    }

    fn holds(&self, address: IpAddr) -> bool {
        let differing = match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                u128::from(base.to_bits() ^ address.to_bits())
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => base.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        let ignored = width(self.base) - self.bits;
        differing.checked_shr(ignored).unwrap_or_default() == 0
    }
}

fn width(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// An address as the server names it: one of IPv6 may have a zone, and may stand for one of IPv4.
fn parse_address(text: &str) -> Option<IpAddr> {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    let address: IpAddr = address.parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(entries: &str) -> Acl {
        let entries = entries.split(' ');
        Acl {
            entries: entries.map(|e| AclEntry::parse(e).unwrap()).collect(),
        }
    }

    fn who(scheme: &str, id: &str) -> AuthId {
        AuthId {
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        }
    }

    #[test]
    fn what_an_acl_lets_a_session_do() {
        let ops: Identities = vec![who("digest", "ops:h"), who("ip", "10.1.2.3")].into();
        let may = |entries: &str| ops.may(&acl(entries), Permissions::ADMIN);
        assert_eq!(may("world:anyone:cdrw digest:ops:h:r"), Allowed::No);
        assert_eq!(may("world:anyone:r digest:ops:h:a"), Allowed::Yes);
        assert_eq!(may("world:anyone:a"), Allowed::Yes);
        assert_eq!(may("auth::a"), Allowed::Yes);
        assert_eq!(may("digest:ops:other:cdrwa"), Allowed::No);
        assert_eq!(may("ip:10.1.2.3:a"), Allowed::Yes);
        assert_eq!(may("ip:10.0.0.0/8:a"), Allowed::Yes);
        assert_eq!(may("ip:10.0.0.0/16:a"), Allowed::No);
        assert_eq!(may("ip:0.0.0.0/0:a"), Allowed::Yes);
        assert_eq!(may("custom:x:a"), Allowed::Unknown);
    }

    #[test]
    fn addresses_are_compared_in_all_their_spellings() {
        let at = |address: &str, entry: &str| {
            let session: Identities = vec![who("ip", address)].into();
            let acl = Acl {
                entries: vec![AclEntry {
                    who: who("ip", entry),
                    permissions: Permissions::ALL,
                }],
            };
            session.may(&acl, Permissions::ADMIN)
        };
        assert_eq!(at("::ffff:10.1.2.3", "10.0.0.0/8"), Allowed::Yes);
        assert_eq!(at("10.1.2.3", "::ffff:10.0.0.0/104"), Allowed::Yes);
        assert_eq!(at("11.1.2.3", "::ffff:10.0.0.0/104"), Allowed::No);
        assert_eq!(at("2001:db8:0:0:0:0:0:1", "2001:db8::/32"), Allowed::Yes);
        assert_eq!(at("fe80:0:0:0:0:0:0:1%eth0", "fe80::1"), Allowed::Yes);
        assert_eq!(at("10.1.2.3", "2001:db8::/32"), Allowed::No);
        for (address, entry) in [
            ("10.1.2.3", "10.0.0.0/33"),
            ("10.1.2.3", "10.0.0.0/x"),
            ("10.1.2.3", "10.0.0"),
            ("10.1.2.3", "::ffff:10.0.0.0/8"),
            ("somewhere", "10.0.0.0/8"),
        ] {
            assert_eq!(at(address, entry), Allowed::Unknown, "{address} {entry}");
        }
    }

    #[test]
    fn what_files_do_not_declare_is_shown_without_its_hash() {
        let both: Identities = vec![who("digest", "ops:h"), who("digest", "dev:i")].into();
        let shown = |live: &str, declared: &str| {
            let shown = both.shown(acl(live), &acl(declared));
            let entries = shown.entries.iter().map(ToString::to_string);
            entries.collect::<Vec<_>>().join(" ")
        };
        let live = "digest:ops:h:a digest:dev:i:a digest:bob:j:r";
        assert_eq!(shown(live, "auth::a"), "auth::a digest:bob:x:r");
        // What stays as it is does not look as if it went.
        assert_eq!(
            shown(live, "digest:ops:h:a"),
            "digest:ops:h:a digest:dev:x:a digest:bob:x:r"
        );
        assert_eq!(
            shown(live, "digest:bob:k:r world:anyone:r"),
            "auth::a digest:bob:x:r"
        );
        assert_eq!(shown("digest:bob:j:r", "digest:bob:j:w"), "digest:bob:x:r");
    }

    #[test]
    fn what_is_not_known_is_never_a_no() {
        let some = Identities {
            may_be_more: true,
            ..vec![who("digest", "ops:h")].into()
        };
        let may = |entries: &str| some.may(&acl(entries), Permissions::ADMIN);
        assert_eq!(may("digest:dev:h:a"), Allowed::Unknown);
        assert_eq!(may("ip:10.0.0.0/8:a"), Allowed::Unknown);
        assert_eq!(may("digest:ops:h:a"), Allowed::Yes);
        let superuser: Identities = vec![who("super", "")].into();
        let may = superuser.may(&acl("digest:dev:h:r"), Permissions::ADMIN);
        assert_eq!(may, Allowed::Yes);
        let none = Identities::default();
        assert_eq!(none.may(&acl("auth::a"), Permissions::ADMIN), Allowed::No);
    }

    #[test]
    fn where_hashes_are_shown_an_x_is_one() {
        let ops: Identities = vec![who("digest", "ops:h")].into();
        let on_keeper = Identities {
            sees_hashes: true,
            ..ops.clone()
        };
        let entries = acl("digest:ops:x:rw");
        let may = |session: &Identities| session.may(&entries, Permissions::READ);
        assert_eq!(may(&ops), Allowed::Unknown);
        assert_eq!(may(&on_keeper), Allowed::No);
        let compare = |session| acl("digest:ops:h:rw").compare(&entries, session);
        assert_eq!(compare(&ops), Agreement::Unknown);
        assert_eq!(compare(&on_keeper), Agreement::Different);
    }
}
