//! ACLs as zookeeper-client has them.

use zookeeper_client as zk;

use crate::model::acl::{Acl, AclEntry, AuthId, Permissions};

const BITS: [(u8, zk::Permission); 5] = [
    (1, zk::Permission::READ),
    (2, zk::Permission::WRITE),
    (4, zk::Permission::CREATE),
    (8, zk::Permission::DELETE),
    (16, zk::Permission::ADMIN),
];

pub(crate) fn to_client(acl: &Acl) -> Vec<zk::Acl> {
    let entry = |entry: &AclEntry| {
        let bits = BITS
            .iter()
            .filter(|(bit, _)| entry.permissions.bits() & bit != 0);
        let permission = bits.fold(zk::Permission::NONE, |all, (_, one)| all | *one);
        zk::Acl::new(
            permission,
            zk::AuthId::new(&entry.who.scheme, &entry.who.id),
        )
    };
    acl.entries.iter().map(entry).collect()
}

/// ClickHouse Keeper says of an open node that it has no entry. In ZooKeeper there are no such lists.
pub(crate) fn from_client(acl: &[zk::Acl]) -> Acl {
    if acl.is_empty() {
        return Acl::open();
    }
    let entry = |entry: &zk::Acl| {
        let has = |permission| entry.permission().has(permission);
        let bits = BITS.iter().filter(|(_, permission)| has(*permission));
        AclEntry {
            who: AuthId {
                scheme: entry.scheme().to_owned(),
                id: entry.id().to_owned(),
            },
            permissions: Permissions::from_bits(bits.fold(0, |all, (bit, _)| all | bit)),
        }
    };
    Acl {
        entries: acl.iter().map(entry).collect(),
    }
}
