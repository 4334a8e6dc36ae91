//! How long a request may wait for its answer.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A limit that the clock cannot hold is none.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long to wait for an answer, and when answers came.
///
/// A server answers the requests of a session in their order. So the time of a request runs from the
/// last answer to one before it, and many requests in flight may take longer together. An answer to
/// a later one does not help: the own one was lost.
#[derive(Debug)]
pub(super) struct Pace {
    limit: Duration,
    requests: Mutex<Requests>,
}

#[derive(Debug, Default)]
struct Requests {
    next: u64,
    in_flight: BTreeSet<u64>,
    /// Requests and when they were answered, as far as it matters for those in flight. Both grow
    /// from front to back: what was answered before a request with a smaller number is left out.
    answers: VecDeque<(u64, Instant)>,
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct Turn {
    pace: Arc<Pace>,
    number: u64,
    asked: Instant,
}

impl Pace {
    pub(super) fn new(limit: Duration) -> Self {
        let requests = Mutex::default();
        Self { limit, requests }
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called in the order in which requests are sent.
    pub(super) fn ask(this: &Arc<Self>) -> Turn {
        let mut requests = this.requests();
        let number = requests.next;
        requests.next += 1;
        requests.in_flight.insert(number);
        Turn {
            pace: this.clone(),
            number,
            asked: Instant::now(),
        }
    }
}

impl Turn {
    /// When it has waited for long enough, as things are now.
    pub(super) fn deadline(&self) -> Instant {
        let limit = self.pace.limit;
        let since = self.pace.requests().answered_before(self.number);
        let since = since.map_or(self.asked, |answered| answered.max(self.asked));
        since.checked_add(limit).unwrap_or(since + FOR_EVER)
    }

    pub(super) fn answered(self) {
        let mut requests = self.pace.requests();
        let answers = &mut requests.answers;
        while answers
            .back()
            .is_some_and(|(other, _)| *other >= self.number)
        {
            answers.pop_back();
        }
        answers.push_back((self.number, Instant::now()));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pace.requests().forget(self.number);
    }
}

impl Requests {
    /// When the last answer came to a request before this one.
    fn answered_before(&self, number: u64) -> Option<Instant> {
        let before = self.answers.partition_point(|(other, _)| *other < number);
        let last = self.answers.get(before.checked_sub(1)?)?;
        Some(last.1)
    }

    fn forget(&mut self, number: u64) {
        self.in_flight.remove(&number);
        let first = self.in_flight.first().copied().unwrap_or(self.next);
        while self.answers.get(1).is_some_and(|(other, _)| *other < first) {
            self.answers.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn only_answers_to_earlier_requests_give_time() {
        let start = Instant::now();
        let pace = Arc::new(Pace::new(SECOND * 10));
        let [first, second, third, fourth] = [(); 4].map(|()| Pace::ask(&pace));
        advance(SECOND).await;
        third.answered();
        assert_eq!(first.deadline(), start + SECOND * 10);
        assert_eq!(second.deadline(), start + SECOND * 10);
        assert_eq!(fourth.deadline(), start + SECOND * 11);
        advance(SECOND).await;
        first.answered();
        assert_eq!(second.deadline(), start + SECOND * 12);
        assert_eq!(fourth.deadline(), start + SECOND * 12);
        drop(second);
        advance(SECOND).await;
        assert_eq!(Pace::ask(&pace).deadline(), start + SECOND * 13);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_answered_is_forgotten() {
        let pace = Arc::new(Pace::new(Duration::MAX));
        for _ in 0..100 {
            let turns: Vec<Turn> = (0..9).map(|_| Pace::ask(&pace)).collect();
            turns.into_iter().for_each(Turn::answered);
        }
        assert!(Pace::ask(&pace).deadline() > Instant::now());
        let requests = pace.requests();
        assert!(requests.in_flight.is_empty() && requests.answers.len() <= 1);
    }
}
