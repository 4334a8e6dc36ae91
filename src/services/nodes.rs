//! Single nodes: the shortcuts.

use serde_json::Value;

use super::editing::{self, Changes, Foreign};
use super::error::{Error, parse};
use super::handle::ZooKeeper;
use crate::model::acl::Acl;
use crate::model::path::{ZPath, check_name};
use crate::model::request::Write;
use crate::model::value::{Data, Properties};
use crate::plan::links;
use crate::zookeeper::session::{Acls, ClientError, CreateMode, Stat, acl};

/// How a node is to be made.
#[derive(Debug, Clone)]
pub struct NewNode {
    /// Who may do what with it. Default: everybody everything.
    pub acl: Acl,
    /// Whether it goes with the session. Default: no.
    pub ephemeral: bool,
}

impl Default for NewNode {
    fn default() -> Self {
        Self {
            acl: Acl::open(),
            ephemeral: false,
        }
    }
}

/// # Nodes
///
/// Paths here are real ones: links are not followed, but for [`ZooKeeper::resolve`] and
/// [`ZooKeeper::ln`]. A read whose connection is lost is tried again; a write whose connection is
/// lost may or may not have happened, and ends with [`Error::Uncertain`]. While there is no session,
/// everything waits for one up to the session timeout, and then ends with [`Error::Unavailable`].
/// A dropped future of a write that was polled may still be carried out.
impl ZooKeeper {
    /// What the server knows of a node. Returns `None` if there is no such node.
    ///
    /// # Errors
    /// [`Error::Path`], and those of the connection; [`Error::NoPermission`] for a node that exists and
    /// may not be read, from ZooKeeper 3.7.3, 3.8.4 and 3.9.2 on.
    ///
    /// # Cancellation safety
    /// Nothing is written.
    pub async fn exists(&self, path: &str) -> Result<Option<Stat>, Error> {
        let path = parse(path)?;
        let read = self
            .core
            .read(&path, |client| client.check_stat(path.as_str()));
        read.await
    }

    /// Whether there is a node, readable or not.
    pub(crate) async fn is_there(&self, path: &ZPath) -> Result<bool, Error> {
        match self.exists(path.as_str()).await {
            Err(Error::NoPermission(_)) => Ok(true),
            stat => Ok(stat?.is_some()),
        }
    }

    /// Creates a node.
    ///
    /// # Errors
    /// [`Error::NodeExists`], [`Error::NoNode`] if the parent is missing, and those of the connection.
    ///
    /// # Cancellation safety
    /// The write may still be carried out.
    pub async fn create(&self, path: &str, data: &[u8], new: &NewNode) -> Result<(), Error> {
        self.create_at(&parse(path)?, data, new).await
    }

    async fn create_at(&self, path: &ZPath, data: &[u8], new: &NewNode) -> Result<(), Error> {
        let size = Write::Create {
            data: data.len(),
            acl: Some(&new.acl),
        };
        self.core.check_size(path, size).await?;
        let acls = acl::to_client(&new.acl);
        let mode = if new.ephemeral {
            CreateMode::Ephemeral
        } else {
            CreateMode::Persistent
        };
        let write = self.core.write(path, |client| async move {
            let options = mode.with_acls(Acls::new(&acls));
            client.create(path.as_str(), data, &options).await
        });
        match write.await {
            Ok(_) => Ok(()),
            Err(Error::NoNode(path)) => Err(Error::NoNode(path.parent().unwrap_or(path))),
            Err(error) => Err(error),
        }
    }

    /// Creates a node, and those above it that are missing, which are empty and have the same ACL.
    /// It is no error if the node exists.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::create`].
    ///
    /// # Cancellation safety
    /// What was made stands, and the node that is being made may still be.
    pub async fn create_recursive(
        &self,
        path: &str,
        data: &[u8],
        new: &NewNode,
    ) -> Result<(), Error> {
        let path = parse(path)?;
        let mut missing = Vec::new();
        let mut above = Some(path.clone());
        while let Some(at) = above.filter(|at| !at.is_root()) {
            if self.is_there(&at).await? {
                break;
            }
            above = at.parent();
            missing.push(at);
        }
        for at in missing.iter().rev() {
            let result = if *at == path {
                self.create_at(at, data, new).await
            } else {
                let acl = new.acl.clone();
                let parent = NewNode {
                    acl,
                    ephemeral: false,
                };
                self.create_at(at, b"", &parent).await
            };
            match result {
                Ok(()) | Err(Error::NodeExists(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Deletes a node without children. If a version is given, the node must have it.
    ///
    /// # Errors
    /// [`Error::NoNode`], [`Error::NotEmpty`], [`Error::Conflict`], and those of the connection.
    ///
    /// # Cancellation safety
    /// The write may still be carried out.
    pub async fn delete(&self, path: &str, version: Option<i32>) -> Result<(), Error> {
        let path = parse(path)?;
        let write = self
            .core
            .write(&path, |client| client.delete(path.as_str(), version));
        write.await
    }

    /// The names of a node's children, sorted.
    ///
    /// # Errors
    /// [`Error::NoNode`], and those of the connection.
    ///
    /// # Cancellation safety
    /// Nothing is written.
    pub async fn get_children(&self, path: &str) -> Result<Vec<String>, Error> {
        let path = parse(path)?;
        let read = self.core.read(&path, |client| {
            let (client, path) = (client, path.clone());
            async move { client.list_children(path.as_str()).await }
        });
        let mut names = read.await?;
        names.sort_unstable();
        Ok(names)
    }

    /// A node's data, and what the server knows of it.
    ///
    /// # Errors
    /// [`Error::NoNode`], and those of the connection.
    ///
    /// # Cancellation safety
    /// Nothing is written.
    pub async fn get(&self, path: &str) -> Result<(Vec<u8>, Stat), Error> {
        let path = parse(path)?;
        self.core.get_at(&path).await
    }

    /// Replaces a node's data. If a version is given, the node must have it.
    ///
    /// # Errors
    /// [`Error::NoNode`], [`Error::Conflict`], and those of the connection.
    ///
    /// # Cancellation safety
    /// The write may still be carried out.
    pub async fn set(&self, path: &str, data: &[u8], version: Option<i32>) -> Result<Stat, Error> {
        let path = parse(path)?;
        let size = Write::Set { data: data.len() };
        self.core.check_size(&path, size).await?;
        let write = self.core.write(&path, |client| {
            client.set_data(path.as_str(), data, version)
        });
        write.await
    }

    /// A node's properties as they are stored: links stand as `"x ->"` and `"x =>"`.
    ///
    /// # Errors
    /// [`Error::NoNode`], and those of the connection.
    ///
    /// # Cancellation safety
    /// Nothing is written.
    pub async fn get_properties(&self, path: &str) -> Result<Properties, Error> {
        let (data, _) = self.get(path).await?;
        Ok(Data::decode(&data).into_properties())
    }

    /// Whether a node goes with the session that made it.
    ///
    /// # Errors
    /// [`Error::NoNode`], and those of the connection.
    ///
    /// # Cancellation safety
    /// Nothing is written.
    pub async fn is_ephemeral(&self, path: &str) -> Result<bool, Error> {
        match self.exists(path).await? {
            Some(stat) => Ok(stat.ephemeral_owner != 0),
            None => Err(Error::NoNode(parse(path)?)),
        }
    }

    /// The real path for a path that leads through symbolic links. Where a node lacks a child but
    /// has a property with the child's name and ` ->`, the path in that is followed.
    ///
    /// # Errors
    /// [`Error::NoNode`], [`Error::Link`], and those of the connection.
    ///
    /// # Cancellation safety
    /// Nothing is written.
    pub async fn resolve(&self, path: &str) -> Result<ZPath, Error> {
        let path = links::join(&ZPath::root(), path)?;
        self.core.resolve_path(&path).await
    }

    /// Creates a symbolic link at the path `link` that leads to `target`; a `link` that ends with a
    /// slash gets the target's name at its end. The target need not exist. Links are followed on the way to the
    /// node that is to hold the link. Returns the real path of the link.
    ///
    /// # Errors
    /// [`Error::NodeExists`] where a node stands at `link`, which would hide the link;
    /// [`Error::NoNode`] where there is no node to hold it; and those of [`ZooKeeper::update`].
    ///
    /// # Cancellation safety
    /// The write may still be carried out.
    pub async fn ln(&self, target: &str, link: &str) -> Result<ZPath, Error> {
        let no_path = |text: &str, reason| Error::Path {
            text: text.to_owned(),
            reason,
        };
        let (base, name) = match link.rsplit_once('/') {
            Some((base, "")) => {
                let name = target.trim_end_matches('/').rsplit('/').next();
                (base, name.unwrap_or_default())
            }
            Some((base, name)) => (base, name),
            None => return Err(parse(link).err().unwrap_or(Error::NoNode(ZPath::root()))),
        };
        check_name(name).map_err(|reason| no_path(link, reason))?;
        let base = if base.is_empty() { "/" } else { base };
        let holder = self.core.resolve_path(&parse(base)?).await?;
        links::join(&holder, target)?;
        let at = holder.join(name);
        if self.is_there(&at).await? {
            return Err(Error::NodeExists(at));
        }
        let stored = format!("{name} ->");
        let changes = [(stored, Some(Value::from(target)))];
        self.core.change(&holder, &changes.into()).await?;
        Ok(at)
    }

    /// Sets some properties of a node; the others stay. Links to the node are followed. It is
    /// written with the version that was read, and read again if somebody else wrote in between.
    ///
    /// # Errors
    /// [`Error::NoNode`], [`Error::BadPropertyLink`] with nothing written, [`Error::Binary`],
    /// [`Error::TextData`],
    /// [`Error::Uncertain`], and those of the connection.
    ///
    /// # Cancellation safety
    /// The write may still be carried out.
    pub async fn update(
        &self,
        path: &str,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<Stat, Error> {
        let path = self.resolve(path).await?;
        let changes = properties
            .into_iter()
            .map(|(name, value)| (name, Some(value)));
        self.core.change(&path, &changes.collect()).await
    }

    /// As [`ZooKeeper::update`]; a property without a value is removed.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::update`].
    ///
    /// # Cancellation safety
    /// The write may still be carried out.
    pub async fn change_properties(
        &self,
        path: &str,
        changes: impl IntoIterator<Item = (String, Option<Value>)>,
    ) -> Result<Stat, Error> {
        let path = self.resolve(path).await?;
        self.core
            .change(&path, &changes.into_iter().collect())
            .await
    }

    /// As [`ZooKeeper::change_properties`], but data that is text or binary gives way to the
    /// properties.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::update`], but for [`Error::TextData`] and [`Error::Binary`].
    ///
    /// # Cancellation safety
    /// The write may still be carried out.
    pub async fn put_properties(
        &self,
        path: &str,
        changes: impl IntoIterator<Item = (String, Option<Value>)>,
    ) -> Result<Stat, Error> {
        let path = self.resolve(path).await?;
        let changes: Changes = changes.into_iter().collect();
        let written = self
            .core
            .rewrite_over(&path, Foreign::Replace, |properties| {
                editing::assign(&changes, properties);
            });
        written.await.map(|(stat, _)| stat)
    }

    /// Brings the server up to date: later reads see all changes that were made before.
    ///
    /// # Errors
    /// Those of the connection.
    ///
    /// # Cancellation safety
    /// The server may still be brought up to date.
    pub async fn sync(&self) -> Result<(), Error> {
        let root = ZPath::root();
        let read = self
            .core
            .read(&root, |client| async move { client.sync("/").await });
        match read.await {
            Err(Error::Refused {
                reason: ClientError::Unimplemented,
                ..
            }) => Ok(()),
            result => result,
        }
    }
}
