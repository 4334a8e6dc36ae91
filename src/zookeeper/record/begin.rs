//! The beginning of an apply: from then on no other one of the same owner writes.

use zookeeper_client::{Acls, CreateMode, Error as ClientError, MultiWriteError};

use super::hold::acl_of;
use super::read::{Stored, read};
use super::{Error, Hold};
use crate::model::acl::{Acl, Permissions};
use crate::model::node::DataVersion;
use crate::model::path::ZPath;
use crate::model::record::Begun;
use crate::zookeeper::live;
use crate::zookeeper::session::{Session, acl};

/// How often the creation of a record's node is tried while others write the node above.
const TRIES: usize = 100;

/// Sets the record's node, which must be as it was `seen`; creates it where there was none. From then on
/// no batch of another apply of this owner is committed.
///
/// # Errors
/// [`Error::Fenced`] if another apply began since, and whatever keeps the record from being written. Nothing
/// is written on a server that cannot create nodes in batches.
///
/// # Cancellation safety
/// The apply may have begun.
pub async fn begin(
    session: &Session,
    head: &ZPath,
    seen: Option<&Stored>,
    begun: Begun,
    adopts: bool,
) -> Result<Hold, Error> {
    if !session.client().dialect().creates() {
        // It would close the connection, on this request or on the journal of the first batch.
        return Err(Error::of_write(session, head, ClientError::Unimplemented));
    }
    let for_others = |permissions| acl_of(session, permissions);
    let acl = for_others(Permissions::READ).await;
    let acl = acl.map_err(|error| no_session(session, head, &error))?;
    let run = begun.run.clone();
    let mut new = seen.map(|seen| seen.head.clone()).unwrap_or_default();
    new.begun = Some(begun);
    let data = new.to_json();
    let hold = |version| Hold::new(head.clone(), version, acl.clone(), adopts);
    let begun = match seen {
        Some(seen) => {
            let expected = Some(seen.version.get());
            let set = session.client().set_data(head.as_str(), &data, expected);
            set.await.map(|_| hold(seen.version.next()))
        }
        None => {
            create_above(session, head).await?;
            let created = create_head(session, head, &data, &acl).await;
            created.map(|place| hold(DataVersion::NEW).below(place))
        }
    };
    let reason = match begun {
        Ok(hold) => return Ok(hold),
        Err(reason) => reason,
    };
    let was_refused = matches!(
        reason,
        ClientError::BadVersion | ClientError::NodeExists | ClientError::NoNode
    );
    let error = Error::of_write(session, head, reason);
    if !was_refused && !error.is_loss() {
        return Err(error);
    }
    // The answer to the request may be lost, and the request done.
    let found = read(session, head).await?;
    let begun = found.as_ref().and_then(|found| found.head.begun.clone());
    match found {
        Some(found) if begun.as_ref().is_some_and(|begun| begun.run == run) => {
            Ok(hold(found.version))
        }
        _ if was_refused => {
            let head = head.clone();
            Err(Error::Fenced { head, begun })
        }
        _ => Err(error),
    }
}

/// Creates the nodes above a record, as far as they do not exist.
async fn create_above(session: &Session, head: &ZPath) -> Result<(), Error> {
    let Some(place) = head.parent() else {
        return Ok(());
    };
    let missing = async |path: &ZPath| {
        let stat = session.client().check_stat(path.as_str()).await;
        let stat = stat.map_err(|reason| Error::of(session, path, reason))?;
        Ok::<bool, Error>(stat.is_none())
    };
    if place.is_root() || !missing(&place).await? {
        return Ok(());
    }
    // Others create their own records there, and write it when they do.
    let others = [Permissions::READ, Permissions::WRITE, Permissions::CREATE];
    let others = others.map(Permissions::bits).into_iter().sum();
    let others = Permissions::from_bits(others);
    let acl = acl_of(session, others).await;
    let acl = acl.map_err(|error| no_session(session, head, &error))?;
    for path in place.prefixes().filter(|path| !path.is_root()) {
        match create(session, &path, b"", &acl).await {
            Ok(()) | Err(ClientError::NodeExists) => {}
            // It may be there, and not be ours to create.
            Err(ClientError::NoAuth) if !missing(&path).await? => {}
            Err(reason) => return Err(Error::of_write(session, &path, reason)),
        }
    }
    Ok(())
}

/// Creates a record's node. Writes the node above in the same request, with the data that it has, so that
/// nobody trims for another owner who has not seen the new one. Returns the version that the node above has
/// then, or `None` if it was left alone: the session may not write it, it is too large for that, or others
/// write it all the time.
async fn create_head(
    session: &Session,
    head: &ZPath,
    data: &[u8],
    acl: &Acl,
) -> Result<Option<DataVersion>, ClientError> {
    let alone = async || create(session, head, data, acl).await.map(|()| None);
    let place = head.parent().unwrap_or_else(ZPath::root);
    let entries = acl::to_client(acl);
    let options = CreateMode::Persistent.with_acls(Acls::new(&entries));
    let mut tries = 0;
    loop {
        let (own, stat) = match session.client().get_data(place.as_str()).await {
            Err(ClientError::NoAuth) => return alone().await,
            found => found?,
        };
        let Some(version) = DataVersion::new(stat.version) else {
            return alone().await;
        };
        if own.len() + data.len() > session.max_request() / 2 {
            return alone().await;
        }
        let mut writer = session.client().new_multi_writer();
        writer.add_set_data(place.as_str(), &own, Some(version.get()))?;
        writer.add_create(head.as_str(), data, &options)?;
        let (index, reason) = match writer.commit().await {
            Ok(_) => return Ok(Some(version.next())),
            Err(MultiWriteError::RequestFailed { source }) => (None, source),
            Err(MultiWriteError::OperationFailed { index, source }) => (Some(index), source),
        };
        match (index, reason) {
            // Another owner is new, too.
            (Some(0), ClientError::BadVersion) if tries < TRIES => tries += 1,
            (Some(0), ClientError::BadVersion | ClientError::NoAuth) => return alone().await,
            (_, reason) => return Err(reason),
        }
    }
}

async fn create(
    session: &Session,
    path: &ZPath,
    data: &[u8],
    acl: &Acl,
) -> Result<(), ClientError> {
    let entries = acl::to_client(acl);
    let options = CreateMode::Persistent.with_acls(Acls::new(&entries));
    let created = session.client().create(path.as_str(), data, &options);
    created.await.map(drop)
}

fn no_session(session: &Session, head: &ZPath, error: &crate::zookeeper::session::Error) -> Error {
    tracing::debug!(%error, "the session's identities are unknown");
    let reason = match session.is_dead() {
        true => ClientError::SessionExpired,
        false => ClientError::ConnectionLoss,
    };
    Error::Live(live::Error::of(session, head, reason))
}
