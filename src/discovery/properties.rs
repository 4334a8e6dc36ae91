//! A live view of a node's properties, read through links.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::board::{self, Board, Changes, Keep, Reaction, Snapshot, Task};
use super::dependencies::Dependencies;
use super::error::{Error, parse};
use super::handle::ZooKeeper;
use super::resolving::{Asked, Known};
use super::supervision::Connection;
use crate::links;
use crate::path::ZPath;
use crate::value::{LinkKind, Properties, split_link};

/// What a property holds: a value, or a link that leads nowhere.
pub type Property = Result<Value, links::Error>;

/// The properties of a node at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeProperties {
    sequence: u64,
    real_path: Option<ZPath>,
    mzxid: i64,
    stored: Properties,
    /// What stands behind property links, by the name without the operator.
    linked: BTreeMap<String, Property>,
}

impl NodeProperties {
    fn none() -> Self {
        Self {
            sequence: 0,
            real_path: None,
            mzxid: 0,
            stored: Properties::new(),
            linked: BTreeMap::new(),
        }
    }

    /// The value of a property: the stored one, or what a property link of this name leads to.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.look(name)?.ok()
    }

    /// As [`NodeProperties::get`], with what is wrong where a link leads nowhere.
    #[must_use]
    pub fn look(&self, name: &str) -> Option<Result<&Value, &links::Error>> {
        match self.stored.get(name) {
            Some(value) => Some(Ok(value)),
            None => self.linked.get(name).map(Result::as_ref),
        }
    }

    /// A property as a type of the caller's; none where there is no such property.
    ///
    /// # Errors
    /// [`Error::Type`], and [`Error::Link`] where a link leads nowhere.
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Option<Result<T, Error>> {
        Some(match self.look(name)? {
            Ok(value) => typed(name, value.clone()),
            Err(error) => Err(Error::Link(error.clone())),
        })
    }

    /// All properties, links read through and left out themselves, as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Type`]; a property whose link leads nowhere counts as missing.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let values = self
            .iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.ok()?.clone())));
        typed("properties", Value::Object(values.collect()))
    }

    /// The properties by name, property links read through; symbolic links are left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Result<&Value, &links::Error>)> {
        let stored = self.stored.iter();
        let plain = stored.filter(|(name, _)| split_link(name).is_none());
        let plain = plain.map(|(name, value)| (name.as_str(), Ok(value)));
        let linked = self.linked.iter();
        let linked = linked.filter(|(name, _)| !self.stored.contains_key(*name));
        let mut all: Vec<_> = plain
            .chain(linked.map(|(name, value)| (name.as_str(), value.as_ref())))
            .collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        all.into_iter()
    }

    /// The properties as they are stored, links as `"x ->"` and `"x =>"`.
    #[must_use]
    pub fn stored(&self) -> &Properties {
        &self.stored
    }

    /// How many are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Whether none is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// The node behind all links; none where there is no such node.
    #[must_use]
    pub fn real_path(&self) -> Option<&ZPath> {
        self.real_path.as_ref()
    }

    /// Whether there is no such node any more, and no link leads elsewhere.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.real_path.is_none()
    }

    /// Everything by name, as it is compared.
    fn all(&self) -> BTreeMap<&str, Result<&Value, &links::Error>> {
        let stored = self.stored.iter();
        let mut all: BTreeMap<_, _> = self
            .linked
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
            .collect();
        all.extend(stored.map(|(name, value)| (name.as_str(), Ok(value))));
        all
    }

    fn change_to(&self, new: &Arc<Self>) -> Option<PropertiesChange> {
        let (old, now) = (self.all(), new.all());
        let names = |names: Vec<&&str>| names.into_iter().map(|name| (*name).to_owned()).collect();
        let change = PropertiesChange {
            added: names(now.keys().filter(|name| !old.contains_key(*name)).collect()),
            removed: names(old.keys().filter(|name| !now.contains_key(*name)).collect()),
            updated: names(
                now.iter()
                    .filter(|(name, value)| old.get(*name).is_some_and(|old| old != *value))
                    .map(|(name, _)| name)
                    .collect(),
            ),
            snapshot: new.clone(),
        };
        let is_same = change.added.is_empty()
            && change.removed.is_empty()
            && change.updated.is_empty()
            && self.real_path == new.real_path;
        (!is_same).then_some(change)
    }
}

fn typed<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::Type {
        name: name.to_owned(),
        message: error.to_string(),
    })
}

impl Snapshot for NodeProperties {
    type Change = PropertiesChange;

    fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// What differs from one snapshot to the next, by name: stored properties, and those read through
/// property links.
#[derive(Debug, Clone)]
pub struct PropertiesChange {
    /// Properties that were not there before.
    pub added: Vec<String>,
    /// Properties that are not there any more.
    pub removed: Vec<String>,
    /// Properties that have another value.
    pub updated: Vec<String>,
    /// All there is now.
    pub snapshot: Arc<NodeProperties>,
}

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
        let snapshot = read.await?.map_err(unresolved)?;
        Ok(PropertiesView {
            path: path.to_owned(),
            zookeeper: self.clone(),
            board: Board::new(snapshot),
            task: None,
        })
    }
}

fn unresolved(error: links::Error) -> Error {
    match error {
        links::Error::Missing(path) => Error::NoNode(path),
        error => Error::Link(error),
    }
}

/// All properties of the node at a path.
fn read_all(nodes: &Asked<'_>, path: &ZPath) -> Result<NodeProperties, links::Error> {
    let real = links::resolve(nodes, path)?;
    let node = nodes.touch(&real)?;
    let mut linked = BTreeMap::new();
    let mut unknown = Vec::new();
    for stored in node.properties.keys() {
        let Some((name, LinkKind::Property)) = split_link(stored) else {
            continue;
        };
        match links::property(nodes, &real, name) {
            Err(links::Error::Unknown(paths)) => unknown.extend(paths),
            property => _ = linked.insert(name.to_owned(), property),
        }
    }
    if !unknown.is_empty() {
        return Err(links::Error::Unknown(unknown));
    }
    Ok(NodeProperties {
        sequence: 0,
        real_path: Some(real),
        mzxid: node.mzxid,
        stored: node.properties.clone(),
        linked,
    })
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

/// Keeps a view up to date.
struct Keeper {
    zookeeper: ZooKeeper,
    board: Arc<Board<NodeProperties>>,
    path: ZPath,
    /// Who waits for the first snapshot.
    first: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Keep for Keeper {
    type Snapshot = NodeProperties;

    async fn keep(&mut self, connection: &Connection) -> Error {
        match self.follow(connection).await {
            Ok(never) => match never {},
            Err(error) => {
                if !error.is_temporary()
                    && let Some(first) = self.first.take()
                {
                    _ = first.send(Err(error.clone()));
                }
                error
            }
        }
    }
}

impl Keeper {
    async fn follow(&mut self, connection: &Connection) -> Result<std::convert::Infallible, Error> {
        let (sender, mut signals) = mpsc::unbounded_channel();
        let mut dependencies = Dependencies::default();
        loop {
            let path = self.path.clone();
            let question = |nodes: &Asked<'_>| read_all(nodes, &path);
            let hub = &connection.hub;
            let answer = dependencies.answer(&self.zookeeper, hub, &sender, &path, question);
            match answer.await? {
                Ok(properties) => {
                    self.show(properties);
                    if let Some(first) = self.first.take() {
                        _ = first.send(Ok(()));
                    }
                }
                Err(error) => {
                    if let Some(first) = self.first.take() {
                        _ = first.send(Err(unresolved(error)));
                    }
                    self.show(NodeProperties::none());
                }
            }
            let first = signals.recv().await.ok_or(Error::Closed)?;
            dependencies.forget(&first);
            while let Ok(signal) = signals.try_recv() {
                dependencies.forget(&signal);
            }
        }
    }

    fn show(&mut self, mut properties: NodeProperties) {
        let before = self.board.snapshot();
        properties.sequence = before.sequence + 1;
        // Who waits for a write to show waits for its number, also where nothing else differs.
        let is_written = properties.mzxid != before.mzxid;
        let now = Arc::new(properties);
        match before.change_to(&now) {
            Some(change) => self.board.publish(&now, change),
            None if is_written => self.board.refresh(now),
            None => {}
        }
    }
}
