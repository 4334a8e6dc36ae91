//! Whether the parts of a saved plan fit together: nothing is done that it does not show. A file may say
//! anything.

use std::collections::{BTreeMap, BTreeSet};

use super::hidden::holds_shown_secret;
use super::seen::SeenNodes;
use super::terms::OwnerTerms;
use crate::model::path::ZPath;
use crate::model::plan::{Action, Plan};
use crate::model::record::Claim;
use crate::model::value::{self, Encoded, Properties};

/// Whether a new node gets its data and its links, and nothing else.
pub(super) fn require_pairs(plan: &Plan) -> Result<(), String> {
    let mut nodes: BTreeMap<&ZPath, Vec<&Action>> = BTreeMap::new();
    for action in &plan.actions {
        nodes.entry(action.path()).or_default().push(action);
    }
    for (path, actions) in nodes {
        let creates = |action: &&&Action| {
            matches!(action, Action::Add(_))
                || matches!(action, Action::Link(link) if link.expected_version.is_none())
        };
        if !actions.iter().any(|action| creates(&action)) {
            continue;
        }
        let is_whole = match actions.as_slice() {
            [Action::Add(_)] => true,
            [Action::Add(add), Action::Link(link)] => {
                let links = link.changes.iter().map(|change| change.name.as_str());
                is_beside(&add.data, &link.data, &links.collect())
            }
            _ => false,
        };
        if !is_whole {
            return Err(format!("{path}: what it shows is not what it writes"));
        }
    }
    Ok(())
}

/// Whether the data with links is the data without, but for the links.
fn is_beside(plain: &Encoded, linked: &Encoded, links: &BTreeSet<&str>) -> bool {
    let plain = plain.decode().into_properties();
    let mut linked: Properties = linked.decode().into_properties();
    let has_all = links.iter().all(|name| linked.contains_key(*name));
    linked.retain(|name, _| !links.contains(name.as_str()));
    has_all
        && plain.len() == linked.len()
        && (plain.iter()).all(|(name, one)| {
            linked
                .get(name)
                .is_some_and(|other| value::equal(one, other))
        })
}

/// Whether each node that is moved goes somewhere, and changes are shown of no others.
pub(super) fn require_moves(plan: &Plan, seen_nodes: &SeenNodes) -> Result<(), String> {
    let moved = plan.moved_trims();
    let adds = plan.actions.iter().filter_map(|action| match action {
        Action::Add(add) => Some(&add.path),
        Action::Update(_) | Action::Link(_) | Action::Trim(_) => None,
    });
    let adds: BTreeSet<&ZPath> = adds.collect();
    for (new, trim) in &moved {
        // It may be there already, where a move was cut short.
        if !adds.contains(new) && !seen_nodes.contains_key(new) {
            return Err(format!(
                "trim {}: it is moved to {new}, and nothing creates that",
                trim.path
            ));
        }
    }
    let changes = plan.moves.iter().flat_map(|moved| moved.changes.keys());
    match changes.into_iter().find(|path| !moved.contains_key(*path)) {
        Some(path) => Err(format!("{path}: it is not moved, and changes are shown")),
        None => Ok(()),
    }
}

/// Whether an owner takes nothing that it is not said to take.
pub(super) fn require_claims(plan: &Plan, owner: Option<&OwnerTerms>) -> Result<(), String> {
    let (claims, record) = (&plan.claims, &plan.record);
    let Some(owner) = owner else {
        return match claims.is_empty() && record.is_empty() && record.partial.is_empty() {
            true => Ok(()),
            false => Err("it is for no owner, and changes what one has".to_owned()),
        };
    };
    if let Some(adopted) = claims.adopted.first().filter(|_| !owner.adopt) {
        let path = &adopted.path;
        return Err(format!(
            "{path}: it is adopted, and its terms adopt nothing"
        ));
    }
    let told = claims.adopted.iter().map(|adopted| &adopted.path);
    let new: BTreeSet<&ZPath> = told.chain(&claims.equal).collect();
    let mut taken = record.take.iter();
    let created = taken.find(|(path, entry)| new.contains(path) && entry.claim != Claim::Adopted);
    match created {
        Some((path, _)) => Err(format!("{path}: it is adopted, and not created")),
        None => Ok(()),
    }
}

/// Whether a file without secrets shows all that it has: what it calls secret would be withheld.
pub(super) fn require_hidden<'p>(
    plan: &Plan,
    mut actions: impl Iterator<Item = &'p Action>,
) -> Result<(), String> {
    let moved = plan.moved_trims();
    let is_moved = |action: &Action| moved.contains_key(action.path());
    let hiding = actions.find(|action| !is_moved(action) && holds_shown_secret(action));
    match hiding {
        Some(action) => Err(format!(
            "{}: it has a value that it does not show, and says that it has no secrets",
            action.path()
        )),
        None => Ok(()),
    }
}
