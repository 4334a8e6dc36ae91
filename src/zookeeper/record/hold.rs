//! The right to write for an owner.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::acl::{Acl, AclEntry, AuthId, Permissions};
use crate::model::node::DataVersion;
use crate::model::path::ZPath;
use crate::model::record::Claim;
use crate::zookeeper::session::Session;

/// The right to write for an owner, as long as its record's node has this version.
#[derive(Debug, Clone)]
pub struct Hold {
    /// The record's node.
    pub head: ZPath,
    /// Its version since the apply began.
    pub version: DataVersion,
    /// What the record says of a node that was there before and that is written.
    claim: Claim,
    /// Where set, other nodes than these are written and not adopted.
    adopted: Option<Arc<BTreeSet<ZPath>>>,
    /// The ACL of the record's nodes.
    pub(crate) acl: Acl,
    /// The version of the node above since the apply began, if it has created the record and written that.
    pub place: Option<DataVersion>,
    /// What other owners had when the plan was made.
    pub(crate) others: Others,
    /// How many names of journals were given out.
    next: Arc<AtomicU64>,
}

/// The records of other owners as a plan saw them: what it trims may be theirs in newer ones.
#[derive(Debug, Clone, Default)]
pub struct Others {
    /// The version of the node above them.
    pub place: DataVersion,
    /// Their nodes with their versions.
    pub heads: Arc<[(ZPath, DataVersion)]>,
}

impl PartialEq for Hold {
    fn eq(&self, other: &Self) -> bool {
        (&self.head, self.version) == (&other.head, other.version)
    }
}

impl Eq for Hold {}

impl Hold {
    pub(super) fn new(head: ZPath, version: DataVersion, acl: Acl, adopts: bool) -> Self {
        let claim = match adopts {
            true => Claim::Adopted,
            false => Claim::Written,
        };
        Self {
            head,
            version,
            claim,
            adopted: None,
            acl,
            place: None,
            others: Others::default(),
            next: Arc::default(),
        }
    }

    /// The right to write of an apply that has created the record, below a node that has this version since.
    pub(super) fn below(self, place: Option<DataVersion>) -> Self {
        Self { place, ..self }
    }

    /// The right to write as long as the records of others are as they were seen, too.
    #[must_use]
    pub fn beside(self, others: Others) -> Self {
        Self { others, ..self }
    }

    /// The right to write, and to adopt no nodes but these.
    #[must_use]
    pub fn adopting(self, nodes: BTreeSet<ZPath>) -> Self {
        let adopted = Some(Arc::new(nodes));
        Self { adopted, ..self }
    }

    /// What the record says of this node if it was there before and is written.
    pub(crate) fn claim(&self, path: &ZPath) -> Claim {
        match &self.adopted {
            Some(adopted) if !adopted.contains(path) => Claim::Written,
            _ => self.claim,
        }
    }

    /// The node for the journal of another batch. No other has its name: the version is this apply's, and
    /// the number this batch's.
    pub(crate) fn journal(&self) -> ZPath {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let version = self.version.get();
        self.head.join(&format!("j{version:010}-{number:06}"))
    }

    /// The nodes without whose versions nothing is trimmed: the one above the record, and the heads of others.
    pub(crate) fn checked_by_trims(&self) -> impl Iterator<Item = (ZPath, DataVersion)> {
        let place = self.head.parent().map(|place| (place, self.others.place));
        place.into_iter().chain(self.others.heads.iter().cloned())
    }

    /// A path as long as that of any journal.
    pub(crate) fn longest_journal(&self) -> ZPath {
        self.head.join(&"j".repeat(40))
    }
}

/// The ACL of a record's nodes: everybody may read them, and only who created them may write them. A
/// session without an identity of its own creates them for everybody.
pub(super) async fn acl_of(
    session: &Session,
    for_others: Permissions,
) -> Result<Acl, crate::zookeeper::session::Error> {
    if session.who().await?.are_none() {
        return Ok(Acl::open());
    }
    let mut acl = Acl::session_alone().clone();
    let who = AuthId {
        scheme: "world".to_owned(),
        id: "anyone".to_owned(),
    };
    acl.entries.push(AclEntry {
        who,
        permissions: for_others,
    });
    Ok(acl)
}
