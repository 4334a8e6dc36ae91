//! Plans as data: the planner makes them, the executor carries them out, a renderer shows them.

mod claims;
mod doubt;
mod fingerprint;
mod fingerprints;
mod lacking;
mod moved;
mod moves;
mod objection;
mod refusal;
mod rights;
mod warning;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::model::acl::Acl;
use crate::model::node::{AclVersion, DataVersion, Secret, Zxids};
use crate::model::path::ZPath;
use crate::model::record::Changes;
use crate::model::value::{Encoded, Properties};
use crate::syntax::place::Location;

pub use claims::{Adopted, Claims, LetGo};
pub use fingerprint::{Fingerprint, FingerprintKey, Fingerprints, KeyTooShort};
pub use lacking::NotCompared;
pub use moved::MoveProblem;
pub use moves::MovesFrom;
pub use objection::{Effect, Objection};
pub use refusal::{KeptReason, MaxTrim, Refusal};
pub use rights::{CheckedRights, NodeRights};
pub use warning::{About, Warning};

/// Name of a change of a node's raw data.
pub const DATA_CHANGE: &str = "@data";
/// Name of a change of a node's ACL.
pub const ACL_CHANGE: &str = "@acl";

/// All that is to be done to make the live tree as declared, in order: adds, parents first;
/// updates, those that open nodes to the rest first; links; trims, children first. Any part of
/// it that has each node after its parents leaves a legal tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where the top-level nodes go.
    pub path: ZPath,
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// The topmost nodes of undeclared subtrees that are left alone because nothing is trimmed.
    pub extras: Vec<ZPath>,
    /// Nodes that stay as they are although the declared tree says otherwise.
    pub kept: Vec<Kept>,
    /// Secret values from outside that could not be had: nobody knows whether they differ.
    pub not_compared: Vec<NotCompared>,
    /// Fingerprints of the secret values that it writes; `None` without a key, or without such values.
    pub fingerprints: Option<Fingerprints>,
    /// The subtrees that are moved. Their adds and trims are among the actions.
    pub moves: Vec<Move>,
    /// Why this plan may not be executed.
    pub refusals: Vec<Refusal>,
    /// Legal things that are probably mistakes.
    pub warnings: Vec<Warning>,
    /// What the rules of policies say of it.
    pub objections: Vec<Objection>,
    /// How many declared nodes are already as declared.
    pub unchanged: usize,
    /// How many live nodes the plan looked at.
    pub examined: usize,
    /// The session's identities, and the nodes whose ACL takes more than one step.
    #[doc(hidden)]
    pub access: Access,
    /// What changes in what the owner has.
    pub claims: Claims,
    /// What changes in the owner's record beyond what the actions do.
    #[doc(hidden)]
    pub record: Changes,
}

/// The effect of a plan's ACLs on the session that executes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// The users that `auth::` stands for, without their passwords: `ops`.
    pub users: Vec<String>,
    /// New nodes whose declared ACL would keep the session from what the plan has to do there.
    /// Those are created for the session alone, and get their ACL after everything else.
    pub guarded: BTreeMap<ZPath, Needs>,
    /// Nodes whose declared ACL first gives the session what the plan has to do at them, or below.
    /// Those get it before everything else, by an update of nothing else.
    pub opened: BTreeSet<ZPath>,
    /// Whether the session has the rights that the plan takes; `None` if that was not asked for.
    pub rights: Option<CheckedRights>,
}

impl Access {
    /// Whether this update opens its node to the rest of the plan.
    #[must_use]
    pub fn opens(&self, update: &Update) -> bool {
        update.acl.is_some() && update.data.is_none() && self.opened.contains(&update.path)
    }
}

/// What the session could not do under the declared ACL of a new node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Creating children.
    Children,
    /// Setting links, unless they are part of the creation.
    Links,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Creates a node.
    Add(Add),
    /// Changes a node's properties, raw data or ACL.
    Update(Update),
    /// Changes a node's links.
    Link(Link),
    /// Deletes a node.
    Trim(Trim),
}

/// Creates a node that did not exist when the plan was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Add {
    /// The node.
    pub path: ZPath,
    /// Its data without its links.
    #[doc(hidden)]
    pub data: Encoded,
    /// Whether the data is declared as raw bytes, and so shown as such.
    #[doc(hidden)]
    pub raw: bool,
    /// Its ACL. `None` for `world:anyone:cdrwa`.
    pub acl: Option<Arc<Acl>>,
    /// Which parts of it are not shown.
    #[doc(hidden)]
    pub secret: HiddenValues,
    /// Where it is declared.
    pub origin: Option<Location>,
}

/// Changes a node's data, its ACL, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The node.
    pub path: ZPath,
    /// The version of the data that the plan saw.
    #[doc(hidden)]
    pub expected_version: DataVersion,
    /// Which node the plan saw; `None` where no server was asked.
    #[doc(hidden)]
    pub seen: Option<Zxids>,
    /// The data afterwards. `None` if only the ACL changes.
    #[doc(hidden)]
    pub data: Option<Encoded>,
    /// The ACL afterwards, and the version of it that the plan saw.
    #[doc(hidden)]
    pub acl: Option<(AclVersion, Arc<Acl>)>,
    /// What changes, for people.
    pub changes: Vec<Change>,
    /// Where the node is declared.
    pub origin: Option<Location>,
}

/// Changes the links of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The node.
    pub path: ZPath,
    /// The version of the data that the plan saw. `None` if an earlier action creates the node.
    #[doc(hidden)]
    pub expected_version: Option<DataVersion>,
    /// Which node the plan saw; `None` where an earlier action creates it, and where no server was
    /// asked.
    #[doc(hidden)]
    pub seen: Option<Zxids>,
    /// The data afterwards.
    #[doc(hidden)]
    pub data: Encoded,
    /// What changes, for people.
    pub changes: Vec<Change>,
    /// Where the node is declared.
    pub origin: Option<Location>,
}

/// Deletes a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Trim {
    /// The node.
    pub path: ZPath,
    /// The version of the data that the plan saw.
    #[doc(hidden)]
    pub expected_version: DataVersion,
    /// Which node the plan saw; `None` where no server was asked.
    #[doc(hidden)]
    pub seen: Option<Zxids>,
}

impl Add {
    /// The properties of the new node without its links, secret values included. `None` if its data is
    /// declared as raw bytes.
    #[must_use]
    pub fn properties(&self) -> Option<Properties> {
        (!self.raw).then(|| self.data.decode().into_properties())
    }

    /// The data of the new node without its links, as it is stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.data.as_bytes()
    }
}

impl Action {
    /// The line that causes it: that of the first change, else that of the node. A node that goes is declared
    /// nowhere.
    #[must_use]
    pub fn origin(&self) -> Option<&Location> {
        let (changes, node) = match self {
            Self::Add(add) => (&[][..], &add.origin),
            Self::Update(update) => (&update.changes[..], &update.origin),
            Self::Link(link) => (&link.changes[..], &link.origin),
            Self::Trim(_) => return None,
        };
        let mut changed = changes.iter().filter_map(|change| change.origin.as_ref());
        changed.next().or(node.as_ref())
    }

    /// The node that the action is about.
    #[must_use]
    pub fn path(&self) -> &ZPath {
        match self {
            Self::Add(add) => &add.path,
            Self::Update(update) => &update.path,
            Self::Link(link) => &link.path,
            Self::Trim(trim) => &trim.path,
        }
    }

    /// The action's name, as in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Update(_) => "update",
            Self::Link(_) => "link",
            Self::Trim(_) => "trim",
        }
    }
}

impl Action {
    /// Whether somebody who agreed to `other` has agreed to this action: it does the same to the
    /// same node. A node that is changed may have been written meanwhile in what the action leaves
    /// alone; one that is trimmed may not.
    #[must_use]
    pub fn asks_for_the_same(&self, other: &Self) -> bool {
        let created = |seen: Option<Zxids>| seen.map(|seen| seen.created);
        match (self, other) {
            (Self::Add(this), Self::Add(other)) => this == other,
            (Self::Update(this), Self::Update(other)) => {
                let acl = |update: &Update| update.acl.as_ref().map(|(_, acl)| acl.clone());
                this.path == other.path
                    && this.changes == other.changes
                    && created(this.seen) == created(other.seen)
                    && acl(this) == acl(other)
            }
            (Self::Link(this), Self::Link(other)) => {
                this.path == other.path
                    && this.changes == other.changes
                    && created(this.seen) == created(other.seen)
            }
            (Self::Trim(this), Self::Trim(other)) => this == other,
            _ => false,
        }
    }
}

/// One changed property, link, raw data ([`DATA_CHANGE`]) or ACL ([`ACL_CHANGE`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name under which the property is stored.
    pub name: String,
    /// The old value. `None` if it is new.
    pub old: Option<ChangeValue>,
    /// The new value. `None` if it is removed.
    pub new: Option<ChangeValue>,
    /// Whether the values may not be shown.
    pub secret: bool,
    /// Where the new value is declared.
    pub origin: Option<Location>,
}

/// A value before or after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeValue {
    /// A property.
    Json(Value),
    /// A live property that JSON cannot hold, as it is written: `NaN`.
    Beyond(String),
    /// Raw data.
    Raw(Vec<u8>),
    /// An ACL.
    Acl(Acl),
}

/// Which values of a new node are hidden.
#[derive(Debug, Clone, Default)]
pub struct HiddenValues(pub Secret);

impl PartialEq for HiddenValues {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_same(&other.0)
    }
}

/// A node that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The node.
    pub path: ZPath,
    /// Why.
    pub reason: KeptReason,
}

/// A subtree that is at its old place still. Its nodes are added at the new place, with their data and
/// ACLs, and trimmed at the old one; those actions are among the plan's.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// The old place.
    pub from: ZPath,
    /// The new place.
    pub to: ZPath,
    /// What differs at the new place, by the new path of each node.
    pub changes: BTreeMap<ZPath, Vec<Change>>,
    /// The nodes at the old place that are trimmed and nowhere added: undeclared ones.
    pub dropped: BTreeSet<ZPath>,
    /// Where the move is declared.
    pub origin: Option<Location>,
}

/// How many actions of each kind a plan has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Nodes to create.
    pub add: usize,
    /// Nodes whose properties, data or ACL change.
    pub update: usize,
    /// Nodes whose links change.
    pub link: usize,
    /// Nodes to delete.
    pub trim: usize,
    /// Declared nodes that are already as declared.
    pub unchanged: usize,
}

impl Plan {
    /// A plan that does nothing.
    #[must_use]
    pub fn empty(path: ZPath) -> Self {
        Self {
            path,
            actions: Vec::new(),
            extras: Vec::new(),
            kept: Vec::new(),
            not_compared: Vec::new(),
            fingerprints: None,
            moves: Vec::new(),
            refusals: Vec::new(),
            warnings: Vec::new(),
            objections: Vec::new(),
            unchanged: 0,
            examined: 0,
            access: Access::default(),
            claims: Claims::default(),
            record: Changes::default(),
        }
    }

    /// Leaves out the extras where they are not to be shown, and refuses what has denied warnings and,
    /// with `strict`, what has any extras left, or warnings.
    #[doc(hidden)]
    pub fn judge(&mut self, shows_extras: bool, strict: bool) {
        if !shows_extras {
            self.extras.clear();
        }
        self.refusals.extend(Warning::denied(&self.warnings));
        let of_rules = self
            .objections
            .iter()
            .filter(|one| one.effect == Effect::Warn);
        let warnings = self.warnings.len() + of_rules.count();
        let extras = self.extras.len();
        if strict && warnings + extras > 0 {
            self.refusals.push(Refusal::Strict { warnings, extras });
        }
    }

    /// Refuses the plan where a secret value from outside could not be had.
    pub(crate) fn require_secrets(&mut self) {
        let lacking = self.not_compared.drain(..).map(Refusal::NoSecret);
        self.refusals.extend(lacking);
    }

    /// Whether somebody who agreed to `other` has agreed to all that this plan does.
    #[must_use]
    pub fn asks_no_more_than(&self, other: &Self) -> bool {
        let name = |action: &'_ Action| (action.name(), action.path().clone());
        let agreed = other.actions.iter().map(|action| (name(action), action));
        let agreed: HashMap<_, _> = agreed.collect();
        let is_agreed = |action: &Action| {
            let other = agreed.get(&name(action));
            other.is_some_and(|other| action.asks_for_the_same(other))
        };
        let is_answered = |ask: &Objection| other.asks().any(|asked| asked.rule == ask.rule);
        self.refusals.is_empty()
            && self.actions.iter().all(is_agreed)
            && self.claims.ask_no_more_than(&other.claims)
            && self.asks().all(is_answered)
    }

    /// What rules say that is no refusal.
    pub fn remarks(&self) -> impl Iterator<Item = &Objection> {
        let is_refusal = |objection: &Objection| {
            let mut refusals = self.refusals.iter();
            refusals.any(|refusal| matches!(refusal, Refusal::Objection(one) if one == objection))
        };
        let objections = self.objections.iter();
        objections.filter(move |objection| !is_refusal(objection))
    }

    /// What rules want a person to agree to.
    pub fn asks(&self) -> impl Iterator<Item = &Objection> {
        let objections = self.objections.iter();
        objections.filter(|objection| objection.effect == Effect::Ask)
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// How many actions of each kind there are.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            unchanged: self.unchanged,
            ..Summary::of(&self.actions)
        }
    }
}

impl Summary {
    /// How many actions of each kind there are among these.
    pub fn of<'a>(actions: impl IntoIterator<Item = &'a Action>) -> Self {
        let mut summary = Self::default();
        for action in actions {
            match action {
                Action::Add(_) => summary.add += 1,
                Action::Update(_) => summary.update += 1,
                Action::Link(_) => summary.link += 1,
                Action::Trim(_) => summary.trim += 1,
            }
        }
        summary
    }
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.add += other.add;
        self.update += other.update;
        self.link += other.link;
        self.trim += other.trim;
        self.unchanged += other.unchanged;
    }
}
