//! Tracks which actions are committed and emits events.

use super::batch::{AclChange, Packed, Work};
use super::report::{Batch, BatchFate, BatchKind, Event, Fate, Report, Stop};
use crate::model::plan::{Action, Plan};

/// How far one part of an action got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The action has no such part.
    Absent,
    Left,
    /// It was sent, and what became of it is unknown.
    Sent,
    Done,
}

/// An action's data, or deletion, and its ACL, where that is a request of its own.
#[derive(Debug, Clone, Copy)]
struct Parts {
    data: Part,
    acl: Part,
}

impl Parts {
    fn fate(self) -> Fate {
        match (self.data, self.acl) {
            (Part::Sent, _) | (_, Part::Sent) => Fate::Unknown,
            (Part::Done, Part::Left) => Fate::DataOnly,
            (Part::Left, _) | (_, Part::Left) => Fate::NotDone,
            (Part::Absent | Part::Done, Part::Absent | Part::Done) => Fate::Done,
        }
    }
}

/// What of the plan stands so far.
pub(super) struct Tracker<'a> {
    parts: Vec<Parts>,
    batches: &'a [Packed<'a>],
    events: &'a mut (dyn FnMut(&Event) + Send),
    /// What became of the batches that were sent.
    sent: Vec<(usize, BatchFate)>,
}

impl<'a> Tracker<'a> {
    pub(super) fn new(
        plan: &Plan,
        batches: &'a [Packed<'a>],
        events: &'a mut (dyn FnMut(&Event) + Send),
    ) -> Self {
        let parts = |action: &Action| Parts {
            data: match action {
                Action::Update(update) if update.data.is_none() => Part::Absent,
                _ => Part::Left,
            },
            acl: Part::Absent,
        };
        let mut parts: Vec<Parts> = plan.actions.iter().map(parts).collect();
        for change in batches.iter().flat_map(Packed::acls) {
            parts[change.action].acl = Part::Left;
        }
        Self {
            parts,
            batches,
            events,
            sent: Vec::new(),
        }
    }

    /// The batch is about to be sent.
    pub(super) fn starting(&mut self, batch: usize) {
        self.sent.push((batch, BatchFate::Unknown));
        let event = Event::Starting(self.described(batch));
        (self.events)(&event);
        self.data(batch, BatchFate::Unknown);
    }

    /// Records the outcome of a batch. Does nothing for a batch that was never sent.
    pub(super) fn ended(&mut self, batch: usize, outcome: BatchFate) {
        let sent = self.sent.iter_mut().rev().find(|(sent, _)| *sent == batch);
        let Some((_, known)) = sent else {
            return;
        };
        *known = outcome;
        self.data(batch, outcome);
        let batch = self.described(batch);
        match outcome {
            BatchFate::Committed => (self.events)(&Event::Committed(batch)),
            BatchFate::NotCommitted => (self.events)(&Event::NotCommitted(batch)),
            BatchFate::Unknown => {}
        }
    }

    /// What became of the data that an atomic batch writes.
    fn data(&mut self, batch: usize, outcome: BatchFate) {
        let Packed { work, actions, .. } = &self.batches[batch];
        let Work::Atomic(_) = work else {
            return;
        };
        for action in actions.clone() {
            if self.parts[action].data != Part::Absent {
                self.change(action, |parts| parts.data = part(outcome));
            }
        }
    }

    /// What became of a change of an ACL.
    pub(super) fn acl(&mut self, change: &AclChange<'_>, outcome: BatchFate) {
        self.change(change.action, |parts| parts.acl = part(outcome));
    }

    fn change(&mut self, action: usize, change: impl FnOnce(&mut Parts)) {
        let parts = &mut self.parts[action];
        let before = parts.fate();
        change(parts);
        let fate = parts.fate();
        if fate != before {
            (self.events)(&Event::Action(action, fate));
        }
    }

    fn described(&self, batch: usize) -> Batch {
        let Packed {
            work,
            actions,
            bytes,
            ..
        } = &self.batches[batch];
        let (kind, operations) = match work {
            Work::Atomic(operations) => (BatchKind::Atomic, operations.len()),
            Work::Acls(changes) => (BatchKind::Acls, changes.len()),
        };
        Batch {
            index: batch,
            count: self.batches.len(),
            kind,
            actions: actions.clone(),
            operations,
            bytes: *bytes,
        }
    }

    pub(super) fn report(self, stop: Option<Stop>) -> Report {
        let sent = self.sent.iter();
        let batches = sent.map(|(batch, outcome)| (self.described(*batch), *outcome));
        Report {
            fates: self.parts.iter().map(|parts| parts.fate()).collect(),
            batches: batches.collect(),
            stop,
        }
    }
}

fn part(outcome: BatchFate) -> Part {
    match outcome {
        BatchFate::Committed => Part::Done,
        BatchFate::NotCommitted => Part::Left,
        BatchFate::Unknown => Part::Sent,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ExecuteOptions, Ledger, packer};
    use super::*;
    use crate::model::acl::Acl;
    use crate::model::node::{AclVersion, DataVersion};
    use crate::model::path::ZPath;
    use crate::model::plan::{Access, Add, HiddenValues, Needs, Update};
    use crate::model::value::Encoded;
    use Fate::{DataOnly, Done, NotDone, Unknown};

    fn update(at: &str, data: bool, acl: bool) -> Action {
        Action::Update(Update {
            path: ZPath::parse(at).unwrap(),
            expected_version: DataVersion::NEW,
            seen: None,
            data: data.then(|| Encoded::raw(b"x".as_slice().into())),
            acl: acl.then(|| (AclVersion::NEW, Acl::open().into())),
            changes: Vec::new(),
            origin: None,
        })
    }

    /// Runs through a plan, of which all batches are committed one by one, and tells what a ledger
    /// knew of it at each moment.
    fn check(plan: &Plan, options: &ExecuteOptions, expect: &[&[Fate]]) {
        let packed = packer::pack(plan, 0, options).unwrap();
        let mut ledger = Ledger::new(plan);
        let mut seen = Vec::new();
        for i in 0..packed.len() {
            for outcome in [BatchFate::NotCommitted, BatchFate::Committed] {
                let mut note = |event: &Event| ledger.note(event);
                let mut tracker = Tracker::new(plan, &packed, &mut note);
                for (done, packed) in packed.iter().enumerate().take(i) {
                    tracker.starting(done);
                    for change in packed.acls() {
                        tracker.acl(change, BatchFate::Committed);
                    }
                    tracker.ended(done, BatchFate::Committed);
                }
                tracker.starting(i);
                for change in packed[i].acls() {
                    tracker.acl(change, BatchFate::Unknown);
                }
                let fates = tracker.parts.iter().map(|parts| parts.fate()).collect();
                if outcome == BatchFate::Committed {
                    seen.push(fates);
                }
                for change in packed[i].acls() {
                    tracker.acl(change, outcome);
                }
                tracker.ended(i, outcome);
                let report = tracker.report(None);
                assert_eq!(ledger.fates(), report.fates);
            }
            seen.push(ledger.fates());
        }
        assert_eq!(seen, expect);
    }

    #[test]
    fn what_was_sent_is_unknown_until_it_is_answered() {
        let plan = Plan {
            actions: vec![
                update("/a", true, false),
                update("/b", true, true),
                update("/c", false, true),
            ],
            ..Plan::empty(ZPath::root())
        };
        check(
            &plan,
            &ExecuteOptions::default(),
            &[
                &[Unknown, Unknown, NotDone],
                &[Done, DataOnly, NotDone],
                &[Done, Unknown, Unknown],
                &[Done, Done, Done],
            ],
        );
    }

    /// ACLs that come first and those that come last are not taken for each other, though the range of
    /// the first holds actions of the last.
    #[test]
    fn acls_that_open_tell_nothing_of_those_that_close() {
        let opened = ["/a", "/c"].map(|path| ZPath::parse(path).unwrap());
        let plan = Plan {
            actions: vec![
                update("/a", false, true),
                update("/b", false, true),
                update("/c", false, true),
            ],
            access: Access {
                opened: opened.into(),
                ..Access::default()
            },
            ..Plan::empty(ZPath::root())
        };
        check(
            &plan,
            &ExecuteOptions::default(),
            &[
                &[Unknown, NotDone, Unknown],
                &[Done, NotDone, Done],
                &[Done, Unknown, Done],
                &[Done, Done, Done],
            ],
        );
    }

    /// A new node whose ACL forbids only links gets it at once where the link is part of the creation.
    #[test]
    fn a_node_that_is_created_with_its_acl_is_done() {
        let path = ZPath::parse("/a").unwrap();
        let add = Action::Add(Add {
            path: path.clone(),
            raw: false,
            data: Encoded::raw(b"x".as_slice().into()),
            acl: Some(Acl::open().into()),
            secret: HiddenValues::default(),
            origin: None,
        });
        let plan = Plan {
            actions: vec![add],
            access: Access {
                guarded: [(path, Needs::Links)].into(),
                ..Access::default()
            },
            ..Plan::empty(ZPath::root())
        };
        let whole = ExecuteOptions::default();
        check(&plan, &whole, &[&[Unknown], &[Done]]);
        let split = ExecuteOptions {
            whole_plan_bytes: 0,
            ..whole
        };
        check(
            &plan,
            &split,
            &[&[Unknown], &[DataOnly], &[Unknown], &[Done]],
        );
    }
}
