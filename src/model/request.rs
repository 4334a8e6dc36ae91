//! How large a request that writes is: its bytes on the wire.

use super::acl::Acl;
use super::path::ZPath;

/// The largest request that ZooKeeper takes, in bytes (`jute.maxbuffer` as it is by default).
pub const MAX_REQUEST: usize = 1_048_575;

/// The header of a request.
const HEADER: usize = 8;
/// What stands before each operation of a batch, and behind the last one.
const MARK: usize = 9;
/// A number, or the length of what follows.
const NUMBER: usize = 4;

/// The bytes of a batch besides its operations.
pub(crate) const BATCH: usize = HEADER + MARK;

/// What a write of one node takes up besides its path. Data count by their bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Write<'a> {
    /// A new node. `None` is the ACL that lets anyone do anything.
    Create { data: usize, acl: Option<&'a Acl> },
    /// New data.
    Set { data: usize },
    /// A new ACL.
    SetAcl(&'a Acl),
    /// A version alone: a deletion, or the check of one.
    Version,
}

impl Write<'_> {
    /// The bytes of a request for this alone. The chroot adds `chroot_len` bytes to the path.
    pub(crate) fn alone(self, path: &ZPath, chroot_len: usize) -> usize {
        HEADER + self.bytes(path, chroot_len)
    }

    /// The bytes that this adds to a batch. The chroot adds `chroot_len` bytes to the path.
    pub(crate) fn batched(self, path: &ZPath, chroot_len: usize) -> usize {
        MARK + self.bytes(path, chroot_len)
    }

    fn bytes(self, path: &ZPath, chroot_len: usize) -> usize {
        // Below a chroot, `/` itself adds nothing to the chroot's path.
        let own = if path.is_root() && chroot_len > 0 {
            0
        } else {
            path.as_str().len()
        };
        let path = NUMBER + chroot_len + own;
        path + match self {
            Self::Create { data, acl } => NUMBER + data + acl_bytes(acl) + NUMBER,
            Self::Set { data } => NUMBER + data + NUMBER,
            Self::SetAcl(acl) => acl_bytes(Some(acl)) + NUMBER,
            Self::Version => NUMBER,
        }
    }
}

fn acl_bytes(acl: Option<&Acl>) -> usize {
    // The permissions, and two texts with their lengths.
    let entry = |scheme: &str, id: &str| 3 * NUMBER + scheme.len() + id.len();
    let entries = match acl {
        None => entry("world", "anyone"),
        Some(acl) => {
            let entries = acl.entries.iter();
            let entries = entries.map(|e| entry(&e.who.scheme, &e.who.id));
            entries.sum()
        }
    };
    NUMBER + entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::acl::AclEntry;

    #[test]
    fn acl_entries_count() {
        let entry = AclEntry::parse("digest:ops:hash:cdrwa").unwrap();
        let two = Acl {
            entries: vec![entry.clone(), entry],
        };
        assert_eq!(acl_bytes(Some(&two)), 4 + 2 * (4 + 4 + 6 + 4 + 8));
        assert_eq!(acl_bytes(None), acl_bytes(Some(&Acl::open())));
        assert_eq!(acl_bytes(None), 27);
    }

    #[test]
    fn the_root_below_a_chroot_has_the_chroots_path() {
        let (root, node) = (ZPath::root(), ZPath::parse("/a").unwrap());
        assert_eq!(Write::Version.alone(&root, 0), 8 + 4 + 1 + 4);
        assert_eq!(Write::Version.alone(&root, 7), 8 + 4 + 7 + 4);
        assert_eq!(
            Write::Set { data: 5 }.batched(&node, 7),
            9 + 4 + 9 + 4 + 5 + 4
        );
    }
}
