//! When a stopped execution is planned again.

use super::Options;
#[cfg(feature = "watch")]
use crate::model::path::ZPath;
use crate::zookeeper::executor::Stop;

/// Maximum number of nodes that may refuse a write in one run.
#[cfg(feature = "watch")]
const MOST_REFUSALS: usize = 64;
/// Number of refusals after which batches are small, so that a further one costs little.
const FEW_REFUSALS: usize = 4;

/// Where the live tree of a plan comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is read for the plan.
    Read,
    /// It is mirrored. A plan costs no read, so whether there were too many executions is asked when
    /// there is something left to do; without its connection the mirror is of no use.
    #[cfg(feature = "watch")]
    Mirror,
}

/// The executions of one run.
#[derive(Debug, Clone)]
pub(crate) struct Tries {
    look: Look,
    limit: u32,
    made: u32,
    /// Number of conflicts after which the nodes count as contended.
    contended_from: u32,
    conflicts: u32,
    /// The last conflict, unless all of a plan was carried out since.
    conflict: Option<Stop>,
    /// How many nodes refused to be written.
    refused: usize,
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

/// A node that stopped an execution, and without which the run goes on.
#[cfg(feature = "watch")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aside {
    /// Others wrote it again and again.
    Contended(ZPath),
    /// The server does not take the write.
    Refused(ZPath),
}

/// Why something is left to do after the last execution of a run.
#[cfg(feature = "watch")]
#[derive(Debug)]
pub(crate) enum Spent {
    /// The last execution ran into this conflict.
    Conflict(Stop),
    /// What was found was done, and others write on.
    Restless,
}

impl Tries {
    pub(crate) fn new(options: &Options, look: Look) -> Self {
        Self {
            look,
            limit: options.retries,
            made: 0,
            contended_from: options.contended_from,
            conflicts: 0,
            conflict: None,
            refused: 0,
        }
    }

    /// Whether the nodes count as contended.
    pub(super) fn is_contended(&self) -> bool {
        self.conflicts >= self.contended_from
    }

    /// Whether batches are to be small, because many nodes refused to be written.
    pub(super) fn has_refusals(&self) -> bool {
        self.refused > FEW_REFUSALS
    }

    fn is_spent(&self) -> bool {
        self.made > self.limit
    }

    /// All of a plan was carried out: the live tree came to rest.
    pub(super) fn rest(&mut self) {
        self.made += 1;
        self.conflicts = 0;
        self.conflict = None;
    }

    /// Takes note of a stop. Returns `None` if planning again would not help, or was tried often enough.
    pub(crate) fn after(&mut self, stop: &Stop) -> Option<Again> {
        if !self.may_pass(stop) {
            return None;
        }
        let was_contended = self.is_contended();
        self.note(stop);
        let again = self.again()?;
        Some(Again {
            contends: self.is_contended() && !was_contended,
            ..again
        })
    }

    /// Takes note of an attempt that came to nothing. Returns `None` if it was the last one.
    pub(crate) fn again(&mut self) -> Option<Again> {
        self.made += 1;
        (self.look != Look::Read || !self.is_spent()).then_some(Again {
            attempt: self.made,
            of: self.limit,
            contends: false,
        })
    }

    /// Takes note of a stop at a node without which the run goes on. The execution does not count.
    /// Returns `None` if the stop is about more than that.
    #[cfg(feature = "watch")]
    pub(crate) fn set_aside(&mut self, stop: &Stop) -> Option<Aside> {
        if let Stop::Conflict { path, .. } = stop {
            let is_same = self.conflict.as_ref().and_then(Stop::path) == Some(path);
            is_same.then(|| {
                self.note(stop);
                Aside::Contended(path.clone())
            })
        } else {
            let path = stop.of_one_node()?;
            (self.refused < MOST_REFUSALS).then(|| {
                self.refused += 1;
                Aside::Refused(path.clone())
            })
        }
    }

    /// Returns `None` if there may be another execution.
    #[cfg(feature = "watch")]
    pub(crate) fn spent(&mut self) -> Option<Spent> {
        self.is_spent().then(|| match self.conflict.take() {
            Some(conflict) => Spent::Conflict(conflict),
            None => Spent::Restless,
        })
    }

    fn note(&mut self, stop: &Stop) {
        if matches!(stop, Stop::Conflict { .. }) {
            self.conflicts += 1;
            self.conflict = Some(stop.clone());
        }
    }

    /// Whether a plan made anew may get further: the live tree moved, or the connection was lost.
    fn may_pass(&self, stop: &Stop) -> bool {
        match stop {
            Stop::Conflict { .. } => true,
            Stop::Disconnected { .. } | Stop::Uncertain { .. } => self.look == Look::Read,
            Stop::Failed { .. }
            | Stop::InvalidAcl { .. }
            | Stop::TooLarge { .. }
            | Stop::Unread { .. }
            | Stop::Deposed { .. }
            | Stop::Unguarded { .. } => false,
            Stop::Record { reason } => {
                reason.is_of_other() || reason.is_loss() && self.look == Look::Read
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zookeeper::executor::Conflict;
    use crate::zookeeper::record;
    use crate::zookeeper::session::ClientError;

    fn conflict(path: &str) -> Stop {
        Stop::Conflict {
            path: crate::model::path::ZPath::parse(path).unwrap(),
            action: 0,
            reason: Conflict::Changed,
        }
    }

    fn lost() -> Stop {
        Stop::Disconnected {
            in_flight: 1,
            committed: false,
            reason: ClientError::ConnectionLoss,
        }
    }

    fn tries(look: Look) -> Tries {
        let options = Options {
            retries: 2,
            ..Options::default()
        };
        Tries::new(&options, look)
    }

    #[test]
    fn what_is_read_for_each_plan_is_planned_again_a_few_times() {
        let mut tries = tries(Look::Read);
        let again = |attempt, contends| {
            Some(Again {
                attempt,
                of: 2,
                contends,
            })
        };
        assert_eq!(tries.after(&conflict("/a")), again(1, false));
        assert_eq!(tries.after(&conflict("/a")), again(2, true));
        assert_eq!(tries.after(&lost()), None);
    }

    #[test]
    fn what_another_owner_did_may_pass_and_who_is_fenced_off_stops() {
        let stop = |reason| Stop::Record { reason };
        let head = crate::model::path::ZPath::parse("/zkt/b").unwrap();
        let moved = stop(record::Error::OtherMoved { head: head.clone() });
        let place = head.parent().unwrap();
        let new = stop(record::Error::PlaceMoved { place });
        let fenced = stop(record::Error::Fenced { head, begun: None });
        let mut tries = tries(Look::Read);
        assert!(tries.after(&moved).is_some());
        assert!(tries.after(&fenced).is_none());
        assert!(tries.after(&new).is_some());
        assert!(tries.after(&moved).is_none());
    }

    #[cfg(feature = "watch")]
    #[test]
    fn over_a_mirror_only_what_is_left_to_do_counts() {
        let mut tries = tries(Look::Mirror);
        assert_eq!(tries.after(&lost()), None);
        for (attempt, path) in [(1, "/a"), (2, "/b"), (3, "/a")] {
            assert_eq!(tries.set_aside(&conflict(path)), None);
            assert!(tries.spent().is_none());
            let again = tries.after(&conflict(path));
            assert_eq!(again.map(|again| again.attempt), Some(attempt));
        }
        assert!(matches!(tries.spent(), Some(Spent::Conflict(stop)) if stop == conflict("/a")));
        tries.rest();
        assert!(matches!(tries.spent(), Some(Spent::Restless)));
    }

    #[cfg(feature = "watch")]
    #[test]
    fn a_node_that_conflicts_twice_in_a_row_or_refuses_is_set_aside() {
        let mut tries = tries(Look::Mirror);
        let refused = Stop::Failed {
            path: ZPath::root(),
            action: 0,
            reason: ClientError::NoAuth,
        };
        assert_eq!(tries.set_aside(&conflict("/a")), None);
        tries.after(&conflict("/a"));
        for _ in 0..MOST_REFUSALS {
            let aside = Aside::Refused(ZPath::root());
            assert_eq!(tries.set_aside(&refused), Some(aside));
        }
        assert_eq!(tries.set_aside(&refused), None);
        assert_eq!(tries.after(&refused), None);
        let path = ZPath::parse("/a").unwrap();
        assert_eq!(
            tries.set_aside(&conflict("/a")),
            Some(Aside::Contended(path))
        );
        tries.rest();
        assert_eq!(tries.set_aside(&conflict("/a")), None);
        assert!(tries.spent().is_none());
    }
}
