//! One node of a registration: what stands there, and what is to be done about it.

use super::INSTANCE;
use crate::model::acl::Acl;
use crate::model::path::ZPath;
use crate::model::request::{self, Write};
use crate::model::value::{Data, Properties};
use crate::services::editing::check_size;
use crate::services::error::Error;
use crate::zookeeper::session::{
    Acls, Client, ClientError, CreateMode, MultiWriteError, Session, Stat, acl, is_fatal,
    is_outcome_unknown,
};

/// How often a node that others change is read again before other nodes get their turn.
const ATTEMPTS: usize = 20;

/// A registered node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) path: ZPath,
    /// The node as it last was this registration's own; `None` if it never was.
    own: Option<Own>,
}

/// The transactions of a node that a registration wrote, or read as its own.
#[derive(Debug, Clone, Copy)]
struct Own {
    made: i64,
    written: i64,
}

/// What became of a node, after all that could be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NodeFate {
    /// As it is to be.
    Done,
    /// As it is to be, with properties that an authorised client has written into it.
    Adopted(Properties),
    /// It belongs to another session.
    Taken(i64),
    /// The connection was lost, or others keep changing the node.
    Again,
    /// It cannot be written.
    Refused(Error),
}

/// Sessions whose nodes belong to this registration.
pub(super) struct Ours<'o> {
    pub(super) session: &'o Session,
    /// The older sessions of this handle.
    pub(super) past: &'o [i64],
}

impl Ours<'_> {
    fn client(&self) -> &Client {
        self.session.client()
    }
}

/// What a node is to hold.
pub(super) struct Content<'c> {
    pub(super) properties: &'c Properties,
    pub(super) acl: &'c Acl,
    /// Whether the content changed since the last write. If so, it replaces the stored properties.
    pub(super) is_new: bool,
}

impl Content<'_> {
    fn data(&self) -> Vec<u8> {
        Data::of(self.properties.clone()).encode()
    }

    /// What counts for the size of a request that makes a node of it.
    fn creation(&self) -> Write<'_> {
        let data = self.data().len();
        Write::Create {
            data,
            acl: Some(self.acl),
        }
    }
}

/// What comes of one step: the node's fate, or `None` if the node must be looked at again.
type Stepped = Result<Option<NodeFate>, ClientError>;

/// Whether a write may have happened, on a session that goes on. The node must be read again: to take
/// this for a failure would register twice.
fn is_unclear(error: &ClientError) -> bool {
    is_outcome_unknown(error) && !is_fatal(error)
}

impl Node {
    pub(super) fn new(path: ZPath) -> Self {
        Self { path, own: None }
    }

    /// Makes the node stand with these properties.
    pub(super) async fn stand(&mut self, ours: &Ours<'_>, content: &Content<'_>) -> NodeFate {
        for _ in 0..ATTEMPTS {
            match self.step(ours, content).await {
                Ok(Some(outcome)) => return outcome,
                Ok(None) => {}
                Err(error) => return self.failed(error),
            }
        }
        NodeFate::Again
    }

    fn failed(&self, error: ClientError) -> NodeFate {
        if is_fatal(&error) || is_outcome_unknown(&error) {
            return NodeFate::Again;
        }
        let path = match error {
            // NoNode means that the parent, the service's node, is missing.
            ClientError::NoNode => self.path.parent().unwrap_or_else(ZPath::root),
            _ => self.path.clone(),
        };
        NodeFate::Refused(Error::of(&path, error))
    }

    /// Reads the node, and takes one step.
    async fn step(&mut self, ours: &Ours<'_>, content: &Content<'_>) -> Stepped {
        let path = self.path.as_str();
        let (found, stat) = match ours.client().get_data(path).await {
            Ok(found) => found,
            Err(ClientError::NoNode) => return self.create(ours, content).await,
            // A node that may not be read cannot be compared.
            Err(ClientError::NoAuth) => {
                let stat = ours.client().check_stat(path).await?;
                return Ok(stat.map(|stat| self.taken(&stat)));
            }
            Err(error) => return Err(error),
        };
        let there = Data::decode(&found).into_properties();
        if stat.ephemeral_owner == ours.session.id() {
            return self.update(ours, content, there, &stat).await;
        }
        if self.is_older_self(ours, &stat, &there, content.properties) {
            tracing::info!(
                path,
                owner = stat.ephemeral_owner,
                "replacing our older node"
            );
            return self.replace(ours, content, stat.version).await;
        }
        Ok(Some(self.taken(&stat)))
    }

    fn check_size(&self, ours: &Ours<'_>, write: Write<'_>) -> Result<(), Error> {
        let bytes = write.alone(&self.path, ours.session.chroot_len());
        check_size(ours.session, &self.path, bytes)
    }

    async fn create(&mut self, ours: &Ours<'_>, content: &Content<'_>) -> Stepped {
        if let Err(error) = self.check_size(ours, content.creation()) {
            return Ok(Some(NodeFate::Refused(error)));
        }
        let acls = acl::to_client(content.acl);
        let options = CreateMode::Ephemeral.with_acls(Acls::new(&acls));
        let created = ours
            .client()
            .create(self.path.as_str(), &content.data(), &options)
            .await;
        match created {
            // Some servers do not return the stat.
            Ok((stat, _)) if stat.is_invalid() => {
                self.record_new(ours).await;
                Ok(Some(NodeFate::Done))
            }
            Ok((stat, _)) => {
                self.record(&stat);
                Ok(Some(NodeFate::Done))
            }
            // Created by someone else; the next read shows by whom.
            Err(ClientError::NodeExists) => Ok(None),
            Err(error) if is_unclear(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings a node of this session up to date, or takes over what somebody has written into it.
    async fn update(
        &mut self,
        ours: &Ours<'_>,
        content: &Content<'_>,
        there: Properties,
        stat: &Stat,
    ) -> Stepped {
        if there == *content.properties {
            self.record(stat);
            return Ok(Some(NodeFate::Done));
        }
        if !content.is_new && self.own.is_some_and(|own| stat.mzxid > own.written) {
            self.record(stat);
            return Ok(Some(NodeFate::Adopted(there)));
        }
        let path = self.path.as_str();
        let data = content.data();
        let size = Write::Set { data: data.len() };
        if let Err(error) = self.check_size(ours, size) {
            return Ok(Some(NodeFate::Refused(error)));
        }
        let set = ours.client().set_data(path, &data, Some(stat.version));
        match set.await {
            Ok(stat) => {
                self.record(&stat);
                Ok(Some(NodeFate::Done))
            }
            Err(ClientError::NoAuth) => self.replace(ours, content, stat.version).await,
            Err(ClientError::BadVersion | ClientError::NoNode) => Ok(None),
            Err(error) if is_unclear(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn taken(&self, stat: &Stat) -> NodeFate {
        match stat.ephemeral_owner {
            0 => NodeFate::Refused(Error::Persistent(self.path.clone())),
            owner => NodeFate::Taken(owner),
        }
    }

    /// Takes note of the node as this registration's own.
    fn record(&mut self, stat: &Stat) {
        self.own = Some(Own {
            made: stat.czxid,
            written: stat.mzxid,
        });
    }

    /// Takes note of a node that was just created.
    async fn record_new(&mut self, ours: &Ours<'_>) {
        if let Ok(Some(stat)) = ours.client().check_stat(self.path.as_str()).await
            && stat.version == 0
        {
            self.record(&stat);
        }
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
        is_instance && self.own.is_none_or(|own| stat.czxid <= own.made)
    }

    /// Replaces the node by a new one, in one transaction, or one after the other where the server cannot
    /// create nodes in transactions.
    async fn replace(&mut self, ours: &Ours<'_>, content: &Content<'_>, version: i32) -> Stepped {
        let place = ours.session.chroot_len();
        let writes = [Write::Version, content.creation()];
        let writes = writes.map(|write| write.batched(&self.path, place));
        let bytes = request::BATCH + writes.iter().sum::<usize>();
        if let Err(error) = check_size(ours.session, &self.path, bytes) {
            return Ok(Some(NodeFate::Refused(error)));
        }
        let path = self.path.as_str();
        let client = ours.client();
        if !client.dialect().creates() {
            return match client.delete(path, Some(version)).await {
                Ok(()) | Err(ClientError::NoNode | ClientError::BadVersion) => Ok(None),
                Err(error) if is_unclear(&error) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let acls = acl::to_client(content.acl);
        let options = CreateMode::Ephemeral.with_acls(Acls::new(&acls));
        let mut writer = client.new_multi_writer();
        writer.add_delete(path, Some(version))?;
        writer.add_create(path, &content.data(), &options)?;
        match writer.commit().await {
            // The reply to a transaction lacks the stat of a created node (ZOOKEEPER-4026).
            Ok(_) => {
                self.record_new(ours).await;
                Ok(Some(NodeFate::Done))
            }
            Err(MultiWriteError::OperationFailed { source, .. }) => match source {
                ClientError::NoNode | ClientError::BadVersion | ClientError::NodeExists => Ok(None),
                source => Err(source),
            },
            Err(MultiWriteError::RequestFailed { source }) if is_unclear(&source) => Ok(None),
            Err(MultiWriteError::RequestFailed { source }) => Err(source),
        }
    }

    /// Deletes the node if it belongs to this registration.
    pub(super) async fn leave(&mut self, ours: &Ours<'_>) -> NodeFate {
        let (path, client) = (self.path.as_str(), ours.client());
        for _ in 0..ATTEMPTS {
            let stat = match client.check_stat(path).await {
                Ok(Some(stat)) => stat,
                Ok(None) => return NodeFate::Done,
                Err(error) => return self.failed(error),
            };
            let owner = stat.ephemeral_owner;
            if owner == 0 || owner != ours.session.id() && !ours.past.contains(&owner) {
                return NodeFate::Done;
            }
            match client.delete(path, Some(stat.version)).await {
                Ok(()) | Err(ClientError::NoNode) => return NodeFate::Done,
                Err(ClientError::BadVersion) => {}
                Err(error) if is_unclear(&error) => {}
                Err(error) => return self.failed(error),
            }
        }
        NodeFate::Again
    }
}
