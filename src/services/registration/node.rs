//! One node of a registration: what stands there, and what is to be done about it.

use zookeeper_client::{Acls, CreateMode, Error as Refusal, MultiWriteError, Stat};

use super::INSTANCE;
use crate::model::acl::Acl;
use crate::model::path::ZPath;
use crate::model::value::{Data, Properties};
use crate::services::error::Error;
use crate::services::nodes::check_size;
use crate::zookeeper::session::{Client, Session, acl, is_fatal, is_outcome_unknown};

/// How often what moves is looked at again before others get their turn.
const ATTEMPTS: usize = 20;

/// A node that is to stand, or not.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) path: ZPath,
    /// The last transaction with which this registration wrote the node, or read it as its own.
    written: Option<i64>,
    /// Whether the node was ever this registration's, and the transaction that made it then.
    made: Option<i64>,
}

/// How a node is after all that could be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// As it is to be.
    Done,
    /// As it is to be, with properties that somebody who may has written into it.
    Adopted(Properties),
    /// It belongs to another session.
    Taken(i64),
    /// The connection was lost, or the node does not keep still.
    Again,
    /// It cannot be written.
    Refused(Error),
}

/// Whose nodes are ours.
pub(super) struct Ours<'o> {
    pub(super) session: &'o Session,
    /// The older sessions of this handle.
    pub(super) past: &'o [i64],
}

impl Node {
    pub(super) fn new(path: ZPath) -> Self {
        Self {
            path,
            written: None,
            made: None,
        }
    }

    /// Makes the node stand with these properties.
    pub(super) async fn stand(
        &mut self,
        client: &Client,
        ours: &Ours<'_>,
        properties: &Properties,
        acl: &Acl,
        is_new: bool,
    ) -> Outcome {
        for _ in 0..ATTEMPTS {
            match self.step(client, ours, properties, acl, is_new).await {
                Ok(Some(outcome)) => return outcome,
                Ok(None) => {}
                Err(error) => return self.failed(error),
            }
        }
        Outcome::Again
    }

    fn failed(&self, error: Refusal) -> Outcome {
        if is_fatal(&error) || is_outcome_unknown(&error) {
            return Outcome::Again;
        }
        let path = match error {
            // What is missing is the node of the service.
            Refusal::NoNode => self.path.parent().unwrap_or_else(ZPath::root),
            _ => self.path.clone(),
        };
        Outcome::Refused(Error::of(&path, error))
    }

    /// Looks, and does one thing; none where it must be looked at again.
    async fn step(
        &mut self,
        client: &Client,
        ours: &Ours<'_>,
        properties: &Properties,
        acl: &Acl,
        is_new: bool,
    ) -> Result<Option<Outcome>, Refusal> {
        let data = Data::of(properties.clone()).encode();
        let path = self.path.as_str();
        let acls = acl::to_client(acl);
        let options = CreateMode::Ephemeral.with_acls(Acls::new(&acls));
        let (found, stat) = match client.get_data(path).await {
            Ok(found) => found,
            Err(Refusal::NoNode) => {
                if let Err(error) = check_size(ours.session, &self.path, &data, Some(acl)) {
                    return Ok(Some(Outcome::Refused(error)));
                }
                return match client.create(path, &data, &options).await {
                    Ok((stat, _)) => {
                        self.is_ours(&stat);
                        Ok(Some(Outcome::Done))
                    }
                    // Whose it is, is seen when it is looked at.
                    Err(Refusal::NodeExists) => Ok(None),
                    // It may be there by now: whoever takes this for a failure registers twice.
                    Err(error) if is_outcome_unknown(&error) && !is_fatal(&error) => Ok(None),
                    Err(error) => Err(error),
                };
            }
            // A node that may not be read cannot be compared.
            Err(Refusal::NoAuth) => {
                let stat = client.check_stat(path).await?;
                return Ok(stat.map(|stat| self.taken(&stat)));
            }
            Err(error) => return Err(error),
        };
        let there = Data::decode(&found).into_properties();
        if stat.ephemeral_owner == ours.session.id() {
            if there == *properties {
                self.is_ours(&stat);
                return Ok(Some(Outcome::Done));
            }
            if !is_new && self.written.is_some_and(|written| stat.mzxid > written) {
                self.is_ours(&stat);
                return Ok(Some(Outcome::Adopted(there)));
            }
            if let Err(error) = check_size(ours.session, &self.path, &data, None) {
                return Ok(Some(Outcome::Refused(error)));
            }
            let set = match client.set_data(path, &data, Some(stat.version)).await {
                Ok(stat) => {
                    self.is_ours(&stat);
                    return Ok(Some(Outcome::Done));
                }
                Err(error) => error,
            };
            return match set {
                Refusal::NoAuth => self.replace(client, &data, &options, stat.version).await,
                Refusal::BadVersion | Refusal::NoNode => Ok(None),
                error if is_outcome_unknown(&error) && !is_fatal(&error) => Ok(None),
                error => Err(error),
            };
        }
        if self.is_older_self(ours, &stat, &there, properties) {
            if let Err(error) = check_size(ours.session, &self.path, &data, Some(acl)) {
                return Ok(Some(Outcome::Refused(error)));
            }
            tracing::info!(
                path,
                owner = stat.ephemeral_owner,
                "replacing our older node"
            );
            return self.replace(client, &data, &options, stat.version).await;
        }
        Ok(Some(self.taken(&stat)))
    }

    fn taken(&self, stat: &Stat) -> Outcome {
        match stat.ephemeral_owner {
            0 => Outcome::Refused(Error::Persistent(self.path.clone())),
            owner => Outcome::Taken(owner),
        }
    }

    fn is_ours(&mut self, stat: &Stat) {
        self.written = Some(stat.mzxid);
        self.made = Some(stat.czxid);
    }

    /// Whether what stands there was made by this registration in an older session, or by an older
    /// process of the same instance. One that is newer than our own last node is not: that is another
    /// process with the same id, which has taken over.
    fn is_older_self(
        &self,
        ours: &Ours<'_>,
        stat: &Stat,
        there: &Properties,
        properties: &Properties,
    ) -> bool {
        if stat.ephemeral_owner == 0 {
            return false;
        }
        if ours.past.contains(&stat.ephemeral_owner) {
            return true;
        }
        let is_instance = properties
            .get(INSTANCE)
            .is_some_and(|id| there.get(INSTANCE) == Some(id));
        is_instance && self.made.is_none_or(|made| stat.czxid <= made)
    }

    /// Replaces the node by a new one, in one transaction.
    async fn replace(
        &mut self,
        client: &Client,
        data: &[u8],
        options: &zookeeper_client::CreateOptions<'_>,
        version: i32,
    ) -> Result<Option<Outcome>, Refusal> {
        let path = self.path.as_str();
        let mut writer = client.new_multi_writer();
        writer.add_delete(path, Some(version))?;
        writer.add_create(path, data, options)?;
        match writer.commit().await {
            // The stat of a node that a transaction creates is not told (ZOOKEEPER-4026).
            Ok(_) => {
                if let Ok(Some(stat)) = client.check_stat(path).await
                    && stat.version == 0
                {
                    self.is_ours(&stat);
                }
                Ok(Some(Outcome::Done))
            }
            Err(MultiWriteError::OperationFailed { source, .. }) => match source {
                Refusal::NoNode | Refusal::BadVersion | Refusal::NodeExists => Ok(None),
                source => Err(source),
            },
            Err(MultiWriteError::RequestFailed { source }) => {
                if is_outcome_unknown(&source) && !is_fatal(&source) {
                    return Ok(None);
                }
                Err(source)
            }
        }
    }

    /// Makes the node not stand, where it is ours.
    pub(super) async fn leave(&mut self, client: &Client, ours: &Ours<'_>) -> Outcome {
        let path = self.path.as_str();
        for _ in 0..ATTEMPTS {
            let stat = match client.check_stat(path).await {
                Ok(Some(stat)) => stat,
                Ok(None) => return Outcome::Done,
                Err(error) => return self.failed(error),
            };
            let owner = stat.ephemeral_owner;
            if owner == 0 || owner != ours.session.id() && !ours.past.contains(&owner) {
                return Outcome::Done;
            }
            match client.delete(path, Some(stat.version)).await {
                Ok(()) | Err(Refusal::NoNode) => return Outcome::Done,
                Err(Refusal::BadVersion) => {}
                Err(error) if is_outcome_unknown(&error) && !is_fatal(&error) => {}
                Err(error) => return self.failed(error),
            }
        }
        Outcome::Again
    }
}
