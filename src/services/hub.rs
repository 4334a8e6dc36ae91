//! The watches of one session: one for each path, however many want to know of it.
//!
//! All of them are persistent. One-shot watches would let the client fail to come back after a lost
//! connection once their paths have 128 KiB, and a one-shot data watch at the path of a recursive
//! one ends that (ZOOKEEPER-4466). A session has one mode for each path, so that a second watch of
//! another mode would replace the first: hence one watch, which is made recursive as soon as one
//! of those who share it needs that.
//!
//! The client counts the paths of persistent watches, too, though it does not send them again. So
//! the paths may not have many bytes together: those beyond that are all served by one recursive
//! watch of everything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::lock::lock;
use crate::model::path::ZPath;
use crate::zookeeper::live::warn_of_old_server;
use crate::zookeeper::session::{
    AddWatchMode, Client, ClientError, EventType, PersistentWatcher, SessionState, WatchedEvent,
    is_fatal, is_outcome_unknown,
};

/// How often all is read again where the server has no persistent watches.
const POLL: Duration = Duration::from_secs(2);

/// How long events are gathered after one that does not say which node has changed.
const GATHERED: Duration = Duration::from_millis(100);

/// How many bytes the paths of a session's watches may have together, by far less than 128 KiB.
const BUDGET: usize = 100_000;

/// What somebody wants to know of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Interest {
    /// The node itself, and which children it has.
    Node,
    /// The node itself, which children it has, and their data.
    Children,
}

/// What subscribers of a watch get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Something happened at this path: it must be read again. For [`Interest::Node`], it may be
    /// that of a child which came or went.
    Touched(ZPath),
    /// Events may have been missed: everything below this watched path must be read again.
    Again(ZPath),
}

/// The watches of one session.
#[derive(Debug)]
pub(crate) struct Hub {
    client: Client,
    watches: Arc<Watches>,
}

type Watches = Mutex<Table>;

#[derive(Debug, Default)]
struct Table {
    by_path: HashMap<ZPath, Watch>,
    /// How many bytes the paths have that have watches of their own.
    bytes: usize,
    /// Whether the server is known to have no persistent watches.
    polls: bool,
    /// The watch of everything, once it is needed.
    everything: Option<(watch::Receiver<Option<Interest>>, AbortHandle)>,
}

#[derive(Debug)]
struct Watch {
    subscribers: Vec<Subscriber>,
    next: u64,
    changed: Arc<Notify>,
    /// What the watch covers by now.
    ready: watch::Receiver<Option<Interest>>,
    /// `None` if the watch of everything serves this path.
    task: Option<AbortHandle>,
}

#[derive(Debug)]
struct Subscriber {
    id: u64,
    interest: Interest,
    sender: mpsc::UnboundedSender<Signal>,
}

/// Somebody's share of a watch, which ends with it.
#[derive(Debug)]
pub(crate) struct Subscription {
    watches: Arc<Watches>,
    path: ZPath,
    id: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut table = lock(&self.watches);
        let Some(watch) = table.by_path.get_mut(&self.path) else {
            return;
        };
        watch.subscribers.retain(|other| other.id != self.id);
        if !watch.subscribers.is_empty() {
            return;
        }
        if watch.task.is_some() {
            watch.changed.notify_one();
        } else {
            table.by_path.remove(&self.path);
        }
    }
}

/// The session has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended;

impl Hub {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            watches: Arc::default(),
        }
    }

    /// Watches a path, whether or not there is a node. What happens after this has returned is
    /// signalled to `sender`.
    pub(crate) async fn subscribe(
        &self,
        path: &ZPath,
        interest: Interest,
        sender: &mpsc::UnboundedSender<Signal>,
    ) -> Result<Subscription, Ended> {
        let (subscription, mut ready) = {
            let mut table = lock(&self.watches);
            if !table.by_path.contains_key(path) {
                let watch = self.watch(path, &mut table);
                table.by_path.insert(path.clone(), watch);
            }
            let Some(watch) = table.by_path.get_mut(path) else {
                return Err(Ended);
            };
            let id = watch.next;
            watch.next += 1;
            watch.subscribers.push(Subscriber {
                id,
                interest,
                sender: sender.clone(),
            });
            watch.changed.notify_one();
            let watches = self.watches.clone();
            let path = path.clone();
            (Subscription { watches, path, id }, watch.ready.clone())
        };
        let is_ready = |now: &Option<Interest>| now.is_some_and(|now| now >= interest);
        match ready.wait_for(is_ready).await {
            Ok(_) => Ok(subscription),
            Err(_) => Err(Ended),
        }
    }

    fn watch(&self, path: &ZPath, table: &mut Table) -> Watch {
        let changed = Arc::new(Notify::new());
        let bytes = self.cost(path);
        let (ready, task) = if table.bytes + bytes > BUDGET {
            let everything = table
                .everything
                .get_or_insert_with(|| self.start(&ZPath::root(), &changed, true));
            (everything.0.clone(), None)
        } else {
            table.bytes += bytes;
            let (ready, task) = self.start(path, &changed, false);
            (ready, Some(task))
        };
        Watch {
            subscribers: Vec::new(),
            next: 0,
            changed,
            ready,
            task,
        }
    }

    fn cost(&self, path: &ZPath) -> usize {
        self.client.path().len() + path.as_str().len()
    }

    fn start(
        &self,
        path: &ZPath,
        changed: &Arc<Notify>,
        is_of_everything: bool,
    ) -> (watch::Receiver<Option<Interest>>, AbortHandle) {
        let (sender, ready) = watch::channel(None);
        let task = WatchTask {
            client: self.client.clone(),
            watches: self.watches.clone(),
            path: path.clone(),
            cost: self.cost(path),
            changed: changed.clone(),
            ready: sender,
            is_of_everything,
        };
        (ready, tokio::spawn(task.run()).abort_handle())
    }

    /// Ends all watches; nothing is signalled any more.
    pub(crate) fn end(&self) {
        let mut table = lock(&self.watches);
        let tasks = table.by_path.drain().filter_map(|(_, watch)| watch.task);
        tasks.for_each(|task| task.abort());
        if let Some((_, task)) = table.everything.take() {
            task.abort();
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.end();
    }
}

async fn quiet(until: Option<Instant>) {
    if let Some(until) = until {
        sleep_until(until).await;
    }
}

/// Keeps one watch.
struct WatchTask {
    client: Client,
    watches: Arc<Watches>,
    path: ZPath,
    cost: usize,
    changed: Arc<Notify>,
    ready: watch::Sender<Option<Interest>>,
    /// Whether it serves all paths that have no watch of their own.
    is_of_everything: bool,
}

/// What the server has of a watch.
enum Held {
    Nothing,
    /// The connection was lost since, and with it the watch.
    Lost(#[expect(dead_code, reason = "it goes when the next one is there")] PersistentWatcher),
    Alive(PersistentWatcher),
}

/// Why a watch is looked at once more.
enum Cause {
    /// The connection was lost: the server does not know the watch any more.
    Lost,
    /// Somebody needs it to be recursive, or nobody needs it.
    Asked,
}

impl WatchTask {
    async fn run(self) {
        let mut held = Held::Nothing;
        loop {
            let made = *self.ready.borrow();
            let Some(interest) = self.needed(made, &mut held) else {
                return;
            };
            if lock(&self.watches).polls {
                if !self.poll(interest).await {
                    return self.forget();
                }
                continue;
            }
            let mut watcher = match held {
                Held::Alive(watcher) if made == Some(interest) => watcher,
                old => match self.add(interest).await {
                    Ok(Some(new)) => {
                        // The old one goes only now, so that the server removes nothing.
                        drop(old);
                        self.ready.send_replace(Some(interest));
                        if made.is_some() {
                            self.signal_again();
                        }
                        new
                    }
                    Ok(None) => {
                        held = old;
                        continue;
                    }
                    Err(Ended) => return self.forget(),
                },
            };
            held = match self.follow(&mut watcher).await {
                None => return self.forget(),
                Some(Cause::Asked) => Held::Alive(watcher),
                Some(Cause::Lost) => Held::Lost(watcher),
            };
        }
    }

    /// Returns what the watch has to cover. `None` if nobody needs the watch any more: it is given up
    /// then.
    fn needed(&self, made: Option<Interest>, held: &mut Held) -> Option<Interest> {
        if self.is_of_everything {
            return Some(Interest::Children);
        }
        let mut table = lock(&self.watches);
        let watch = table.by_path.get(&self.path)?;
        let interest = watch.subscribers.iter().map(|one| one.interest).max();
        if let Some(interest) = interest {
            return Some(interest.max(made.unwrap_or(interest)));
        }
        table.by_path.remove(&self.path);
        table.bytes -= self.cost;
        // The watcher must be dropped under the lock: a removal that comes after the next addition at
        // the same path would remove that one.
        *held = Held::Nothing;
        None
    }

    /// Adds the watch. `None` if that has to be tried again.
    async fn add(&self, interest: Interest) -> Result<Option<PersistentWatcher>, Ended> {
        if !self.client.dialect().watches() {
            self.begin_polling();
            return Ok(None);
        }
        let mode = match interest {
            Interest::Node => AddWatchMode::Persistent,
            Interest::Children => AddWatchMode::PersistentRecursive,
        };
        match self.client.watch(self.path.as_str(), mode).await {
            Ok(watcher) => return Ok(Some(watcher)),
            Err(error) if is_fatal(&error) => return Err(Ended),
            Err(ClientError::Unimplemented) => self.begin_polling(),
            Err(error) => {
                if !is_outcome_unknown(&error) {
                    tracing::warn!(path = %self.path, %error, "cannot watch; trying again");
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(None)
    }

    /// A server before 3.6 has no persistent watches, nor has an older ClickHouse Keeper.
    fn begin_polling(&self) {
        if !std::mem::replace(&mut lock(&self.watches).polls, true) {
            let instead = format!("changes are looked for every {POLL:?}");
            warn_of_old_server(self.client.dialect(), &instead);
        }
    }

    /// Has all read again after a while; false at the session's end.
    async fn poll(&self, interest: Interest) -> bool {
        let is_first = self.ready.send_replace(Some(interest)).is_none();
        if !is_first {
            tokio::select! {
                () = sleep(POLL) => self.signal_again(),
                () = self.changed.notified() => {}
            }
        }
        !self.client.state().is_terminated()
    }

    /// Passes events on until something must be done about the watch. Returns `None` at the session's
    /// end.
    async fn follow(&self, watcher: &mut PersistentWatcher) -> Option<Cause> {
        // Vague events are reported together, at this time at the earliest.
        let mut quiet_until: Option<Instant> = None;
        let mut gathered = false;
        loop {
            let event = tokio::select! {
                biased;
                event = watcher.changed() => event,
                () = self.changed.notified() => {
                    if gathered {
                        self.signal_again();
                    }
                    return Some(Cause::Asked);
                }
                () = quiet(quiet_until), if gathered => {
                    gathered = false;
                    quiet_until = Some(Instant::now() + GATHERED);
                    self.signal_again();
                    continue;
                }
            };
            match event.event_type {
                EventType::Session if event.session_state.is_terminated() => return None,
                EventType::Session if event.session_state != SessionState::Disconnected => {
                    return Some(Cause::Lost);
                }
                EventType::Session => {}
                _ if self.is_vague(&event) => gathered = true,
                _ => self.pass_on(&event),
            }
        }
    }

    /// Whether it may be about any node below the watched one.
    fn is_vague(&self, event: &WatchedEvent) -> bool {
        let is_recursive = *self.ready.borrow() == Some(Interest::Children);
        let is_here = event.path == self.path.as_str();
        is_recursive && is_here && !self.client.dialect().names_changed_nodes()
    }

    fn pass_on(&self, event: &WatchedEvent) {
        let Ok(path) = ZPath::parse(&event.path) else {
            return;
        };
        let comes_or_goes = matches!(
            event.event_type,
            EventType::NodeCreated | EventType::NodeDeleted
        );
        let table = lock(&self.watches);
        let parent = path.parent();
        for watched in [Some(&path), parent.as_ref()].into_iter().flatten() {
            if !self.is_of_everything && *watched != self.path {
                continue;
            }
            let Some(watch) = table.by_path.get(watched) else {
                continue;
            };
            // The node `/` may have a watch of its own, which this one has then replaced.
            if self.is_of_everything && watch.task.is_some() && !watched.is_root() {
                continue;
            }
            for subscriber in &watch.subscribers {
                let is_here = *watched == path;
                if is_here || comes_or_goes || subscriber.interest == Interest::Children {
                    _ = subscriber.sender.send(Signal::Touched(path.clone()));
                }
            }
        }
    }

    /// Tells all subscribers that this watch serves to read again.
    fn signal_again(&self) {
        let notify = |path: &ZPath, watch: &Watch| {
            for subscriber in &watch.subscribers {
                _ = subscriber.sender.send(Signal::Again(path.clone()));
            }
        };
        let table = lock(&self.watches);
        if self.is_of_everything {
            let served = table
                .by_path
                .iter()
                .filter(|(_, watch)| watch.task.is_none());
            served.for_each(|(path, watch)| notify(path, watch));
        } else if let Some(watch) = table.by_path.get(&self.path) {
            notify(&self.path, watch);
        }
    }

    /// The session has ended, and every watch with it.
    fn forget(&self) {
        let mut table = lock(&self.watches);
        if self.is_of_everything {
            table.by_path.retain(|_, watch| watch.task.is_some());
        } else if table.by_path.remove(&self.path).is_some() {
            table.bytes -= self.cost;
        }
    }
}
