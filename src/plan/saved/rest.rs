//! What is left of a saved plan once the live nodes are read again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::digest::declared_digest;
use super::file::SavedPlan;
use super::found::{Found, found};
use super::hidden::hide;
use super::look::{Fresh, Look, Moved};
use super::seen::elsewhere;
use crate::model::acl::Identities;
use crate::model::node::{Content, Declared, Live};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};
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
        let mut withheld = self.withheld.clone();
        let mut plan = Cow::Borrowed(&self.plan);
        if let Some(fresh) = fresh.filter(|_| !withheld.is_empty()) {
            // What a moved node holds is live.
            let moved = self.plan.moved_nodes();
            withheld.retain(|at| {
                moved.contains_key(self.plan.actions[*at].path())
                    || !fill_in(&mut plan.to_mut().actions[*at], fresh.declared)
            });
        }
        let plan = &*plan;
        let look = Look::new(plan, live, identities);
        let elsewhere = elsewhere(&self.seen_nodes, &self.origin.salt, live);
        let fresh_nodes = fresh.map(|fresh| by_node(&fresh.plan.actions));
        let mut left: Vec<(usize, Action)> = Vec::new();
        let mut moved = Vec::new();
        moved.extend(
            elsewhere
                .iter()
                .map(|path| ((*path).clone(), Moved::Elsewhere)),
        );
        for (path, actions) in by_node(&plan.actions) {
            if elsewhere.contains(path) {
                continue;
            }
            let is_withheld = actions.iter().any(|at| withheld.contains(at));
            let found = match (fresh, &fresh_nodes) {
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
        for (path, reason) in self.moved_grounds(live, &left) {
            if moved.iter().all(|(known, _)| *known != path) {
                moved.push((path, reason));
            }
        }
        let open: BTreeSet<usize> = left.iter().map(|(at, _)| *at).collect();
        let found = self.found(&moved, live, fresh);
        Rest {
            done: plan.actions.len() - open.len(),
            plan: Plan {
                actions: left.into_iter().map(|(_, action)| action).collect(),
                ..plan.clone()
            },
            moved,
            found,
        }
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

/// Gives a withheld action at a new node the data that is declared. Returns whether it is one.
fn fill_in(action: &mut Action, declared: &Tree<Declared>) -> bool {
    let Some(node) = declared.get(action.path()) else {
        return false;
    };
    match action {
        Action::Add(add) => {
            add.data = match &node.content {
                Content::Properties(properties) => properties.without_links(),
                Content::Raw { .. } => node.data(),
            };
            true
        }
        Action::Link(link) if link.expected_version.is_none() => {
            link.data = node.data();
            true
        }
        Action::Update(_) | Action::Link(_) | Action::Trim(_) => false,
    }
}

/// The indexes of the actions at each node, in order.
fn by_node(actions: &[Action]) -> BTreeMap<&ZPath, Vec<usize>> {
    let mut nodes: BTreeMap<&ZPath, Vec<usize>> = BTreeMap::new();
    for (at, action) in actions.iter().enumerate() {
        nodes.entry(action.path()).or_default().push(at);
    }
    nodes
}
