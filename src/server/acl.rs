//! Access control: the schemes `world`, `auth`, `digest`, `ip` and `sasl`, and their checks.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::code::ErrorCode;
use super::identity::Identities;
use super::sasl::is_name;
use super::wire::{Malformed, Reader, Text};

/// Permissions, as bits of [`Acl::permissions`].
pub mod permission {
    /// To read data and the names of children.
    pub const READ: i32 = 1;
    /// To write data.
    pub const WRITE: i32 = 2;
    /// To create children.
    pub const CREATE: i32 = 4;
    /// To delete children.
    pub const DELETE: i32 = 8;
    /// To write the ACL.
    pub const ADMIN: i32 = 16;
    /// All of them.
    pub const ALL: i32 = 31;
}

/// One entry of an access control list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Acl {
    /// Bits of [`permission`].
    pub permissions: i32,
    /// Who: the scheme.
    pub scheme: String,
    /// Who: the identity in that scheme.
    pub id: String,
}

impl Acl {
    /// An entry.
    #[must_use]
    pub fn new(permissions: i32, scheme: &str, id: &str) -> Self {
        Self {
            permissions,
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        }
    }

    /// All permissions for everybody.
    #[must_use]
    pub fn open() -> Self {
        Self::new(permission::ALL, "world", "anyone")
    }
}

/// The ACL of a node. Nodes with the same ACL may share it.
pub(crate) type List = Arc<[Acl]>;

/// An entry as it stands in a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    permissions: i32,
    scheme: Text<'a>,
    id: Text<'a>,
}

impl<'a> Entry<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            permissions: reader.int()?,
            scheme: reader.text()?,
            id: reader.text()?,
        })
    }

    pub(crate) fn of(acl: &'a Acl) -> Self {
        Self {
            permissions: acl.permissions,
            scheme: Some(Cow::Borrowed(&acl.scheme)),
            id: Some(Cow::Borrowed(&acl.id)),
        }
    }

    fn is(&self, acl: &Acl) -> bool {
        self.permissions == acl.permissions
            && self.scheme.as_deref() == Some(&*acl.scheme)
            && self.id.as_deref() == Some(&*acl.id)
    }
}

/// Whether someone with these identities has one of the permissions in `wanted`.
pub(crate) fn allows(list: &[Acl], wanted: i32, identities: &Identities) -> bool {
    list.is_empty()
        || identities.may_everything()
        || list
            .iter()
            .filter(|acl| acl.permissions & wanted != 0)
            .any(|acl| match &*acl.scheme {
                "world" => acl.id == "anyone",
                "digest" => identities
                    .iter()
                    .any(|identity| identity.scheme == "digest" && identity.id == acl.id),
                "ip" => identities
                    .iter()
                    .any(|identity| identity.scheme == "ip" && is_in_range(&identity.id, &acl.id)),
                // A user of the name `super` is let in everywhere where one is named.
                "sasl" => identities.iter().any(|identity| {
                    identity.scheme == "sasl" && (identity.id == acl.id || identity.id == "super")
                }),
                _ => false,
            })
}

/// Returns the ACL to store for the list of a request, or the error if that is not valid: entries
/// without repetitions, and the identities of the session in place of `auth`. Where nobody authenticates by
/// SASL, `sasl` is no scheme.
pub(crate) fn fix_up(
    entries: Option<&[Entry<'_>]>,
    identities: &Identities,
    open: &List,
    knows_sasl: bool,
) -> Result<List, ErrorCode> {
    let entries = entries.unwrap_or_default();
    if let ([entry], [open_entry]) = (entries, &**open)
        && entry.is(open_entry)
    {
        return Ok(Arc::clone(open));
    }
    if entries.is_empty() {
        return Err(ErrorCode::InvalidAcl);
    }
    let entries = without_repetitions(entries)?;
    let mut list = Vec::with_capacity(entries.len());
    for entry in entries {
        let permissions = entry.permissions;
        match entry.scheme.as_deref().ok_or(ErrorCode::InvalidAcl)? {
            "auth" => {
                let before = list.len();
                list.extend(
                    identities
                        .iter()
                        .filter(|identity| matches!(identity.scheme, "digest" | "sasl"))
                        .map(|identity| Acl::new(permissions, identity.scheme, &identity.id)),
                );
                if list.len() == before {
                    return Err(ErrorCode::InvalidAcl);
                }
            }
            scheme => {
                let id = match entry.id.as_deref() {
                    Some(id) => id,
                    None if matches!(scheme, "world" | "digest" | "ip") => {
                        return Err(ErrorCode::MarshallingError);
                    }
                    None => return Err(ErrorCode::InvalidAcl),
                };
                let valid = match scheme {
                    "world" => id == "anyone",
                    "digest" => has_two_parts(id),
                    "ip" => read_range(id).is_some(),
                    "sasl" => knows_sasl && is_name(id),
                    _ => false,
                };
                if !valid {
                    return Err(ErrorCode::InvalidAcl);
                }
                list.push(Acl::new(permissions, scheme, id));
            }
        }
    }
    Ok(list.into())
}

/// As [`fix_up`], in ClickHouse Keeper's way: entries of other schemes than `world`, `auth` and `digest`
/// are dropped, without any entry everybody has all permissions, and nothing is compared.
pub(crate) fn fix_up_as_keeper(
    entries: Option<&[Entry<'_>]>,
    identities: &Identities,
    open: &List,
) -> Result<List, ErrorCode> {
    let entries = entries.unwrap_or_default();
    if entries.is_empty() {
        return Ok(Arc::clone(open));
    }
    let mut list = Vec::with_capacity(entries.len());
    for entry in entries {
        let permissions = entry.permissions;
        let id = entry.id.as_deref().unwrap_or_default();
        match entry.scheme.as_deref().unwrap_or_default() {
            "auth" => list.extend(
                identities
                    .iter()
                    .map(|identity| Acl::new(permissions, identity.scheme, &identity.id)),
            ),
            "world" if id == "anyone" => list.push(Acl::new(permissions, "world", id)),
            "digest" if id.matches(':').count() != 1 => return Err(ErrorCode::InvalidAcl),
            "digest" => list.push(Acl::new(permissions, "digest", id)),
            _ => {}
        }
    }
    let is_open = |acl: &Acl| *acl == Acl::open();
    match list.is_empty() {
        true => Err(ErrorCode::InvalidAcl),
        false if list.iter().all(is_open) => Ok(Arc::clone(open)),
        false => Ok(list.into()),
    }
}

/// ZooKeeper fails on a null in an entry that it compares with an earlier one.
fn without_repetitions<'e, 'a>(entries: &'e [Entry<'a>]) -> Result<Vec<&'e Entry<'a>>, ErrorCode> {
    let same = |one: &Text<'_>, other: &Text<'_>| match one {
        Some(_) => Ok(one == other),
        None => Err(ErrorCode::MarshallingError),
    };
    let mut kept: Vec<&Entry<'_>> = Vec::with_capacity(entries.len());
    'entries: for entry in entries {
        for before in &kept {
            if entry.permissions == before.permissions
                && same(&entry.scheme, &before.scheme)?
                && same(&entry.id, &before.id)?
            {
                continue 'entries;
            }
        }
        kept.push(entry);
    }
    Ok(kept)
}

/// The ACL as a session without the ADMIN permission sees it: without hashes of passwords.
pub(crate) fn redacted(list: &[Acl]) -> Vec<Acl> {
    let redact = |acl: &Acl| match (&*acl.scheme, acl.id.find(':')) {
        ("digest", Some(colon)) => {
            let id = format!("{}:x", &acl.id[..colon]);
            Acl { id, ..acl.clone() }
        }
        _ => acl.clone(),
    };
    list.iter().map(redact).collect()
}

/// Whether Java's `split(":")`, which drops empty parts at the end, makes two parts of it.
fn has_two_parts(id: &str) -> bool {
    let id = id.trim_end_matches(':');
    id.matches(':').count() == 1
}

/// The four bytes of an address, and how many of its bits count.
fn read_range(text: &str) -> Option<([u8; 4], u32)> {
    let (address, bits) = match text.split_once('/') {
        None => (text, 32),
        Some((address, bits)) => (address, bits.parse::<i32>().ok()?),
    };
    let bits = u32::try_from(bits).ok().filter(|&bits| bits <= 32)?;
    let mut bytes = [0; 4];
    let mut parts = address.split('.');
    for byte in &mut bytes {
        *byte = u8::try_from(parts.next()?.parse::<i32>().ok()?).ok()?;
    }
    parts.next().is_none().then_some((bytes, bits))
}

fn is_in_range(address: &str, range: &str) -> bool {
    let Some((wanted, bits)) = read_range(range) else {
        return false;
    };
    let Ok(IpAddr::V4(address)) = address.parse() else {
        return false;
    };
    let top = |value: u32| u64::from(value) >> (32 - bits);
    top(u32::from_be_bytes(wanted)) == top(address.to_bits())
}

#[cfg(test)]
mod tests {
    use super::super::identity::Identity;
    use super::*;

    fn local() -> Identities {
        Identities::of_address("127.0.0.1:5".parse().unwrap())
    }

    fn fixed(list: &[Acl], identities: &Identities) -> Result<Vec<Acl>, ErrorCode> {
        let entries: Vec<Entry<'_>> = list.iter().map(Entry::of).collect();
        let open: List = [Acl::open()].into();
        fix_up(Some(&entries), identities, &open, false).map(|list| list.to_vec())
    }

    #[test]
    fn who_is_known_is_let_in() {
        let mut someone = local();
        let list = [
            Acl::new(permission::READ, "ip", "127.0.0.0/8"),
            Acl::new(permission::WRITE, "digest", &Identity::of_digest("u:p").id),
        ];
        assert!(allows(&list, permission::READ, &someone));
        assert!(allows(
            &list,
            permission::READ | permission::ADMIN,
            &someone
        ));
        assert!(!allows(&list, permission::WRITE, &someone));
        someone.authenticate(Some("digest"), Some(b"u:p")).unwrap();
        assert!(allows(&list, permission::WRITE, &someone));
        assert!(!allows(&list, permission::ADMIN, &someone));
        assert!(allows(&[], permission::ADMIN, &someone));
        assert!(allows(&list, permission::ADMIN, &Identities::of_server()));
    }

    #[test]
    fn ranges_of_addresses() {
        for range in [
            "127.0.0.1",
            "127.0.0.1/32",
            "127.0.0.2/30",
            "1.2.3.4/0",
            "+127.00.0.1",
        ] {
            assert!(is_in_range("127.0.0.1", range), "{range}");
        }
        for range in ["127.0.0.2", "127.0.0.2/31", "128.0.0.1/1"] {
            assert!(!is_in_range("127.0.0.1", range), "{range}");
        }
        for range in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.4/33",
            "1.2.3.4/",
            "::1",
        ] {
            assert_eq!(read_range(range), None, "{range}");
        }
    }

    #[test]
    fn lists_are_made_fit_to_store() {
        let mut someone = local();
        let all = |scheme: &str, id: &str| Acl::new(permission::ALL, scheme, id);
        assert_eq!(
            fixed(&[all("auth", "")], &someone),
            Err(ErrorCode::InvalidAcl)
        );
        someone.authenticate(Some("digest"), Some(b"u:p")).unwrap();
        assert_eq!(
            fixed(
                &[all("auth", "whoever"), all("auth", "whoever"), Acl::open()],
                &someone
            ),
            Ok(vec![
                all("digest", &Identity::of_digest("u:p").id),
                Acl::open()
            ])
        );
        for (scheme, id) in [
            ("world", "somebody"),
            ("digest", "user"),
            ("digest", "user:"),
            ("digest", "a:b:c"),
            ("ip", "localhost"),
            ("sasl", "user"),
            ("", ""),
        ] {
            assert_eq!(
                fixed(&[all(scheme, id)], &someone),
                Err(ErrorCode::InvalidAcl),
                "{id}"
            );
        }
        for (scheme, id) in [("digest", ":b"), ("digest", "a:b:"), ("ip", "10.0.0.0/8")] {
            assert!(fixed(&[all(scheme, id)], &someone).is_ok(), "{id}");
        }
        assert_eq!(fixed(&[], &someone), Err(ErrorCode::InvalidAcl));
    }

    #[test]
    fn nulls_are_stumbled_over_where_they_are_looked_at() {
        let entry = |permissions, scheme: Option<&'static str>, id: Option<&'static str>| Entry {
            permissions,
            scheme: scheme.map(Cow::Borrowed),
            id: id.map(Cow::Borrowed),
        };
        let open: List = [Acl::open()].into();
        let fixed =
            |entries: &[Entry<'_>]| fix_up(Some(entries), &local(), &open, false).map(|_| ());
        let world = || entry(16, Some("world"), Some("anyone"));
        let stumbles = Err(ErrorCode::MarshallingError);
        let invalid = Err(ErrorCode::InvalidAcl);
        assert_eq!(fixed(&[world(), entry(16, None, Some("x"))]), stumbles);
        assert_eq!(fixed(&[world(), entry(1, None, Some("x"))]), invalid);
        assert_eq!(fixed(&[entry(16, None, Some("x")), world()]), invalid);
        assert_eq!(fixed(&[world(), entry(16, Some("world"), None)]), stumbles);
        assert_eq!(fixed(&[entry(1, Some("ip"), None)]), stumbles);
        assert_eq!(fixed(&[entry(1, Some("sasl"), None)]), invalid);
        assert_eq!(fixed(&[entry(1, Some("auth"), None)]), invalid);
        assert_eq!(
            fix_up(None, &local(), &open, false),
            invalid.map(|()| open.clone())
        );
    }

    #[test]
    fn users_of_sasl_are_let_in_where_there_is_sasl() {
        let mut someone = local();
        let list = [
            Acl::new(permission::READ, "sasl", "ops"),
            Acl::new(permission::WRITE, "sasl", "dev@REALM"),
        ];
        assert!(!allows(&list, permission::READ, &someone));
        someone.know("ops");
        assert!(allows(&list, permission::READ, &someone));
        assert!(!allows(&list, permission::WRITE, &someone));
        let mut root = local();
        root.know("super");
        assert!(allows(&list, permission::WRITE, &root));
        let fixed = |list: &[Acl]| {
            let entries: Vec<Entry<'_>> = list.iter().map(Entry::of).collect();
            fix_up(Some(&entries), &someone, &[Acl::open()].into(), true)
        };
        assert_eq!(&*fixed(&list).unwrap(), &list);
        let own = fixed(&[Acl::new(permission::ALL, "auth", "")]).unwrap();
        assert_eq!(&*own, &[Acl::new(permission::ALL, "sasl", "ops")]);
        let none = fixed(&[Acl::new(permission::ALL, "sasl", "a@b@c")]);
        assert_eq!(none, Err(ErrorCode::InvalidAcl));
    }

    #[test]
    fn hashes_of_passwords_are_not_shown() {
        let list = [
            Acl::new(1, "digest", "u:hash:more"),
            Acl::new(1, "ip", "1.2.3.4"),
        ];
        let shown = redacted(&list);
        assert_eq!((&*shown[0].id, &*shown[1].id), ("u:x", "1.2.3.4"));
    }
}
