//! The history of a live tree, in a git repository: each change, whoever made it.
//!
//! It has a session and a mirror of its own: nothing that happens to it happens to the loop.

mod commits;
mod known;
mod masks;
mod repository;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::git::hash_of;
use super::revision::{Revision, WatchedLayers};
use super::shown::Recording;
use crate::model::node::Live;
use crate::model::path::{ZPath, is_of_zookeeper};
use crate::model::record;
use crate::model::tree::Tree;
use crate::plan::scope::{Children, Want};
use crate::zookeeper::live::{self, FetchOptions, Found, Mirror, News};
use crate::zookeeper::session::{self, Session, Sessions};

use self::commits::{Became, Change, Seen};
use self::known::{Known, Text, changes, doubt};
use self::masks::{Masked, Masks};
pub use self::repository::HistoryError;
use self::repository::Repository;
use self::text::Stamp;

/// How long after a change is waited for others, which share a look.
const SETTLED: Duration = Duration::from_millis(200);

/// The first wait after something failed; it doubles from then on.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How many commits are made between two times that git may pack them.
const TIDIED: usize = 500;

/// A directory with the history of a live tree.
#[derive(Debug, Clone)]
pub struct History(Arc<Repository>);

impl History {
    /// Opens the history in a directory, or begins it in an empty one. `place` is the topmost node that is
    /// recorded.
    ///
    /// # Errors
    /// The directory holds something else, another process records there, or git fails.
    pub fn open(dir: &Path, place: &ZPath) -> Result<Self, HistoryError> {
        Repository::open(dir, place).map(|repository| Self(Arc::new(repository)))
    }
}

/// Why nothing is recorded now.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Session(#[from] session::Error),
    #[error(transparent)]
    Live(#[from] live::Error),
    #[error("{}: {reason}", .dir)]
    Git { dir: String, reason: String },
    #[error("the session has ended")]
    Ended,
}

/// What commits have come to.
struct Committed {
    /// What is known of the nodes now.
    known: Vec<(ZPath, Known)>,
    count: usize,
    /// Whether git could pack them.
    tidied: Result<(), String>,
}

/// Which nodes may be otherwise than they are recorded.
#[derive(Debug)]
enum Dirty {
    Everything,
    Nodes(BTreeSet<ZPath>),
}

impl Dirty {
    fn add(&mut self, paths: impl IntoIterator<Item = ZPath>) {
        if let Self::Nodes(nodes) = self {
            nodes.extend(paths);
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Nodes(nodes) if nodes.is_empty())
    }
}

/// Records a live tree.
struct Recorder {
    history: History,
    sessions: Sessions,
    /// What is declared, where, and which part of it counts.
    layers: WatchedLayers,
    /// How often everything is read again.
    interval: Duration,
    /// What the files declare, whose secrets are masked.
    declared: watch::Receiver<Option<Arc<Revision>>>,
    in_force: Option<Arc<Revision>>,
    masks: Arc<Masks>,
    recorded: Arc<BTreeMap<ZPath, Known>>,
    /// The highest transaction that is recorded.
    last: i64,
    dirty: Dirty,
    seen: Seen,
    commits: usize,
    shown: Recording,
}

/// Records the tree around what `declared` says, until its sender is gone. Nothing is recorded before
/// there is something declared: only then is it known what is secret.
pub(super) async fn run(
    history: History,
    (sessions, layers, interval): (Sessions, WatchedLayers, Duration),
    declared: watch::Receiver<Option<Arc<Revision>>>,
) {
    let over = over(declared.clone());
    let mut recorder = Recorder {
        history,
        sessions,
        layers,
        interval,
        declared,
        in_force: None,
        masks: Arc::default(),
        recorded: Arc::default(),
        last: 0,
        dirty: Dirty::Everything,
        seen: Seen::First,
        commits: 0,
        shown: Recording::default(),
    };
    tokio::select! {
        () = over => {}
        () = recorder.keep_on() => {}
    }
}

/// Waits until nothing more will be declared.
async fn over(mut declared: watch::Receiver<Option<Arc<Revision>>>) {
    while declared.changed().await.is_ok() {}
}

impl Recorder {
    async fn keep_on(&mut self) {
        while self.declared.borrow().is_none() {
            if self.declared.changed().await.is_err() {
                return;
            }
        }
        let mut wait = FIRST_WAIT;
        // After git has failed, nobody knows what it has done.
        let mut is_loaded = false;
        loop {
            let before = self.commits;
            let loaded = match is_loaded {
                true => Ok(()),
                false => self.load().await,
            };
            let error = match loaded {
                Ok(()) => self.follow().await,
                Err(error) => error,
            };
            is_loaded = !matches!(error, Error::Git { .. });
            if self.commits > before {
                wait = FIRST_WAIT;
            }
            self.shown.failed(&error, wait);
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Reads what is recorded. Whatever is otherwise now was not seen.
    async fn load(&mut self) -> Result<(), Error> {
        let recorded = self.git(Repository::recorded).await?;
        self.seen = match recorded.zxid {
            None => Seen::First,
            Some(_) => Seen::NotOneByOne,
        };
        self.last = recorded.zxid.unwrap_or_default();
        let masks = Arc::make_mut(&mut self.masks);
        let known = |(path, text): (ZPath, String)| {
            masks.add_recorded(&path, &text);
            let known = Known {
                stamp: Stamp::in_text(&text).unwrap_or_default(),
                text: Text::Doubtful,
                hash: hash_of(text.as_bytes()),
            };
            (path, known)
        };
        self.recorded = Arc::new(recorded.nodes.into_iter().map(known).collect());
        Ok(())
    }

    /// Records with one session, until something fails.
    async fn follow(&mut self) -> Error {
        self.dirty = Dirty::Everything;
        if self.seen == Seen::Reported {
            self.seen = Seen::NotOneByOne;
        }
        let session = match Session::of(&self.sessions).await {
            Ok(session) => session,
            Err(error) => return error.into(),
        };
        let error = self.follow_in(&session).await;
        session.close().await;
        match error {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn follow_in(&mut self, session: &Session) -> Result<std::convert::Infallible, Error> {
        let wants = vec![Want {
            path: self.layers.place.clone(),
            children: Children::Subtree,
            acl: false,
        }];
        let roots = vec![self.layers.place.clone()];
        let options = FetchOptions::read_only();
        let mut mirror = Mirror::open_with(session, wants, roots, options).await?;
        loop {
            self.look(session, &mirror).await?;
            let due = Instant::now() + self.interval;
            let found = self.next(session, &mut mirror, due).await?;
            match found {
                Found::Changed(paths) => self.dirty.add(paths),
                Found::Everything { .. } => self.dirty = Dirty::Everything,
            }
            // Without events, nothing is seen when it happens.
            if !mirror.gets_events() {
                self.seen = Seen::NotOneByOne;
            }
        }
    }

    /// Waits until there is something to look at, and makes the mirror current.
    async fn next(
        &mut self,
        session: &Session,
        mirror: &mut Mirror,
        due: Instant,
    ) -> Result<Found, Error> {
        // What was reported while the mirror was read wakes nobody any more.
        if mirror.is_due() {
            sleep(SETTLED).await;
            let found = mirror.refresh(session).await?;
            if let Found::Everything { .. } = found {
                self.seen = Seen::NotOneByOne;
            }
            return Ok(found);
        }
        loop {
            tokio::select! {
                news = mirror.news() => match news {
                    News::Nodes => {}
                    News::Disconnected => {
                        self.seen = Seen::NotOneByOne;
                        continue;
                    }
                    News::Reconnected => self.seen = Seen::NotOneByOne,
                    News::Ended => return Err(Error::Ended),
                },
                // What the files declare may be a secret by now.
                Ok(()) = self.declared.changed() => {}
                () = sleep_until(due) => return Ok(mirror.audit(session).await?),
            }
            sleep(SETTLED).await;
            match mirror.listen() {
                Some(News::Disconnected | News::Reconnected) => self.seen = Seen::NotOneByOne,
                Some(News::Ended) => return Err(Error::Ended),
                Some(News::Nodes) | None => {}
            }
            return Ok(mirror.refresh(session).await?);
        }
    }

    /// Takes in what newer files say is secret.
    fn take_in(&mut self, revision: Arc<Revision>) {
        let in_force = self.in_force.as_ref();
        if in_force.is_some_and(|old| Arc::ptr_eq(old, &revision)) {
            return;
        }
        let news = Arc::make_mut(&mut self.masks).add(revision.source.tree());
        let recorded = Arc::make_mut(&mut self.recorded);
        doubt(recorded, &news);
        match news {
            Masked::Everywhere => self.dirty = Dirty::Everything,
            Masked::Nodes(news) => self.dirty.add(news),
        }
        self.in_force = Some(revision);
    }

    /// Commits what is otherwise than it is recorded.
    async fn look(&mut self, session: &Session, mirror: &Mirror) -> Result<(), Error> {
        let revision = self.declared.borrow_and_update().clone();
        if let Some(revision) = revision {
            self.take_in(revision);
        }
        if self.dirty.is_empty() {
            self.seen = Seen::Reported;
            return Ok(());
        }
        let (touched, gone) = self.touched(mirror.tree());
        let mut nodes: Tree<Live> = touched.into_iter().collect();
        if !nodes.is_empty() {
            live::read_acls(session, &mut nodes).await?;
        }
        let mut newest = nodes
            .iter()
            .filter_map(|(_, live)| Some(live.node()?.mzxid))
            .max();
        if !gone.is_empty() {
            let above = gone.iter().filter_map(ZPath::parent).take(100).collect();
            newest = newest.max(Some(live::last_child_change(session, &above).await));
        }
        let newest = newest.unwrap_or_default().max(self.last);
        let committed = self.commit(nodes, gone.clone(), newest).await?;
        let count = committed.count;
        self.commits += count;
        let recorded = Arc::make_mut(&mut self.recorded);
        for path in &gone {
            recorded.remove(path);
        }
        recorded.extend(committed.known);
        self.last = newest;
        self.dirty = Dirty::Nodes(BTreeSet::new());
        self.seen = Seen::Reported;
        self.shown.recorded(count);
        if let Err(error) = committed.tidied {
            self.shown.untidy(&error);
        }
        Ok(())
    }

    /// Commits nodes that are otherwise. The texts of many nodes take their time, too: the session is not kept from its pings.
    async fn commit(
        &self,
        nodes: Tree<Live>,
        gone: Vec<ZPath>,
        newest: i64,
    ) -> Result<Committed, Error> {
        let (recorded, masks) = (self.recorded.clone(), self.masks.clone());
        let (seen, last, before) = (self.seen, self.last, self.commits);
        self.git(move |repository| {
            let (mut changes, known) = changes(&recorded, &masks, &nodes);
            changes.extend(gone.into_iter().map(|path| Change {
                path,
                became: Became::Deleted,
                written: None,
                text: None,
            }));
            let commits = commits::commits(changes, seen, last, newest);
            let count = commits.len();
            if count > 0 {
                repository.commit(&commits)?;
            }
            // Whether or not git can pack them, the commits are made.
            let tidied = match before / TIDIED != (before + count) / TIDIED {
                true => repository.tidy(),
                false => Ok(()),
            };
            Ok(Committed {
                known,
                count,
                tidied,
            })
        })
        .await
    }

    /// Whether a node is to be recorded.
    fn covers(&self, path: &ZPath) -> bool {
        let layers = &self.layers;
        let is_left = record::is_reserved(path) || is_of_zookeeper(path, layers.below_chroot);
        !path.is_root() && !is_left && layers.filter.covers(path)
    }

    /// The nodes that are otherwise, as they are now, and those that are gone.
    fn touched(&self, live: &Tree<Live>) -> (Vec<(ZPath, Live)>, Vec<ZPath>) {
        let mut touched = Vec::new();
        let mut gone = Vec::new();
        let mut note = |path: &ZPath, live: Option<&Live>| match (live, self.recorded.get(path)) {
            (Some(Live::Read(node)), known) => {
                let stamp = Stamp::of(node);
                if !known.is_some_and(|known| known.is_at(stamp)) && self.covers(path) {
                    touched.push((path.clone(), Live::Read(node.clone())));
                }
            }
            // What may not be read any more stays recorded.
            (Some(_), _) | (None, None) => {}
            (None, Some(_)) => gone.push(path.clone()),
        };
        match &self.dirty {
            Dirty::Everything => {
                for (path, node) in live {
                    note(path, Some(node));
                }
                let index = live.index();
                for path in self.recorded.keys() {
                    // Where owners keep records nothing can be declared, and each commit is to be a layer.
                    if index.get(path).is_none() || record::is_reserved(path) {
                        note(path, None);
                    }
                }
            }
            Dirty::Nodes(nodes) => {
                for path in nodes {
                    note(path, live.get(path));
                }
            }
        }
        (touched, gone)
    }

    /// Has git do something, on a thread where that may take its time.
    async fn git<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Repository) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Error> {
        let repository = self.history.0.clone();
        let dir = repository.dir.display().to_string();
        let done = tokio::task::spawn_blocking(move || work(&repository)).await;
        let done = done.unwrap_or_else(|error| Err(error.to_string()));
        done.map_err(|reason| Error::Git { dir, reason })
    }
}
