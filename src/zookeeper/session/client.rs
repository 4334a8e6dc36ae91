//! The requests of a session: each is answered within the request timeout or fails, and what makes
//! zookeeper-client panic is an error.
//!
//! The calls are those of [`zookeeper_client::Client`], and requests are sent when they are made, as
//! there.

mod life;
mod watchers;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout_at;
use zookeeper_client as zk;
use zookeeper_client::{
    AddWatchMode, CreateOptions, CreateSequence, Error as ClientError, MultiReadResult,
    MultiWriteError, MultiWriteResult, SessionState, Stat,
};

use super::dialect::Dialect;
use super::ending::Ending;
use super::error::DIED;
use super::is_outcome_unknown;
use super::pace::Pace;
use life::Life;
pub(super) use life::caught;
pub(crate) use watchers::{PersistentWatcher, StateWatcher};

/// A client whose requests come to an end.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    inner: Arc<Ending>,
    pace: Arc<Pace>,
    life: Arc<Life>,
    learnt: Arc<Learnt>,
    dialect: Dialect,
}

/// What is known of the server from its answers.
#[derive(Debug, Default)]
struct Learnt {
    reads_batches: AtomicBool,
    newest: AtomicI64,
}

impl Learnt {
    fn note(&self, stat: &Stat) {
        let newest = stat.czxid.max(stat.mzxid).max(stat.pzxid);
        self.newest.fetch_max(newest, Ordering::Relaxed);
    }
}

impl Client {
    /// Requests of this client fail with [`ClientError::Timeout`] where no answer comes for `limit`.
    pub(super) fn new(inner: Ending, limit: Duration, dialect: Dialect) -> Self {
        Self {
            inner: Arc::new(inner),
            pace: Arc::new(Pace::new(limit)),
            life: Arc::new(Life(watch::Sender::new(false))),
            learnt: Arc::default(),
            dialect,
        }
    }

    /// What kind of server it talks to.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How long an answer may take.
    pub(crate) fn limit(&self) -> Duration {
        self.pace.limit()
    }

    /// Whether the server is known to answer batched reads. One before 3.6 closes the connection on
    /// them, and what is in flight is lost with it.
    pub(crate) fn reads_batches(&self) -> bool {
        self.dialect.reads_batches() && self.learnt.reads_batches.load(Ordering::Relaxed)
    }

    /// The newest transaction in any answer so far. Whatever is sent now comes later.
    pub(crate) fn newest(&self) -> i64 {
        self.learnt.newest.load(Ordering::Relaxed)
    }

    fn bounded<F, T, E>(
        &self,
        request: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<F, T, E>
    where
        F: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<ClientError> + Clone + Into<ClientError> + Send,
    {
        let turn = Pace::ask(&self.pace);
        let life = self.life.clone();
        // A request does not keep the session.
        let inner = Arc::downgrade(&self.inner);
        async move {
            let mut request = pin!(caught(request));
            let result = loop {
                let deadline = turn.deadline();
                match timeout_at(deadline, &mut request).await {
                    Ok(result) => break result,
                    Err(_) if turn.deadline() > deadline => {}
                    Err(_) => return Err(ClientError::Timeout.into()),
                }
            };
            let error = match &result {
                Ok(_) => None,
                Err(error) => Some(error.clone().into()),
            };
            match error {
                Some(ClientError::UnexpectedError(_)) if has_died(&inner) => {
                    life.end();
                    Err(ClientError::UnexpectedError(DIED.to_owned()).into())
                }
                Some(error) if is_outcome_unknown(&error) => result,
                _ => {
                    turn.answered();
                    result
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

    pub(crate) fn state(&self) -> SessionState {
        if self.life.has_ended() {
            return SessionState::Closed;
        }
        self.inner.state()
    }

    pub(crate) fn state_watcher(&self) -> StateWatcher {
        StateWatcher {
            inner: self.inner.state_watcher(),
            died: self.life.0.subscribe(),
            is_over: false,
        }
    }

    pub(crate) fn auth(
        &self,
        scheme: &str,
        secret: &[u8],
    ) -> impl Future<Output = Result<(), ClientError>> + Send + use<'_> {
        self.bounded(self.inner.auth(scheme, secret))
    }

    pub(crate) fn list_auth_users(
        &self,
    ) -> impl Future<Output = Result<Vec<zk::AuthUser>, ClientError>> + Send + use<'_> {
        self.bounded(self.inner.list_auth_users())
    }

    pub(crate) fn sync(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(), ClientError>> + Send + use<'_> {
        self.bounded(self.inner.sync(path))
    }

    pub(crate) fn watch(
        &self,
        path: &str,
        mode: AddWatchMode,
    ) -> impl Future<Output = Result<PersistentWatcher, ClientError>> + Send + use<'_> {
        let life = self.life.clone();
        let watching = self.bounded(self.inner.watch(path, mode));
        async move {
            let inner = watching.await?;
            let is_over = false;
            Ok(PersistentWatcher {
                inner,
                life,
                is_over,
            })
        }
    }

    pub(crate) fn check_stat(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<Option<Stat>, ClientError>> + Send + use<> {
        let answer = self.bounded(self.inner.check_stat(path));
        let learnt = self.learnt.clone();
        async move {
            let stat = answer.await?;
            stat.iter().for_each(|stat| learnt.note(stat));
            Ok(stat)
        }
    }

    pub(crate) fn get_data(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Vec<u8>, Stat), ClientError>> + Send + use<> {
        self.bounded(self.inner.get_data(path))
    }

    pub(crate) fn get_children(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Vec<String>, Stat), ClientError>> + Send + use<> {
        self.bounded(self.inner.get_children(path))
    }

    pub(crate) fn list_children(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<Vec<String>, ClientError>> + Send + use<'_> {
        self.bounded(self.inner.list_children(path))
    }

    pub(crate) fn get_acl(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(Vec<zk::Acl>, Stat), ClientError>> + Send + use<'_> {
        self.bounded(self.inner.get_acl(path))
    }

    pub(crate) fn create<'f>(
        &'f self,
        path: &'f str,
        data: &[u8],
        options: &CreateOptions<'_>,
    ) -> impl Future<Output = Result<(Stat, CreateSequence), ClientError>> + Send + use<'f> {
        self.bounded(self.inner.create(path, data, options))
    }

    pub(crate) fn delete(
        &self,
        path: &str,
        expected: Option<i32>,
    ) -> impl Future<Output = Result<(), ClientError>> + Send + use<> {
        self.bounded(self.inner.delete(path, expected))
    }

    pub(crate) fn set_data(
        &self,
        path: &str,
        data: &[u8],
        expected: Option<i32>,
    ) -> impl Future<Output = Result<Stat, ClientError>> + Send + use<> {
        self.bounded(self.inner.set_data(path, data, expected))
    }

    pub(crate) fn set_acl(
        &self,
        path: &str,
        acl: &[zk::Acl],
        expected: Option<i32>,
    ) -> impl Future<Output = Result<Stat, ClientError>> + Send + use<'_> {
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
    pub(crate) fn add_get_data(&mut self, path: &str) -> Result<(), ClientError> {
        self.inner.add_get_data(path)
    }

    pub(crate) fn add_get_children(&mut self, path: &str) -> Result<(), ClientError> {
        self.inner.add_get_children(path)
    }

    pub(crate) fn commit(
        &mut self,
    ) -> impl Future<Output = Result<Vec<MultiReadResult>, ClientError>> + Send + use<'a> {
        let answer = self.client.bounded(self.inner.commit());
        let learnt = &self.client.learnt;
        async move {
            let answer = answer.await;
            match &answer {
                Ok(results) => {
                    learnt.reads_batches.store(true, Ordering::Relaxed);
                    for result in results {
                        if let MultiReadResult::Data { stat, .. } = result {
                            learnt.note(stat);
                        }
                    }
                }
                Err(ClientError::Unimplemented) => {
                    learnt.reads_batches.store(false, Ordering::Relaxed);
                }
                Err(_) => {}
            }
            answer
        }
    }
}

/// As [`zk::MultiWriter`].
pub(crate) struct MultiWriter<'a> {
    inner: zk::MultiWriter<'a>,
    client: &'a Client,
}

impl<'a> MultiWriter<'a> {
    pub(crate) fn add_check_version(
        &mut self,
        path: &str,
        version: i32,
    ) -> Result<(), ClientError> {
        self.inner.add_check_version(path, version)
    }

    pub(crate) fn add_create(
        &mut self,
        path: &str,
        data: &[u8],
        options: &CreateOptions<'_>,
    ) -> Result<(), ClientError> {
        self.inner.add_create(path, data, options)
    }

    pub(crate) fn add_set_data(
        &mut self,
        path: &str,
        data: &[u8],
        expected: Option<i32>,
    ) -> Result<(), ClientError> {
        self.inner.add_set_data(path, data, expected)
    }

    pub(crate) fn add_delete(
        &mut self,
        path: &str,
        expected: Option<i32>,
    ) -> Result<(), ClientError> {
        self.inner.add_delete(path, expected)
    }

    pub(crate) fn commit(
        &mut self,
    ) -> impl Future<Output = Result<Vec<MultiWriteResult>, MultiWriteError>> + Send + use<'a> {
        self.client.bounded(self.inner.commit())
    }
}

/// Whether the client's task has ended without saying how: no request can be handed to it any more.
fn has_died(client: &Weak<Ending>) -> bool {
    let Some(client) = client.upgrade() else {
        return false;
    };
    let mut request = pin!(caught(client.check_stat("/")));
    let mut context = Context::from_waker(Waker::noop());
    let fails_at_once = matches!(request.as_mut().poll(&mut context), Poll::Ready(Err(_)));
    fails_at_once && !client.state().is_terminated()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let pending = async {
            let reply: &[u8] = &[];
            Ok::<_, ClientError>(reply[reply.len()..][0])
        };
        let error = caught(pending).await.unwrap_err();
        assert!(is_outcome_unknown(&error), "{error}");
    }
}
