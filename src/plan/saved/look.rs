//! What a live node shows of a saved plan: what is done there, what is left, or that it moved.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::reviewed::agrees;
use super::shown::agree_with;
use crate::model::acl::{Acl, Agreement, Identities};
use crate::model::node::{AclVersion, DataVersion, Declared, Live, LiveNode, Zxids};
use crate::model::path::ZPath;
use crate::model::plan::{ACL_CHANGE, Action, Add, Change, Link, Plan, Refusal, Trim, Update};
use crate::model::secrets::SecretNames;
use crate::model::tree::Tree;
use crate::model::value::Encoded;

/// How a node differs from what the plan saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It exists, with other contents than the plan gives it.
    Exists,
    /// It is gone.
    Missing,
    /// It was deleted and created again.
    Replaced,
    /// Its data changed.
    Changed,
    /// The plan would change something else there than it shows.
    Contradicted,
    /// The transaction that the plan saw wrote it, but with something else, or at another time.
    Elsewhere,
    /// A secret value is not the one that was planned.
    OtherSecret,
    /// A secret value cannot be compared with the one that was planned, of which the file has a fingerprint.
    SecretNotCompared,
    /// Its ACL changed.
    AclChanged,
    /// It has children that the plan did not see.
    HasChildren,
    /// It is ephemeral now, or its parent is.
    Ephemeral,
    /// The node above it is gone.
    NoParent,
    /// It is gone or another node, and by it the plan knows its ensemble.
    NoLandmark,
    /// It is a top-level node, and the plan saw none.
    Beside,
    /// The session may not read it.
    Unreadable,
    /// The plan trims it for an owner, and another owner has it.
    Taken,
    /// The plan trims it for an owner, and the record of another one cannot be read.
    PerhapsTaken,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "it exists meanwhile, with other contents",
            Self::Missing => "it is gone",
            Self::Replaced => "it was deleted and created again",
            Self::Changed => "its data was changed",
            Self::Contradicted => "what the plan shows is not what it writes",
            Self::Elsewhere => "it is a node of another ensemble than the plan saw",
            Self::OtherSecret => "a secret value for it is not the one that was planned",
            Self::SecretNotCompared => {
                "its secret value cannot be compared with the planned one: the key of the fingerprints is \
                 another, or missing"
            }
            Self::AclChanged => "its ACL was changed",
            Self::HasChildren => "it has children that the plan did not see",
            Self::Ephemeral => "it is ephemeral, or below an ephemeral node",
            Self::NoParent => "the node above it is gone",
            Self::NoLandmark => "it is gone or another node, and by it the plan knows its ensemble",
            Self::Beside => "it exists, and the plan was made where no top-level node was",
            Self::Unreadable => "it may not be read",
            Self::Taken => "another owner has adopted it",
            Self::PerhapsTaken => "an owner whose record cannot be read may have adopted it",
        })
    }
}

/// The declared tree that was reviewed, and a plan for it that was made now and in the same terms.
#[derive(Debug)]
pub struct Fresh<'a> {
    pub(super) declared: &'a Tree<Declared>,
    /// What is secret by the patterns of all nodes.
    pub(super) everywhere: SecretNames,
    pub(super) plan: &'a Plan,
    /// The plan without its secrets.
    pub(super) shown: Plan,
}

/// Actions that are left, with their places in the plan.
pub(super) type Open = Vec<(usize, Action)>;

/// Nodes that moved.
pub(super) type MovedNodes = Vec<(ZPath, Moved)>;

/// The actions that are left at one node.
pub(super) type Left = Result<Open, Moved>;

/// Live nodes, looked at for what a plan has left to do there.
pub(super) struct Look<'a> {
    plan: &'a Plan,
    live: &'a Tree<Live>,
    identities: &'a Identities,
    /// The nodes that the plan creates.
    added: HashSet<&'a ZPath>,
    /// How many children the plan deletes that are there, by their parent.
    to_trim: HashMap<ZPath, u32>,
}

impl<'a> Look<'a> {
    pub(super) fn new(plan: &'a Plan, live: &'a Tree<Live>, identities: &'a Identities) -> Self {
        let mut look = Self {
            plan,
            live,
            identities,
            added: HashSet::new(),
            to_trim: HashMap::new(),
        };
        for action in &plan.actions {
            match action {
                Action::Add(add) => _ = look.added.insert(&add.path),
                Action::Trim(trim) if live.get(&trim.path).is_some() => {
                    let parent = trim.path.parent();
                    *look
                        .to_trim
                        .entry(parent.unwrap_or_else(ZPath::root))
                        .or_default() += 1;
                }
                _ => {}
            }
        }
        look
    }

    /// What is left at a node.
    pub(super) fn node(&self, path: &ZPath, actions: &[usize]) -> Left {
        let all = || {
            actions
                .iter()
                .map(|at| (*at, self.plan.actions[*at].clone()))
        };
        let node = match self.live.get(path) {
            None => None,
            Some(Live::Read(node)) => Some(node),
            Some(_) => return Err(Moved::Unreadable),
        };
        match (&self.plan.actions[actions[0]], node) {
            (Action::Add(add), None) => {
                self.parent(add)?;
                Ok(all().collect())
            }
            (Action::Trim(_), None) => Ok(Vec::new()),
            (_, None) => Err(Moved::Missing),
            (_, Some(node)) if node.ephemeral => Err(Moved::Ephemeral),
            (Action::Add(add), Some(node)) => self.added(add, actions, node),
            (Action::Trim(trim), Some(node)) => {
                self.trim(trim, node)?;
                Ok(all().collect())
            }
            (_, Some(node)) => self.changed(actions, node),
        }
    }

    /// The parent of a new node must exist, or be created by the plan.
    fn parent(&self, add: &Add) -> Result<(), Moved> {
        let Some(parent) = add.path.parent().filter(|parent| !parent.is_root()) else {
            return Ok(());
        };
        match self.live.get(&parent) {
            Some(Live::Read(node)) if node.ephemeral => Err(Moved::Ephemeral),
            Some(_) => Ok(()),
            None if self.added.contains(&parent) => Ok(()),
            None => Err(Moved::NoParent),
        }
    }

    /// A node that the plan creates and that is there.
    fn added(&self, add: &Add, actions: &[usize], node: &LiveNode) -> Left {
        let later = &actions[1..];
        let mut data = later.iter().rev().filter_map(|at| {
            let written = data_of(&self.plan.actions[*at])?;
            (written.as_bytes() == node.data).then_some(*at)
        });
        let last = match data.next() {
            Some(at) => at,
            None if add.data.as_bytes() == node.data => actions[0],
            None => return Err(Moved::Exists),
        };
        let mut left = Vec::new();
        if let Some(acl) = &add.acl
            && !self.has_acl(node, acl)
        {
            let is_guarded = self.plan.access.guarded.contains_key(&add.path);
            if !is_guarded || !self.is_guarded(node) {
                return Err(Moved::Exists);
            }
            // It was created for the session alone, and still is to get its ACL.
            left.push((
                actions[0],
                Action::Update(Update {
                    path: add.path.clone(),
                    expected_version: node.version,
                    seen: node.zxids(),
                    data: None,
                    acl: Some((node.acl_version, acl.clone())),
                    changes: Vec::new(),
                    origin: add.origin.clone(),
                }),
            ));
        }
        let later = later.iter().filter(|at| **at > last);
        left.extend(later.map(|at| (*at, as_found(&self.plan.actions[*at], node))));
        Ok(left)
    }

    /// Whether a node that is to be deleted is the one that the plan saw, with no other children.
    fn trim(&self, trim: &Trim, node: &LiveNode) -> Result<(), Moved> {
        if is_replaced(trim.seen, node) {
            return Err(Moved::Replaced);
        }
        if !is_unwritten(trim.seen, Some(trim.expected_version), node) {
            return Err(Moved::Changed);
        }
        let known = self.to_trim.get(&trim.path).copied().unwrap_or_default();
        match known == node.children {
            true => Ok(()),
            false => Err(Moved::HasChildren),
        }
    }

    /// A node that the plan changes.
    fn changed(&self, actions: &[usize], node: &LiveNode) -> Left {
        let (seen, version) = match &self.plan.actions[actions[0]] {
            Action::Update(update) => (update.seen, Some(update.expected_version)),
            Action::Link(link) => (link.seen, link.expected_version),
            Action::Add(_) | Action::Trim(_) => (None, None),
        };
        if is_replaced(seen, node) {
            return Err(Moved::Replaced);
        }
        let mut written = actions.iter().copied();
        let last = match is_unwritten(seen, version, node) {
            true => {
                let actions = actions.iter().map(|at| &self.plan.actions[*at]);
                if !agree_with(&actions.collect::<Vec<_>>(), node) {
                    return Err(Moved::Contradicted);
                }
                None
            }
            false => {
                let is_this = |at: &usize| {
                    let data = data_of(&self.plan.actions[*at]);
                    data.is_some_and(|data| data.as_bytes() == node.data)
                };
                Some(written.rfind(is_this).ok_or(Moved::Changed)?)
            }
        };
        let mut left = Vec::new();
        for at in actions.iter().copied() {
            let action = &self.plan.actions[at];
            let is_written = last.is_some_and(|last| at <= last);
            match action {
                Action::Update(update) => {
                    let update = self.update(update, is_written, node)?;
                    left.extend(update.map(|update| (at, Action::Update(update))));
                }
                _ if is_written => {}
                _ => left.push((at, as_found(action, node))),
            }
        }
        Ok(left)
    }

    /// What is left of an update; `None` if nothing is.
    fn update(
        &self,
        update: &Update,
        is_written: bool,
        node: &LiveNode,
    ) -> Result<Option<Update>, Moved> {
        let acl = match &update.acl {
            Some((version, acl)) => self.acl(node, *version, acl)?,
            None => None,
        };
        let data = update.data.clone().filter(|_| !is_written);
        if data.is_none() && acl.is_none() {
            return Ok(None);
        }
        let is_left = |change: &&Change| match change.name.as_str() {
            ACL_CHANGE => acl.is_some(),
            _ => data.is_some(),
        };
        Ok(Some(Update {
            path: update.path.clone(),
            expected_version: node.version,
            seen: node.zxids(),
            changes: update.changes.iter().filter(is_left).cloned().collect(),
            data,
            acl,
            origin: update.origin.clone(),
        }))
    }

    /// The ACL that a node still is to get; `None` if it has it.
    fn acl(
        &self,
        node: &LiveNode,
        version: AclVersion,
        acl: &Arc<Acl>,
    ) -> Result<Option<(AclVersion, Arc<Acl>)>, Moved> {
        if node.acl_version == version {
            return Ok(Some((version, acl.clone())));
        }
        match self.has_acl(node, acl) {
            true => Ok(None),
            false => Err(Moved::AclChanged),
        }
    }

    /// Whether a node surely has this ACL: one that the server shows in part may be another one.
    fn has_acl(&self, node: &LiveNode, acl: &Acl) -> bool {
        let declared = acl.stored_by(&self.identities.stored);
        let compare = |live: &Arc<Acl>| declared.compare(live, self.identities);
        node.acl.as_ref().map(compare) == Some(Agreement::Same)
    }

    /// What is left at a node whose contents are withheld: what a fresh plan does there, if that is
    /// what was reviewed. What it does not do is done.
    pub(super) fn withheld(&self, actions: &[usize], fresh: &Fresh<'_>, now: &[usize]) -> Left {
        if now.is_empty() {
            self.as_declared(&self.plan.actions[actions[0]], fresh.plan)?;
        }
        let fewer = now.len() < actions.len();
        let mut left = Vec::new();
        for at_now in now {
            let shown = &fresh.shown.actions[*at_now];
            let is_it = |at: &usize| agrees(&self.plan.actions[*at], shown, fewer);
            let at = actions.iter().copied().find(is_it).ok_or(Moved::Changed)?;
            left.push((at, fresh.plan.actions[*at_now].clone()));
        }
        Ok(left)
    }

    /// Where a fresh plan does nothing at a node, the node is as declared, or the plan leaves it alone.
    fn as_declared(&self, action: &Action, fresh: &Plan) -> Result<(), Moved> {
        let path = action.path();
        // What is kept now and was not when the plan was made.
        let mut kept = fresh
            .kept
            .iter()
            .filter(|kept| !self.plan.kept.contains(kept));
        let is_kept = kept.any(|kept| path.is_within(&kept.path));
        let is_text =
            |refusal: &Refusal| matches!(refusal, Refusal::Text { path: at, .. } if at == path);
        match self.live.get(path) {
            None => Err(Moved::Missing),
            Some(Live::Read(node)) if node.ephemeral => Err(Moved::Ephemeral),
            Some(Live::Read(_)) if is_kept || fresh.refusals.iter().any(is_text) => {
                Err(Moved::Changed)
            }
            Some(Live::Read(_)) => Ok(()),
            Some(_) => Err(Moved::Unreadable),
        }
    }

    /// Whether a node has the ACL with which this session creates those that get theirs later.
    fn is_guarded(&self, node: &LiveNode) -> bool {
        self.has_acl(node, Acl::session_alone())
    }
}

/// What an action writes; `None` if it writes no data.
pub(super) fn data_of(action: &Action) -> Option<&Encoded> {
    match action {
        Action::Add(add) => Some(&add.data),
        Action::Update(update) => update.data.as_ref(),
        Action::Link(link) => Some(&link.data),
        Action::Trim(_) => None,
    }
}

/// Whether this is another node than the plan saw.
fn is_replaced(seen: Option<Zxids>, node: &LiveNode) -> bool {
    let now = node.zxids();
    seen.is_some_and(|seen| now.is_some_and(|now| now.created != seen.created))
}

/// Whether nobody has written the node since the plan saw it.
fn is_unwritten(seen: Option<Zxids>, version: Option<DataVersion>, node: &LiveNode) -> bool {
    seen.is_none_or(|seen| seen.modified == node.mzxid)
        && version.is_none_or(|version| version == node.version)
}

/// A link that is left, with the version that the node has now.
fn as_found(action: &Action, node: &LiveNode) -> Action {
    match action {
        Action::Link(link) => Action::Link(Link {
            expected_version: Some(node.version),
            seen: node.zxids(),
            ..link.clone()
        }),
        other => other.clone(),
    }
}
