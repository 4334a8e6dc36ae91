//! What there is to show of a loop.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::held::HeldNode;
use super::revision::FileState;
use super::schedule::Causes;
use crate::model::plan::{Plan, Summary};
use crate::zookeeper::session::Pulse;

/// How many reconciles are remembered.
pub const HISTORY: usize = 50;

/// Upper bounds of the durations by which reconciles are counted, in seconds.
pub const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// Maximum number of actions that are remembered of an applied plan.
const LONGEST_APPLIED: usize = 1000;

/// The state of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connection {
    /// There is none.
    #[default]
    None,
    /// It lives, as far as is known, but the connection is lost.
    Lost,
    /// It is up.
    Up,
}

impl Connection {
    pub(super) fn of(pulse: &Pulse) -> Self {
        if pulse.is_up() { Self::Up } else { Self::Lost }
    }
}

/// Which replica writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leadership {
    /// There is no election: this one.
    #[default]
    Alone,
    /// This one, by election.
    Leads,
    /// Another one.
    Follows,
}

/// How a reconcile ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// All was as declared.
    InSync,
    /// It is now.
    Applied,
    /// It is not, but nothing is to be written now: warnings only, another replica leads, or all
    /// that differs is held back because others change it again after each repair.
    Drift,
    /// A guard refused the plan; nothing was written.
    Refused,
    /// The live tree moved under each of several plans.
    Conflict,
    /// An error; nothing was written.
    Failed,
    /// An error after something was written.
    Partial,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::InSync,
        Self::Applied,
        Self::Drift,
        Self::Refused,
        Self::Conflict,
        Self::Failed,
        Self::Partial,
    ];

    /// Whether there is nothing to try again: the live tree is as it is to be left.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::InSync | Self::Applied | Self::Drift)
    }

    /// In one word, for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Applied => "applied",
            Self::Drift => "drift",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Partial => "partial",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('_', " "))
    }
}

/// One reconcile that came to an end.
#[derive(Debug, Clone)]
pub struct Reconcile {
    /// Why it ran.
    pub causes: Causes,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Revision of the files that it compared with.
    pub revision: Option<String>,
    /// How it ended.
    pub ending: Ending,
    /// What its first plan found to do.
    pub found: Summary,
    /// What was done.
    pub done: Summary,
    /// What went wrong, or why a guard refused.
    pub error: Option<String>,
}

/// A plan that was carried out.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The plan; of a long one the first actions.
    pub plan: Plan,
    /// How many actions it had.
    pub actions: usize,
    /// Why it was made.
    pub causes: Causes,
    /// The source that it was made for.
    pub revision: String,
    /// When it was carried out.
    pub at: SystemTime,
}

impl Applied {
    pub(super) fn new(plan: &Plan, causes: &Causes, revision: &str) -> Self {
        let mut short = Plan::empty(plan.path.clone());
        short.actions = plan.actions.iter().take(LONGEST_APPLIED).cloned().collect();
        Self {
            plan: short,
            actions: plan.actions.len(),
            causes: causes.clone(),
            revision: revision.to_owned(),
            at: SystemTime::now(),
        }
    }
}

/// What has been counted since the loop began.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Reconciles by how they ended, as in [`Ending::ALL`].
    pub endings: [u64; Ending::ALL.len()],
    /// Reconciles by how long they took: not longer than the bucket's bound, and longer than the one
    /// before; the last are longer than all.
    pub durations: [u64; BUCKETS.len() + 1],
    /// The seconds that all took together.
    pub seconds: f64,
    /// Actions that were carried out.
    pub done: Summary,
    /// Differences that appeared for another reason than newer files, each counted once.
    pub drift: u64,
    /// Plans that a guard refused.
    pub refusals: u64,
    /// Changes without an event, found by reading everything.
    pub missed: u64,
    /// How often everything was read.
    pub full_reads: u64,
    /// Sessions.
    pub sessions: u64,
}

/// A loop as it stands.
#[derive(Debug, Clone)]
pub struct State {
    /// When it began.
    pub began: SystemTime,
    /// When the loop last came around.
    pub turned: Instant,
    /// What the files declare.
    pub files: FileState,
    /// The servers and the chroot.
    pub hosts: String,
    /// The session.
    pub connection: Connection,
    /// Why there is no connection, as far as is known.
    pub outage: Option<String>,
    /// Whether the server sends events of changes.
    pub has_watches: bool,
    /// Which replica writes.
    pub leadership: Leadership,
    /// What is out of sync now, as the last plan has it.
    pub plan: Option<Arc<Plan>>,
    /// When that plan was made.
    pub planned: Option<SystemTime>,
    /// What was carried out last.
    pub applied: Option<Arc<Applied>>,
    /// The last reconciles, the newest first.
    pub history: VecDeque<Arc<Reconcile>>,
    /// When the last one ended.
    pub last_attempt: Option<(SystemTime, Instant)>,
    /// When the last one that succeeded ended.
    pub last_success: Option<(SystemTime, Instant)>,
    /// Nodes whose repair waits.
    pub held: Vec<HeldNode>,
    /// How many live nodes are mirrored.
    pub mirrored: usize,
    /// What has been counted.
    pub counters: Counters,
}

impl State {
    /// The state before the first reconcile.
    #[must_use]
    pub fn new() -> Self {
        Self {
            began: SystemTime::now(),
            turned: Instant::now(),
            files: FileState::default(),
            hosts: String::new(),
            connection: Connection::None,
            outage: None,
            has_watches: true,
            leadership: Leadership::Alone,
            plan: None,
            planned: None,
            applied: None,
            history: VecDeque::new(),
            last_attempt: None,
            last_success: None,
            held: Vec::new(),
            mirrored: 0,
            counters: Counters::default(),
        }
    }

    /// Whether declared and live tree agreed when they were last compared.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        let last = self.history.front().map(|last| last.ending);
        matches!(last, Some(Ending::InSync | Ending::Applied))
    }

    /// Takes note of a reconcile that ended.
    pub(super) fn add(&mut self, reconcile: Reconcile) {
        let now = (SystemTime::now(), Instant::now());
        self.last_attempt = Some(now);
        if reconcile.ending.is_success() {
            self.last_success = Some(now);
        }
        let counters = &mut self.counters;
        let ending = Ending::ALL
            .iter()
            .position(|ending| *ending == reconcile.ending);
        counters.endings[ending.unwrap_or_default()] += 1;
        let seconds = reconcile.took.as_secs_f64();
        counters.durations[BUCKETS.partition_point(|bound| *bound < seconds)] += 1;
        counters.seconds += seconds;
        counters.refusals += u64::from(reconcile.ending == Ending::Refused);
        counters.done += reconcile.done;
        self.history.push_front(Arc::new(reconcile));
        self.history.truncate(HISTORY);
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}
