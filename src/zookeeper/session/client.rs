//! The requests of a session: each is answered within the request timeout or fails, and what makes
//! zookeeper-client panic is an error.
//!
//! The calls are those of [`zookeeper_client::Client`], and requests are sent when they are made, as
//! there.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use zookeeper_client as zk;
use zookeeper_client::{
    AddWatchMode, CreateOptions, CreateSequence, Error as Refusal, MultiReadResult,
    MultiWriteError, MultiWriteResult, PersistentWatcher, Stat,
};

use super::is_outcome_unknown;

/// A client whose requests come to an end.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    inner: zk::Client,
    pace: Arc<Pace>,
}

/// How long to wait for an answer, and when the last one came.
///
/// A server answers the requests of a session in their order. So the time of a request runs from the
/// answer to the one before it, and many requests in flight may take longer together.
#[derive(Debug)]
struct Pace {
    limit: Duration,
    answered: Mutex<Instant>,
}

impl Pace {
    fn last(&self) -> Instant {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_answer(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn deadline(&self, asked: Instant) -> Instant {
        let since = self.last().max(asked);
        // A limit that the clock cannot hold is none.
        let for_ever = Duration::from_secs(365 * 24 * 60 * 60);
        since.checked_add(self.limit).unwrap_or(since + for_ever)
    }
}

impl Client {
    /// Requests of this client fail with [`Refusal::Timeout`] where no answer comes for `limit`.
    pub(crate) fn new(inner: zk::Client, limit: Duration) -> Self {
        let answered = Mutex::new(Instant::now());
        let pace = Arc::new(Pace { limit, answered });
        Self { inner, pace }
    }

    /// How long an answer may take.
    pub(crate) fn limit(&self) -> Duration {
        self.pace.limit
    }

    fn bounded<F, T, E>(
        &self,
        pending: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<F, T, E>
    where
        F: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<Refusal> + Clone + Into<Refusal> + Send,
    {
        let pace = self.pace.clone();
        let asked = Instant::now();
        async move {
            let mut pending = pin!(caught(pending));
            loop {
                let deadline = pace.deadline(asked);
                match timeout_at(deadline, &mut pending).await {
                    Ok(result) => {
                        let lost = |error: &E| is_outcome_unknown(&error.clone().into());
                        if !result.as_ref().is_err_and(lost) {
                            pace.note_answer();
                        }
                        return result;
                    }
                    Err(_) if pace.deadline(asked) > deadline => {}
                    Err(_) => return Err(Refusal::Timeout.into()),
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.inner.path()
    }

    pub(crate) fn session_id(&self) -> zk::SessionId {
        self.inner.session_id()
    }

    pub(crate) fn session_timeout(&self) -> Duration {
        self.inner.session_timeout()
    }

    pub(crate) fn state(&self) -> zk::SessionState {
        self.inner.state()
    }

    pub(crate) fn state_watcher(&self) -> zk::StateWatcher {
        self.inner.state_watcher()
    }

    pub(crate) fn auth(
        &self,
        scheme: &str,
        secret: &[u8],
    ) -> impl Future<Output = Result<(), Refusal>> + Send + use<'_> {
        self.bounded(self.inner.auth(scheme, secret))
    }

    pub(crate) fn list_auth_users(
        &self,
    ) -> impl Future<Output = Result<Vec<zk::AuthUser>, Refusal>> + Send + use<'_> {
        self.bounded(self.inner.list_auth_users())
    }

    pub(crate) fn sync(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + use<'_> {
        self.bounded(self.inner.sync(path))
    }

    pub(crate) fn watch(
        &self,
        path: &str,
        mode: AddWatchMode,
    ) -> impl Future<Output = Result<PersistentWatcher, Refusal>> + Send + use<'_> {
        self.bounded(self.inner.watch(path, mode))
    }

    pub(crate) fn check_stat(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<Option<Stat>, Refusal>> + Send + use<> {
        self.bounded(self.inner.check_stat(path))
    }

    pub(crate) fn get_data(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Vec<u8>, Stat), Refusal>> + Send + use<> {
        self.bounded(self.inner.get_data(path))
    }

    pub(crate) fn get_children(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Vec<String>, Stat), Refusal>> + Send + use<> {
        self.bounded(self.inner.get_children(path))
    }

    pub(crate) fn list_children(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<Vec<String>, Refusal>> + Send + use<'_> {
        self.bounded(self.inner.list_children(path))
    }

    pub(crate) fn get_acl(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Vec<zk::Acl>, Stat), Refusal>> + Send + use<'_> {
        self.bounded(self.inner.get_acl(path))
    }

    pub(crate) fn create<'f>(
        &'f self,
        path: &'f str,
        data: &[u8],
        options: &CreateOptions<'_>,
    ) -> impl Future<Output = Result<(Stat, CreateSequence), Refusal>> + Send + use<'f> {
        self.bounded(self.inner.create(path, data, options))
    }

    pub(crate) fn delete(
        &self,
        path: &str,
        expected: Option<i32>,
    ) -> impl Future<Output = Result<(), Refusal>> + Send + use<> {
        self.bounded(self.inner.delete(path, expected))
    }

    pub(crate) fn set_data(
        &self,
        path: &str,
        data: &[u8],
        expected: Option<i32>,
    ) -> impl Future<Output = Result<Stat, Refusal>> + Send + use<> {
        self.bounded(self.inner.set_data(path, data, expected))
    }

    pub(crate) fn set_acl(
        &self,
        path: &str,
        acl: &[zk::Acl],
        expected: Option<i32>,
    ) -> impl Future<Output = Result<Stat, Refusal>> + Send + use<'_> {
        self.bounded(self.inner.set_acl(path, acl, expected))
    }

    pub(crate) fn new_multi_reader(&self) -> MultiReader<'_> {
        MultiReader {
            inner: self.inner.new_multi_reader(),
            client: self,
        }
    }

    pub(crate) fn new_multi_writer(&self) -> MultiWriter<'_> {
        MultiWriter {
            inner: self.inner.new_multi_writer(),
            client: self,
        }
    }
}

/// As [`zk::MultiReader`].
pub(crate) struct MultiReader<'a> {
    inner: zk::MultiReader<'a>,
    client: &'a Client,
}

impl<'a> MultiReader<'a> {
    pub(crate) fn add_get_data(&mut self, path: &str) -> Result<(), Refusal> {
        self.inner.add_get_data(path)
    }

    pub(crate) fn add_get_children(&mut self, path: &str) -> Result<(), Refusal> {
        self.inner.add_get_children(path)
    }

    pub(crate) fn commit(
        &mut self,
    ) -> impl Future<Output = Result<Vec<MultiReadResult>, Refusal>> + Send + use<'a> {
        self.client.bounded(self.inner.commit())
    }
}

/// As [`zk::MultiWriter`].
pub(crate) struct MultiWriter<'a> {
    inner: zk::MultiWriter<'a>,
    client: &'a Client,
}

impl<'a> MultiWriter<'a> {
    pub(crate) fn add_check_version(&mut self, path: &str, version: i32) -> Result<(), Refusal> {
        self.inner.add_check_version(path, version)
    }

    pub(crate) fn add_create(
        &mut self,
        path: &str,
        data: &[u8],
        options: &CreateOptions<'_>,
    ) -> Result<(), Refusal> {
        self.inner.add_create(path, data, options)
    }

    pub(crate) fn add_set_data(
        &mut self,
        path: &str,
        data: &[u8],
        expected: Option<i32>,
    ) -> Result<(), Refusal> {
        self.inner.add_set_data(path, data, expected)
    }

    pub(crate) fn add_delete(&mut self, path: &str, expected: Option<i32>) -> Result<(), Refusal> {
        self.inner.add_delete(path, expected)
    }

    pub(crate) fn commit(
        &mut self,
    ) -> impl Future<Output = Result<Vec<MultiWriteResult>, MultiWriteError>> + Send + use<'a> {
        self.client.bounded(self.inner.commit())
    }
}

/// A panic of the client as an error: it makes one of a reply that is too short. What was asked may
/// have been done.
async fn caught<T, E: From<Refusal>>(pending: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let mut pending = pin!(pending);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| pending.as_mut().poll(context)));
        polled.unwrap_or_else(|_| {
            let words = "the server sent a reply that cannot be read".to_owned();
            Poll::Ready(Err(Refusal::UnexpectedError(words).into()))
        })
    })
    .await
}

/// What a request ended with, in words that need no knowledge of the client.
pub(crate) fn told(error: &Refusal) -> impl fmt::Display {
    match error {
        Refusal::Timeout => "there was no answer within the request timeout".to_owned(),
        // Only create requests of 3.5 are unknown to a server that speaks all else.
        Refusal::MarshallingError => {
            "the server does not know this request: creating nodes needs ZooKeeper 3.5 or later"
                .to_owned()
        }
        Refusal::Unimplemented => "the server is too old for this request".to_owned(),
        Refusal::UnmarshalError { .. } => "the server sent a reply that cannot be read".to_owned(),
        Refusal::UnexpectedError(words) => words.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let pending = async {
            let reply: &[u8] = &[];
            Ok::<_, Refusal>(reply[reply.len()..][0])
        };
        let error = caught(pending).await.unwrap_err();
        assert!(is_outcome_unknown(&error), "{error}");
    }
}
