//! Reading a record.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use zookeeper_client::{Error as ClientError, Stat};

use super::Error;
use crate::model::node::DataVersion;
use crate::model::path::ZPath;
use crate::model::record::{
    Broken, Head, Record, decode_journal, decode_shard, is_journal_name, is_shard_name,
};
use crate::zookeeper::live;
use crate::zookeeper::session::Session;

/// How often a record is read that changes meanwhile, or whose connection is lost.
const TRIES: usize = 20;
/// How long to wait in between.
const PAUSE: Duration = Duration::from_millis(50);
/// How many parts are asked for at once.
const WINDOW: usize = 64;

/// A record as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The record's node.
    pub head: Head,
    /// Its version.
    pub version: DataVersion,
    /// What its shards hold, and the journals that are left.
    pub record: Arc<Record>,
    /// The names of all shards and journals below, named or not.
    pub(super) children: Vec<String>,
    /// What every change of the record changes, where it is known.
    pub(super) seen: Option<Seen>,
}

/// The transactions that created a record's node, wrote it, and created or deleted a node below it last; and
/// how often that happened: in ClickHouse Keeper, a deletion changes only the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    created: i64,
    modified: i64,
    below: i64,
    changes: i32,
}

impl Seen {
    fn of(stat: &Stat) -> Self {
        Self {
            created: stat.czxid,
            modified: stat.mzxid,
            below: stat.pzxid,
            changes: stat.cversion,
        }
    }
}

/// How far applies of an owner have got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// The version of the record's node: each apply sets it when it begins and when it ends.
    version: DataVersion,
    /// How many nodes are below it: each batch creates one.
    parts: usize,
}

impl Pulse {
    /// Whether no apply has begun or ended in between.
    #[must_use]
    pub fn is_of_same_apply(self, other: Self) -> bool {
        self.version == other.version
    }
}

impl Stored {
    /// How far applies of its owner had got when it was read.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        Pulse {
            version: self.version,
            parts: self.children.len(),
        }
    }

    /// Whether an apply that did not end left something to clear up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.head.begun.is_some() || self.children.len() > self.head.shards.len()
    }

    /// Whether there are journals that are not yet in the shards.
    pub(super) fn has_journals(&self) -> bool {
        self.children.iter().any(|name| is_journal_name(name))
    }
}

/// What is below the node where owners keep their records.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// In order. Not each of them is the name of an owner.
    pub names: Vec<String>,
    /// The version of the node above them; that of a new one if there is none.
    pub version: DataVersion,
}

/// Lists the records at a place.
///
/// # Errors
/// The server did not answer, or refused to list them.
pub async fn list(session: &Session, place: &ZPath) -> Result<Listed, Error> {
    let mut tries = 0;
    loop {
        match session.client().get_children(place.as_str()).await {
            Ok((mut names, stat)) => {
                let path = place.clone();
                let version = DataVersion::new(stat.version);
                let version = version.ok_or(live::Error::Version { path })?;
                names.sort();
                return Ok(Listed { names, version });
            }
            Err(ClientError::NoNode) => return Ok(Listed::default()),
            Err(reason) => {
                let error = Error::of(session, place, reason);
                tries = again(session, error, tries).await?;
            }
        }
    }
}

/// How far applies of an owner have got. Returns `None` if there is no record.
///
/// # Errors
/// The server did not answer.
pub async fn pulse(session: &Session, head: &ZPath) -> Result<Option<Pulse>, Error> {
    let stat = session.client().check_stat(head.as_str()).await;
    let stat = stat.map_err(|reason| Error::of(session, head, reason))?;
    let pulse = |stat: Stat| {
        let path = head.clone();
        let version = DataVersion::new(stat.version).ok_or(live::Error::Version { path })?;
        let parts = usize::try_from(stat.num_children).unwrap_or_default();
        Ok(Pulse { version, parts })
    };
    stat.map(pulse).transpose()
}

/// Reads a record. Returns `None` if there is none.
///
/// # Errors
/// It cannot be read, or is none that this zkt understands.
///
/// # Cancellation safety
/// Reading changes nothing.
pub async fn read(session: &Session, head: &ZPath) -> Result<Option<Stored>, Error> {
    let mut tries = 0;
    loop {
        match attempt(session, head).await {
            Ok(Attempt::Read(stored)) => return Ok(Some(*stored)),
            Ok(Attempt::Missing) => return Ok(None),
            Ok(Attempt::Moved) => {
                let head = head.clone();
                tries = again(session, Error::Busy { head }, tries).await?;
            }
            Err(error) => tries = again(session, error, tries).await?,
        }
    }
}

/// Waits before something is read again. Returns the error if that would not help.
async fn again(session: &Session, error: Error, tries: usize) -> Result<usize, Error> {
    let may_pass = error.is_loss() || matches!(error, Error::Busy { .. });
    if !may_pass || tries >= TRIES || session.is_dead() {
        return Err(error);
    }
    sleep(PAUSE).await;
    Ok(tries + 1)
}

/// As [`read`], but a record that is as it was `known` is not read again.
///
/// # Errors and cancellation safety
/// As [`read`].
pub async fn read_again(
    session: &Session,
    head: &ZPath,
    known: Option<&Stored>,
) -> Result<Option<Stored>, Error> {
    let Some((known, seen)) = known.and_then(|known| Some((known, known.seen?))) else {
        return read(session, head).await;
    };
    let client = session.client();
    let synced = client.sync("/");
    let stat = client.check_stat(head.as_str());
    match (synced.await, stat.await) {
        (Ok(()), Ok(Some(stat))) if Seen::of(&stat) == seen => Ok(Some(known.clone())),
        _ => read(session, head).await,
    }
}

enum Attempt {
    Read(Box<Stored>),
    Missing,
    /// It was changed while it was read.
    Moved,
}

async fn attempt(session: &Session, head: &ZPath) -> Result<Attempt, Error> {
    let client = session.client();
    let failed = |reason| Error::of(session, head, reason);
    let synced = client.sync("/");
    let children = client.get_children(head.as_str());
    let data = client.get_data(head.as_str());
    synced.await.map_err(failed)?;
    let (mut children, listed) = match children.await {
        Ok(found) => found,
        Err(ClientError::NoNode) => return Ok(Attempt::Missing),
        Err(reason) => return Err(failed(reason)),
    };
    let (data, stat) = match data.await {
        Ok(found) => found,
        Err(ClientError::NoNode) => return Ok(Attempt::Missing),
        Err(reason) => return Err(failed(reason)),
    };
    if listed.mzxid != stat.mzxid {
        return Ok(Attempt::Moved);
    }
    let path = head.clone();
    let version = DataVersion::new(stat.version).ok_or(live::Error::Version { path })?;
    let broken = |path: &ZPath, reason| Error::Broken {
        head: head.clone(),
        path: path.clone(),
        reason,
    };
    let found = Head::from_json(&data);
    let found = found.map_err(|reason| broken(head, reason.of_head(&children)))?;
    children.retain(|name| is_shard_name(name) || is_journal_name(name));
    if let Some(name) = found.unnamed(&children) {
        return Err(broken(&head.join(name), Broken::Unnamed));
    }
    let journals = children.iter().filter(|name| is_journal_name(name));
    let parts = found.shards.iter().chain(journals);
    let parts: Vec<ZPath> = parts.map(|name| head.join(name)).collect();
    let (shards, journals) = parts.split_at(found.shards.len());
    let (read_shards, read_journals) = (
        read_all(session, shards).await?,
        read_all(session, journals).await?,
    );
    match client.check_stat(head.as_str()).await.map_err(failed)? {
        Some(now) if now.mzxid == stat.mzxid => {}
        // An apply that ended has put others in their place.
        _ => return Ok(Attempt::Moved),
    }
    let shards = shards.iter().zip(read_shards);
    let journals = journals.iter().zip(read_journals);
    match record_of(shards, journals).map_err(|(path, reason)| broken(path, reason))? {
        Some(record) => Ok(Attempt::Read(Box::new(Stored {
            head: found,
            version,
            record: Arc::new(record),
            children,
            seen: Some(Seen::of(&listed)),
        }))),
        None => Ok(Attempt::Moved),
    }
}

/// The record that shards and journals make. Returns `None` if a journal is gone that was there when they
/// were listed.
fn record_of<'p>(
    shards: impl Iterator<Item = (&'p ZPath, Part)>,
    journals: impl Iterator<Item = (&'p ZPath, Part)>,
) -> Result<Option<Record>, (&'p ZPath, Broken)> {
    let mut record = Record::default();
    for (path, read) in shards {
        let Some((data, _)) = read else {
            return Err((path, Broken::Missing));
        };
        record.extend(decode_shard(&data).map_err(|reason| (path, reason))?);
    }
    let mut batches = Vec::new();
    for (path, read) in journals {
        let Some((data, stat)) = read else {
            return Ok(None);
        };
        let notes = decode_journal(&data).map_err(|reason| (path, reason))?;
        batches.push((stat.czxid, notes));
    }
    batches.sort_by_key(|(zxid, _)| *zxid);
    for (zxid, notes) in batches {
        record.fold(notes, zxid);
    }
    Ok(Some(record))
}

/// A node's data, if it exists.
type Part = Option<(Vec<u8>, Stat)>;

/// Reads these nodes, several at once.
async fn read_all(session: &Session, paths: &[ZPath]) -> Result<Vec<Part>, Error> {
    let mut read = Vec::with_capacity(paths.len());
    for paths in paths.chunks(WINDOW) {
        let asked = paths.iter();
        let asked = asked.map(|path| (path, session.client().get_data(path.as_str())));
        for (path, asked) in asked.collect::<Vec<_>>() {
            match asked.await {
                Ok(found) => read.push(Some(found)),
                Err(ClientError::NoNode) => read.push(None),
                Err(reason) => return Err(Error::of(session, path, reason)),
            }
        }
    }
    Ok(read)
}
