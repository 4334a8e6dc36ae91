//! The open connections of the status address: so many, and no longer than they are of use.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Duration, Instant};

/// Where there are more, the one that has been idle for longest is closed.
const MOST: usize = 64;

/// What a connection does, as those who serve it tell.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<Doing>>);

#[derive(Debug, Clone, Copy)]
struct Doing {
    answering: bool,
    since: Instant,
}

impl Activity {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Doing {
            answering: false,
            since: Instant::now(),
        })))
    }

    /// A request has come, or its answer has been made.
    pub(super) fn set_answering(&self, answering: bool) {
        let since = Instant::now();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Doing { answering, since };
    }

    fn get(&self) -> (bool, Instant) {
        let doing = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (doing.answering, doing.since)
    }
}

/// Accepts connections for ever and has each of them served. So slow ones, however many, keep nobody
/// waiting.
pub(super) async fn accept<S>(listener: TcpListener, serve: impl Fn(TcpStream, Activity) -> S)
where
    S: Future<Output = ()> + Send + 'static,
{
    let mut serving = JoinSet::new();
    let mut open: Vec<(Activity, AbortHandle)> = Vec::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Too many open files, for one; it passes.
                tracing::warn!(%error, "the status address takes no connection");
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
