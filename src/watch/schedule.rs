//! When a reconcile is due: debounce, pace and backoff as a state machine that gets the time.
//!
//! What happened only moves the moment of the next reconcile; what is to be done then, the state of
//! files and live tree decides.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// Why a reconcile runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It is the first.
    Start,
    /// Files may have changed.
    Files,
    /// The live tree changed.
    Live,
    /// The session was restored, or is a new one.
    Session,
    /// It is time to read everything again.
    Timer,
    /// Somebody asked.
    Asked,
    /// The last one failed, or held nodes back.
    Retry,
    /// This replica leads now.
    Elected,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Files => "files",
            Self::Live => "live",
            Self::Session => "session",
            Self::Timer => "timer",
            Self::Asked => "asked",
            Self::Retry => "retry",
            Self::Elected => "elected",
        })
    }
}

/// All causes of one reconcile, in words: `files+live`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Causes(BTreeSet<Cause>);

impl Causes {
    /// Whether this is among them.
    #[must_use]
    pub fn has(&self, cause: Cause) -> bool {
        self.0.contains(&cause)
    }

    /// Whether there is no other than these.
    #[must_use]
    pub fn are_only(&self, causes: &[Cause]) -> bool {
        self.0.iter().all(|cause| causes.contains(cause))
    }

    /// Adds those of another reconcile.
    pub fn add(&mut self, others: &Self) {
        self.0.extend(&others.0);
    }
}

impl From<Cause> for Causes {
    fn from(cause: Cause) -> Self {
        Self(BTreeSet::from([cause]))
    }
}

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, cause) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("+")?;
            }
            cause.fmt(f)?;
        }
        Ok(())
    }
}

/// The durations that a [`Schedule`] goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// How long files must be quiet.
    pub quiet: Duration,
    /// How long they are waited for at most.
    pub longest: Duration,
    /// The least time between the end of a reconcile and the next one for the live tree's sake.
    pub breath: Duration,
    /// The time between two readings of everything, give or take a tenth.
    pub interval: Duration,
    /// The wait after a first failure; each further one doubles it.
    pub first_backoff: Duration,
    /// The longest wait after a failure.
    pub longest_backoff: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(200),
            longest: Duration::from_secs(2),
            breath: Duration::from_millis(10),
            interval: Duration::from_secs(60),
            first_backoff: Duration::from_millis(500),
            longest_backoff: Duration::from_secs(60),
        }
    }
}

/// When the next reconcile is due, and why.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    random: fastrand::Rng,
    /// What is due at once.
    urgent: Causes,
    /// The first and the last sign of a change of files.
    files: Option<(Instant, Instant)>,
    live: bool,
    /// The end of the last reconcile.
    ended: Option<Instant>,
    timer: Instant,
    retry: Option<Instant>,
    /// When nodes that were held back may be written.
    held: Option<Instant>,
    failures: u32,
}

impl Schedule {
    /// Starts with a reconcile that is due at once. Of two with the same seed the jitter is the same.
    #[must_use]
    pub fn new(pace: Pace, seed: u64, now: Instant) -> Self {
        let mut schedule = Self {
            pace,
            random: fastrand::Rng::with_seed(seed),
            urgent: Cause::Start.into(),
            files: None,
            live: false,
            ended: None,
            timer: now,
            retry: None,
            held: None,
            failures: 0,
        };
        schedule.wind_timer(now);
        schedule
    }

    /// Takes note of what happened. [`Cause::Timer`] and [`Cause::Retry`] come from the schedule
    /// itself.
    pub fn note(&mut self, cause: Cause, now: Instant) {
        match cause {
            Cause::Files => {
                let first = self.files.map_or(now, |(first, _)| first);
                self.files = Some((first, now));
            }
            Cause::Live => self.live = true,
            cause => self.urgent.add(&cause.into()),
        }
    }

    /// When something will be due if nothing else happens.
    #[must_use]
    pub fn next(&self, now: Instant) -> Instant {
        if !self.urgent.0.is_empty() {
            return now;
        }
        let files = self.files_due();
        let others = match self.retry {
            // Neither the live tree nor the timer shortens the wait after a failure.
            Some(retry) => retry,
            None => {
                let others = self.live_due(now).into_iter().chain(self.held);
                others.fold(self.timer, Instant::min)
            }
        };
        files.map_or(others, |files| files.min(others))
    }

    /// The causes of the reconcile that is due now, or `None` if none is due. It must be followed by
    /// [`Schedule::succeeded`] or [`Schedule::failed`].
    pub fn due(&mut self, now: Instant) -> Option<Causes> {
        if self.next(now) > now {
            return None;
        }
        let mut causes = std::mem::take(&mut self.urgent);
        let mut add = |cause: Cause| {
            causes.0.insert(cause);
        };
        // All that is known is dealt with together, whether or not its own time has come.
        if self.files.take().is_some() {
            add(Cause::Files);
        }
        if std::mem::take(&mut self.live) {
            add(Cause::Live);
        }
        if self.timer <= now {
            add(Cause::Timer);
            self.wind_timer(now);
        }
        let held = self.held.take_if(|held| *held <= now);
        if self.retry.take().is_some() || held.is_some() {
            add(Cause::Retry);
        }
        Some(causes)
    }

    /// The reconcile that was due has ended, and there is no reason to do it again.
    pub fn succeeded(&mut self, now: Instant) {
        self.ended = Some(now);
        self.failures = 0;
    }

    /// The reconcile that was due has failed. Returns the wait before it is done again.
    pub fn failed(&mut self, now: Instant) -> Duration {
        self.ended = Some(now);
        let factor = 2_u32.saturating_pow(self.failures.min(16));
        let full = self.pace.first_backoff.saturating_mul(factor);
        let full = full.min(self.pace.longest_backoff);
        self.failures = self.failures.saturating_add(1);
        // Between a half and the whole of it, so that many do not come back together.
        let wait = full.mul_f64(0.5 + self.random.f64() / 2.0);
        self.retry = Some(now + wait);
        wait
    }

    /// Nodes are held back until then.
    pub fn hold(&mut self, until: Option<Instant>) {
        self.held = until;
    }

    /// How many reconciles have failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    fn wind_timer(&mut self, now: Instant) {
        let interval = self.pace.interval.mul_f64(0.9 + self.random.f64() / 5.0);
        self.timer = now + interval;
    }

    fn files_due(&self) -> Option<Instant> {
        let (first, last) = self.files?;
        Some((last + self.pace.quiet).min(first + self.pace.longest))
    }

    fn live_due(&self, now: Instant) -> Option<Instant> {
        let rested = self.ended.map_or(now, |ended| ended + self.pace.breath);
        self.live.then_some(rested)
    }
}

#[cfg(test)]
mod tests;
