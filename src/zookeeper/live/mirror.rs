//! A copy of the wanted live nodes that the server's events keep current.
//!
//! Events say only which nodes to read again. The cost is that of what changed, not that of the tree. Those
//! of ClickHouse Keeper do not say it: there everything is read again, for a bounded part of the time.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::difference::{differences, is_same};
use super::watches::{WatchNews, Watches, warn_of_old_server};
use super::{Error, FetchOptions, fetch, fetch_after, wants};
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::tree::{Side, Tree};
use crate::plan::scope::{Children, Want};
use crate::zookeeper::session::Session;

mod again;
mod places;

use self::places::{few, places};

/// What happened since the mirror was last refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Nodes were created, written or deleted.
    Nodes,
    /// The connection is lost; the session may still live.
    Disconnected,
    /// The connection is back. Changes in between were not reported.
    Reconnected,
    /// The session is dead, and the mirror with it.
    Ended,
}

/// What a refresh found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// These nodes differ from what was known; it may be that none does.
    Changed(Vec<ZPath>),
    /// Everything was read again.
    Everything {
        /// Nodes that differ although no event reported them.
        missed: Vec<ZPath>,
    },
}

/// A mirror of the wanted part of the live tree.
#[derive(Debug)]
pub struct Mirror {
    wants: Vec<Want>,
    roots: Vec<ZPath>,
    tree: Tree<Live>,
    options: FetchOptions,
    watches: Watches,
    /// Nodes to be read again.
    dirty: BTreeSet<ZPath>,
    doubt: Doubt,
    /// An event that does not say which node has changed makes everything be read again, but not before
    /// this.
    rest: Option<Instant>,
}

/// Whether some node may have changed of which no event says which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    /// [`Mirror::news`] has not reported it.
    Unreported,
    Reported,
}

/// After everything was read, the mirror waits `REST` times as long as that took before it reads everything
/// again because of an event that does not say which node has changed.
const REST: u32 = 4;
/// It waits no longer than this.
const LONGEST_REST: Duration = Duration::from_secs(30);

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
        Self::open_with(session, wants, roots, FetchOptions::default()).await
    }

    /// As [`Mirror::open`], with other options.
    ///
    /// # Errors and cancellation safety
    /// As [`Mirror::open`].
    pub async fn open_with(
        session: &Session,
        wants: Vec<Want>,
        roots: Vec<ZPath>,
        options: FetchOptions,
    ) -> Result<Self, Error> {
        let mut mirror = Self {
            wants,
            roots: few(roots),
            tree: Tree::default(),
            options,
            watches: Watches::none(),
            dirty: BTreeSet::new(),
            doubt: Doubt::None,
            rest: None,
        };
        mirror.refresh(session).await?;
        Ok(mirror)
    }

    /// The known nodes.
    #[must_use]
    pub fn tree(&self) -> &Tree<Live> {
        &self.tree
    }

    /// Whether the server sends events. One before 3.6 does not; then only [`Mirror::audit`] finds
    /// changes.
    #[must_use]
    pub fn gets_events(&self) -> bool {
        !matches!(self.watches, Watches::Unsupported)
    }

    /// Whether no event since the mirror was made current has reported a change. [`Mirror::listen`]
    /// receives the events.
    #[must_use]
    pub fn is_current(&self) -> bool {
        !self.watches.are_lost() && self.dirty.is_empty() && self.doubt == Doubt::None
    }

    /// Whether [`Mirror::refresh`] has something to do now: not where everything was read a moment ago
    /// and an event since does not say what it is about.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let is_due = self.watches.are_lost() || !self.dirty.is_empty();
        is_due || self.doubt != Doubt::None && !self.rests()
    }

    fn rests(&self) -> bool {
        self.rest.is_some_and(|rest| Instant::now() < rest)
    }

    /// Waits until something happens. Waits for ever if the server reports nothing.
    ///
    /// # Cancellation safety
    /// Nothing is lost: [`Mirror::refresh`] still sees what happened.
    pub async fn news(&mut self) -> News {
        loop {
            let rest = match self.doubt {
                Doubt::Unreported => self.rest.unwrap_or_else(Instant::now),
                Doubt::None | Doubt::Reported => {
                    let news = poll_fn(|context| self.poll(context)).await;
                    if news == News::Nodes && self.dirty.is_empty() {
                        continue;
                    }
                    return news;
                }
            };
            tokio::select! {
                biased;
                news = poll_fn(|context| self.poll(context)) => {
                    if news != News::Nodes || !self.dirty.is_empty() {
                        return news;
                    }
                }
                () = sleep_until(rest) => {
                    self.doubt = Doubt::Reported;
                    return News::Nodes;
                }
            }
        }
    }

    /// Nodes to be read again even without an event.
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
        self.listen();
        if self.watches.are_lost() {
            return self.restore(session).await;
        }
        if self.doubt != Doubt::None {
            return self.read_all_again(session).await;
        }
        let dirty = self.dirty.clone();
        if dirty.is_empty() {
            return Ok(Found::Changed(Vec::new()));
        }
        let changed = self.read_again(session, &dirty).await?;
        // What was reported meanwhile may have been read too early.
        self.dirty.retain(|path| !dirty.contains(path));
        self.listen();
        Ok(Found::Changed(changed))
    }

    /// Reads everything again, and finds changes that were not reported.
    ///
    /// # Errors and cancellation safety
    /// As [`Mirror::refresh`].
    pub async fn audit(&mut self, session: &Session) -> Result<Found, Error> {
        self.listen();
        if self.watches.are_lost() {
            return self.restore(session).await;
        }
        let doubted = std::mem::replace(&mut self.doubt, Doubt::None);
        let tree = fetch(session, &self.wants, &self.options, &mut |_| {}).await;
        let tree = tree.inspect_err(|_| self.doubt = doubted)?;
        let before = std::mem::take(&mut self.dirty);
        // Events come before the answers to what is asked after them, unless the connection was
        // lost in between.
        self.listen();
        let was_doubted = doubted != Doubt::None || self.doubt != Doubt::None;
        let was_reported = |path: &ZPath| {
            let mut here_or_above = path.prefixes();
            here_or_above.any(|path| before.contains(&path) || self.dirty.contains(&path))
        };
        let mut missed = Vec::new();
        if let Watches::Alive(_) = self.watches {
            missed = differences(&self.tree, &tree);
            missed.retain(|path| !was_doubted && !was_reported(path));
        }
        self.tree = tree;
        Ok(Found::Everything { missed })
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
        let is_moved = self.roots != roots;
        if self.wants == wants && !is_moved {
            return Ok(());
        }
        if self.watches.are_lost() {
            // Everything is read again anyway.
            self.roots = roots;
            self.wants = wants;
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
        // Add watches first: a change after a node was read must be reported.
        let watches = if is_moved && self.gets_events() {
            // If this is cancelled, new watches may have replaced old ones.
            self.watches.lose();
            Some(Watches::add(session, places(&roots, &wants)).await?)
        } else {
            None
        };
        let found = fetch(session, &added, &self.options, &mut |_| {}).await?;
        self.roots = roots;
        let old = std::mem::replace(&mut self.wants, wants);
        if let Some(watches) = watches {
            self.change_watches(watches);
        }
        self.take_wanted(&old, &added, found);
        Ok(())
    }

    /// Switches to other watches. The old ones may hold unread events.
    fn change_watches(&mut self, watches: Watches) {
        match self.listen() {
            None | Some(News::Nodes) => self.watches = watches,
            Some(News::Disconnected | News::Reconnected) => {
                self.watches = watches;
                self.watches.lose();
            }
            Some(News::Ended) => {}
        }
    }

    /// Adds nodes that were read because they were not wanted before.
    fn take_wanted(&mut self, old: &[Want], added: &[Want], found: Tree<Live>) {
        let mut news: BTreeMap<ZPath, Option<Live>> =
            added.iter().map(|want| (want.path.clone(), None)).collect();
        for (path, live) in found {
            // More is known of wanted nodes that were not read now.
            if wants::find(&self.wants, &path).is_none() || wants::find(added, &path).is_some() {
                news.insert(path, Some(live));
            }
        }
        for want in added {
            // Nodes that were listed below a node may be gone.
            let was = wants::find(old, &want.path).map_or(Children::Skip, |old| old.children);
            if was > want.children {
                self.forget_undeclared(&want.path);
            }
        }
        self.replace(news);
        let removed = old.iter().map(|want| &want.path);
        let removed = removed.filter(|path| wants::find(&self.wants, path).is_none());
        self.dirty.extend(removed.cloned());
    }

    /// Reads all events that have arrived. [`Mirror::news`] does not return them again.
    pub fn listen(&mut self) -> Option<News> {
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(news) => Some(news),
            Poll::Pending => None,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<News> {
        if let Watches::Ended = self.watches {
            return Poll::Ready(News::Ended);
        }
        let mut news = None;
        while let Poll::Ready(found) = self.watches.poll_next(context) {
            let new = match found {
                WatchNews::Touched(path) if self.is_wanted(&path) => {
                    self.dirty.insert(path);
                    News::Nodes
                }
                WatchNews::Touched(_) => continue,
                WatchNews::TouchedBelow(_) if self.doubt == Doubt::None => {
                    self.doubt = Doubt::Unreported;
                    News::Nodes
                }
                WatchNews::TouchedBelow(_) => continue,
                WatchNews::Disconnected => News::Disconnected,
                WatchNews::Reconnected => News::Reconnected,
                WatchNews::Ended => News::Ended,
            };
            news = news.max(Some(new));
        }
        news.map_or(Poll::Pending, Poll::Ready)
    }

    fn is_wanted(&self, path: &ZPath) -> bool {
        wants::beyond(&self.wants, path) != Children::Skip
            || wants::find(&self.wants, path).is_some()
    }

    /// Reads everything because no event says what has changed.
    async fn read_all_again(&mut self, session: &Session) -> Result<Found, Error> {
        let begun = Instant::now();
        let (doubt, dirty) = (self.doubt, self.dirty.clone());
        self.doubt = Doubt::None;
        let read = async {
            let ahead = self.unmoved(session).await?;
            let (wants, options) = (&self.wants, &self.options);
            fetch_after(session, ahead, wants, options, &mut |_| {}).await
        };
        let read = read.await;
        self.rest = Some(Instant::now() + (begun.elapsed() * REST).min(LONGEST_REST));
        let tree = read.inspect_err(|_| self.doubt = doubt)?;
        self.dirty.retain(|path| !dirty.contains(path));
        let mut changed: Vec<ZPath> = self.tree.join(&tree).filter_map(changed).collect();
        changed.dedup();
        self.tree = tree;
        self.listen();
        Ok(Found::Changed(changed))
    }

    /// Adds the watches again, and reads everything.
    async fn restore(&mut self, session: &Session) -> Result<Found, Error> {
        let watches = Watches::add(session, places(&self.roots, &self.wants)).await?;
        if let Watches::Unsupported = watches {
            let instead = "changes are found when everything is read again";
            warn_of_old_server(session.dialect(), instead);
        }
        let ahead = self.unmoved(session).await?;
        let (wants, options) = (&self.wants, &self.options);
        self.tree = fetch_after(session, ahead, wants, options, &mut |_| {}).await?;
        self.watches = watches;
        self.dirty.clear();
        self.doubt = Doubt::None;
        self.listen();
        Ok(Found::Everything { missed: Vec::new() })
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

    /// Puts nodes in their places; `None` removes a node with all below it.
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

/// The path of a node that is otherwise in two trees.
fn changed(side: Side<&(ZPath, Live), &(ZPath, Live)>) -> Option<ZPath> {
    match side {
        Side::Left((path, _)) | Side::Right((path, _)) => Some(path.clone()),
        Side::Both((path, old), (_, new)) => (!is_same(Some(old), Some(new))).then(|| path.clone()),
    }
}
