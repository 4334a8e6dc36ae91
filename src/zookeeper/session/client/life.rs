//! What makes zookeeper-client panic, and that its task is no more.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;

use super::super::ClientError;
use super::super::error::DIED;

/// Whether the task of zookeeper-client has died. Its session is lost then, without any event.
#[derive(Debug)]
pub(super) struct Life(pub(super) watch::Sender<bool>);

impl Life {
    pub(super) fn has_ended(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) fn end(&self) {
        if !self.0.send_replace(true) {
            tracing::warn!("{DIED}");
        }
    }
}

/// `None` if it panics.
pub(super) async fn unwinding<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

/// A panic of the client as an error: it makes one of a reply that is too short. What was asked may
/// have been done.
pub(in super::super) async fn caught<T, E: From<ClientError>>(
    request: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    unwinding(request).await.unwrap_or_else(|| {
        let words = "the server sent a reply that cannot be read".to_owned();
        Err(ClientError::UnexpectedError(words).into())
    })
}
