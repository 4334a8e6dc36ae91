//! A live view of a node's children.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use zookeeper_client::{Error as Refusal, Stat};

use super::board::{self, Board, Changes, Keep, Reaction, Snapshot, Task};
use super::dependencies::Dependencies;
use super::error::{Error, parse};
use super::handle::ZooKeeper;
use super::hub::{Interest, Signal, Subscription};
use super::supervision::Connection;
use crate::links;
use crate::live;
use crate::node::Live;
use crate::path::ZPath;
use crate::session::{is_fatal, is_outcome_unknown};
use crate::value::{Data, Properties};

/// How many children are read one by one; more are read in batches.
const SINGLE_READS: usize = 64;

/// How long to wait before reading again what was lost.
const PAUSE: Duration = Duration::from_millis(10);

/// A child of a node.
#[derive(Debug)]
pub struct Child {
    name: String,
    data: Vec<u8>,
    version: i32,
    mzxid: i64,
    ephemeral: bool,
    readable: bool,
    properties: OnceLock<Properties>,
}

impl Child {
    fn read(name: &str, data: Vec<u8>, stat: &Stat) -> Self {
        Self {
            name: name.to_owned(),
            data,
            version: stat.version,
            mzxid: stat.mzxid,
            ephemeral: stat.ephemeral_owner != 0,
            readable: true,
            properties: OnceLock::new(),
        }
    }

    fn of_live(name: &str, live: Live) -> Self {
        match live {
            Live::Read(node) => Self {
                name: name.to_owned(),
                version: node.version.get(),
                mzxid: node.mzxid,
                ephemeral: node.ephemeral,
                data: node.data,
                readable: true,
                properties: OnceLock::new(),
            },
            Live::Listed | Live::Unreadable => Self::unreadable(name),
        }
    }

    fn unreadable(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            data: Vec::new(),
            version: -1,
            mzxid: 0,
            ephemeral: false,
            readable: false,
            properties: OnceLock::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its data, empty where it may not be read.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The version of its data, -1 where it may not be read.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.version
    }

    /// The number of the transaction that wrote it last.
    #[must_use]
    pub fn mzxid(&self) -> i64 {
        self.mzxid
    }

    /// Whether it goes with the session that made it.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// Whether it may be read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Its properties as they are stored; decoded when they are first asked for.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        self.properties
            .get_or_init(|| Data::decode(&self.data).into_properties())
    }

    /// Its properties as a type of the caller's.
    ///
    /// # Errors
    /// [`Error::Type`].
    pub fn get_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let object = Value::Object(self.properties().clone().into_iter().collect());
        serde_json::from_value(object).map_err(|error| Error::Type {
            name: self.name.clone(),
            message: error.to_string(),
        })
    }
}

/// The children of a node at one time.
#[derive(Debug, Clone)]
pub struct Children {
    sequence: u64,
    real_path: Option<ZPath>,
    /// Sorted by name.
    children: Vec<Arc<Child>>,
}

impl Children {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// The children by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Child>> {
        self.children.iter()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.children.iter().map(|child| child.name())
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Child>> {
        let place = self
            .children
            .binary_search_by(|child| child.name().cmp(name));
        place.ok().map(|place| &self.children[place])
    }

    /// The node they are children of, behind all links; none where there is no such node.
    #[must_use]
    pub fn real_path(&self) -> Option<&ZPath> {
        self.real_path.as_ref()
    }

    /// Whether there is no such node any more, and no link leads elsewhere.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.real_path.is_none()
    }

    /// The difference to a newer snapshot.
    fn change_to(&self, new: &Arc<Self>) -> Option<ChildrenChange> {
        let mut change = ChildrenChange {
            added: Vec::new(),
            removed: Vec::new(),
            updated: Vec::new(),
            snapshot: new.clone(),
        };
        let (mut old, mut now) = (
            self.children.iter().peekable(),
            new.children.iter().peekable(),
        );
        loop {
            match (old.peek(), now.peek()) {
                (None, None) => break,
                (Some(gone), None) => {
                    change.removed.push(Arc::clone(gone));
                    old.next();
                }
                (None, Some(new)) => {
                    change.added.push(Arc::clone(new));
                    now.next();
                }
                (Some(before), Some(after)) => match before.name.cmp(&after.name) {
                    std::cmp::Ordering::Less => {
                        change.removed.push(Arc::clone(before));
                        old.next();
                    }
                    std::cmp::Ordering::Greater => {
                        change.added.push(Arc::clone(after));
                        now.next();
                    }
                    std::cmp::Ordering::Equal => {
                        if before.mzxid != after.mzxid {
                            change.updated.push(Arc::clone(after));
                        }
                        old.next();
                        now.next();
                    }
                },
            }
        }
        let is_same = change.added.is_empty()
            && change.removed.is_empty()
            && change.updated.is_empty()
            && self.real_path == new.real_path;
        (!is_same).then_some(change)
    }
}

impl Snapshot for Children {
    type Change = ChildrenChange;

    fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// What differs from one snapshot to the next.
#[derive(Debug, Clone)]
pub struct ChildrenChange {
    /// Children that were not there before.
    pub added: Vec<Arc<Child>>,
    /// Children that are not there any more, as they were.
    pub removed: Vec<Arc<Child>>,
    /// Children that were written, or made anew, since.
    pub updated: Vec<Arc<Child>>,
    /// All there is now.
    pub snapshot: Arc<Children>,
}

/// A live view of a node's children.
///
/// Reading it waits for nothing. Clones are the same view; it ends with the last of them and of its
/// streams. Changes that come while one is being read are told together.
#[derive(Clone)]
pub struct ChildrenView {
    path: String,
    board: Arc<Board<Children>>,
    task: Arc<Task>,
}

impl std::fmt::Debug for ChildrenView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildrenView")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ZooKeeper {
    /// A live view of the children of the node at `path`, to which links may lead. The data of each
    /// child is read when it is new or was written.
    ///
    /// # Errors
    /// [`Error::NoNode`] where there is no such node, [`Error::Link`], and those of the connection.
    ///
    /// # Cancellation safety
    /// When the future is dropped there is no view.
    pub async fn children(&self, path: &str) -> Result<ChildrenView, Error> {
        let wanted = links::join(&ZPath::root(), path)?;
        parse(path)?;
        let (first_sender, first) = oneshot::channel();
        let board = Board::new(Children {
            sequence: 0,
            real_path: None,
            children: Vec::new(),
        });
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
        Ok(ChildrenView {
            path: path.to_owned(),
            board,
            task,
        })
    }
}

impl ChildrenView {
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

    /// All children as they are known now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Children> {
        self.board.snapshot()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshot().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.snapshot().is_empty()
    }

    /// The names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.snapshot().names().map(str::to_owned).collect()
    }

    /// One child.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Child>> {
        self.snapshot().get(name).cloned()
    }

    /// The properties of one child as a type of the caller's; none where there is no such child.
    ///
    /// # Errors
    /// [`Error::Type`].
    pub fn get_as<T: DeserializeOwned>(&self, name: &str) -> Option<Result<T, Error>> {
        self.get(name).map(|child| child.get_as())
    }

    /// The changes from now on.
    #[must_use]
    pub fn changes(&self) -> Changes<Children> {
        Changes::new(&self.board, self.task.clone())
    }

    /// Calls a function at once, and after each change, with what there is then. It is called on the
    /// view's task, and must not block. It is not called any more after it has returned an error or
    /// panicked, which is logged, or [`ControlFlow::Break`](std::ops::ControlFlow::Break).
    pub fn on_change<R: Reaction>(
        &self,
        callback: impl FnMut(&Arc<Children>) -> R + Send + 'static,
    ) -> &Self {
        self.board.on_change(callback);
        self
    }
}

/// Keeps a view up to date.
struct Keeper {
    zookeeper: ZooKeeper,
    board: Arc<Board<Children>>,
    path: ZPath,
    /// Who waits for the first snapshot.
    first: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Keep for Keeper {
    type Snapshot = Children;

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

/// The children that have to be read.
enum Dirty {
    Some(BTreeSet<String>),
    All,
}

impl Keeper {
    async fn follow(&mut self, connection: &Connection) -> Result<std::convert::Infallible, Error> {
        let (sender, mut signals) = mpsc::unbounded_channel();
        let hub = &connection.hub;
        let mut dependencies = Dependencies::default();
        let mut watched: Option<(ZPath, Subscription)> = None;
        let mut dirty = Dirty::All;
        loop {
            let path = self.path.clone();
            let question = |nodes: &super::resolving::Asked<'_>| links::resolve(nodes, &path);
            let answer = dependencies.answer(&self.zookeeper, hub, &sender, &path, question);
            match answer.await? {
                Ok(real) => {
                    if watched.as_ref().is_none_or(|(watched, _)| *watched != real) {
                        let subscription = hub.subscribe(&real, Interest::Children, &sender);
                        let subscription = subscription.await.map_err(|_| Error::Closed)?;
                        watched = Some((real.clone(), subscription));
                        dirty = Dirty::All;
                    }
                    if !self.read(connection, &real, dirty).await? {
                        dirty = Dirty::All;
                        dependencies.forget(&Signal::Touched(real));
                        sleep(PAUSE).await;
                        continue;
                    }
                }
                Err(error) => {
                    watched = None;
                    if let Some(first) = self.first.take() {
                        _ = first.send(Err(match error {
                            links::Error::Missing(path) => Error::NoNode(path),
                            error => Error::Link(error),
                        }));
                    }
                    self.show(None, Vec::new());
                }
            }
            dirty = Dirty::Some(BTreeSet::new());
            let real = watched.as_ref().map(|(real, _)| real.clone());
            // Until the path must be resolved again.
            loop {
                let mut resolve = false;
                let first = signals.recv().await.ok_or(Error::Closed)?;
                let more = std::iter::from_fn(|| signals.try_recv().ok());
                for signal in std::iter::once(first).chain(more) {
                    match (&signal, &real) {
                        (Signal::Touched(path), Some(real))
                            if path.parent_str() == Some(real.as_str()) =>
                        {
                            if let Dirty::Some(names) = &mut dirty {
                                names.insert(path.name().to_owned());
                            }
                            if dependencies.hold(real) {
                                dependencies.forget(&signal);
                                resolve = true;
                            }
                        }
                        (Signal::Again(path), Some(real)) if path == real => {
                            dirty = Dirty::All;
                            dependencies.forget(&signal);
                            resolve = true;
                        }
                        _ => {
                            dependencies.forget(&signal);
                            resolve = true;
                        }
                    }
                }
                if resolve {
                    break;
                }
                if let Some(real) = &real {
                    let names = std::mem::replace(&mut dirty, Dirty::Some(BTreeSet::new()));
                    if !self.read(connection, real, names).await? {
                        dirty = Dirty::All;
                        dependencies.forget(&Signal::Touched(real.clone()));
                        break;
                    }
                }
            }
        }
    }

    /// Reads children and shows them. False where the node is gone or the connection was lost.
    async fn read(
        &mut self,
        connection: &Connection,
        real: &ZPath,
        dirty: Dirty,
    ) -> Result<bool, Error> {
        let client = connection.session.client();
        let names = match dirty {
            Dirty::Some(names) if names.is_empty() => return Ok(true),
            Dirty::Some(names) => {
                let mut children = self.board.snapshot().children.clone();
                let Some(read) = read_some(connection, real, names.into_iter().collect()).await?
                else {
                    return Ok(false);
                };
                for (name, child) in read {
                    let place = children.binary_search_by(|other| other.name.cmp(&name));
                    match (place, child) {
                        (Ok(place), Some(child)) if children[place].mzxid != child.mzxid => {
                            children[place] = Arc::new(child);
                        }
                        (Ok(_), Some(_)) | (Err(_), None) => {}
                        (Ok(place), None) => _ = children.remove(place),
                        (Err(place), Some(child)) => children.insert(place, Arc::new(child)),
                    }
                }
                self.show(Some(real.clone()), children);
                return Ok(true);
            }
            Dirty::All => match client.list_children(real.as_str()).await {
                Ok(names) => names,
                Err(error) => return lost(real, error),
            },
        };
        let before = self.board.snapshot();
        let Some(read) = read_some(connection, real, names).await? else {
            return Ok(false);
        };
        let mut children: BTreeMap<String, Arc<Child>> = BTreeMap::new();
        for (name, child) in read {
            if let Some(child) = child {
                // What is the same stays the same to those who hold it.
                let same = before.get(&name).filter(|old| old.mzxid == child.mzxid);
                let child = same.cloned().unwrap_or_else(|| Arc::new(child));
                children.insert(name, child);
            }
        }
        self.show(Some(real.clone()), children.into_values().collect());
        Ok(true)
    }

    fn show(&mut self, real_path: Option<ZPath>, children: Vec<Arc<Child>>) {
        let before = self.board.snapshot();
        let now = Arc::new(Children {
            sequence: before.sequence + 1,
            real_path,
            children,
        });
        if let Some(change) = before.change_to(&now) {
            self.board.publish(&now, change);
        }
        if let Some(first) = self.first.take() {
            _ = first.send(Ok(()));
        }
    }
}

/// Reads some children, none of those that do not exist; none at all where the connection was lost.
async fn read_some(
    connection: &Connection,
    parent: &ZPath,
    names: Vec<String>,
) -> Result<Option<Vec<(String, Option<Child>)>>, Error> {
    let names: Vec<String> = names
        .into_iter()
        .filter(|name| crate::path::check_name(name).is_ok())
        .collect();
    if names.len() > SINGLE_READS {
        let paths: Vec<ZPath> = names.iter().map(|name| parent.join(name)).collect();
        let tree = match live::lookup(&connection.session, &paths).await {
            Ok(tree) => tree,
            Err(error) => {
                let error = Error::Live(error);
                return if error.is_temporary() {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        };
        let mut found: BTreeMap<ZPath, Live> = tree.into_iter().collect();
        let children = paths.iter().zip(names).map(|(path, name)| {
            let child = found.remove(path).map(|live| Child::of_live(&name, live));
            (name, child)
        });
        return Ok(Some(children.collect()));
    }
    let client = connection.session.client();
    let requests: Vec<_> = names
        .iter()
        .map(|name| client.get_data(parent.join(name).as_str()))
        .collect();
    let mut children = Vec::with_capacity(names.len());
    for (name, request) in names.into_iter().zip(requests) {
        let child = match request.await {
            Ok((data, stat)) => Some(Child::read(&name, data, &stat)),
            Err(Refusal::NoNode) => None,
            Err(Refusal::NoAuth) => Some(Child::unreadable(&name)),
            Err(error) if is_fatal(&error) || is_outcome_unknown(&error) => return Ok(None),
            Err(error) => return Err(Error::of(parent, error)),
        };
        children.push((name, child));
    }
    Ok(Some(children))
}

/// False where the node is gone or the connection was lost.
fn lost(path: &ZPath, error: Refusal) -> Result<bool, Error> {
    match error {
        Refusal::NoNode => Ok(false),
        error if is_fatal(&error) || is_outcome_unknown(&error) => Ok(false),
        error => Err(Error::of(path, error)),
    }
}
