//! Publishes the snapshots of a view: readers do not wait, subscribers get each change.

use std::fmt;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use futures_core::Stream;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::lock::lock;

/// What a view shows at one time.
pub trait Snapshot: Send + Sync + 'static {
    /// What differs from one snapshot to the next.
    type Change: Send + Sync + 'static;

    /// The number of the snapshot: it grows by one with each change.
    fn sequence(&self) -> u64;
}

/// What a board needs to know of its snapshots.
pub(crate) trait Numbered: Snapshot {
    fn set_sequence(&mut self, sequence: u64);

    /// Returns the change to report, or `None` if nothing reportable differs.
    fn change_to(&self, new: &Arc<Self>) -> Option<Self::Change>;

    /// Whether a newer snapshot comes from a later write.
    fn is_older_than(&self, _new: &Self) -> bool {
        false
    }
}

/// What a callback says: nothing, whether to go on, or an error, which ends it.
pub trait Reaction {
    /// Whether to call it again.
    ///
    /// # Errors
    /// Why not; it is logged.
    fn outcome(self) -> Result<ControlFlow<()>, String>;
}

impl Reaction for () {
    fn outcome(self) -> Result<ControlFlow<()>, String> {
        Ok(ControlFlow::Continue(()))
    }
}

impl Reaction for ControlFlow<()> {
    fn outcome(self) -> Result<ControlFlow<()>, String> {
        Ok(self)
    }
}

impl<R: Reaction, E: fmt::Display> Reaction for Result<R, E> {
    fn outcome(self) -> Result<ControlFlow<()>, String> {
        match self {
            Ok(reaction) => reaction.outcome(),
            Err(error) => Err(error.to_string()),
        }
    }
}

type Call<S> = Box<dyn FnMut(&Arc<S>) -> Result<ControlFlow<()>, String> + Send>;

/// Where changes are sent to.
type Streams<S> = Vec<mpsc::UnboundedSender<Arc<<S as Snapshot>::Change>>>;

struct Callback<S> {
    call: Call<S>,
    /// The last snapshot that it was called with.
    seen: u64,
}

/// What a view's task writes to and its handles read from.
pub(crate) struct Board<S: Snapshot> {
    snapshot: ArcSwap<S>,
    sequence: watch::Sender<u64>,
    callbacks: Mutex<Vec<Callback<S>>>,
    /// `None` once there will be no more changes.
    streams: Mutex<Option<Streams<S>>>,
    /// A callback may have missed a snapshot.
    missed: Notify,
}

impl<S: Snapshot> Board<S> {
    pub(crate) fn new(first: S) -> Arc<Self> {
        Arc::new(Self {
            sequence: watch::Sender::new(first.sequence()),
            snapshot: ArcSwap::from_pointee(first),
            callbacks: Mutex::default(),
            streams: Mutex::new(Some(Vec::new())),
            missed: Notify::new(),
        })
    }

    pub(crate) fn snapshot(&self) -> Arc<S> {
        self.snapshot.load_full()
    }

    pub(crate) fn sequence(&self) -> watch::Receiver<u64> {
        self.sequence.subscribe()
    }

    /// Publishes the next snapshot if it differs from the last one.
    pub(crate) fn show(&self, mut snapshot: S)
    where
        S: Numbered,
    {
        let before = self.snapshot();
        snapshot.set_sequence(before.sequence() + 1);
        let now = Arc::new(snapshot);
        match before.change_to(&now) {
            Some(change) => self.publish(&now, change),
            // A caller that waits for its write to show waits for the number of that write.
            None if before.is_older_than(&now) => self.refresh(now),
            None => {}
        }
    }

    fn publish(&self, snapshot: &Arc<S>, change: S::Change) {
        {
            let mut streams = lock(&self.streams);
            self.snapshot.store(snapshot.clone());
            if let Some(streams) = streams.as_mut().filter(|streams| !streams.is_empty()) {
                let change = Arc::new(change);
                streams.retain(|stream| stream.send(change.clone()).is_ok());
            }
        }
        self.sequence.send_replace(snapshot.sequence());
        self.call();
    }

    /// Publishes a snapshot that differs in nothing that subscribers get.
    fn refresh(&self, snapshot: Arc<S>) {
        let sequence = snapshot.sequence();
        for callback in lock(&self.callbacks).iter_mut() {
            // Streams that lag still receive the earlier change.
            if callback.seen + 1 == sequence {
                callback.seen = sequence;
            }
        }
        self.snapshot.store(snapshot);
        self.sequence.send_replace(sequence);
    }

    /// Calls those callbacks that have not seen the current snapshot. Only the view's task does.
    pub(crate) fn call(&self) {
        let mut callbacks = std::mem::take(&mut *lock(&self.callbacks));
        if callbacks.is_empty() {
            return;
        }
        let snapshot = self.snapshot();
        callbacks.retain_mut(|callback| {
            if callback.seen >= snapshot.sequence() {
                return true;
            }
            callback.seen = snapshot.sequence();
            goes_on(&mut callback.call, &snapshot)
        });
        // What a callback added comes after.
        let mut added = lock(&self.callbacks);
        callbacks.append(&mut added);
        *added = callbacks;
    }

    pub(crate) fn on_change<R: Reaction>(
        &self,
        mut callback: impl FnMut(&Arc<S>) -> R + Send + 'static,
    ) {
        let mut call: Call<S> = Box::new(move |snapshot| callback(snapshot).outcome());
        let snapshot = self.snapshot();
        let seen = snapshot.sequence();
        if !goes_on(&mut call, &snapshot) {
            return;
        }
        lock(&self.callbacks).push(Callback { call, seen });
        if self.snapshot().sequence() != seen {
            self.missed.notify_one();
        }
    }

    fn subscribe(&self) -> (Arc<S>, mpsc::UnboundedReceiver<Arc<S::Change>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut streams = lock(&self.streams);
        if let Some(streams) = streams.as_mut() {
            streams.push(sender);
        }
        (self.snapshot(), receiver)
    }

    /// A callback may have missed a snapshot: [`Board::call`] it.
    pub(crate) async fn missed(&self) {
        self.missed.notified().await;
    }

    pub(crate) fn end(&self) {
        *lock(&self.streams) = None;
        lock(&self.callbacks).clear();
    }
}

/// Calls a callback; false where it is not to be called again.
fn goes_on<S>(call: &mut Call<S>, snapshot: &Arc<S>) -> bool {
    match catch_unwind(AssertUnwindSafe(|| call(snapshot))) {
        Ok(Ok(flow)) => flow.is_continue(),
        Ok(Err(error)) => {
            tracing::error!(error, "a callback failed and will not be called again");
            false
        }
        Err(_) => {
            tracing::error!("a callback panicked and will not be called again");
            false
        }
    }
}

/// The changes of a view, in their order, each once. Ends when the handle to ZooKeeper is closed.
///
/// Changes are kept until they are taken, so a stream that nobody reads grows.
pub struct Changes<S: Snapshot> {
    start: Arc<S>,
    receiver: mpsc::UnboundedReceiver<Arc<S::Change>>,
    /// `None` if nothing is watched.
    _task: Option<Arc<Task>>,
}

impl<S: Snapshot> fmt::Debug for Changes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").finish_non_exhaustive()
    }
}

impl<S: Snapshot> Changes<S> {
    pub(crate) fn new(board: &Board<S>, task: Option<Arc<Task>>) -> Self {
        let (start, receiver) = board.subscribe();
        Self {
            start,
            receiver,
            _task: task,
        }
    }

    /// The snapshot that the first change starts from.
    #[must_use]
    pub fn start(&self) -> &Arc<S> {
        &self.start
    }

    /// The next change. `None` when there will be no more.
    ///
    /// # Cancellation safety
    /// No change is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Arc<S::Change>> {
        self.receiver.recv().await
    }
}

impl<S: Snapshot> Stream for Changes<S> {
    type Item = Arc<S::Change>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}

/// A view's task, which ends with the last handle.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        Arc::new(Self(tokio::spawn(work)))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
