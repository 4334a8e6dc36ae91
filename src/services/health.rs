//! Whether a service is well enough to be registered.

use std::fmt;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long from the first check to the second, at most; while the service has not been well yet,
/// pauses grow to a tenth of the time since then.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

type Call = dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync;

/// A check that is made again and again; while it fails, the service is not registered.
#[derive(Debug, Clone)]
#[must_use]
pub struct HealthCheck {
    kind: Kind,
    interval: Duration,
    timeout: Duration,
    failures: u32,
}

#[derive(Clone)]
enum Kind {
    Tcp(String),
    Command(Vec<String>),
    Call(Arc<Call>),
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "Tcp({address:?})"),
            Self::Command(words) => write!(f, "Command({words:?})"),
            Self::Call(_) => f.write_str("Call"),
        }
    }
}

impl HealthCheck {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            failures: 2,
        }
    }

    /// A connection to `host:port` is accepted.
    pub fn tcp(address: impl Into<String>) -> Self {
        Self::new(Kind::Tcp(address.into()))
    }

    /// A program with its arguments ends with success. Its output is thrown away; it is killed when it
    /// takes longer than the timeout.
    pub fn command<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::new(Kind::Command(words.into_iter().map(Into::into).collect()))
    }

    /// A function says so.
    pub fn call<F>(check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = bool> + Send + 'static,
    {
        Self::new(Kind::Call(Arc::new(move || Box::pin(check()))))
    }

    /// How long to wait from the end of one check to the next. Default: 5 s. Until the service is well
    /// for the first time it is checked more often.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How long a check may take before it counts as failed. Default: 2 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many checks must fail in a row before the service leaves. Default: 2.
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures.max(1);
        self
    }

    async fn passes(&self) -> bool {
        let check = async {
            match &self.kind {
                Kind::Tcp(address) => TcpStream::connect(address).await.is_ok(),
                Kind::Command(words) => succeeds(words).await,
                Kind::Call(call) => call().await,
            }
        };
        timeout(self.timeout, check).await.unwrap_or(false)
    }

    /// Checks for ever, and sends the verdict when it changes. Until the first success the verdict is
    /// that the service is not well, and the next check comes sooner: a service that has just
    /// started is to be registered soon after it is well.
    pub(crate) async fn watch(self, verdict: watch::Sender<bool>) {
        let start = Instant::now();
        let mut is_starting = true;
        let mut failures = 0;
        loop {
            if self.passes().await {
                failures = 0;
            } else {
                failures += 1;
            }
            let is_well = match (*verdict.borrow(), failures) {
                (_, 0) => true,
                (was_well, failures) => was_well && failures < self.failures,
            };
            verdict.send_if_modified(|was_well| std::mem::replace(was_well, is_well) != is_well);
            is_starting &= !is_well;
            let pause = if is_starting {
                (start.elapsed() / 10).max(FIRST_PAUSE).min(self.interval)
            } else {
                self.interval
            };
            sleep(pause).await;
        }
    }
}

async fn succeeds(words: &[String]) -> bool {
    let Some((program, arguments)) = words.split_first() else {
        return false;
    };
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match command.status().await {
        Ok(status) => status.success(),
        Err(error) => {
            tracing::warn!(program, %error, "the health check cannot be run");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_takes_some_failures_to_leave_and_one_success_to_come_back() {
        // Each bit is the outcome of one check.
        let outcomes = 0b1000_1011_u32;
        let count = Arc::new(AtomicU32::new(0));
        let counter = count.clone();
        let check = HealthCheck::call(move || {
            let n = counter.fetch_add(1, Ordering::SeqCst);
            async move { outcomes >> n & 1 == 1 }
        });
        let (sender, verdict) = watch::channel(false);
        let watching = tokio::spawn(check.interval(Duration::from_secs(1)).watch(sender));
        let mut seen = Vec::new();
        for _ in 0..8 {
            sleep(Duration::from_millis(500)).await;
            seen.push(u8::from(*verdict.borrow()));
            sleep(Duration::from_millis(500)).await;
        }
        watching.abort();
        assert_eq!(seen, [1, 1, 1, 1, 1, 0, 0, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_starts_is_checked_often() {
        for ready in [50, 400, 3_000, 20_000, 200_000].map(Duration::from_millis) {
            let start = Instant::now();
            let check = HealthCheck::call(move || async move { start.elapsed() >= ready });
            let (sender, mut verdict) = watch::channel(false);
            let watching = tokio::spawn(check.watch(sender));
            verdict.wait_for(|is_well| *is_well).await.unwrap();
            watching.abort();
            let late = start.elapsed() - ready;
            let most = (ready / 9).clamp(FIRST_PAUSE, Duration::from_secs(5));
            assert!(late <= most, "{late:?} late after {ready:?}");
        }
    }

    #[tokio::test]
    async fn commands_and_connections() {
        assert!(HealthCheck::command(["true"]).passes().await);
        assert!(!HealthCheck::command(["false"]).passes().await);
        assert!(!HealthCheck::command(["/no/such/program"]).passes().await);
        assert!(!HealthCheck::command([""; 0]).passes().await);
        let slow = HealthCheck::command(["sleep", "60"]).timeout(Duration::from_millis(10));
        assert!(!slow.passes().await);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert!(HealthCheck::tcp(address.as_str()).passes().await);
        drop(listener);
        assert!(!HealthCheck::tcp(address).passes().await);
    }
}
