//! The file of a saved plan, and what stands in it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::{checksum, sha256, to_json};
use super::form::PlanForm;
use super::ground::{is_alone, only_creates};
use super::hidden::hide;
use super::made_of::MadeOf;
use super::parts;
use super::seen::{Seen, SeenNodes, seen_nodes};
use super::shown::require_shown;
use super::within::{Bounds, require_within};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};

/// The version of the file's format.
pub const FORMAT: u32 = 4;

/// A plan with all that is needed to carry it out later.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedPlan {
    /// Where it came from.
    pub origin: Origin,
    /// What the plan was about.
    pub terms: Terms,
    /// The plan. What a withheld action writes has `(secret)` in the place of each secret value.
    pub(super) plan: Plan,
    /// What the plan saw of the nodes that it is about.
    pub(super) seen_nodes: SeenNodes,
    /// Whether it creates top-level nodes on servers that had none.
    pub(super) is_from_nothing: bool,
    /// The actions that lack secret values, by index.
    pub(super) withheld: BTreeSet<usize>,
    /// Whether there are secret values, and whether they are here.
    secrets: Secrets,
    /// The checksum of what would be done.
    checksum: String,
}

/// Where a saved plan came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The version of zkt that made it.
    pub zkt: String,
    /// When, in UTC: `2026-11-28T12:00:00Z`.
    pub made: String,
    /// The servers and the chroot: `zk1:2181,zk2:2181/app`.
    pub server: String,
    /// The layers as they were named.
    pub layers: Vec<String>,
    /// [`declared_digest`](super::declared_digest) of the declared tree.
    pub declared: String,
    /// Random, so that equal nodes have other digests in each file.
    pub salt: String,
}

/// What a plan was about: with the same declared and live tree, these options give the same plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Where the top-level nodes go.
    #[serde(with = "parts::path")]
    pub path: ZPath,
    /// Whether undeclared nodes are removed.
    pub trim: bool,
    /// The globs of the paths that it is about; all, if there are none.
    pub target: Vec<String>,
    /// The globs of paths that it leaves alone.
    pub exclude: Vec<String>,
    /// Whether text or binary data gives way to declared properties.
    pub replace: bool,
    /// Whether nodes that are marked `@ephemeral` are created, as persistent ones.
    pub allow_ephemeral: bool,
    /// For whom it is, where it is for an owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerTerms>,
}

/// For whom a saved plan is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerTerms {
    /// The owner's name.
    pub name: String,
    /// Where owners keep their records.
    pub path: String,
    /// Whether declared nodes are adopted that differ.
    pub adopt: bool,
    /// Whether the owner's nodes are removed that are not declared.
    pub trim: bool,
    /// What was reviewed, as the record names it: a commit, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// Where the secret values of a saved plan are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Secrets {
    /// There are none.
    None,
    /// In the file.
    Included,
    /// In the declared tree only.
    Withheld,
}

/// Why a file is no saved plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, cut short, or with members that a plan does not have.
    #[error("it is no saved plan: {0}")]
    Malformed(serde_json::Error),
    /// The file has another format version.
    #[error("it is a saved plan of format {found}, and this zkt reads format {FORMAT}")]
    Format {
        /// The version that it says.
        found: u32,
    },
    /// A member has an invalid value: a malformed path, or a version that guards nothing.
    #[error("it is no saved plan: {0}")]
    Invalid(String),
    /// It was changed after it was saved.
    #[error("it was changed after it was saved: its digest is {found}, and it says {expected}")]
    Digest {
        /// The digest that it says.
        expected: String,
        /// The digest that it has.
        found: String,
    },
}

/// The file, as JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    zkt_plan: u32,
    origin: Origin,
    terms: Terms,
    secrets: Secrets,
    plan: PlanForm,
    /// What the plan saw, by path.
    seen: BTreeMap<String, Seen>,
    /// Whether it saw that there was no top-level node.
    from_nothing: bool,
    checksum: String,
    /// SHA-256 of the file's members before it, so that a change of any of them is noticed.
    digest: String,
}

/// Only the version of a file, whatever else it has.
#[derive(Deserialize)]
struct Version {
    zkt_plan: u32,
}

impl SavedPlan {
    /// A plan, to be carried out later. Without `with_secrets`, what holds a secret is withheld.
    #[must_use]
    pub fn new(
        plan: Plan,
        (origin, terms): (Origin, Terms),
        made_of: &MadeOf<'_>,
        with_secrets: bool,
    ) -> Self {
        let secret_names = made_of.texts.secret_names();
        let (shown, hidden) = hide(plan.clone(), made_of.declared, secret_names);
        let checksum = checksum(&shown, made_of, &origin.declared);
        let seen_nodes = seen_nodes(&plan, made_of, &origin.salt, with_secrets);
        let records = terms.owner.as_ref().map(|owner| owner.path.as_str());
        let root = seen_nodes.get(&ZPath::root());
        let is_from_nothing = only_creates(&plan)
            && root.is_some_and(Seen::is_of_every_ensemble)
            && seen_nodes.len() == 1
            && is_alone(&plan, made_of.live, records);
        let (plan, withheld, secrets) = match (hidden.is_empty(), with_secrets) {
            (true, _) => (plan, hidden, Secrets::None),
            (false, true) => (plan, BTreeSet::new(), Secrets::Included),
            (false, false) => (shown, hidden, Secrets::Withheld),
        };
        Self {
            origin,
            terms,
            plan,
            seen_nodes,
            is_from_nothing,
            withheld,
            secrets,
            checksum,
        }
    }

    /// The plan, for showing it: `(secret)` stands in the place of what is withheld.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether an action lacks secret values, so that it cannot be carried out from here.
    #[must_use]
    pub fn is_withheld(&self, action: usize) -> bool {
        self.withheld.contains(&action)
    }

    /// Where the secret values are.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        self.secrets
    }

    /// The [`checksum_of`](super::checksum_of) the plan.
    #[must_use]
    pub fn checksum(&self) -> &str {
        &self.checksum
    }

    /// The text of the file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut file = File {
            zkt_plan: FORMAT,
            origin: self.origin.clone(),
            terms: self.terms.clone(),
            secrets: self.secrets,
            plan: PlanForm::of(&self.plan, &self.withheld),
            seen: (self.seen_nodes.iter())
                .map(|(path, seen)| (path.to_string(), seen.clone()))
                .collect(),
            from_nothing: self.is_from_nothing,
            checksum: self.checksum.clone(),
            digest: String::new(),
        };
        file.digest = file.digest();
        let mut text = to_json(&file);
        text.push('\n');
        text
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Whatever makes it no saved plan, or one that was changed since it was saved.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let Version { zkt_plan } = serde_json::from_slice(text).map_err(Error::Malformed)?;
        if zkt_plan != FORMAT {
            return Err(Error::Format { found: zkt_plan });
        }
        let file: File = serde_json::from_slice(text).map_err(Error::Malformed)?;
        let found = file.digest();
        if file.digest != found {
            let expected = file.digest;
            return Err(Error::Digest { expected, found });
        }
        let (plan, withheld) = file.plan.read().map_err(Error::Invalid)?;
        let seen = file.seen.into_iter();
        let seen_nodes = seen.map(|(path, seen)| Ok((parts::path_of(&path)?, seen)));
        let seen_nodes = seen_nodes
            .collect::<Result<_, String>>()
            .map_err(Error::Invalid)?;
        require_within(&plan, &bounds(&file.origin, &file.terms)).map_err(Error::Invalid)?;
        require_seen(&plan, &seen_nodes).map_err(Error::Invalid)?;
        // What is withheld is taken from a fresh plan, which must be the one that is shown.
        let whole = plan
            .actions
            .iter()
            .enumerate()
            .filter(|(at, _)| !withheld.contains(at));
        let mut shown = whole.map(|(_, action)| require_shown(action));
        shown.try_for_each(|shown| shown).map_err(Error::Invalid)?;
        if (file.secrets == Secrets::Withheld) == withheld.is_empty() {
            let reason = "what it withholds is not what it says".to_owned();
            return Err(Error::Invalid(reason));
        }
        Ok(Self {
            origin: file.origin,
            terms: file.terms,
            plan,
            seen_nodes,
            is_from_nothing: file.from_nothing,
            withheld,
            secrets: file.secrets,
            checksum: file.checksum,
        })
    }
}

fn bounds<'a>(origin: &'a Origin, terms: &'a Terms) -> Bounds<'a> {
    Bounds {
        server: &origin.server,
        place: &terms.path,
        target: &terms.target,
        exclude: &terms.exclude,
        records: terms.owner.as_ref().map(|owner| owner.path.as_str()),
    }
}

/// Each node that a plan changes was seen, at the transactions that the action names.
fn require_seen(plan: &Plan, seen_nodes: &SeenNodes) -> Result<(), String> {
    for action in &plan.actions {
        let path = action.path();
        let zxids = match action {
            Action::Add(_) => continue,
            Action::Link(link) if link.expected_version.is_none() => continue,
            Action::Update(update) => update.seen,
            Action::Link(link) => link.seen,
            Action::Trim(trim) => trim.seen,
        };
        let seen = seen_nodes
            .get(path)
            .ok_or_else(|| format!("{path}: it does not say what was seen"))?;
        // There is only ever one `/`.
        let is_seen = zxids.map_or(path.is_root(), |zxids| seen.is_at(zxids));
        if !is_seen {
            return Err(format!("{path}: it does not say which node was seen"));
        }
    }
    Ok(())
}

impl File {
    fn digest(&self) -> String {
        let Self {
            zkt_plan,
            origin,
            terms,
            secrets,
            plan,
            seen,
            from_nothing,
            checksum,
            digest: _,
        } = self;
        sha256(&to_json(&(
            zkt_plan,
            origin,
            terms,
            secrets,
            plan,
            seen,
            from_nothing,
            checksum,
        )))
    }
}
