//! Reading a node's children: those that have changed, and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Child, Children};
use crate::model::node::Live;
use crate::model::path::{ZPath, check_name};
use crate::plan::links;
use crate::services::error::Error;
use crate::services::hub::{Interest, Signal, Subscription};
use crate::services::resolving::Asked;
use crate::services::supervision::Connected;
use crate::services::view::{Concern, Reading, Subject};
use crate::zookeeper::live;
use crate::zookeeper::session::{ClientError, is_fatal, is_outcome_unknown};

/// How many children are read one by one; more are read in batches.
const SINGLE_READS: usize = 64;

/// Reads the children that have changed.
pub(super) struct Reader {
    signals: mpsc::UnboundedSender<Signal>,
    /// The node behind all links, with its watch.
    watched: Option<(ZPath, Subscription)>,
    dirty: Dirty,
}

/// The children that have to be read.
enum Dirty {
    Some(BTreeSet<String>),
    All,
}

impl Subject for Reader {
    type Snapshot = Children;
    type Found = ZPath;

    fn nothing() -> Children {
        Children {
            sequence: 0,
            real_path: None,
            children: Vec::new(),
        }
    }

    fn find(nodes: &Asked<'_>, path: &ZPath) -> Result<ZPath, links::Error> {
        links::resolve(nodes, path)
    }

    fn new(signals: mpsc::UnboundedSender<Signal>) -> Self {
        Self {
            signals,
            watched: None,
            dirty: Dirty::All,
        }
    }

    async fn read(
        &mut self,
        connection: &Connected,
        real: &ZPath,
        shown: &Children,
    ) -> Result<Reading<Children>, Error> {
        if self.real() != Some(real) {
            let hub = &connection.hub;
            let subscription = hub.subscribe(real, Interest::Children, &self.signals);
            let subscription = subscription.await.map_err(|_| Error::Closed)?;
            self.watched = Some((real.clone(), subscription));
            self.dirty = Dirty::All;
        }
        let children = match std::mem::replace(&mut self.dirty, Dirty::Some(BTreeSet::new())) {
            Dirty::Some(names) if names.is_empty() => return Ok(Reading::Same),
            Dirty::Some(names) => refreshed(connection, real, names, shown).await?,
            Dirty::All => all(connection, real, shown).await?,
        };
        Ok(match children {
            Some(children) => Reading::New(Children {
                sequence: 0,
                real_path: Some(real.clone()),
                children,
            }),
            None => {
                self.dirty = Dirty::All;
                Reading::Lost(real.clone())
            }
        })
    }

    fn lose(&mut self) {
        self.watched = None;
    }

    fn note(&mut self, signal: &Signal) -> Concern {
        let Some((real, _)) = &self.watched else {
            return Concern::Links;
        };
        match signal {
            Signal::Touched(path) if path.parent_str() == Some(real.as_str()) => {
                if let Dirty::Some(names) = &mut self.dirty {
                    names.insert(path.name().to_owned());
                }
                Concern::Below(real.clone())
            }
            Signal::Again(path) if path == real => {
                self.dirty = Dirty::All;
                Concern::Links
            }
            _ => Concern::Links,
        }
    }
}

impl Reader {
    fn real(&self) -> Option<&ZPath> {
        self.watched.as_ref().map(|(real, _)| real)
    }
}

/// The children that are shown, with these read again. `None` if the connection was lost.
async fn refreshed(
    connection: &Connected,
    real: &ZPath,
    names: BTreeSet<String>,
    shown: &Children,
) -> Result<Option<Vec<Arc<Child>>>, Error> {
    let Some(read) = read_some(connection, real, names.into_iter().collect()).await? else {
        return Ok(None);
    };
    let mut children = shown.children.clone();
    for (name, child) in read {
        let place = children.binary_search_by(|other| other.name().cmp(&name));
        match (place, child) {
            (Ok(place), Some(child)) if children[place].mzxid() != child.mzxid() => {
                children[place] = Arc::new(child);
            }
            (Ok(_), Some(_)) | (Err(_), None) => {}
            (Ok(place), None) => _ = children.remove(place),
            (Err(place), Some(child)) => children.insert(place, Arc::new(child)),
        }
    }
    Ok(Some(children))
}

/// All children. `None` if the node is gone or the connection was lost.
async fn all(
    connection: &Connected,
    real: &ZPath,
    shown: &Children,
) -> Result<Option<Vec<Arc<Child>>>, Error> {
    let client = connection.session.client();
    let names = match client.list_children(real.as_str()).await {
        Ok(names) => names,
        Err(ClientError::NoNode) => return Ok(None),
        Err(error) if is_fatal(&error) || is_outcome_unknown(&error) => return Ok(None),
        Err(error) => return Err(Error::of(real, error)),
    };
    let Some(read) = read_some(connection, real, names).await? else {
        return Ok(None);
    };
    let mut children: BTreeMap<String, Arc<Child>> = BTreeMap::new();
    for (name, child) in read {
        if let Some(child) = child {
            // What is the same stays the same to those who hold it.
            let same = shown.get(&name).filter(|old| old.mzxid() == child.mzxid());
            let child = same.cloned().unwrap_or_else(|| Arc::new(child));
            children.insert(name, child);
        }
    }
    Ok(Some(children.into_values().collect()))
}

/// Reads some children, with `None` for each that does not exist. `None` if the connection was lost.
async fn read_some(
    connection: &Connected,
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
            Err(ClientError::NoNode) => None,
            Err(ClientError::NoAuth) => Some(Child::unreadable(&name)),
            Err(error) if is_fatal(&error) || is_outcome_unknown(&error) => return Ok(None),
            Err(error) => return Err(Error::of(parent, error)),
        };
        children.push((name, child));
    }
    Ok(Some(children))
}
