//! A thread with a large stack: expressions are read and evaluated by recursion, with large frames.

use std::panic::resume_unwind;
use std::thread;

/// Enough for whatever the limits let pass, several times over.
const STACK: usize = 64 << 20;

/// Does some work there. Where the system has no thread to give, does it here.
pub(super) fn on_large_stack<T: Send>(work: impl Fn() -> T + Send + Sync) -> T {
    thread::scope(|scope| {
        let roomy = thread::Builder::new().stack_size(STACK);
        match roomy.spawn_scoped(scope, &work) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => work(),
        }
    })
}
