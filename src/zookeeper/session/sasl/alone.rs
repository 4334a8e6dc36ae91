//! Calls that may wait for long, and cannot be ended: one at a time, on a thread of their own.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Runs one call at a time. A call that waits for its turn has no thread yet, so calls that never return take one
/// thread in all.
#[derive(Debug)]
pub(super) struct Alone(Arc<Semaphore>);

/// How a call ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ran<T> {
    /// It returned this.
    Returned(T),
    /// Its turn did not come, or it did not return, within the limit.
    Late,
    /// It panicked.
    Panicked,
    /// There was no thread for it, for this reason.
    NoThread(String),
}

impl Alone {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Runs a call within the limit, the wait for its turn included.
    ///
    /// # Cancellation safety
    /// A call that has begun goes on, and the next ones wait for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Ran<T> {
        let ran = async {
            let turn = self.0.clone().acquire_owned().await;
            let (told, result) = oneshot::channel();
            let work = move || {
                // Nobody waits for it any more after the limit.
                _ = told.send(call());
                drop(turn);
            };
            // The runtime would wait for one of its own threads when it ends.
            if let Err(error) = thread::Builder::new().spawn(work) {
                return Ran::NoThread(error.to_string());
            }
            // The sender is dropped without a word only by a panic.
            result.await.map_or(Ran::Panicked, Ran::Returned)
        };
        timeout(limit, ran).await.unwrap_or(Ran::Late)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_call_that_does_not_come_back_takes_one_thread() {
        let (day, moment) = (Duration::from_secs(86_400), Duration::from_millis(1));
        let alone = Alone::new();
        assert_eq!(alone.run(day, || 1).await, Ran::Returned(1));
        let (answer, waits) = mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let stuck = alone.run(day, move || {
            _ = begun.send(());
            waits.recv().is_ok()
        });
        let stuck = tokio::select! {
            stuck = stuck => stuck,
            _ = begins => Ran::Late,
        };
        assert_eq!(stuck, Ran::Late);
        let calls = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let counted = calls.clone();
            let late = alone.run(moment, move || counted.fetch_add(1, Ordering::SeqCst));
            assert_eq!(late.await, Ran::Late);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        answer.send(()).unwrap();
        assert_eq!(alone.run(day, || 2).await, Ran::Returned(2));
        // One that fails leaves its turn to the next one.
        let panicked: Ran<()> = alone.run(day, || panic!("on purpose")).await;
        assert_eq!(panicked, Ran::Panicked);
        assert_eq!(alone.run(day, || 3).await, Ran::Returned(3));
    }
}
