//! When a stopped execution is planned again.

use super::Options;
use crate::zookeeper::executor::Stop;

/// The executions of one run.
#[derive(Debug, Clone)]
pub(crate) struct Tries {
    limit: u32,
    made: u32,
    /// Number of conflicts after which the nodes count as contended.
    contended_from: u32,
    conflicts: u32,
}

/// A stopped execution is planned again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// Which further attempt it is, from 1.
    pub attempt: u32,
    /// How many there may be.
    pub of: u32,
    /// Whether its nodes count as contended from now on.
    pub contends: bool,
}

impl Tries {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            limit: options.retries,
            contended_from: options.contended_from,
            made: 0,
            conflicts: 0,
        }
    }

    /// Whether the nodes count as contended.
    pub(crate) fn is_contended(&self) -> bool {
        self.conflicts >= self.contended_from
    }

    /// Takes note of a stop.
    pub(crate) fn note(&mut self, stop: &Stop) {
        self.conflicts += u32::from(matches!(stop, Stop::Conflict { .. }));
    }

    /// The live tree came to rest.
    #[cfg(feature = "watch")]
    pub(crate) fn rest(&mut self) {
        self.conflicts = 0;
    }

    /// Takes note of a stop. Returns `None` if planning again would not help, or was tried often enough.
    pub(crate) fn after(&mut self, stop: &Stop) -> Option<Again> {
        let before = self.is_contended();
        if !may_pass(stop) || self.made == self.limit {
            return None;
        }
        self.made += 1;
        self.note(stop);
        Some(Again {
            attempt: self.made,
            of: self.limit,
            contends: self.is_contended() && !before,
        })
    }
}

/// Whether a plan made anew may get further: the live tree moved, or the connection was lost.
fn may_pass(stop: &Stop) -> bool {
    match stop {
        Stop::Conflict { .. } | Stop::Disconnected { .. } | Stop::Uncertain { .. } => true,
        Stop::Failed { .. }
        | Stop::InvalidAcl { .. }
        | Stop::TooLarge { .. }
        | Stop::Unread { .. }
        | Stop::Deposed { .. } => false,
    }
}
