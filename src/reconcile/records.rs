//! The records of all owners, as they were read last.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Error;
use super::check::require_no_records;
use super::owner::Owner;
use crate::model::node::{DataVersion, Declared};
use crate::model::record::Broken;
use crate::model::tree::Tree;
use crate::plan::owned::Ownership;
use crate::zookeeper::record::{self, Others, Stored};
use crate::zookeeper::session::Session;

/// Records as they were read last.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) own: Option<Stored>,
    /// By name.
    others: BTreeMap<String, Stored>,
    /// The version of the node below which they are. Each new owner's first apply writes it.
    place: DataVersion,
}

impl Known {
    /// What must not have changed while nodes are trimmed.
    pub(super) fn others(&self, owner: &Owner) -> Others {
        let others = self.others.iter();
        let heads = others.map(|(name, stored)| (owner.place.join(name), stored.version));
        Others {
            place: self.place,
            heads: heads.collect(),
        }
    }

    /// The first apply of this owner has written the place, which has this version now. If somebody else
    /// wrote it before, it stays moved.
    pub(super) fn note_place(&mut self, now: DataVersion) {
        if self.place.next() == now {
            self.place = now;
        }
    }
}

/// What a look at all records found.
pub(super) struct Looked {
    pub(super) known: Known,
    /// Other owners whose records cannot be read, and why.
    unknown: Vec<(String, String)>,
}

impl Looked {
    pub(super) fn ownership(&self, owner: &Owner) -> Ownership {
        let record = self.known.own.as_ref().map(|stored| stored.record.clone());
        let others = self.known.others.iter();
        Ownership {
            place: owner.place.clone(),
            record: record.unwrap_or_default(),
            others: others
                .map(|(name, stored)| (name.clone(), stored.record.clone()))
                .collect(),
            unknown: self.unknown.clone(),
            adopts: owner.adopt,
        }
    }
}

/// Reads the records of all owners, but for those that are as they were `before`.
pub(super) async fn look(
    session: &Session,
    owner: &Owner,
    declared: &Tree<Declared>,
    before: &Known,
) -> Result<Looked, Error> {
    let place = &owner.place;
    require_no_records(declared, Some(place))?;
    // This waits until the server is up to date: what is listed later is no older.
    let own = record::read_again(session, &owner.head(), before.own.as_ref()).await?;
    let found = record::list(session, place).await?;
    let mut known = Known {
        own,
        others: BTreeMap::new(),
        place: found.version,
    };
    let mut unknown = Vec::new();
    for name in found.names {
        if name == owner.name() {
            continue;
        }
        let before = before.others.get(&name);
        match record::read_again(session, &place.join(&name), before).await {
            Ok(Some(other)) => _ = known.others.insert(name, other),
            // It was removed just now.
            Ok(None) => {}
            Err(record::Error::Broken {
                reason: Broken::Foreign(_),
                ..
            }) => {}
            Err(error) if error.is_loss() => return Err(error.into()),
            // That is no reason to stop everybody else.
            Err(error) => unknown.push((name, error.to_string())),
        }
    }
    Ok(Looked { known, unknown })
}

/// What the owner has, where there is one.
pub(super) async fn ownership(
    session: &Session,
    owner: Option<&Owner>,
    declared: &Tree<Declared>,
) -> Result<Option<Arc<Ownership>>, Error> {
    let Some(owner) = owner else {
        require_no_records(declared, None)?;
        return Ok(None);
    };
    let looked = look(session, owner, declared, &Known::default()).await?;
    Ok(Some(Arc::new(looked.ownership(owner))))
}

/// The owner's record, and what all owners have.
pub(super) async fn read(
    session: &Session,
    owner: &Owner,
) -> Result<(Option<Stored>, Ownership), Error> {
    let looked = look(session, owner, &Tree::default(), &Known::default()).await?;
    let ownership = looked.ownership(owner);
    Ok((looked.known.own, ownership))
}
