//! What is left of a saved plan once the live nodes are read again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::carried::{Now, lost};
use super::digest::declared_digest;
use super::file::SavedPlan;
use super::found::{Found, found};
use super::hidden::{Secrets, hide};
use super::look::{Fresh, Look, Moved, MovedNodes, Open};
use super::seen::elsewhere;
use super::shown::is_written;
use super::wants::adopted;
use crate::model::acl::Identities;
use crate::model::node::{Content, Declared, Live};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Change, HiddenValues, NotCompared, Plan};
use crate::model::record::Entry;
use crate::model::secrets::SecretNames;
use crate::model::tree::Tree;

/// Of so many nodes that moved it is told what they hold.
const MOST_FOUND: usize = 20;

/// What is left of a saved plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Rest {
    /// The actions that are not done, each with the version that its node has now.
    pub plan: Plan,
    /// How many actions are done already.
    pub done: usize,
    /// The nodes that are neither as the plan saw them nor as it makes them.
    pub moved: Vec<(ZPath, Moved)>,
    /// What the first of them hold now, as far as they can be read.
    pub found: Vec<Found>,
}

/// The declared tree is not the one that was reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the layers do not declare what was reviewed: a node, a value or a directive differs")]
pub struct NotReviewed;

impl SavedPlan {
    /// A fresh plan, from which the withheld values can be taken. `secret_names` are the patterns of
    /// all `@secret` lines.
    ///
    /// # Errors
    /// [`NotReviewed`] if `declared` is another tree than the one that was reviewed.
    pub fn fresh<'a, 'n>(
        &self,
        plan: &'a Plan,
        declared: &'a Tree<Declared>,
        secret_names: impl IntoIterator<Item = &'n String>,
    ) -> Result<Fresh<'a>, NotReviewed> {
        self.require_reviewed(declared)?;
        let names: Vec<&String> = secret_names.into_iter().collect();
        let (shown, _) = hide(plan.clone(), declared, names.iter().copied());
        Ok(Fresh {
            declared,
            everywhere: SecretNames::new(names),
            plan,
            shown,
        })
    }

    /// Whether a declared tree is the one that was reviewed.
    ///
    /// # Errors
    /// [`NotReviewed`].
    pub fn require_reviewed(&self, declared: &Tree<Declared>) -> Result<(), NotReviewed> {
        match declared_digest(declared) == self.origin.declared {
            true => Ok(()),
            false => Err(NotReviewed),
        }
    }

    /// What is left to do, where `live` has what the plan [wants](SavedPlan::wants). Nothing may be done unless
    /// [`Rest::moved`] is empty.
    ///
    /// What is withheld here is taken from `fresh`; without it, no action may be
    /// [withheld](SavedPlan::is_withheld).
    #[must_use]
    pub fn rest(
        &self,
        live: &Tree<Live>,
        identities: &Identities,
        fresh: Option<&Fresh<'_>>,
    ) -> Rest {
        let filled = self.filled(fresh);
        let plan = &*filled.plan;
        let (left, moved) = self.left((live, identities), fresh, &filled);
        let open: BTreeSet<usize> = left.iter().map(|(at, _)| *at).collect();
        let found = self.found(&moved, live, fresh);
        let mut rest = Plan {
            actions: left.into_iter().map(|(_, action)| action).collect(),
            ..plan.clone()
        };
        rest.not_compared = lacking(&rest, fresh);
        if let Some(fresh) = fresh {
            // Of the values that are written.
            rest.fingerprints.clone_from(&fresh.plan.fingerprints);
        }
        leave_out_changed(&mut rest, live);
        Rest {
            done: plan.actions.len() - open.len(),
            plan: rest,
            moved,
            found,
        }
    }

    /// The plan with what it lacks of new nodes.
    fn filled(&self, fresh: Option<&Fresh<'_>>) -> Filled<'_> {
        let mut filled = Filled {
            plan: Cow::Borrowed(&self.plan),
            withheld: self.withheld.clone(),
            forged: BTreeSet::new(),
        };
        let Some(fresh) = fresh.filter(|_| !self.withheld.is_empty()) else {
            return filled;
        };
        // What a moved node holds is live.
        let moved = self.plan.moved_nodes();
        for at in &self.withheld {
            let path = self.plan.actions[*at].path();
            if moved.contains_key(path) {
                continue;
            }
            match fill_in(&mut filled.plan.to_mut().actions[*at], fresh) {
                Fill::Whole => _ = filled.withheld.remove(at),
                Fill::NotNew => {}
                Fill::Otherwise => _ = filled.forged.insert(path.clone()),
            }
        }
        filled
    }

    /// The actions that are left, and the nodes that moved.
    fn left(
        &self,
        (live, identities): (&Tree<Live>, &Identities),
        fresh: Option<&Fresh<'_>>,
        filled: &Filled<'_>,
    ) -> (Open, MovedNodes) {
        let plan = &*filled.plan;
        let look = Look::new(plan, live, identities);
        let elsewhere = elsewhere(&self.seen_nodes, &self.origin.salt, live);
        let fresh_nodes = fresh.map(|fresh| by_node(&fresh.plan.actions));
        let mut left: Open = Vec::new();
        let is_elsewhere = elsewhere.iter();
        let is_elsewhere = is_elsewhere.map(|path| ((*path).clone(), Moved::Elsewhere));
        let mut moved: MovedNodes = is_elsewhere.collect();
        for (path, actions) in by_node(&plan.actions) {
            if elsewhere.contains(path) {
                continue;
            }
            let is_withheld = actions.iter().any(|at| filled.withheld.contains(at));
            let found = match (fresh, &fresh_nodes) {
                _ if filled.forged.contains(path) => Err(Moved::Contradicted),
                (Some(fresh), Some(nodes)) if is_withheld => {
                    let now = nodes.get(path).map_or(&[][..], |actions| actions);
                    look.withheld(&actions, fresh, now)
                }
                _ => look.node(path, &actions),
            };
            match found {
                Ok(actions) => left.extend(actions),
                Err(reason) => moved.push((path.clone(), reason)),
            }
        }
        left.sort_by_key(|(at, _)| *at);
        let now = Now {
            live,
            identities,
            fresh,
        };
        let lost = lost(plan, (&left, &moved), &now);
        let others = self.other_secrets(fresh, &left);
        let reasons = self.moved_grounds(live, &left).into_iter().chain(lost);
        for (path, reason) in reasons.chain(others) {
            if moved.iter().all(|(known, _)| *known != path) {
                moved.push((path, reason));
            }
        }
        (left, moved)
    }

    /// The nodes that would get another secret value than was planned, as fingerprints tell, or of which they
    /// cannot tell.
    fn other_secrets(&self, fresh: Option<&Fresh<'_>>, left: &[(usize, Action)]) -> MovedNodes {
        let Some((planned, fresh)) = self.plan.fingerprints.as_ref().zip(fresh) else {
            return Vec::new();
        };
        let now = fresh.plan.fingerprints.as_ref();
        let Some(now) = now.filter(|now| now.key == planned.key) else {
            let left: BTreeSet<&ZPath> = left.iter().map(|(_, action)| action.path()).collect();
            let reviewed = planned.new_at().into_iter();
            let reviewed = reviewed.filter(|path| left.contains(path));
            return reviewed
                .map(|path| (path.clone(), Moved::SecretNotCompared))
                .collect();
        };
        let others = planned.contradicted(now).into_iter();
        others
            .map(|path| (path.clone(), Moved::OtherSecret))
            .collect()
    }

    /// What the first nodes that moved hold now.
    fn found(
        &self,
        moved: &[(ZPath, Moved)],
        live: &Tree<Live>,
        fresh: Option<&Fresh<'_>>,
    ) -> Vec<Found> {
        if moved.is_empty() {
            return Vec::new();
        }
        // As they stand in the file, without the secrets that it lacks.
        let nodes = by_node(&self.plan.actions);
        let one = |(path, moved): &(ZPath, Moved)| {
            let actions = nodes.get(path)?.iter().map(|at| &self.plan.actions[*at]);
            let actions: Vec<&Action> = actions.collect();
            let plan = (&*actions, self.secrets());
            found(path, *moved, plan, (live.get(path), fresh))
        };
        moved.iter().take(MOST_FOUND).filter_map(one).collect()
    }
}

/// A plan with what it lacks of new nodes.
struct Filled<'a> {
    plan: Cow<'a, Plan>,
    /// The actions that still lack secret values.
    withheld: BTreeSet<usize>,
    /// The nodes of which the file shows something else than is declared.
    forged: BTreeSet<ZPath>,
}

/// What became of a withheld action.
enum Fill {
    /// It has what is declared.
    Whole,
    /// It is about a node that is there.
    NotNew,
    /// It is not what is declared, so that somebody changed the file.
    Otherwise,
}

/// Gives a withheld action at a new node the data that is declared, if it shows that without its secrets.
/// What is secret of it the declared node says.
fn fill_in(action: &mut Action, fresh: &Fresh<'_>) -> Fill {
    let creates = match action {
        Action::Add(_) => true,
        Action::Link(link) => link.expected_version.is_none(),
        Action::Update(_) | Action::Trim(_) => false,
    };
    if !creates {
        return Fill::NotNew;
    }
    let Some(node) = fresh.declared.get(action.path()) else {
        return Fill::Otherwise;
    };
    let secrets = Secrets::of(Some(node), &fresh.everywhere);
    let mut whole = action.clone();
    let is_declared = match &mut whole {
        Action::Add(add) => {
            (add.data, add.raw) = match &node.content {
                Content::Properties(properties) => (properties.without_links(), false),
                Content::Raw { .. } => (node.data(), true),
            };
            add.secret = HiddenValues(node.secret.clone());
            true
        }
        Action::Link(link) => {
            link.data = node.data();
            let is_hidden = |change: &Change| change.secret && secrets.covers(&change.name);
            let is_it = |change: &Change| is_hidden(change) || is_written(change, &link.data);
            link.changes.iter().all(is_it)
        }
        Action::Update(_) | Action::Trim(_) => false,
    };
    let mut shown = whole.clone();
    _ = secrets.hide(&mut shown);
    if !is_declared || shown != *action {
        return Fill::Otherwise;
    }
    *action = whole;
    Fill::Whole
}

/// The values that nodes of a plan need, and that cannot be had now.
fn lacking(plan: &Plan, fresh: Option<&Fresh<'_>>) -> Vec<NotCompared> {
    let nodes: BTreeSet<&ZPath> = plan.actions.iter().map(Action::path).collect();
    let lacking = fresh.map_or(&[][..], |fresh| &fresh.plan.not_compared);
    let needed = |lacking: &&NotCompared| nodes.contains(&lacking.path);
    lacking.iter().filter(needed).cloned().collect()
}

/// Leaves to nobody what an owner would adopt and is not as the plan saw it any more.
fn leave_out_changed(plan: &mut Plan, live: &Tree<Live>) {
    let is_left = |(path, entry): (&&ZPath, &Entry)| {
        let node = live.get(path).and_then(Live::node);
        node.is_some_and(|node| {
            let is_unwritten = entry.partial || node.mzxid == entry.modified;
            node.czxid == entry.created && is_unwritten
        })
    };
    let adopted = adopted(plan);
    let changed = adopted.iter().filter(|entry| !is_left(*entry));
    let changed: BTreeSet<ZPath> = changed.map(|(path, _)| (*path).clone()).collect();
    if changed.is_empty() {
        return;
    }
    plan.record.take.retain(|(path, _)| !changed.contains(path));
    let claims = &mut plan.claims;
    claims.equal.retain(|path| !changed.contains(path));
    claims
        .adopted
        .retain(|adopted| !changed.contains(&adopted.path));
}

/// The indexes of the actions at each node, in order.
fn by_node(actions: &[Action]) -> BTreeMap<&ZPath, Vec<usize>> {
    let mut nodes: BTreeMap<&ZPath, Vec<usize>> = BTreeMap::new();
    for (at, action) in actions.iter().enumerate() {
        nodes.entry(action.path()).or_default().push(at);
    }
    nodes
}
