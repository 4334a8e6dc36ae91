//! The file of a saved plan, and what stands in it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::checksum::{checksum, saved_times, times};
use super::digest::{sha256, to_json};
use super::form::PlanForm;
use super::ground::{is_alone, only_creates};
use super::hidden::hide;
use super::made_of::MadeOf;
use super::masked::{Masked, MaskedForm};
use super::parts;
use super::seen::{Seen, SeenNodes, seen_nodes};
use super::shown::require_shown;
use super::terms::{Origin, Secrets, Terms};
use super::whole::{require_claims, require_hidden, require_moves, require_pairs};
use super::within::{Bounds, require_within};
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};

/// The version of the file's format.
pub const FORMAT: u32 = 5;

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
    /// Where it has secret values, what is shown in their place.
    masked: Masked,
    /// Whether there are secret values, and whether they are here.
    secrets: Secrets,
    /// The checksum of what would be done.
    checksum: String,
}

/// Why a file is no saved plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, cut short, or with members that a plan does not have.
    #[error("it is no saved plan: {0}")]
    Malformed(serde_json::Error),
    /// The file has another format version.
    #[error("it is a saved plan of format {found}, and this zkt reads format {FORMAT} only")]
    Format {
        /// The version that it says.
        found: u32,
    },
    /// A member has an invalid value: a malformed path, or a version that guards nothing.
    #[error("it is no saved plan: {0}")]
    Invalid(String),
    /// What it would do has another checksum than it says.
    #[error("it was changed after it was saved: its checksum is {found}, and it says {expected}")]
    Checksum {
        /// The checksum that it says.
        expected: String,
        /// The checksum that it has.
        found: String,
    },
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
    /// What is shown in the place of secret values, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    masked: Option<MaskedForm>,
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
    /// A plan, to be carried out later. Without `with_secrets`, what holds a secret is withheld; so it is if
    /// secrets could not be had.
    #[must_use]
    pub fn new(
        plan: Plan,
        (origin, terms): (Origin, Terms),
        made_of: &MadeOf<'_>,
        with_secrets: bool,
    ) -> Self {
        // What could not be had is in no file.
        let with_secrets = with_secrets && plan.not_compared.is_empty();
        let secret_names = made_of.texts.secret_names();
        let (shown, hidden) = hide(plan.clone(), made_of.declared, secret_names);
        let times = times(&shown, made_of);
        let checksum = checksum(&shown, &times, terms.mandate(), &origin.declared);
        let seen_nodes = seen_nodes(&plan, made_of, &origin.salt, with_secrets);
        let records = terms.owner.as_ref().map(|owner| owner.path.as_str());
        let root = seen_nodes.get(&ZPath::root());
        let is_from_nothing = only_creates(&plan)
            && root.is_some_and(Seen::is_of_every_ensemble)
            && seen_nodes.len() == 1
            && is_alone(&plan, made_of.live, records);
        let masked = match with_secrets {
            true => Masked::of(&plan, &shown),
            false => Masked::default(),
        };
        let (plan, withheld, secrets) = match (with_secrets, hidden.is_empty()) {
            (true, _) if masked.is_nothing() => (plan, BTreeSet::new(), Secrets::None),
            (true, _) => (plan, BTreeSet::new(), Secrets::Included),
            (false, true) => (shown, hidden, Secrets::None),
            (false, false) => (shown, hidden, Secrets::Withheld),
        };
        Self {
            origin,
            terms,
            plan,
            seen_nodes,
            is_from_nothing,
            withheld,
            masked,
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
            masked: (!self.masked.is_nothing()).then(|| MaskedForm::of(&self.masked)),
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
        let masked = file.masked.map(MaskedForm::read).transpose();
        let masked = masked.map_err(Error::Invalid)?.unwrap_or_default();
        let saved = Self {
            origin: file.origin,
            terms: file.terms,
            plan,
            seen_nodes,
            is_from_nothing: file.from_nothing,
            withheld,
            masked,
            secrets: file.secrets,
            checksum: file.checksum,
        };
        saved.require_sound().map_err(Error::Invalid)?;
        saved.require_checksum()?;
        Ok(saved)
    }

    /// Whether it does only what a plan of its terms could do, and nothing but what it shows.
    fn require_sound(&self) -> Result<(), String> {
        let plan = &self.plan;
        require_within(plan, &bounds(&self.origin, &self.terms))?;
        require_seen(plan, &self.seen_nodes)?;
        require_pairs(plan)?;
        require_moves(plan, &self.seen_nodes)?;
        require_claims(plan, self.terms.owner.as_ref())?;
        // What is withheld is taken from a fresh plan, which must be the one that is shown.
        let whole = (plan.actions.iter().enumerate()).filter(|(at, _)| !self.withheld.contains(at));
        let whole = whole.map(|(_, action)| action);
        whole.clone().try_for_each(require_shown)?;
        if self.secrets != Secrets::Included {
            require_hidden(plan, whole)?;
        }
        let has_masks = !self.masked.is_nothing();
        let is_withheld = !self.withheld.is_empty();
        if (self.secrets == Secrets::Withheld) != is_withheld
            || (self.secrets == Secrets::Included) != has_masks
        {
            return Err("what it withholds is not what it says".to_owned());
        }
        Ok(())
    }

    fn require_checksum(&self) -> Result<(), Error> {
        let shown = self.masked.shown(&self.plan).map_err(Error::Invalid)?;
        let landmark = self.landmark().map(|(path, _)| path);
        let times = saved_times(&shown, &self.seen_nodes, landmark);
        let found = checksum(&shown, &times, self.terms.mandate(), &self.origin.declared);
        match found == self.checksum {
            true => Ok(()),
            false => Err(Error::Checksum {
                expected: self.checksum.clone(),
                found,
            }),
        }
    }
}

fn bounds<'a>(origin: &'a Origin, terms: &'a Terms) -> Bounds<'a> {
    Bounds {
        server: &origin.server,
        place: &terms.path,
        target: &terms.target,
        exclude: &terms.exclude,
        records: terms.owner.as_ref().map(|owner| owner.path.as_str()),
        trims: terms.trim || terms.owner.as_ref().is_some_and(|owner| owner.trim),
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
            masked,
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
            masked,
            seen,
            from_nothing,
            checksum,
        )))
    }
}
