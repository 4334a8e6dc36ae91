//! What a run has done, what is unknown, and what is left, whatever ends it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Plan, Summary};
use zkt::zookeeper::executor::{Event, Fate, Ledger, Stop};

use crate::exit::{Exit, Failure};

/// Of one run, all its executions together.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// What stands, counted.
    pub(super) done: Summary,
    /// The same by name, as far as another execution followed.
    stands: Vec<Named>,
    /// What an earlier execution may have done, and no plan has told of since.
    doubtful: Vec<Named>,
    /// Whether a node has its data, but not its ACL.
    in_part: bool,
    /// The plan at hand, and how far it got.
    at_hand: Option<AtHand>,
}

/// An action by its name and node.
pub(super) type Named = (&'static str, ZPath);

/// A plan that was shown, and perhaps executed.
#[derive(Debug)]
struct AtHand {
    plan: Arc<Plan>,
    ledger: Ledger,
    course: Option<Course>,
}

/// Why a run ended before all was done.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) path: Option<ZPath>,
}

/// Of the batches of one execution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    committed: usize,
    /// How many were sent, answered or not.
    sent: usize,
    count: usize,
}

impl Account {
    /// Takes note of a plan: what it still asks for was not done before.
    pub(super) fn plan(&mut self, plan: &Arc<Plan>) {
        self.settle();
        if !self.doubtful.is_empty() {
            let asked = plan.actions.iter();
            let asked: HashSet<_> = asked.map(|action| (action.name(), action.path())).collect();
            for doubtful in std::mem::take(&mut self.doubtful) {
                if !asked.contains(&(doubtful.0, &doubtful.1)) {
                    self.count(&doubtful);
                    self.stands.push(doubtful);
                }
            }
        }
        self.at_hand = Some(AtHand {
            plan: plan.clone(),
            ledger: Ledger::new(plan),
            course: None,
        });
    }

    /// Adds what is known of the plan at hand to what is known of all before it.
    fn settle(&mut self) {
        let Some(AtHand { plan, ledger, .. }) = self.at_hand.take() else {
            return;
        };
        for (action, fate) in plan.actions.iter().zip(ledger.fates()) {
            match fate {
                Fate::Done => {
                    let named = named(action);
                    self.count(&named);
                    self.stands.push(named);
                }
                Fate::Unknown => self.doubtful.push(named(action)),
                Fate::DataOnly => self.in_part = true,
                Fate::NotDone | Fate::Needless => {}
            }
        }
    }

    /// All of the plan at hand was done, or there was nothing to do.
    pub(super) fn finish(&mut self) {
        let Some(AtHand { plan, ledger, .. }) = self.at_hand.take() else {
            return;
        };
        let fates = ledger.fates();
        let done = plan.actions.iter().zip(fates);
        let done = done.filter(|(_, fate)| *fate == Fate::Done);
        self.done += Summary::of(done.map(|(action, _)| action));
    }

    fn count(&mut self, (name, _): &Named) {
        let count = match *name {
            "add" => &mut self.done.add,
            "update" => &mut self.done.update,
            "link" => &mut self.done.link,
            _ => &mut self.done.trim,
        };
        *count += 1;
    }

    /// Where an execution of the plan at hand tells how far it has got.
    pub(super) fn progress(&mut self) -> Option<(&mut Ledger, &mut Option<Course>)> {
        let at_hand = self.at_hand.as_mut()?;
        Some((&mut at_hand.ledger, &mut at_hand.course))
    }

    /// Takes note of what became of each action.
    pub(super) fn note_fates(&mut self, fates: &[Fate]) {
        if let Some(AtHand { ledger, course, .. }) = &mut self.at_hand {
            ledger.settle_all(fates);
            *course = None;
        }
    }

    /// Of the plan at hand, the actions with this fate.
    pub(super) fn with(&self, fate: Fate) -> Vec<Named> {
        let mut named_so = Vec::new();
        if fate == Fate::Unknown {
            named_so.extend(self.doubtful.iter().cloned());
        }
        if let Some(AtHand { plan, ledger, .. }) = &self.at_hand {
            let fates = ledger.fates();
            let actions = plan.actions.iter().zip(fates);
            let so = actions.filter(|(_, found)| *found == fate);
            named_so.extend(so.map(|(action, _)| named(action)));
        }
        named_so
    }

    /// What stands, counted.
    pub(super) fn counted(&self) -> Summary {
        let mut done = self.done;
        if let Some(AtHand { plan, ledger, .. }) = &self.at_hand {
            let fates = ledger.fates();
            let actions = plan.actions.iter().zip(fates);
            let so = actions.filter(|(_, fate)| *fate == Fate::Done);
            done += Summary::of(so.map(|(action, _)| action));
        }
        done
    }

    /// What stands, by name.
    pub(super) fn stands(&self) -> Vec<Named> {
        let mut stands = self.stands.clone();
        stands.extend(self.with(Fate::Done));
        stands
    }

    /// Whether there is a plan that was not carried out to its end.
    pub(super) fn is_open(&self) -> bool {
        self.at_hand.is_some()
    }

    /// Whether anything was written, or may have been.
    pub(super) fn wrote(&self) -> bool {
        let in_part = self.in_part || !self.with(Fate::DataOnly).is_empty();
        in_part || self.counted() != Summary::default() || !self.with(Fate::Unknown).is_empty()
    }

    /// What an interrupt leaves behind.
    pub(super) fn interrupted(&self) -> Failure {
        let hint = "run apply again: it finishes what is left";
        let course = self.at_hand.as_ref().and_then(|at_hand| at_hand.course);
        let message = match course {
            Some(course) => format!("interrupted: {course}"),
            None if self.wrote() => "interrupted between two attempts".to_owned(),
            None => return Failure::new("interrupted: nothing was written"),
        };
        Failure::new(message).hint(hint).exit(Exit::Partial)
    }
}

fn named(action: &Action) -> Named {
    (action.name(), action.path().clone())
}

impl End {
    pub(super) fn new(kind: &'static str, message: impl fmt::Display) -> Self {
        Self {
            kind,
            message: message.to_string(),
            path: None,
        }
    }

    pub(super) fn of_failure(failure: &Failure) -> Self {
        if failure.message.is_empty() {
            return Self::new("error", "stderr tells what is wrong");
        }
        Self::new("error", &failure.message)
    }

    pub(super) fn of_stop(stop: &Stop) -> Self {
        let kind = match stop {
            Stop::Conflict { .. } => "conflict",
            Stop::Failed { .. } | Stop::InvalidAcl { .. } => "failed",
            Stop::TooLarge { .. } => "too large",
            Stop::Disconnected { .. } => "disconnected",
            Stop::Uncertain { .. } => "uncertain",
            Stop::Deposed { .. } => "deposed",
        };
        let path = match stop {
            Stop::Conflict { path, .. }
            | Stop::Failed { path, .. }
            | Stop::InvalidAcl { path, .. }
            | Stop::TooLarge { path, .. } => Some(path.clone()),
            _ => None,
        };
        Self {
            path,
            ..Self::new(kind, stop)
        }
    }
}

impl Course {
    pub(super) fn note(course: &mut Option<Self>, event: &Event) {
        let (Event::Starting(batch) | Event::Committed(batch)) = event;
        let course = course.get_or_insert(Self {
            committed: 0,
            sent: 0,
            count: batch.count,
        });
        course.count = batch.count;
        match event {
            Event::Starting(_) => course.sent = batch.index + 1,
            Event::Committed(_) => course.committed = batch.index + 1,
        }
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (committed, count) = (self.committed, self.count);
        let in_flight = self.sent.saturating_sub(committed);
        if committed > 0 {
            write!(f, "{committed} of {count} batches were committed")?;
        }
        if committed > 0 && in_flight > 0 {
            f.write_str(", and ")?;
        }
        match in_flight {
            0 => Ok(()),
            1 => f.write_str("the batch in flight may be committed or not"),
            _ => write!(f, "the {in_flight} in flight may be committed or not"),
        }
    }
}
