//! Reading nodes before all of them are known: while files are still parsed.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use tokio::sync::mpsc::UnboundedReceiver;

use super::reader::{Ask, Reader};
use super::{Error, FetchOptions, live_of};
use crate::node::Live;
use crate::path::ZPath;
use crate::session::Session;

/// Nodes that were read before they were asked for; without any by default.
#[derive(Debug, Default)]
pub struct ReadAhead {
    /// Boxed, so that the memory of each is free again as soon as it is taken.
    nodes: Vec<(ZPath, Option<Box<Live>>)>,
    places: HashTable<u32>,
    hasher: RandomState,
}

impl ReadAhead {
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node at a path, none where it does not exist; no answer where it was not read, or was
    /// taken already.
    pub(super) fn take(&mut self, path: &ZPath) -> Option<Option<Live>> {
        let Self {
            nodes,
            places,
            hasher,
        } = self;
        let hash = hasher.hash_one(path.as_str());
        let found = places.find_entry(hash, |place| nodes[*place as usize].0 == *path);
        let (place, _) = found.ok()?.remove();
        Some(nodes[place as usize].1.take().map(|live| *live))
    }

    fn place(&self, path: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(path);
        let is_it = |place: &u32| self.nodes[*place as usize].0.as_str() == path;
        self.places.find(hash, is_it).map(|place| *place as usize)
    }

    /// Makes room for a path that has none yet.
    fn add(&mut self, path: ZPath) -> usize {
        let Self {
            nodes,
            places,
            hasher,
        } = self;
        let place = nodes.len();
        let hash = hasher.hash_one(path.as_str());
        nodes.push((path, None));
        let at = u32::try_from(place).expect("fewer than 2^32 nodes");
        places.insert_unique(hash, at, |at| {
            hasher.hash_one(nodes[*at as usize].0.as_str())
        });
        place
    }
}

/// Reads the data of nodes as their paths come in, each once, until no more will come. What is
/// read is for [`fetch_after`](super::fetch_after); it is at least as recent as this call.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub async fn read_ahead(
    session: &Session,
    paths: &mut UnboundedReceiver<Vec<ZPath>>,
    options: &FetchOptions,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<ReadAhead, Error> {
    let mut reader = Reader::new(session, options, progress);
    reader.start_sync();
    let mut ahead = ReadAhead::default();
    let mut group = Vec::new();
    // Before this place it is known of all nodes what they are.
    let mut known = 0;
    let mut open = true;
    while open {
        match paths.recv().await {
            None => open = false,
            Some(paths) => {
                for path in paths {
                    if ahead.place(path.as_str()).is_some() {
                        continue;
                    }
                    let parent = path.parent_str().and_then(|parent| ahead.place(parent));
                    let below_missing = parent
                        .is_some_and(|parent| parent < known && ahead.nodes[parent].1.is_none());
                    let place = ahead.add(path);
                    if !below_missing {
                        group.push(place);
                    }
                }
            }
        }
        if open && group.len() < options.ahead_group {
            continue;
        }
        let found = read_group(&mut reader, &ahead, &group).await?;
        for (place, live) in group.drain(..).zip(found) {
            ahead.nodes[place].1 = live.map(Box::new);
        }
        known = ahead.nodes.len();
    }
    Ok(ahead)
}

async fn read_group(
    reader: &mut Reader<'_>,
    ahead: &ReadAhead,
    group: &[usize],
) -> Result<Vec<Option<Live>>, Error> {
    let path = |i: usize| &ahead.nodes[group[i]].0;
    let asks: Vec<_> = (0..group.len()).map(|i| (path(i), Ask::Data)).collect();
    let mut found = Vec::with_capacity(group.len());
    let receive = |i: usize, answer| {
        found.push(live_of(path(i), answer)?);
        Ok(0)
    };
    reader.read(&asks, receive).await?;
    Ok(found)
}
