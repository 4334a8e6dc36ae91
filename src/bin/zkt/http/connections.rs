//! The open connections of an address, bounded in number.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Duration, Instant};

/// Maximum number of open connections; a further one closes the one that has been idle for longest.
const MOST: usize = 64;
/// A connection without progress for this long counts as idle.
const STUCK: Duration = Duration::from_secs(5);

/// What a connection does, as its handlers report.
#[derive(Debug, Clone)]
pub(crate) struct Activity(Arc<Mutex<Doing>>);

#[derive(Debug, Clone, Copy)]
struct Doing {
    answering: bool,
    since: Instant,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Doing {
            answering: false,
            since: Instant::now(),
        })))
    }

    /// A request has come, a part of its answer or all of it has been written.
    pub(crate) fn set_answering(&self, answering: bool) {
        let since = Instant::now();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Doing { answering, since };
    }

    fn is_answering(&self) -> bool {
        let doing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        doing.answering
    }

    /// Whether it is being answered, and since when nothing has happened. A client that takes
    /// nothing of its answer for long is as good as idle.
    fn get(&self) -> (bool, Instant) {
        let doing = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (
            doing.answering && doing.since.elapsed() < STUCK,
            doing.since,
        )
    }
}

/// A stream that records when it is written to.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) activity: Activity,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_ready() {
            self.activity.set_answering(true);
        }
        written
    }

    /// It is asked for when all has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() && self.activity.is_answering() {
            self.activity.set_answering(false);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// What connections come from.
pub(crate) trait Listener: Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection.
    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

/// Accepts connections for ever and has each of them served. So slow ones, however many, keep nobody
/// waiting.
pub(crate) async fn accept<L: Listener, S>(
    what: &'static str,
    listener: L,
    serve: impl Fn(L::Stream, Activity) -> S,
) where
    S: Future<Output = ()> + Send + 'static,
{
    let mut serving = JoinSet::new();
    let mut open: Vec<(Activity, AbortHandle)> = Vec::new();
    loop {
        let stream = match listener.next().await {
            Ok(stream) => stream,
            Err(error) => {
                // Too many open files, for one; it passes.
                tracing::warn!(%error, "{what} takes no connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        while serving.try_join_next().is_some() {}
        open.retain(|(_, task)| !task.is_finished());
        if open.len() >= MOST {
            // One that is being answered goes only where there is no other.
            let idlest = (0..open.len()).min_by_key(|&i| open[i].0.get());
            if let Some(idlest) = idlest {
                open.swap_remove(idlest).1.abort();
            }
        }
        let activity = Activity::new();
        let task = serving.spawn(serve(stream, activity.clone()));
        open.push((activity, task));
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::Full;
    use hyper::Response;
    use hyper::body::Bytes;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_is_busy_until_it_has_its_answer_unless_it_takes_none() {
        const LENGTH: usize = 1 << 20;
        let (near, mut client) = tokio::io::duplex(64);
        let activity = Activity::new();
        let stream = Watched {
            stream: near,
            activity: activity.clone(),
        };
        let answering = activity.clone();
        let answer = service_fn(move |_| {
            answering.set_answering(true);
            let body = Full::new(Bytes::from(vec![b'x'; LENGTH]));
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        let serving = tokio::spawn(async move { _ = served.await });
        assert!(!activity.get().0);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut half = vec![0; LENGTH / 2];
        client.read_exact(&mut half).await.unwrap();
        assert!(activity.get().0);
        tokio::time::sleep(STUCK).await;
        assert!(!activity.get().0);
        client.read_exact(&mut half).await.unwrap();
        assert!(activity.get().0);
        // What is left is as long as the head of the answer.
        while activity.is_answering() {
            assert_ne!(client.read(&mut half).await.unwrap(), 0);
            tokio::task::yield_now().await;
        }
        drop(client);
        serving.await.unwrap();
    }
}
