//! The reconcile loop: keeps the live tree as declared, however long it runs.
//!
//! What wakes it is a hint. Files, live tree and timer only decide *when* to reconcile. What is
//! done follows from the declared tree and the live one, by the same plans and executions as apply.
//!
//! | room | what it is |
//! | --- | --- |
//! | `schedule` | when the next reconcile is due: debounce, backoff, timer; pure |
//! | `files`, `journal` | signs that files may have changed, and whether they did |
//! | `settling`, `writers` | whether newer files may be taken already |
//! | `revision` | what files declare, and whether that is sound |
//! | `newest` | what becomes of that tree as files change |
//! | `formerly` | what earlier files have declared secret |
//! | `reconciler` | one reconcile: session and mirror, plan and execution |
//! | `held`, `drift` | nodes whose repair waits, differences that are known |
//! | `state`, `condition` | what there is to show, and in one word |
//! | `shown` | what happened, as it is logged and shown |
//! | `history` | the history of the live tree in git, beside all that |
//! | `git` | git as a process that is given up after a while |
//! | `task` | waits for what happens, and reconciles when that is due |

mod commit;
mod condition;
mod drift;
mod error;
mod files;
mod formerly;
mod git;
mod held;
mod history;
mod journal;
mod newest;
mod reconciler;
mod revision;
mod schedule;
mod settling;
mod shown;
mod state;
mod task;
mod writers;

use std::time::Duration;

use crate::reconcile;
use crate::zookeeper::session;

pub use commit::commit_of;
pub use condition::Condition;
pub use error::Error;
pub use held::{HeldNode, HeldReason};
pub use history::{History, HistoryError};
pub use revision::{Broken, FileState, Revision, WatchedLayers, Wording};
pub use schedule::{Cause, Causes, Pace, Schedule};
pub use state::{
    Applied, BUCKETS, Connection, Counters, Ending, HISTORY, Leadership, Reconcile, State,
};
pub use task::{Command, Once, once, run};

/// What is done about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It is repaired.
    #[default]
    Enforce,
    /// It is shown, and nothing is written.
    Warn,
}

/// What a loop keeps, where, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is declared.
    pub layers: WatchedLayers,
    /// How to connect. A loop tries again by itself: without a wait, it sees to the files meanwhile.
    pub session: session::Options,
    /// What is done about a difference.
    pub mode: Mode,
    /// What a plan may do. Its path and filter are those of the layers, and a node that
    /// cannot be written waits by itself.
    pub plan: reconcile::Options,
    /// When it acts.
    pub pace: Pace,
    /// Reads files in such intervals instead of waiting for the kernel's events.
    pub poll: Option<Duration>,
    /// The name under which replicas elect the one that writes; without it this one does.
    pub elect: Option<String>,
    /// Where each change of the live tree is recorded.
    pub history: Option<History>,
}
