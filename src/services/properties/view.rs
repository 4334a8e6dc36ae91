//! The view itself: reading, updating, watching.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::oneshot;

use super::keeper::Keeper;
use super::{NodeProperties, read_all, unresolved};
use crate::model::path::ZPath;
use crate::model::value::Properties;
use crate::plan::links;
use crate::services::board::{self, Board, Changes, Reaction, Task};
use crate::services::error::{Error, parse};
use crate::services::handle::ZooKeeper;
use crate::services::resolving::Known;

/// A live view of a node's properties.
///
/// Reading it waits for nothing. Changes in the nodes that property links lead to are changes of the
/// properties. Clones are the same view; it ends with the last of them and of its streams.
#[derive(Clone)]
pub struct PropertiesView {
    path: String,
    zookeeper: ZooKeeper,
    board: Arc<Board<NodeProperties>>,
    /// None where nothing is watched.
    task: Option<Arc<Task>>,
}

impl std::fmt::Debug for PropertiesView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PropertiesView")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ZooKeeper {
    /// A live view of the properties of the node at `path`, to which links may lead.
    ///
    /// # Errors
    /// [`Error::NoNode`] where there is no such node, [`Error::Link`], and those of the connection.
    ///
    /// # Cancellation safety
    /// When the future is dropped there is no view.
    pub async fn properties(&self, path: &str) -> Result<PropertiesView, Error> {
        let wanted = links::join(&ZPath::root(), path)?;
        parse(path)?;
        let (first_sender, first) = oneshot::channel();
        let board = Board::new(NodeProperties::none());
        let keeper = Keeper {
            zookeeper: self.clone(),
            board: board.clone(),
            path: wanted,
            first: Some(first_sender),
        };
        let task = board::start(self.clone(), board.clone(), keeper);
        let limit = self.shared.line.session_timeout();
        match tokio::time::timeout(limit, first).await {
            Ok(Ok(result)) => result?,
            Ok(Err(_)) => return Err(Error::Closed),
            Err(_) => return Err(Error::Unavailable(limit)),
        }
        Ok(PropertiesView {
            path: path.to_owned(),
            zookeeper: self.clone(),
            board,
            task: Some(task),
        })
    }

    /// The properties of the node at `path` as they are now, without watching: they change only
    /// by updates through the view itself.
    ///
    /// # Errors
    /// Those of [`ZooKeeper::properties`].
    pub async fn properties_once(&self, path: &str) -> Result<PropertiesView, Error> {
        let wanted = links::join(&ZPath::root(), path)?;
        parse(path)?;
        let mut known = Known::default();
        let read = self.answer(&mut known, |nodes| read_all(nodes, &wanted));
        let snapshot = read.await?.map_err(unresolved)?.readable()?;
        Ok(PropertiesView {
            path: path.to_owned(),
            zookeeper: self.clone(),
            board: Board::new(snapshot),
            task: None,
        })
    }
}

impl PropertiesView {
    /// The path that was asked for.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The node behind all links, now; none where there is no such node.
    #[must_use]
    pub fn real_path(&self) -> Option<ZPath> {
        self.snapshot().real_path.clone()
    }

    /// All properties as they are known now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<NodeProperties> {
        self.board.snapshot()
    }

    /// How many are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshot().len()
    }

    /// Whether none is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshot().is_empty()
    }

    /// The value of a property, links read through.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        self.snapshot().get(name).cloned()
    }

    /// A property as a type of the caller's; none where there is no such property.
    ///
    /// # Errors
    /// Those of [`NodeProperties::get_as`].
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Option<Result<T, Error>> {
        self.snapshot().get_as(name)
    }

    /// All properties as a type of the caller's.
    ///
    /// # Errors
    /// Those of [`NodeProperties::to`].
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.snapshot().to()
    }

    /// The changes from now on; none ever where nothing is watched.
    ///
    /// # Errors
    /// [`Error::NotWatched`].
    pub fn changes(&self) -> Result<Changes<NodeProperties>, Error> {
        let task = self.task.clone().ok_or(Error::NotWatched)?;
        Ok(Changes::new(&self.board, task))
    }

    /// Calls a function at once, and after each change, with what there is then. It is called on the
    /// view's task, and must not block. It is not called any more after it has returned an error or
    /// panicked, which is logged, or [`ControlFlow::Break`](std::ops::ControlFlow::Break).
    ///
    /// # Errors
    /// [`Error::NotWatched`].
    pub fn on_change<R: Reaction>(
        &self,
        callback: impl FnMut(&Arc<NodeProperties>) -> R + Send + 'static,
    ) -> Result<&Self, Error> {
        if self.task.is_none() {
            return Err(Error::NotWatched);
        }
        self.board.on_change(callback);
        Ok(self)
    }

    /// Sets one property; the others stay.
    ///
    /// # Errors
    /// Those of [`PropertiesView::update`].
    pub async fn set_one(&self, name: &str, value: impl Into<Value>) -> Result<(), Error> {
        self.update([(name.to_owned(), value.into())]).await
    }

    /// Sets some properties of the node behind all links; the others stay, also those that somebody
    /// else sets at the same time. When this returns, the view shows them.
    ///
    /// # Errors
    /// [`Error::NoNode`] where the node was deleted, [`Error::BadPropertyLink`] with nothing written,
    /// and those of [`ZooKeeper::update`].
    ///
    /// # Cancellation safety
    /// When the future is dropped, the update may have happened or not.
    pub async fn update(
        &self,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<(), Error> {
        let changes: Properties = properties.into_iter().collect();
        self.rewrite(move |properties| properties.extend(changes.clone()))
            .await
    }

    /// Replaces the properties: those that this view shows and that are not given are removed. Ones
    /// that somebody else has set since stay.
    ///
    /// # Errors and cancellation safety
    /// As [`PropertiesView::update`].
    pub async fn set(
        &self,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<(), Error> {
        let new: Properties = properties.into_iter().collect();
        let seen = self.snapshot();
        self.rewrite(move |properties| {
            properties.retain(|name, _| !seen.stored.contains_key(name));
            properties.extend(new.clone());
        })
        .await
    }

    async fn rewrite(&self, change: impl Fn(&mut Properties) + Send + Sync) -> Result<(), Error> {
        let real = match self.real_path() {
            Some(real) => real,
            None => return Err(Error::NoNode(parse(&self.path)?)),
        };
        let mut sequence = self.board.sequence();
        let (stat, _) = self.zookeeper.rewrite(&real, change).await?;
        if self.task.is_none() {
            let again = self.zookeeper.properties_once(&self.path).await?;
            let before = self.snapshot();
            let mut now = (*again.snapshot()).clone();
            now.sequence = before.sequence + 1;
            let now = Arc::new(now);
            if let Some(change) = before.change_to(&now) {
                self.board.publish(&now, change);
            }
            return Ok(());
        }
        let shown = async {
            loop {
                sequence.borrow_and_update();
                let now = self.snapshot();
                if now.mzxid >= stat.mzxid || now.real_path.as_ref() != Some(&real) {
                    return;
                }
                if sequence.changed().await.is_err() {
                    return;
                }
            }
        };
        // It is written, whether or not the view can be read again.
        let limit = self.zookeeper.shared.line.session_timeout();
        _ = tokio::time::timeout(limit, shown).await;
        Ok(())
    }
}
