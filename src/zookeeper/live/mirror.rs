//! A copy of the wanted live nodes that the server's events keep current.
//!
//! Events tell only where to look. What a node is, is read again; what is read again is bounded by
//! what changed, not by the tree.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use zookeeper_client::{AddWatchMode, Error as Refusal, EventType, SessionState, WatchedEvent};

use super::difference::{differences, is_same, with_stat};
use super::reader::Reader;
use super::{Error, FetchOptions, ReadAhead, collect, fetch, fetch_after, read_wanted, wants};
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::tree::Tree;
use crate::plan::scope::{Children, Want};
use crate::zookeeper::session::{PersistentWatcher, Session, is_fatal, is_outcome_unknown};

/// Of more places than this, each has no watch of its own: one above all of them serves.
const MOST_WATCHES: usize = 64;

/// The data of a larger node is not read again before it is known to have changed.
const LARGE: usize = 1024;

/// What has come to pass since the mirror was last made current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Nodes were created, written or deleted.
    Nodes,
    /// The connection is lost; the session may still live.
    Disconnected,
    /// The connection is back. What happened in between was not told.
    Reconnected,
    /// The session is dead, and the mirror with it.
    Ended,
}

/// What making the mirror current has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// These nodes differ from what was known; none where nothing does.
    Changed(Vec<ZPath>),
    /// Everything was read again.
    Everything {
        /// Nodes that differ although no event has told of them.
        missed: Vec<ZPath>,
    },
}

/// A mirror of the live tree, as far as it is wanted.
#[derive(Debug)]
pub struct Mirror {
    wants: Vec<Want>,
    roots: Vec<ZPath>,
    tree: Tree<Live>,
    options: FetchOptions,
    watchers: Vec<PersistentWatcher>,
    /// Nodes to be read again.
    dirty: BTreeSet<ZPath>,
    /// Whether all is to be read again, and the watches to be added again before.
    stale: bool,
    /// Whether the wants were changed and not all that is wanted now was read.
    torn: bool,
    /// Whether the server tells of events.
    told: bool,
    ended: bool,
}

impl Mirror {
    /// Adds watches at `roots` and reads what is wanted, as [`fetch`](super::fetch) does.
    ///
    /// # Errors
    /// As [`fetch`](super::fetch).
    ///
    /// # Cancellation safety
    /// Reading changes nothing; watches that were added are removed in the background.
    pub async fn open(
        session: &Session,
        wants: Vec<Want>,
        roots: Vec<ZPath>,
    ) -> Result<Self, Error> {
        let mut mirror = Self {
            wants,
            roots: few(roots),
            tree: Tree::default(),
            options: FetchOptions::default(),
            watchers: Vec::new(),
            dirty: BTreeSet::new(),
            stale: true,
            torn: false,
            told: true,
            ended: false,
        };
        mirror.refresh(session).await?;
        Ok(mirror)
    }

    /// The nodes as they are known.
    #[must_use]
    pub fn tree(&self) -> &Tree<Live> {
        &self.tree
    }

    /// Whether the server tells of changes. One before 3.6 does not; then only
    /// [`Mirror::audit`] finds them.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// Whether nothing is known to have changed since the mirror was made current.
    #[must_use]
    pub fn is_current(&mut self) -> bool {
        self.drain();
        !self.stale && !self.torn && self.dirty.is_empty()
    }

    /// Waits until something has come to pass. Where the server tells nothing, for ever.
    ///
    /// # Cancellation safety
    /// What came to pass stays known to [`Mirror::refresh`].
    pub async fn news(&mut self) -> News {
        poll_fn(|context| self.poll(context)).await
    }

    /// Nodes to be read again whether or not an event tells of them.
    pub fn touch(&mut self, paths: impl IntoIterator<Item = ZPath>) {
        self.dirty.extend(paths);
    }

    /// Makes the mirror current: reads again what has changed, or everything after the connection
    /// was lost.
    ///
    /// # Errors
    /// As [`fetch`](super::fetch). What was to be read again still is.
    ///
    /// # Cancellation safety
    /// What was to be read again still is.
    pub async fn refresh(&mut self, session: &Session) -> Result<Found, Error> {
        self.drain();
        if self.stale || self.torn {
            return self.reread(session).await;
        }
        let dirty = self.dirty.clone();
        if dirty.is_empty() {
            return Ok(Found::Changed(Vec::new()));
        }
        let changed = self.read_again(session, &dirty).await?;
        // What came meanwhile may have been read too early.
        self.dirty.retain(|path| !dirty.contains(path));
        self.drain();
        Ok(Found::Changed(changed))
    }

    /// Reads everything again, whatever was told, and finds what was not.
    ///
    /// # Errors and cancellation safety
    /// As [`Mirror::refresh`].
    pub async fn audit(&mut self, session: &Session) -> Result<Found, Error> {
        self.drain();
        self.reread(session).await
    }

    /// Goes over to other wants; reads only what was not wanted before in this way.
    ///
    /// # Errors and cancellation safety
    /// As [`Mirror::refresh`].
    pub async fn rewant(
        &mut self,
        session: &Session,
        wants: Vec<Want>,
        roots: Vec<ZPath>,
    ) -> Result<(), Error> {
        let roots = few(roots);
        let moved = self.roots != roots;
        self.roots = roots;
        if self.wants == wants && !moved {
            return Ok(());
        }
        let added: Vec<Want> = wants
            .iter()
            .filter(|want| {
                let known = wants::find(&self.wants, &want.path);
                known.is_none_or(|known| known != *want)
            })
            .cloned()
            .collect();
        let removed: Vec<ZPath> = self
            .wants
            .iter()
            .filter(|want| wants::find(&wants, &want.path).is_none())
            .map(|want| want.path.clone())
            .collect();
        let old = std::mem::replace(&mut self.wants, wants);
        // Until this has come to its end, a refresh reads everything.
        let torn = std::mem::replace(&mut self.torn, true);
        if torn || self.stale {
            return Ok(());
        }
        if moved {
            // Watches first: what changes after a node was read must be told.
            self.watch(session).await?;
        }
        let found = fetch(session, &added, &self.options, &mut |_| {}).await?;
        let mut news: BTreeMap<ZPath, Option<Live>> =
            added.iter().map(|want| (want.path.clone(), None)).collect();
        for (path, live) in found {
            // Of wanted nodes that were not asked for, more is known.
            if wants::find(&self.wants, &path).is_none() || wants::find(&added, &path).is_some() {
                news.insert(path, Some(live));
            }
        }
        for want in &added {
            // What was listed below a node may be so no more.
            let was = wants::find(&old, &want.path).map_or(Children::Skip, |old| old.children);
            if was > want.children {
                self.forget_undeclared(&want.path);
            }
        }
        self.replace(news);
        self.dirty.extend(removed);
        self.torn = false;
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<News> {
        if self.ended {
            return Poll::Ready(News::Ended);
        }
        let mut news = None;
        let mut seen = |new: News| news = news.max(Some(new));
        for i in (0..self.watchers.len()).rev() {
            while let Poll::Ready(event) = next(&mut self.watchers[i], context) {
                match event.event_type {
                    EventType::Session => {
                        self.stale = true;
                        match event.session_state {
                            SessionState::SyncConnected | SessionState::ConnectedReadOnly => {
                                seen(News::Reconnected);
                            }
                            SessionState::Disconnected => seen(News::Disconnected),
                            _ => {
                                self.ended = true;
                                seen(News::Ended);
                                // The client panics when it is asked again after this.
                                break;
                            }
                        }
                    }
                    // Children tell of themselves where they matter.
                    EventType::NodeChildrenChanged => {}
                    _ => {
                        if let Some(path) = self.place_of(&event.path) {
                            self.dirty.insert(path);
                            seen(News::Nodes);
                        }
                    }
                }
            }
            if self.ended {
                self.watchers.clear();
                break;
            }
        }
        news.map_or(Poll::Pending, Poll::Ready)
    }

    /// Takes note of all events that have come; none of them is told by [`Mirror::news`] again.
    fn drain(&mut self) {
        _ = self.poll(&mut Context::from_waker(Waker::noop()));
    }

    /// The node that an event is about, where its path is one that is wanted.
    fn place_of(&self, path: &str) -> Option<ZPath> {
        let path = ZPath::parse(path).ok()?;
        (wants::beyond(&self.wants, &path) != Children::Skip
            || wants::find(&self.wants, &path).is_some())
        .then_some(path)
    }

    async fn watch(&mut self, session: &Session) -> Result<(), Error> {
        let mut watchers = Vec::with_capacity(self.roots.len());
        if self.told {
            // What is only passed through is watched by itself: much may stand beside.
            let alone: BTreeSet<ZPath> = self
                .roots
                .iter()
                .filter_map(ZPath::parent)
                .flat_map(|above| above.prefixes().collect::<Vec<_>>())
                .filter(|path| wants::find(&self.wants, path).is_some())
                .collect();
            let recursive = self.roots.iter();
            let recursive = recursive.map(|root| (root, AddWatchMode::PersistentRecursive));
            // Of more of them, whoever meets a conflict looks again.
            let alone = alone.iter().take(MOST_WATCHES);
            let alone = alone.map(|path| (path, AddWatchMode::Persistent));
            let client = session.client();
            let pending: Vec<_> = recursive
                .chain(alone)
                .map(|(path, mode)| (path, client.watch(path.as_str(), mode)))
                .collect();
            for (path, watch) in pending {
                match watch.await {
                    Ok(watcher) => watchers.push(watcher),
                    // Servers before 3.6 have no such watch, and close the connection.
                    Err(Refusal::Unimplemented) => {
                        tracing::warn!(
                            "this server is older than ZooKeeper 3.6 and cannot watch: changes are \
                             found when everything is read again"
                        );
                        self.told = false;
                        watchers.clear();
                        break;
                    }
                    Err(source) => return Err(lost(session, path, source)),
                }
            }
        }
        // The old ones go only now: with the last one of a path the server's watch would go, too.
        // And they may hold what nobody has heard yet.
        self.drain();
        self.watchers = watchers;
        Ok(())
    }

    async fn reread(&mut self, session: &Session) -> Result<Found, Error> {
        let was_stale = self.stale || self.torn;
        if was_stale {
            // Persistent watches are not restored after a lost connection, neither by this client
            // nor, for what happened meanwhile, by the server (ZOOKEEPER-4698).
            self.watch(session).await?;
        }
        let ahead = if was_stale {
            self.unmoved(session).await?
        } else {
            ReadAhead::default()
        };
        let (wants, options) = (&self.wants, &self.options);
        let tree = fetch_after(session, ahead, wants, options, &mut |_| {}).await?;
        let before = std::mem::take(&mut self.dirty);
        // Events come before the answers to what is asked after them.
        (self.stale, self.torn) = (false, false);
        self.drain();
        let told = |path: &ZPath| {
            let mut here_or_above = path.prefixes();
            here_or_above.any(|path| before.contains(&path) || self.dirty.contains(&path))
        };
        let mut missed = Vec::new();
        if !was_stale && self.told {
            missed = differences(&self.tree, &tree);
            missed.retain(|path| !told(path));
        }
        self.tree = tree;
        Ok(Found::Everything { missed })
    }

    /// The large wanted nodes that are as they are known: for those their stat is asked, not their
    /// data. To ask a small one is not cheaper than to read it along with many others.
    async fn unmoved(&self, session: &Session) -> Result<ReadAhead, Error> {
        let client = session.client();
        let is_large = |live: &Live| live.node().is_some_and(|node| node.data.len() > LARGE);
        let large = self.tree.iter().filter(|(_, live)| is_large(live));
        // What was read ahead is found by the very path that is wanted.
        let large =
            large.filter_map(|(path, live)| Some((&wants::find(&self.wants, path)?.path, live)));
        let mut unmoved = Vec::new();
        let mut sync = Some(client.sync("/"));
        let mut large = large.peekable();
        let mut in_flight = VecDeque::new();
        while large.peek().is_some() || !in_flight.is_empty() {
            while in_flight.len() < self.options.acl_window
                && let Some((path, live)) = large.next()
            {
                in_flight.push_back((path, live, client.check_stat(path.as_str())));
            }
            if let Some(sync) = sync.take() {
                sync.await
                    .map_err(|source| lost(session, &ZPath::root(), source))?;
            }
            let Some((path, live, stat)) = in_flight.pop_front() else {
                break;
            };
            let stat = stat.await.map_err(|source| lost(session, path, source))?;
            if let (Some(node), Some(stat)) = (live.node(), stat)
                && let Some(node) = with_stat(node, &stat)
            {
                unmoved.push(Some((path.clone(), Some(Live::Read(node)))));
            }
        }
        let mut ahead = ReadAhead::default();
        ahead.add(unmoved);
        Ok(ahead)
    }

    /// Reads some nodes again, and tells which of them differ from what was known.
    async fn read_again(
        &mut self,
        session: &Session,
        paths: &BTreeSet<ZPath>,
    ) -> Result<Vec<ZPath>, Error> {
        let mut wants: BTreeMap<ZPath, Want> = BTreeMap::new();
        let mut news: BTreeMap<ZPath, Option<Live>> = BTreeMap::new();
        let mut listed = BTreeSet::new();
        let want = |path: &ZPath, children, acl| Want {
            path: path.clone(),
            children,
            acl,
        };
        for path in paths {
            if let Some(known) = wants::find(&self.wants, path) {
                wants.insert(path.clone(), want(path, Children::Skip, known.acl));
                // The nodes above a watched one are not watched, but may have gone with it.
                if self.roots.contains(path) {
                    for above in path.prefixes() {
                        if let Some(known) = wants::find(&self.wants, &above) {
                            let again = want(&above, Children::Skip, known.acl);
                            wants.entry(above).or_insert(again);
                        }
                    }
                }
                continue;
            }
            news.insert(path.clone(), None);
            match wants::beyond(&self.wants, path) {
                Children::Skip => {}
                Children::List => {
                    listed.insert(path.clone());
                    wants.insert(path.clone(), want(path, Children::Skip, false));
                }
                Children::Subtree => {
                    let is_known = matches!(self.tree.get(path), Some(Live::Read(_)));
                    let deep = if is_known {
                        Children::Skip
                    } else {
                        Children::Subtree
                    };
                    wants.insert(path.clone(), want(path, deep, false));
                }
            }
        }
        let wants: Vec<Want> = wants.into_values().collect();
        // The server that told of the change answers no older state, so it need not catch up first.
        let (mut progress, options) = (|_: usize| {}, self.options.clone());
        let mut reader = Reader::new(session, &options, &mut progress);
        let nodes = read_wanted(&mut reader, &wants, ReadAhead::default()).await?;
        let found = collect(session, &wants, nodes, &options, &mut reader).await?;
        for want in wants {
            news.insert(want.path, None);
        }
        for (path, live) in found {
            let live = if listed.contains(&path) {
                Live::Listed
            } else {
                live
            };
            news.insert(path, Some(live));
        }
        let changed: Vec<ZPath> = news
            .iter()
            .filter(|(path, live)| !is_same(self.tree.get(path), live.as_ref()))
            .map(|(path, _)| path.clone())
            .collect();
        self.replace(news);
        Ok(changed)
    }

    /// Drops what is known of undeclared nodes because they are below this wanted one.
    fn forget_undeclared(&mut self, top: &ZPath) {
        let wants = &self.wants;
        let is_due_to = |path: &ZPath| {
            let mut above = path.parent();
            while let Some(at) = above {
                if wants::find(wants, &at).is_some() {
                    return at == *top;
                }
                above = at.parent();
            }
            false
        };
        self.tree.retain(|path, _| {
            !path.is_within(top) || wants::find(wants, path).is_some() || !is_due_to(path)
        });
    }

    /// Puts nodes in their places; one that is none is removed with all below it.
    fn replace(&mut self, news: BTreeMap<ZPath, Option<Live>>) {
        let mut others = Vec::new();
        let mut gone: BTreeSet<ZPath> = BTreeSet::new();
        for (path, live) in news {
            if live == Some(Live::Listed) && self.tree.subtree_range(&path).len() > 1 {
                // Nothing below it is known any more.
                self.tree
                    .retain(|at, _| at == &path || !at.is_within(&path));
            }
            match (self.tree.get_mut(&path), live) {
                (Some(there), Some(live)) => *there = live,
                (None, Some(live)) => others.push((path, live)),
                (Some(_), None) => {
                    gone.insert(path);
                }
                (None, None) => {}
            }
        }
        if !gone.is_empty() {
            let is_gone = |path: &ZPath| path.prefixes().any(|path| gone.contains(&path));
            self.tree.retain(|path, _| !is_gone(path));
        }
        if !others.is_empty() {
            self.tree.merge(others);
        }
    }
}

/// What a watcher has to tell now.
fn next(watcher: &mut PersistentWatcher, context: &mut Context<'_>) -> Poll<WatchedEvent> {
    pin!(watcher.changed()).poll(context)
}

/// The places to watch: themselves, or what is above all of them where they are many.
fn few(roots: Vec<ZPath>) -> Vec<ZPath> {
    if roots.len() <= MOST_WATCHES {
        return roots;
    }
    let mut above = roots[0].parent().unwrap_or_else(ZPath::root);
    while !roots.iter().all(|root| root.is_within(&above)) {
        above = above.parent().unwrap_or_else(ZPath::root);
    }
    vec![above]
}

fn lost(session: &Session, path: &ZPath, source: Refusal) -> Error {
    let (path, hosts) = (path.clone(), session.hosts());
    if is_fatal(&source) {
        Error::SessionEnded {
            path,
            hosts,
            source,
        }
    } else if is_outcome_unknown(&source) {
        Error::Connection {
            path,
            hosts,
            source,
        }
    } else {
        Error::Server { path, source }
    }
}
