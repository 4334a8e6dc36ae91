//! The bytes that wait to be sent to one client, in order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Bytes to be sent, and from when on they may be sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// Up to where bytes have to wait, and until when.
    delays: VecDeque<(usize, Instant)>,
    /// The connection ends when everything is sent.
    pub(crate) closing: bool,
}

/// What can be sent now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Bytes, or nothing if nothing waits.
    Now,
    /// Nothing before this time.
    At(Instant),
}

impl Outbox {
    /// Where the next frame goes.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Drops what was added since there were `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.delays.retain(|(end, _)| *end <= length);
    }

    /// Delays what was added since the last call.
    pub(crate) fn delay(&mut self, delay: Duration, now: Instant) {
        let end = self.bytes.len();
        let last = self.delays.back().map_or(0, |(end, _)| *end);
        if !delay.is_zero() && end > last {
            self.delays.push_back((end, now + delay));
        }
    }

    /// Moves what may be sent to `to`, which is empty.
    pub(crate) fn take(&mut self, now: Instant, to: &mut Vec<u8>) -> Due {
        debug_assert!(to.is_empty());
        let mut end = 0;
        while let Some(&(until, due)) = self.delays.front() {
            if now < due {
                to.extend_from_slice(&self.bytes[..end]);
                self.bytes.drain(..end);
                for (until, _) in &mut self.delays {
                    *until -= end;
                }
                return if end > 0 { Due::Now } else { Due::At(due) };
            }
            end = until;
            self.delays.pop_front();
        }
        std::mem::swap(&mut self.bytes, to);
        Due::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(outbox: &mut Outbox, now: Instant) -> (Vec<u8>, Due) {
        let mut bytes = Vec::new();
        let due = outbox.take(now, &mut bytes);
        (bytes, due)
    }

    #[test]
    fn delays_keep_the_order() {
        let mut outbox = Outbox::default();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        outbox.bytes().extend(b"ab");
        outbox.delay(Duration::from_millis(10), start);
        outbox.bytes().extend(b"cd");
        outbox.delay(Duration::from_millis(10), after(5));
        outbox.bytes().extend(b"e");
        outbox.delay(Duration::ZERO, after(5));
        assert_eq!(taken(&mut outbox, start), (vec![], Due::At(after(10))));
        assert_eq!(taken(&mut outbox, after(10)), (b"ab".to_vec(), Due::Now));
        assert_eq!(taken(&mut outbox, after(10)), (vec![], Due::At(after(15))));
        assert_eq!(taken(&mut outbox, after(15)), (b"cde".to_vec(), Due::Now));
        assert_eq!(taken(&mut outbox, after(15)), (vec![], Due::Now));
    }

    #[test]
    fn what_is_dropped_is_not_waited_for() {
        let mut outbox = Outbox::default();
        let now = Instant::now();
        outbox.bytes().extend(b"ab");
        let length = outbox.len();
        outbox.bytes().extend(b"cd");
        outbox.delay(Duration::from_secs(9), now);
        outbox.truncate(length);
        assert_eq!(taken(&mut outbox, now), (b"ab".to_vec(), Due::Now));
    }
}
