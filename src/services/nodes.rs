//! Single nodes: the shortcuts.

use std::time::Duration;

use serde_json::Value;
use zookeeper_client::{Acls, CreateMode, Error as Refusal, Stat};

use super::error::{Error, parse};
use super::handle::ZooKeeper;
use super::resolving::{Known, Node};
use crate::model::acl::Acl;
use crate::model::path::{ZPath, check_name};
use crate::model::value::{
    Data, LinkKind, Properties, STRING_VALUE, kind_of_text, split_link, split_property_link,
};
use crate::plan::links;
use crate::zookeeper::executor::acl_bytes;
use crate::zookeeper::session::{Session, acl};

/// How often an update is tried again when somebody else's came in between.
const UPDATE_ATTEMPTS: u32 = 100;

/// What becomes of data that is no properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foreign {
    Refuse,
    Replace,
}

fn assign(changes: &Vec<(String, Option<Value>)>, properties: &mut Properties) {
    for (name, value) in changes {
        match value {
            Some(value) => properties.insert(name.clone(), value.clone()),
            None => properties.remove(name),
        };
    }
}

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
    /// Whether there is a node, and what the server knows of it.
    ///
    /// # Errors
    /// A path that is none, and those of the connection.
    pub async fn exists(&self, path: &str) -> Result<Option<Stat>, Error> {
        let path = parse(path)?;
        let read = self.read(&path, |client| client.check_stat(path.as_str()));
        read.await
    }

    /// Makes a node.
    ///
    /// # Errors
    /// [`Error::NodeExists`], [`Error::NoNode`] with the parent missing, and those of the connection.
    pub async fn create(&self, path: &str, data: &[u8], new: &NewNode) -> Result<(), Error> {
        self.create_at(&parse(path)?, data, new).await
    }

    async fn check_size(&self, path: &ZPath, data: &[u8], acl: Option<&Acl>) -> Result<(), Error> {
        let connection = self.connection().await?;
        check_size(&connection.session, path, data, acl)
    }

    async fn create_at(&self, path: &ZPath, data: &[u8], new: &NewNode) -> Result<(), Error> {
        self.check_size(path, data, Some(&new.acl)).await?;
        let acls = acl::to_client(&new.acl);
        let mode = if new.ephemeral {
            CreateMode::Ephemeral
        } else {
            CreateMode::Persistent
        };
        let write = self.write(path, |client| async move {
            let options = mode.with_acls(Acls::new(&acls));
            client.create(path.as_str(), data, &options).await
        });
        match write.await {
            Ok(_) => Ok(()),
            Err(Error::NoNode(path)) => Err(Error::NoNode(path.parent().unwrap_or(path))),
            Err(error) => Err(error),
        }
    }

    /// Makes a node, and those above it that are missing, which are empty and have the same ACL.
    /// It is no error if the node exists.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::create`].
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
            if self.exists(at.as_str()).await?.is_some() {
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

    /// Deletes a node without children; where a version is given, only that one.
    ///
    /// # Errors
    /// [`Error::NoNode`], [`Error::NotEmpty`], [`Error::Conflict`], and those of the connection.
    pub async fn delete(&self, path: &str, version: Option<i32>) -> Result<(), Error> {
        let path = parse(path)?;
        let write = self.write(&path, |client| client.delete(path.as_str(), version));
        write.await
    }

    /// The names of a node's children, sorted.
    ///
    /// # Errors
    /// [`Error::NoNode`], and those of the connection.
    pub async fn get_children(&self, path: &str) -> Result<Vec<String>, Error> {
        let path = parse(path)?;
        let read = self.read(&path, |client| {
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
    pub async fn get(&self, path: &str) -> Result<(Vec<u8>, Stat), Error> {
        let path = parse(path)?;
        self.get_at(&path).await
    }

    pub(crate) async fn get_at(&self, path: &ZPath) -> Result<(Vec<u8>, Stat), Error> {
        let read = self.read(path, |client| client.get_data(path.as_str()));
        read.await
    }

    /// Replaces a node's data; where a version is given, only that one.
    ///
    /// # Errors
    /// [`Error::NoNode`], [`Error::Conflict`], and those of the connection.
    pub async fn set(&self, path: &str, data: &[u8], version: Option<i32>) -> Result<Stat, Error> {
        let path = parse(path)?;
        self.check_size(&path, data, None).await?;
        let write = self.write(&path, |client| {
            client.set_data(path.as_str(), data, version)
        });
        write.await
    }

    /// A node's properties as they are stored: links stand as `"x ->"` and `"x =>"`.
    ///
    /// # Errors
    /// [`Error::NoNode`], and those of the connection.
    pub async fn get_properties(&self, path: &str) -> Result<Properties, Error> {
        let (data, _) = self.get(path).await?;
        Ok(Data::decode(&data).into_properties())
    }

    /// Whether a node goes with the session that made it.
    ///
    /// # Errors
    /// [`Error::NoNode`], and those of the connection.
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
    pub async fn resolve(&self, path: &str) -> Result<ZPath, Error> {
        let path = links::join(&ZPath::root(), path)?;
        self.resolve_path(&path).await
    }

    /// Makes a symbolic link at the path `link` that leads to `target`; a `link` that ends with a
    /// slash takes the target's name. The target need not exist. Links are followed on the way to the
    /// node that is to hold the link. Returns the real path of the link.
    ///
    /// # Errors
    /// [`Error::NodeExists`] where a node stands at `link`, which would hide the link;
    /// [`Error::NoNode`] where there is no node to hold it; and those of [`ZooKeeper::update`].
    pub async fn ln(&self, target: &str, link: &str) -> Result<ZPath, Error> {
        let no_path = |text: &str, source| Error::Path {
            text: text.to_owned(),
            source,
        };
        let (base, name) = match link.rsplit_once('/') {
            Some((base, "")) => {
                let name = target.trim_end_matches('/').rsplit('/').next();
                (base, name.unwrap_or_default())
            }
            Some((base, name)) => (base, name),
            None => return Err(parse(link).err().unwrap_or(Error::NoNode(ZPath::root()))),
        };
        check_name(name).map_err(|source| no_path(link, source))?;
        let base = if base.is_empty() { "/" } else { base };
        let holder = self.resolve_path(&parse(base)?).await?;
        links::join(&holder, target)?;
        let at = holder.join(name);
        if self.exists(at.as_str()).await?.is_some() {
            return Err(Error::NodeExists(at));
        }
        let stored = format!("{name} ->");
        let changes = [(stored, Some(Value::from(target)))];
        self.change(&holder, &changes.into()).await?;
        Ok(at)
    }

    /// Sets some properties of a node; the others stay. Links to the node are followed. It is
    /// written with the version that was read, and read again when somebody else was faster.
    ///
    /// # Errors
    /// [`Error::NoNode`], [`Error::BadPropertyLink`] with nothing written, [`Error::Binary`],
    /// [`Error::TextData`],
    /// [`Error::Uncertain`], and those of the connection.
    pub async fn update(
        &self,
        path: &str,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<Stat, Error> {
        let path = self.resolve(path).await?;
        let changes = properties
            .into_iter()
            .map(|(name, value)| (name, Some(value)));
        self.change(&path, &changes.collect()).await
    }

    /// As [`ZooKeeper::update`]; a property without a value is removed.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::update`].
    pub async fn change_properties(
        &self,
        path: &str,
        changes: impl IntoIterator<Item = (String, Option<Value>)>,
    ) -> Result<Stat, Error> {
        let path = self.resolve(path).await?;
        self.change(&path, &changes.into_iter().collect()).await
    }

    /// As [`ZooKeeper::change_properties`], but data that is text or binary gives way to the
    /// properties.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::update`], but for [`Error::TextData`] and [`Error::Binary`].
    pub async fn put_properties(
        &self,
        path: &str,
        changes: impl IntoIterator<Item = (String, Option<Value>)>,
    ) -> Result<Stat, Error> {
        let path = self.resolve(path).await?;
        let changes = changes.into_iter().collect();
        let written = self.rewrite_over(&path, Foreign::Replace, |properties| {
            assign(&changes, properties);
        });
        written.await.map(|(stat, _)| stat)
    }

    pub(crate) async fn change(
        &self,
        path: &ZPath,
        changes: &Vec<(String, Option<Value>)>,
    ) -> Result<Stat, Error> {
        let rewrite = self.rewrite(path, |properties| assign(changes, properties));
        rewrite.await.map(|(stat, _)| stat)
    }

    /// Writes a node's properties as a function makes them from those that stand there, with the
    /// version that was read; it is called again when somebody else wrote in between.
    pub(crate) async fn rewrite(
        &self,
        path: &ZPath,
        change: impl Fn(&mut Properties) + Send + Sync,
    ) -> Result<(Stat, Properties), Error> {
        self.rewrite_over(path, Foreign::Refuse, change).await
    }

    async fn rewrite_over(
        &self,
        path: &ZPath,
        foreign: Foreign,
        change: impl Fn(&mut Properties) + Send + Sync,
    ) -> Result<(Stat, Properties), Error> {
        let mut attempts = 0;
        loop {
            let (found, stat) = self.get_at(path).await?;
            let decoded = Data::decode(&found);
            let is_text = matches!(decoded, Data::Text(_));
            let replaces = foreign == Foreign::Replace && !matches!(decoded, Data::Properties(_));
            let before = match decoded {
                Data::Properties(properties) => properties,
                _ if replaces => Properties::new(),
                Data::Binary(_) => return Err(Error::Binary(path.clone())),
                text @ Data::Text(_) => text.into_properties(),
            };
            let mut properties = before.clone();
            change(&mut properties);
            if properties == before && !replaces {
                return Ok((stat, properties));
            }
            // The text would be one property among others, and not that text any more.
            let text = before.get(STRING_VALUE).filter(|_| is_text);
            if text.is_some() && properties.len() > 1 && properties.get(STRING_VALUE) == text {
                let kind = kind_of_text(&String::from_utf8_lossy(&found));
                let path = path.clone();
                return Err(Error::TextData { path, kind });
            }
            self.check_property_links(path, &before, &properties)
                .await?;
            let data = Data::of(properties.clone()).encode_over(&found);
            let data = data.as_bytes();
            self.check_size(path, data, None).await?;
            let write = self.write(path, |client| {
                client.set_data(path.as_str(), data, Some(stat.version))
            });
            match write.await {
                Ok(stat) => return Ok((stat, properties)),
                Err(Error::Conflict(_)) if attempts < UPDATE_ATTEMPTS => {
                    attempts += 1;
                    let limit = u64::from(attempts.min(20));
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=limit))).await;
                }
                // If it was not written, or over again, it is tried again; if it was, all is as
                // it should be.
                Err(error @ Error::Uncertain { .. }) if attempts < UPDATE_ATTEMPTS => {
                    attempts += 10;
                    let (now, stat_now) = self.get_at(path).await.map_err(|_| error)?;
                    if *now == *data && stat_now.version == stat.version.wrapping_add(1) {
                        return Ok((stat_now, properties));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Checks those property links that are new in `after`: they must lead to a property.
    async fn check_property_links(
        &self,
        path: &ZPath,
        before: &Properties,
        after: &Properties,
    ) -> Result<(), Error> {
        let mut known = Known::default();
        let node = Node {
            properties: after.clone(),
            version: 0,
            mzxid: 0,
        };
        known.insert(path.clone(), Some(node));
        for (stored, value) in after {
            let Some((name, LinkKind::Property)) = split_link(stored) else {
                continue;
            };
            if before.get(stored) == Some(value) {
                continue;
            }
            let bad = |source| Error::BadPropertyLink {
                path: path.clone(),
                name: name.to_owned(),
                source,
            };
            let Some(target) = value.as_str() else {
                return Err(bad(links::Error::NoPath {
                    path: path.clone(),
                    name: stored.clone(),
                }));
            };
            let (at, other) = split_property_link(target);
            let at = links::join(path, at).map_err(bad)?;
            let other = other.unwrap_or(name);
            let question = self.answer(&mut known, |nodes| links::property(nodes, &at, other));
            question.await?.map_err(bad)?;
        }
        Ok(())
    }

    /// The server's last changes are seen by what is read after this.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn sync(&self) -> Result<(), Error> {
        let root = ZPath::root();
        let read = self.read(&root, |client| async move { client.sync("/").await });
        match read.await {
            Err(Error::Refused {
                source: Refusal::Unimplemented,
                ..
            }) => Ok(()),
            result => result,
        }
    }
}

/// Refuses what no request can carry, before it is sent: servers drop the connection on it, with
/// all else that is in flight. `None` is the open ACL.
pub(super) fn check_size(
    session: &Session,
    path: &ZPath,
    data: &[u8],
    acl: Option<&Acl>,
) -> Result<(), Error> {
    let limit = session.max_request();
    // What a request to create a node needs besides; others need less.
    let bytes = 25 + acl_bytes(acl) + session.chroot_len() + path.as_str().len() + data.len();
    if bytes > limit {
        let path = path.clone();
        return Err(Error::TooLarge { path, bytes, limit });
    }
    Ok(())
}
