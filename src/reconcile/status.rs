//! An owner's record against the live tree.

use super::{Error, Owner, records};
use crate::model::path::ZPath;
use crate::model::record::{Applied, Begun, Claim, Entry};
use crate::zookeeper::live;
use crate::zookeeper::live::stats::{self, Known};
use crate::zookeeper::session::Session;

/// How many nodes are asked for at once.
const WINDOW: usize = 4096;

/// What an owner's record says, and what has become of its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The last apply that ended.
    pub applied: Option<Applied>,
    /// The apply that is at work, or did not end.
    pub begun: Option<Begun>,
    /// How many nodes the owner created.
    pub created: usize,
    /// How many it adopted.
    pub adopted: usize,
    /// How many it wrote that it does not own.
    pub written: usize,
    /// The other owners that have some of its nodes, too, and how many.
    pub shared: Vec<(String, usize)>,
    /// The nodes that are not as the owner left them, in path order.
    pub drifted: Vec<(ZPath, Drift)>,
}

/// What has become of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It does not exist any more.
    Gone,
    /// Another node stands in its place.
    Replaced,
    /// Its data was written, and no part of it is left to others.
    Changed,
}

/// Compares an owner's record with the live tree. Returns `None` if there is no record.
///
/// # Errors
/// The record or the nodes cannot be read.
///
/// # Cancellation safety
/// Nothing is written.
pub async fn status(session: &Session, owner: &Owner) -> Result<Option<Status>, Error> {
    let (stored, ownership) = records::read(session, owner).await?;
    let Some(stored) = stored else {
        return Ok(None);
    };
    let shared = ownership.others.iter().map(|(name, other)| {
        let entries = stored.record.iter().filter(|(path, entry)| {
            let its = other.of_node(path, entry.created);
            entry.claim.is_owned() && its.is_some_and(|its| its.claim.is_owned())
        });
        (name.clone(), entries.count())
    });
    let shared = shared.filter(|(_, nodes)| *nodes > 0).collect();
    let count = |claim| {
        let entries = stored.record.iter();
        entries.filter(|(_, entry)| entry.claim == claim).count()
    };
    let (created, adopted) = (count(Claim::Created), count(Claim::Adopted));
    let written = count(Claim::Written);
    let entries: Vec<(&ZPath, &Entry)> = stored.record.iter().collect();
    let mut drifted = Vec::new();
    for entries in entries.chunks(WINDOW) {
        let known = entries.iter().map(|&(path, _)| Known { path, bytes: None });
        let known: Vec<Known<'_>> = known.collect();
        for asked in stats::ask(session, &known) {
            for (i, answer) in asked.answers().await {
                let (path, entry) = entries[i];
                let stat = answer.map_err(|reason| live::Error::of(session, path, reason))?;
                let drift = match stat {
                    None => Drift::Gone,
                    Some(stat) if stat.czxid != entry.created => Drift::Replaced,
                    Some(stat) if stat.mzxid != entry.modified && !entry.partial => Drift::Changed,
                    Some(_) => continue,
                };
                drifted.push((path.clone(), drift));
            }
        }
    }
    Ok(Some(Status {
        applied: stored.head.applied,
        begun: stored.head.begun,
        created,
        adopted,
        written,
        shared,
        drifted,
    }))
}
