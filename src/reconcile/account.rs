//! What a run has done, what is unknown, and what is left, whatever ends it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::model::acl::Permissions;
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan, Summary};
use crate::zookeeper::executor::{Event, Fate, Ledger, Stop};

/// Totals over all executions of one run.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// What stands, counted.
    done: Summary,
    /// The same by name, as far as another execution followed.
    stands: Vec<NamedAction>,
    /// Actions of unknown outcome that no later plan has settled.
    doubtful: Vec<NamedAction>,
    /// Whether a node has its data, but not its ACL.
    in_part: bool,
    /// The plan at hand, and how far it got.
    at_hand: Option<AtHand>,
}

/// An account in three numbers.
#[cfg(feature = "watch")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) stands: usize,
    pub(crate) unknown: usize,
    pub(crate) left: usize,
}

/// An action by its name and node.
pub type NamedAction = (&'static str, ZPath);

/// What became of the actions of a run that ended before all was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What stands.
    pub stands: Vec<NamedAction>,
    /// Nodes that have their data, but not their ACL.
    pub data_only: Vec<NamedAction>,
    /// What may have been done or not.
    pub unknown: Vec<NamedAction>,
    /// What was not done.
    pub not_done: Vec<NamedAction>,
}

impl Outcome {
    /// Whether anything was written, or may have been.
    #[must_use]
    pub fn wrote(&self) -> bool {
        let Self {
            stands,
            data_only,
            unknown,
            not_done: _,
        } = self;
        !(stands.is_empty() && data_only.is_empty() && unknown.is_empty())
    }
}

/// A plan that was shown, and perhaps executed.
#[derive(Debug, Clone)]
struct AtHand {
    plan: Arc<Plan>,
    ledger: Ledger,
    course: Option<Course>,
}

/// Counts of the batches of one execution.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    committed: usize,
    in_flight: usize,
    count: usize,
}

impl Account {
    /// Takes note of a plan: what it still asks for was not done before.
    pub(crate) fn plan(&mut self, plan: &Arc<Plan>) {
        self.settle();
        if !self.doubtful.is_empty() {
            let asked = plan.actions.iter();
            let asked: HashSet<_> = asked.map(|action| (action.name(), action.path())).collect();
            for doubtful in std::mem::take(&mut self.doubtful) {
                // A plan that creates the node anew shows that nothing of before stands there.
                let is_asked = |name| asked.contains(&(name, &doubtful.1));
                if !is_asked(doubtful.0) && !is_asked("add") {
                    self.count(&doubtful);
                    self.stands.push(doubtful);
                }
            }
        }
        self.at_hand = (!plan.is_empty()).then(|| AtHand {
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

    /// All of the plan at hand was done.
    pub(super) fn finish(&mut self) {
        let Some(AtHand { plan, ledger, .. }) = self.at_hand.take() else {
            return;
        };
        let fates = ledger.fates();
        let done = plan.actions.iter().zip(fates);
        let done = done.filter(|(_, fate)| *fate == Fate::Done);
        self.done += Summary::of(done.map(|(action, _)| action));
    }

    fn count(&mut self, (name, _): &NamedAction) {
        let count = match *name {
            "add" => &mut self.done.add,
            "update" => &mut self.done.update,
            "link" => &mut self.done.link,
            _ => &mut self.done.trim,
        };
        *count += 1;
    }

    /// The current plan, with the ledger and the course that its execution updates.
    pub(super) fn progress(&mut self) -> Option<(&Plan, &mut Ledger, &mut Option<Course>)> {
        let AtHand {
            plan,
            ledger,
            course,
        } = self.at_hand.as_mut()?;
        Some((plan, ledger, course))
    }

    /// Takes note of what became of each action.
    pub(super) fn note_fates(&mut self, fates: &[Fate]) {
        if let Some(AtHand { ledger, course, .. }) = &mut self.at_hand {
            ledger.settle_all(fates);
            *course = None;
        }
    }

    /// The actions of the execution under way, and what became of each.
    #[cfg(feature = "watch")]
    pub(crate) fn under_way(&self) -> impl Iterator<Item = (&Action, Fate)> {
        let under_way = self.at_hand.iter();
        let under_way = under_way.filter(|at_hand| at_hand.course.is_some());
        under_way.flat_map(|at_hand| at_hand.plan.actions.iter().zip(at_hand.ledger.fates()))
    }

    /// What became of each action of the plan at hand.
    #[must_use]
    pub fn fates(&self) -> Vec<Fate> {
        let at_hand = self.at_hand.as_ref();
        at_hand.map_or_else(Vec::new, |at_hand| at_hand.ledger.fates())
    }

    /// The right that a stop of the plan at hand wanted, and the node that has to give it; `None` if it
    /// was not about a right.
    #[must_use]
    pub fn missing_right(&self, stop: &Stop) -> Option<(ZPath, Permissions)> {
        let Stop::Failed { action: at, .. } = stop else {
            return None;
        };
        let AtHand { plan, ledger, .. } = self.at_hand.as_ref()?;
        let action = plan.actions.get(*at).filter(|_| stop.is_unauthorized())?;
        let path = action.path();
        let has_data = ledger.fate(*at) == Fate::DataOnly;
        Some(match action {
            Action::Add(_) if !has_data => (path.parent()?, Permissions::CREATE),
            Action::Trim(_) => (path.parent()?, Permissions::DELETE),
            Action::Update(update) if !has_data && update.data.is_some() => {
                (path.clone(), Permissions::WRITE)
            }
            Action::Link(_) => (path.clone(), Permissions::WRITE),
            Action::Add(_) | Action::Update(_) => (path.clone(), Permissions::ADMIN),
        })
    }

    /// The actions of the plan at hand with this fate.
    #[must_use]
    pub fn with(&self, fate: Fate) -> Vec<NamedAction> {
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
    #[must_use]
    pub fn counted(&self) -> Summary {
        let mut done = self.done;
        if let Some(AtHand { plan, ledger, .. }) = &self.at_hand {
            let fates = ledger.fates();
            let actions = plan.actions.iter().zip(fates);
            let so = actions.filter(|(_, fate)| *fate == Fate::Done);
            done += Summary::of(so.map(|(action, _)| action));
        }
        done
    }

    /// How many actions stand, are unknown, and are left. One whose data stands and whose ACL does
    /// not is left.
    #[cfg(feature = "watch")]
    pub(crate) fn tally(&self) -> Tally {
        let done = self.counted();
        Tally {
            stands: done.add + done.update + done.link + done.trim,
            unknown: self.with(Fate::Unknown).len(),
            left: self.with(Fate::NotDone).len() + self.with(Fate::DataOnly).len(),
        }
    }

    /// What stands, by name.
    #[must_use]
    pub fn stands(&self) -> Vec<NamedAction> {
        let mut stands = self.stands.clone();
        stands.extend(self.with(Fate::Done));
        stands
    }

    /// What became of all actions, by name.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        Outcome {
            stands: self.stands(),
            data_only: self.with(Fate::DataOnly),
            unknown: self.with(Fate::Unknown),
            not_done: self.with(Fate::NotDone),
        }
    }

    /// Whether there is a plan that was not carried out to its end.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.at_hand.is_some()
    }

    /// Whether anything was written, or may have been.
    #[must_use]
    pub fn wrote(&self) -> bool {
        let in_part = self.in_part || !self.with(Fate::DataOnly).is_empty();
        in_part || self.counted() != Summary::default() || !self.with(Fate::Unknown).is_empty()
    }

    /// How far the execution under way has got; `None` between executions.
    #[must_use]
    pub fn course(&self) -> Option<Course> {
        self.at_hand.as_ref().and_then(|at_hand| at_hand.course)
    }
}

fn named(action: &Action) -> NamedAction {
    (action.name(), action.path().clone())
}

impl Course {
    pub(super) fn note(course: &mut Option<Self>, event: &Event) {
        let (batch, in_flight, committed) = match event {
            Event::Starting(batch) => (batch, 1, 0),
            Event::Committed(batch) => (batch, -1, 1),
            Event::NotCommitted(batch) => (batch, -1, 0),
            Event::Action(..) => return,
        };
        let course = course.get_or_insert(Self {
            committed: 0,
            in_flight: 0,
            count: batch.count,
        });
        course.count = batch.count;
        course.committed += committed;
        course.in_flight = course.in_flight.saturating_add_signed(in_flight);
    }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            committed,
            in_flight,
            count,
        } = *self;
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

#[cfg(all(test, feature = "watch"))]
mod tests {
    use super::*;
    use crate::model::plan::Trim;

    fn plan(paths: &[&str]) -> Arc<Plan> {
        let trim = |text: &&str| {
            Action::Trim(Trim {
                path: ZPath::parse(text).unwrap(),
                expected_version: crate::model::node::DataVersion::new(0).unwrap(),
                seen: None,
            })
        };
        let mut plan = Plan::empty(ZPath::root());
        plan.actions = paths.iter().map(trim).collect();
        Arc::new(plan)
    }

    #[test]
    fn what_was_doubtful_is_left_or_stands_once_there_is_another_plan() {
        let tally = |account: &Account| {
            let Tally {
                stands,
                unknown,
                left,
            } = account.tally();
            (stands, unknown, left)
        };
        let mut account = Account::default();
        assert_eq!(tally(&account), (0, 0, 0));
        account.plan(&plan(&["/a", "/b", "/c", "/d", "/e"]));
        assert_eq!(tally(&account), (0, 0, 5));
        let fates = [
            Fate::Done,
            Fate::Unknown,
            Fate::Unknown,
            Fate::DataOnly,
            Fate::NotDone,
        ];
        account.note_fates(&fates);
        assert_eq!(tally(&account), (1, 2, 2));
        // The next plan asks for one of the two again.
        account.plan(&plan(&["/c", "/d", "/e"]));
        assert_eq!(tally(&account), (2, 0, 3));
        account.finish();
        assert_eq!(tally(&account), (2, 0, 0));
    }

    #[test]
    fn an_update_of_a_node_that_is_to_be_created_anew_does_not_stand() {
        use crate::model::node::DataVersion;
        use crate::model::plan::{Add, HiddenValues, Update};
        use crate::model::value::Encoded;

        let path = || ZPath::parse("/a").unwrap();
        let data = || Encoded::raw(Arc::from(&b"x"[..]));
        let only = |action| {
            let mut plan = Plan::empty(ZPath::root());
            plan.actions = vec![action];
            Arc::new(plan)
        };
        let update = Action::Update(Update {
            path: path(),
            expected_version: DataVersion::NEW,
            seen: None,
            data: Some(data()),
            acl: None,
            changes: Vec::new(),
            origin: None,
        });
        let add = Action::Add(Add {
            path: path(),
            data: data(),
            raw: true,
            acl: None,
            secret: HiddenValues::default(),
            origin: None,
        });

        let mut account = Account::default();
        account.plan(&only(update));
        account.note_fates(&[Fate::Unknown]);
        account.plan(&only(add));

        let tally = account.tally();
        assert_eq!((tally.stands, tally.unknown, tally.left), (0, 0, 1));
    }
}
