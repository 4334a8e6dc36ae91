//! The task of a view of children: it reads what has changed, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use zookeeper_client::Error as Refusal;

use super::{Child, Children};
use crate::model::node::Live;
use crate::model::path::{ZPath, check_name};
use crate::plan::links;
use crate::services::board::{Board, Keep};
use crate::services::dependencies::Dependencies;
use crate::services::error::Error;
use crate::services::handle::ZooKeeper;
use crate::services::hub::{Interest, Signal, Subscription};
use crate::services::resolving::Asked;
use crate::services::supervision::Connection;
use crate::zookeeper::live;
use crate::zookeeper::session::{is_fatal, is_outcome_unknown};

/// How many children are read one by one; more are read in batches.
const SINGLE_READS: usize = 64;

/// How long to wait before reading again what was lost.
const PAUSE: Duration = Duration::from_millis(10);

/// Keeps a view up to date.
pub(super) struct Keeper {
    pub(super) zookeeper: ZooKeeper,
    pub(super) board: Arc<Board<Children>>,
    pub(super) path: ZPath,
    /// Who waits for the first snapshot.
    pub(super) first: Option<oneshot::Sender<Result<(), Error>>>,
}

impl Keep for Keeper {
    type Snapshot = Children;

    async fn keep(&mut self, connection: &Connection) -> Error {
        match self.follow(connection).await {
            Ok(never) => match never {},
            Err(error) => {
                if (!error.is_temporary() || error.is_timeout())
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
    async fn follow(&mut self, connection: &Connection) -> Result<Infallible, Error> {
        let (sender, mut signals) = mpsc::unbounded_channel();
        let hub = &connection.hub;
        let mut dependencies = Dependencies::default();
        let mut watched: Option<(ZPath, Subscription)> = None;
        let mut dirty = Dirty::All;
        loop {
            let path = self.path.clone();
            let question = |nodes: &Asked<'_>| links::resolve(nodes, &path);
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
        .filter(|name| check_name(name).is_ok())
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
