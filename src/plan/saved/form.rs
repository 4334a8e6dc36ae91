//! A plan as JSON that can be read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::claims::ClaimsForm;
use super::moved::MoveForm;
use super::parts::{
    ChangeForm, DataForm, FingerprintsForm, KeptForm, NeedsForm, NotComparedForm, ObjectionForm,
    Origin, SecretForm, WarningForm, acl_of, entries, location, path_of, place, unguarded,
    version_of, zxids, zxids_of,
};
use crate::model::acl::Acl;
use crate::model::node::{AclVersion, DataVersion};
use crate::model::path::ZPath;
use crate::model::plan::{Access, Action, Add, Change, Kept, Link, Plan, Trim, Update};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanForm {
    path: String,
    actions: Vec<ActionForm>,
    extras: Vec<String>,
    kept: Vec<(String, KeptForm)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    not_compared: Vec<NotComparedForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprints: Option<FingerprintsForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    moves: Vec<MoveForm>,
    warnings: Vec<WarningForm>,
    /// What rules said of it when it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    objections: Vec<ObjectionForm>,
    unchanged: usize,
    examined: usize,
    users: Vec<String>,
    guarded: BTreeMap<String, NeedsForm>,
    opened: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claims: Option<ClaimsForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionForm {
    path: String,
    act: Act,
    /// Whether it lacks secret values.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    withheld: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

/// What is done. Enums are written as an object with one member: the others of serde's forms read
/// numbers by way of a value that cannot hold them as they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Act {
    Add {
        data: DataForm,
        raw: bool,
        acl: Option<Vec<String>>,
        secret: SecretForm,
    },
    Update {
        version: i32,
        seen: Option<(i64, i64)>,
        data: Option<DataForm>,
        acl: Option<(i32, Vec<String>)>,
        changes: Vec<ChangeForm>,
    },
    Link {
        version: Option<i32>,
        seen: Option<(i64, i64)>,
        data: DataForm,
        changes: Vec<ChangeForm>,
    },
    Trim {
        version: i32,
        seen: Option<(i64, i64)>,
    },
}

impl PlanForm {
    /// All of a plan; it has no refusals, with which it could not be carried out.
    pub(super) fn of(plan: &Plan, withheld: &BTreeSet<usize>) -> Self {
        let Plan {
            path,
            actions,
            extras,
            kept,
            not_compared,
            fingerprints,
            moves,
            refusals: _,
            warnings,
            objections,
            unchanged,
            examined,
            access,
            claims,
            record,
        } = plan;
        let actions = actions.iter().enumerate();
        Self {
            path: path.to_string(),
            actions: actions
                .map(|(at, action)| ActionForm::of(action, withheld.contains(&at)))
                .collect(),
            extras: extras.iter().map(ZPath::to_string).collect(),
            kept: kept
                .iter()
                .map(|kept| (kept.path.to_string(), KeptForm::of(&kept.reason)))
                .collect(),
            not_compared: not_compared.iter().map(NotComparedForm::of).collect(),
            fingerprints: fingerprints.as_ref().map(FingerprintsForm::of),
            moves: moves.iter().map(MoveForm::of).collect(),
            warnings: warnings.iter().map(WarningForm::of).collect(),
            objections: objections.iter().map(ObjectionForm::of).collect(),
            unchanged: *unchanged,
            examined: *examined,
            users: access.users.clone(),
            guarded: access
                .guarded
                .iter()
                .map(|(path, needs)| (path.to_string(), NeedsForm::of(*needs)))
                .collect(),
            opened: access.opened.iter().map(ZPath::to_string).collect(),
            claims: ClaimsForm::of(claims, record),
        }
    }

    /// What a plan does, and nothing that only people see.
    pub(super) fn essence(plan: &Plan) -> Self {
        let mut essence = Plan {
            actions: plan.actions.clone(),
            access: plan.access.clone(),
            moves: plan.moves.clone(),
            claims: plan.claims.clone(),
            record: plan.record.clone(),
            ..Plan::empty(plan.path.clone())
        };
        for moved in &mut essence.moves {
            moved.origin = None;
            let changes = moved.changes.values_mut().flatten();
            changes.for_each(|change| change.origin = None);
        }
        for action in &mut essence.actions {
            let (origin, changes) = match action {
                Action::Add(add) => (&mut add.origin, &mut [][..]),
                Action::Update(update) => (&mut update.origin, &mut update.changes[..]),
                Action::Link(link) => (&mut link.origin, &mut link.changes[..]),
                Action::Trim(_) => continue,
            };
            *origin = None;
            for change in changes {
                change.origin = None;
            }
        }
        Self::of(&essence, &BTreeSet::new())
    }

    /// The plan, and the actions that lack secret values.
    pub(super) fn read(self) -> Result<(Plan, BTreeSet<usize>), String> {
        let paths = |texts: Vec<String>| texts.into_iter().map(|text| path_of(&text));
        let mut withheld = BTreeSet::new();
        let mut actions = Vec::with_capacity(self.actions.len());
        for (at, action) in self.actions.into_iter().enumerate() {
            if action.withheld {
                withheld.insert(at);
            }
            actions.push(action.read()?);
        }
        let kept = self.kept.into_iter().map(|(path, reason)| {
            Ok(Kept {
                path: path_of(&path)?,
                reason: reason.read()?,
            })
        });
        let guarded = self.guarded.into_iter();
        let guarded = guarded.map(|(path, needs)| Ok((path_of(&path)?, needs.read())));
        let opened = self.opened.into_iter().collect();
        let claims = self.claims.map(ClaimsForm::read).transpose()?;
        let (claims, record) = claims.unwrap_or_default();
        let plan = Plan {
            path: path_of(&self.path)?,
            actions,
            extras: paths(self.extras).collect::<Result<_, _>>()?,
            kept: kept.collect::<Result<_, String>>()?,
            not_compared: self
                .not_compared
                .into_iter()
                .map(NotComparedForm::read)
                .collect::<Result<_, _>>()?,
            fingerprints: self.fingerprints.map(FingerprintsForm::read).transpose()?,
            moves: self
                .moves
                .into_iter()
                .map(MoveForm::read)
                .collect::<Result<_, _>>()?,
            refusals: Vec::new(),
            warnings: self
                .warnings
                .into_iter()
                .map(WarningForm::read)
                .collect::<Result<_, _>>()?,
            objections: self
                .objections
                .into_iter()
                .map(ObjectionForm::read)
                .collect::<Result<_, _>>()?,
            unchanged: self.unchanged,
            examined: self.examined,
            access: Access {
                users: self.users,
                guarded: guarded.collect::<Result<_, String>>()?,
                opened: paths(opened).collect::<Result<_, _>>()?,
                rights: None,
            },
            claims,
            record,
        };
        Ok((plan, withheld))
    }
}

/// An ACL afterwards, and the version of it that the plan saw.
fn acl_change(
    path: &ZPath,
    (version, entries): (i32, Vec<String>),
) -> Result<(AclVersion, Arc<Acl>), String> {
    let version = AclVersion::new(version).ok_or_else(|| unguarded(path))?;
    Ok((version, acl_of(&entries)?))
}

impl ActionForm {
    pub(super) fn of(action: &Action, withheld: bool) -> Self {
        let (act, origin) = match action {
            Action::Add(add) => (Act::of_add(add), add.origin.as_ref()),
            Action::Update(update) => (Act::of_update(update), update.origin.as_ref()),
            Action::Link(link) => (
                Act::Link {
                    version: link.expected_version.map(DataVersion::get),
                    seen: zxids(link.seen),
                    data: DataForm::of(&link.data),
                    changes: link.changes.iter().map(ChangeForm::of).collect(),
                },
                link.origin.as_ref(),
            ),
            Action::Trim(trim) => (
                Act::Trim {
                    version: trim.expected_version.get(),
                    seen: zxids(trim.seen),
                },
                None,
            ),
        };
        Self {
            path: action.path().to_string(),
            act,
            withheld,
            origin: origin.map(place),
        }
    }

    pub(super) fn read(self) -> Result<Action, String> {
        let path = path_of(&self.path)?;
        let origin = self.origin.map(location);
        let changes = |forms: Vec<ChangeForm>| -> Result<Vec<Change>, String> {
            forms.into_iter().map(ChangeForm::read).collect()
        };
        Ok(match self.act {
            Act::Add {
                data,
                raw,
                acl,
                secret,
            } => Action::Add(Add {
                path,
                data: data.read()?,
                raw,
                acl: acl.map(|entries| acl_of(&entries)).transpose()?,
                secret: secret.read()?,
                origin,
            }),
            Act::Update {
                version,
                seen,
                data,
                acl,
                changes: forms,
            } => Action::Update(Update {
                expected_version: version_of(&path, version)?,
                seen: seen.map(zxids_of),
                data: data.map(DataForm::read).transpose()?,
                acl: acl.map(|acl| acl_change(&path, acl)).transpose()?,
                changes: changes(forms)?,
                path,
                origin,
            }),
            Act::Link {
                version,
                seen,
                data,
                changes: forms,
            } => Action::Link(Link {
                expected_version: version
                    .map(|version| version_of(&path, version))
                    .transpose()?,
                seen: seen.map(zxids_of),
                data: data.read()?,
                changes: changes(forms)?,
                path,
                origin,
            }),
            Act::Trim { version, seen } => Action::Trim(Trim {
                expected_version: version_of(&path, version)?,
                seen: seen.map(zxids_of),
                path,
            }),
        })
    }
}

impl Act {
    fn of_add(add: &Add) -> Self {
        Self::Add {
            data: DataForm::of(&add.data),
            raw: add.raw,
            acl: add.acl.as_deref().map(entries),
            secret: SecretForm::of(&add.secret.0),
        }
    }

    fn of_update(update: &Update) -> Self {
        let acl = update.acl.as_ref();
        Self::Update {
            version: update.expected_version.get(),
            seen: zxids(update.seen),
            data: update.data.as_ref().map(DataForm::of),
            acl: acl.map(|(version, acl)| (version.get(), entries(acl))),
            changes: update.changes.iter().map(ChangeForm::of).collect(),
        }
    }
}
