//! The embedded server, as clients and tests see it.

mod abuse;
mod clients;
mod faults;
mod limits;
mod protocol;
pub(crate) mod raw;
mod tls;

use std::time::{Duration, Instant};

/// Waits for what comes about by itself, for as long as even a slow machine may take.
fn eventually(what: impl Fn() -> bool) {
    crate::watchdog::watch();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !what() {
        assert!(
            Instant::now() < deadline,
            "it did not come about within a minute"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}
