//! A test that waits for ever ends the whole run, and is named.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Far beyond what any test takes on the slowest machine.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// The exit code of `timeout`, too.
const TIMED_OUT: i32 = 124;

thread_local! {
    /// The harness runs each test on a thread that bears its name, and ends with it.
    static RUNNING: Running = Running::begin();
}

struct Running(ThreadId);

type Tests = Mutex<BTreeMap<String, (ThreadId, Instant)>>;

fn tests() -> &'static Tests {
    static TESTS: OnceLock<Tests> = OnceLock::new();
    TESTS.get_or_init(|| {
        thread::spawn(keep_watch);
        Tests::default()
    })
}

/// Keeps watch over the test that runs on this thread.
pub(crate) fn watch() {
    RUNNING.with(|_| {});
}

/// Gives the test on this thread its time again: it has come further, and ends by itself.
pub(crate) fn goes_on() {
    let mut tests = tests().lock().unwrap_or_else(PoisonError::into_inner);
    let current = thread::current().id();
    for (thread, since) in tests.values_mut() {
        if *thread == current {
            *since = Instant::now();
        }
    }
}

impl Running {
    fn begin() -> Self {
        let current = thread::current();
        let name = current.name().unwrap_or("a test").to_owned();
        let mut tests = tests().lock().unwrap_or_else(PoisonError::into_inner);
        tests.insert(name, (current.id(), Instant::now()));
        Self(current.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut tests = tests().lock().unwrap_or_else(PoisonError::into_inner);
        tests.retain(|_, (thread, _)| *thread != self.0);
    }
}

fn keep_watch() {
    loop {
        thread::sleep(Duration::from_secs(5));
        let tests = tests().lock().unwrap_or_else(PoisonError::into_inner);
        let hangs = |(_, since): &(ThreadId, Instant)| since.elapsed() > LIMIT;
        let Some((name, _)) = tests.iter().find(|(_, test)| hangs(test)) else {
            continue;
        };
        // What is printed here is for the run, not for the test that started this thread.
        let verdict = format!("\n{name} has not ended within {LIMIT:?}: the run ends here\n");
        _ = std::io::stderr().write_all(verdict.as_bytes());
        std::process::exit(TIMED_OUT);
    }
}
