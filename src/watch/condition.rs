//! How a loop stands, in one word: what others are told when it changes.

use std::fmt;

use super::state::{Ending, State};

/// How a loop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The live tree is as declared.
    InSync,
    /// It is not, and nothing is to be written about it now.
    OutOfSync,
    /// It is not, and a guard refuses the plan.
    Refused,
    /// The last reconcile failed, whole or in part.
    Failing,
    /// The newest files declare no sound tree.
    BrokenFiles,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::InSync,
        Self::OutOfSync,
        Self::Refused,
        Self::Failing,
        Self::BrokenFiles,
    ];

    /// How a loop stands. Returns `None` before its first reconcile has ended.
    #[must_use]
    pub fn of(state: &State) -> Option<Self> {
        let ending = state.history.front()?.ending;
        // Without any sound files, a reconcile fails because of them.
        let are_needed = state.files.in_force().is_none();
        let is_failing = matches!(ending, Ending::Conflict | Ending::Failed | Ending::Partial);
        Some(match ending {
            _ if state.files.broken().is_some() && (are_needed || !is_failing) => Self::BrokenFiles,
            _ if is_failing => Self::Failing,
            Ending::Refused => Self::Refused,
            Ending::Drift => Self::OutOfSync,
            _ => Self::InSync,
        })
    }

    /// In one word, for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::OutOfSync => "out_of_sync",
            Self::Refused => "refused",
            Self::Failing => "failing",
            Self::BrokenFiles => "broken_files",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use super::super::revision::{Broken, FileState, Revision};
    use super::super::schedule::Cause;
    use super::super::state::Reconcile;
    use super::*;
    use crate::declare::Source;
    use crate::model::plan::Summary;

    fn state(ending: Ending, files: FileState) -> State {
        let mut state = State::new();
        state.files = files;
        state.add(Reconcile {
            causes: Cause::Start.into(),
            began: SystemTime::now(),
            took: Duration::ZERO,
            revision: None,
            ending,
            found: Summary::default(),
            done: Summary::default(),
            error: None,
        });
        state
    }

    #[test]
    fn every_ending_and_every_state_of_the_files_is_one_condition() {
        assert_eq!(Condition::of(&State::new()), None);
        let revision = Arc::new(Revision {
            source: Source::default(),
            id: "r1".to_owned(),
            declared_nodes: 0,
        });
        let sound = || FileState::Sound {
            revision: revision.clone(),
            commit: None,
        };
        let broken = |in_force| FileState::Broken {
            broken: Broken {
                errors: Vec::new(),
                unquoted_errors: Vec::new(),
                drawn: Vec::new(),
                only_empty: false,
                only_secrets: false,
                revision: "r2".to_owned(),
            },
            commit: None,
            in_force,
        };
        for (ending, of_sound, of_broken) in [
            (Ending::InSync, "in_sync", "broken_files"),
            (Ending::Applied, "in_sync", "broken_files"),
            (Ending::Drift, "out_of_sync", "broken_files"),
            (Ending::Refused, "refused", "broken_files"),
            (Ending::Conflict, "failing", "failing"),
            (Ending::Failed, "failing", "failing"),
            (Ending::Partial, "failing", "failing"),
        ] {
            let named = |files| Condition::of(&state(ending, files)).unwrap().name();
            assert_eq!(named(sound()), of_sound);
            assert_eq!(named(broken(Some(revision.clone()))), of_broken);
        }
        let first = Condition::of(&state(Ending::Failed, broken(None)));
        assert_eq!(first, Some(Condition::BrokenFiles));
    }
}
