//! What became of each action, known at any moment of an execution.

use super::report::{Batch, BatchKind, Event, Fate};
use crate::model::plan::{Action, Plan};

/// What became of each action of a plan so far, also where its execution is dropped halfway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    actions: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    fate: Fate,
    has_data: bool,
    has_acl: bool,
}

impl Ledger {
    /// Of a plan of which nothing was sent yet.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let entry = |action: &Action| {
            let (has_data, has_acl) = match action {
                Action::Update(update) => (update.data.is_some(), update.acl.is_some()),
                // Created for the session alone, it gets its ACL later.
                Action::Add(add) => (true, plan.access.guarded.contains_key(&add.path)),
                Action::Link(_) | Action::Trim(_) => (true, false),
            };
            Entry {
                fate: Fate::NotDone,
                has_data,
                has_acl,
            }
        };
        Self {
            actions: plan.actions.iter().map(entry).collect(),
        }
    }

    /// Takes note of what has happened. What was sent and not answered yet is unknown.
    pub fn note(&mut self, event: &Event) {
        let (Event::Starting(batch) | Event::Committed(batch)) = event;
        let Batch { kind, actions, .. } = batch;
        for entry in &mut self.actions[actions.clone()] {
            let Entry {
                fate,
                has_data,
                has_acl,
            } = *entry;
            entry.fate = match (event, kind, fate) {
                (Event::Starting(_), BatchKind::Atomic, Fate::NotDone) if has_data => Fate::Unknown,
                (Event::Committed(_), BatchKind::Atomic, Fate::Unknown) if has_data => {
                    if has_acl {
                        Fate::DataOnly
                    } else {
                        Fate::Done
                    }
                }
                (Event::Starting(_), BatchKind::Acls, Fate::DataOnly) => Fate::Unknown,
                (Event::Starting(_), BatchKind::Acls, Fate::NotDone) if has_acl && !has_data => {
                    Fate::Unknown
                }
                (Event::Committed(_), BatchKind::Acls, Fate::Unknown) if has_acl => Fate::Done,
                (_, _, fate) => fate,
            };
        }
    }

    /// What is known of one action, whatever events tell.
    pub(crate) fn settle(&mut self, action: usize, fate: Fate) {
        self.actions[action].fate = fate;
    }

    /// What is known of each action, as the report of an execution tells it.
    pub fn settle_all(&mut self, fates: &[Fate]) {
        for (entry, fate) in self.actions.iter_mut().zip(fates) {
            entry.fate = *fate;
        }
    }

    /// What became of one action.
    pub(crate) fn fate(&self, action: usize) -> Fate {
        self.actions[action].fate
    }

    /// What became of each action.
    #[must_use]
    pub fn fates(&self) -> Vec<Fate> {
        self.actions.iter().map(|entry| entry.fate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::acl::Acl;
    use crate::model::node::{AclVersion, DataVersion};
    use crate::model::path::ZPath;
    use crate::model::plan::Update;
    use crate::model::value::Encoded;
    use std::ops::Range;

    fn batch(kind: BatchKind, actions: Range<usize>) -> Batch {
        Batch {
            index: 0,
            count: 1,
            kind,
            operations: actions.len(),
            bytes: 0,
            actions,
        }
    }

    #[test]
    fn what_was_sent_is_unknown_until_it_is_answered() {
        let update = |data: bool, acl: bool| {
            let data = data.then(|| Encoded::raw(b"x".as_slice().into()));
            let acl = acl.then(|| (AclVersion::NEW, Acl::open().into()));
            Action::Update(Update {
                path: ZPath::root(),
                expected_version: DataVersion::NEW,
                seen: None,
                data,
                acl,
                changes: Vec::new(),
                origin: None,
            })
        };
        let plan = Plan {
            actions: vec![update(true, false), update(true, true), update(false, true)],
            ..Plan::empty(ZPath::root())
        };
        let mut ledger = Ledger::new(&plan);
        let (data, acls) = (batch(BatchKind::Atomic, 0..2), batch(BatchKind::Acls, 1..3));
        let mut check = |event: Event, expect: [Fate; 3]| {
            ledger.note(&event);
            assert_eq!(ledger.fates(), expect, "{event:?}");
        };
        use Fate::{DataOnly, Done, NotDone, Unknown};
        check(Event::Starting(data.clone()), [Unknown, Unknown, NotDone]);
        check(Event::Committed(data), [Done, DataOnly, NotDone]);
        check(Event::Starting(acls.clone()), [Done, Unknown, Unknown]);
        check(Event::Committed(acls), [Done, Done, Done]);
    }
}
