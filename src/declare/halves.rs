//! Two pieces of work that do not depend on each other, done at once. What comes out is what doing
//! one after the other gives: where modules are pure, this is the only way to a second thread.

use std::panic::resume_unwind;

/// Runs both, the second on a thread of its own. A panic of either goes on in the caller.
pub fn join<A, B: Send>(first: impl FnOnce() -> A, second: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let second = scope.spawn(second);
        let first = first();
        let second = second.join().unwrap_or_else(|panic| resume_unwind(panic));
        (first, second)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::join;

    #[test]
    fn both_run_at_once() {
        let (from_first, to_second) = mpsc::channel();
        let (from_second, to_first) = mpsc::channel();
        let halves = join(
            move || {
                from_first.send(1).expect("the second half waits");
                to_first.recv()
            },
            move || {
                from_second.send(2).expect("the first half waits");
                to_second.recv()
            },
        );
        assert_eq!(halves, (Ok(2), Ok(1)));
    }

    #[test]
    #[should_panic(expected = "the second half")]
    fn a_panic_goes_on() {
        join(|| (), || panic!("the second half"));
    }
}
