//! The end of an apply: journals become part of the shards.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use zookeeper_client::{Acls, CreateMode, Error as ClientError, MultiWriteError};

use super::read::{Stored, read};
use super::{Error, Hold};
use crate::model::path::ZPath;
use crate::model::record::{Applied, Changes, Head, encode_shards, is_journal_name, shard_name};
use crate::model::request::MAX_REQUEST;
use crate::zookeeper::session::{Session, acl};

/// Bytes of a shard before it is compressed.
const SHARD: usize = 512 << 10;
/// How many nodes one request removes.
const REMOVED: usize = 2000;
/// How often the end is tried while connections are lost.
const TRIES: usize = 5;
/// How long to wait in between.
const PAUSE: Duration = Duration::from_millis(100);

/// Folds the journals into the shards, makes the changes that the plan found, and notes who applied.
/// Returns the record as it stands then.
///
/// # Errors
/// [`Error::Fenced`] if another apply began since, and whatever keeps the record from being written. The
/// journals are still there then, and nothing is lost.
///
/// # Cancellation safety
/// The end was done or not; in both cases the record is whole.
pub async fn finish(
    session: &Session,
    hold: &Hold,
    changes: &Changes,
    applied: &Applied,
) -> Result<Stored, Error> {
    let mut attempt = 0;
    loop {
        let error = match end(session, hold, changes, applied, attempt).await {
            Ok(stored) => return Ok(stored),
            Err(error) => error,
        };
        attempt += 1;
        if !error.is_loss() || attempt >= TRIES || session.is_dead() {
            return Err(error);
        }
        sleep(PAUSE).await;
    }
}

/// Gives the right to write back before the end of an apply. `head` is the record's node as it was when the
/// apply began. Journals are left to the next apply.
///
/// # Errors
/// The node could not be written. It makes no difference to the record.
pub async fn release(session: &Session, hold: &Hold, mut head: Head) -> Result<(), Error> {
    head.begun = None;
    let (path, version) = (hold.head.as_str(), Some(hold.version.get()));
    let set = session.client().set_data(path, &head.to_json(), version);
    match set.await {
        Ok(_) | Err(ClientError::BadVersion | ClientError::NoNode) => Ok(()),
        Err(reason) => Err(Error::of_write(session, &hold.head, reason)),
    }
}

async fn end(
    session: &Session,
    hold: &Hold,
    changes: &Changes,
    applied: &Applied,
    attempt: usize,
) -> Result<Stored, Error> {
    let fenced = |begun| Error::Fenced {
        head: hold.head.clone(),
        begun,
    };
    let Some(mut stored) = read(session, &hold.head).await? else {
        return Err(fenced(None));
    };
    let was_done = stored.head.applied.as_ref();
    if attempt > 0 && was_done.is_some_and(|done| done.run == applied.run) {
        return Ok(stored);
    }
    if stored.version != hold.version {
        return Err(fenced(stored.head.begun));
    }
    let is_changed = Arc::make_mut(&mut stored.record).change(changes);
    let mut shards = stored.head.shards.clone();
    if is_changed || stored.has_journals() {
        shards = write_shards(session, hold, &stored, attempt).await?;
    }
    let mut left = stored.children;
    left.retain(|name| !shards.contains(name));
    left.sort_by_key(|name| is_journal_name(name));
    // What one request cannot remove are journals. To take one in again changes nothing, and the next apply
    // removes it.
    let (last, more) = left.split_at(left.len().min(REMOVED));
    let mut head = stored.head;
    head.shards = shards;
    head.applied = Some(applied.clone());
    head.begun = None;
    let more: Vec<String> = more.to_vec();
    switch(session, hold, &head, last).await?;
    let children = head.shards.iter().chain(&more).cloned().collect();
    Ok(Stored {
        head,
        version: hold.version.next(),
        record: stored.record,
        children,
        seen: None,
    })
}

/// Writes the record as new shards, which nothing names yet.
async fn write_shards(
    session: &Session,
    hold: &Hold,
    stored: &Stored,
    attempt: usize,
) -> Result<Vec<String>, Error> {
    let limit = session.max_request().min(MAX_REQUEST) / 2;
    let entries = acl::to_client(&hold.acl);
    let options = CreateMode::Persistent.with_acls(Acls::new(&entries));
    let mut names = Vec::new();
    let version = hold.version.get();
    for (i, shard) in encode_shards(stored.record.iter(), SHARD.min(limit))
        .into_iter()
        .enumerate()
    {
        let name = shard_name(version, attempt, i);
        let path = hold.head.join(&name);
        let mut writer = session.client().new_multi_writer();
        writer
            .add_check_version(hold.head.as_str(), version)
            .and_then(|()| writer.add_create(path.as_str(), &shard, &options))
            .map_err(|reason| Error::of_write(session, &path, reason))?;
        let written = writer.commit().await;
        written.map_err(|error| refused(session, hold, &path, error))?;
        names.push(name);
    }
    Ok(names)
}

/// Makes these shards the record, and removes what they replace.
async fn switch(
    session: &Session,
    hold: &Hold,
    head: &Head,
    replaced: &[String],
) -> Result<(), Error> {
    let path = &hold.head;
    let mut writer = session.client().new_multi_writer();
    let mut added = writer.add_set_data(path.as_str(), &head.to_json(), Some(hold.version.get()));
    for name in replaced {
        let part = path.join(name);
        added = added.and_then(|()| writer.add_delete(part.as_str(), None));
    }
    added.map_err(|reason| Error::of_write(session, path, reason))?;
    let written = writer.commit().await;
    written.map_err(|error| refused(session, hold, path, error))?;
    Ok(())
}

fn refused(session: &Session, hold: &Hold, path: &ZPath, error: MultiWriteError) -> Error {
    let (index, reason) = match error {
        MultiWriteError::RequestFailed { source } => (0, source),
        MultiWriteError::OperationFailed { index, source } => (index, source),
    };
    match reason {
        ClientError::BadVersion | ClientError::NoNode if index == 0 => Error::Fenced {
            head: hold.head.clone(),
            begun: None,
        },
        reason => Error::of_write(session, path, reason),
    }
}
