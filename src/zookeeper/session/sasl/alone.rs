//! Calls that may wait for long, and cannot be ended: one at a time, on a thread of their own.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// Lets one call run at a time. While one does not come back, those after it give up without a thread.
#[derive(Debug)]
pub(super) struct Alone(Arc<Semaphore>);

impl Alone {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }

    /// Runs a call. `None` if its turn did not come, or it did not end, within the limit, or if it failed.
    ///
    /// # Cancellation safety
    /// A call that has begun goes on, and the next ones wait for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let ran = async {
            let turn = self.0.clone().acquire_owned().await.ok()?;
            let (told, result) = oneshot::channel();
            let work = move || {
                // Nobody waits for it any more after the limit.
                _ = told.send(call());
                drop(turn);
            };
            // The runtime would wait for one of its own threads when it ends.
            thread::Builder::new().spawn(work).ok()?;
            result.await.ok()
        };
        timeout(limit, ran).await.ok().flatten()
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
        assert_eq!(alone.run(day, || 1).await, Some(1));
        let (answer, waits) = mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let stuck = alone.run(day, move || {
            _ = begun.send(());
            waits.recv().is_ok()
        });
        let stuck = tokio::select! {
            stuck = stuck => stuck,
            _ = begins => None,
        };
        assert_eq!(stuck, None);
        let calls = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let counted = calls.clone();
            let late = alone.run(moment, move || counted.fetch_add(1, Ordering::SeqCst));
            assert_eq!(late.await, None);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        answer.send(()).unwrap();
        assert_eq!(alone.run(day, || 2).await, Some(2));
        // One that fails leaves its turn to the next one.
        assert_eq!(alone.run(day, || panic!("on purpose")).await, None::<()>);
        assert_eq!(alone.run(day, || 3).await, Some(3));
    }
}
