//! What is left of a saved plan, and that nothing moved under it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::abilities;
use super::ground;
use super::owner::Owner;
use super::records;
use super::rights;
use super::road::{self, Past, Planned};
use super::{Error, Options, Progress, SavedError, check};
use crate::declare::Source;
use crate::model::acl::Identities;
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::{Action, MovesFrom, Plan};
use crate::model::tree::Tree;
use crate::plan::owned::Ownership;
use crate::plan::saved::{Moved, SavedPlan, Secrets};
use crate::zookeeper::live::{self, FetchOptions, ReadAhead};
use crate::zookeeper::session::Session;

/// As [`plan_after`](super::plan_after). Returns the live nodes that were read, too: those that a saved
/// plan depends on are among them.
///
/// # Errors and cancellation safety
/// As [`plan()`](super::plan()).
pub async fn plan_to_save(
    session: &Session,
    source: &Source,
    options: &Options,
    ahead: ReadAhead,
) -> Result<(Plan, Tree<Live>), Error> {
    let ownership = records::ownership(session, options.owner.as_ref(), source.tree()).await?;
    let past = Past::of_owner(ownership);
    let ahead = (ahead, past, options.rights_of_plan());
    let (planned, mut live) = road::plan_and_live(session, source, options, ahead).await?;
    ground::read(session, &planned.plan, &mut live).await?;
    Ok((planned.plan, live))
}

/// Reads the nodes of a saved plan and returns the part of it that is left, and how many of its actions
/// are done already. Where values are withheld, `source` is the declared tree that was reviewed;
/// otherwise it is not looked at.
///
/// # Errors
/// [`SavedError::Moved`] if a node is neither as it was nor as the plan makes it, or is to be trimmed for an
/// owner and another one has it.
pub(super) async fn rest(
    session: &Session,
    saved: &SavedPlan,
    source: &Source,
    (options, ownership): (&Options, Option<Arc<Ownership>>),
) -> Result<(Planned, usize), Error> {
    check::require_chroot(session)?;
    let (tree, names) = (source.tree(), source.texts().secret_names());
    let fresh_plan = match saved.secrets() {
        // Whether its ACLs suit the session was asked when the plan was made.
        Secrets::Withheld => {
            let ahead = ReadAhead::default();
            let planned = road::plan(
                session,
                source,
                options,
                (ahead, Past::of_owner(ownership.clone())),
            )
            .await?;
            Some(planned.plan)
        }
        Secrets::None | Secrets::Included => None,
    };
    let fresh = fresh_plan.as_ref();
    let fresh = fresh.map(|plan| saved.fresh(plan, tree, names)).transpose();
    let fresh = fresh.map_err(SavedError::from)?;
    let wants = saved.wants();
    check::require_none_of_server(session, wants.iter().map(|want| &want.path))?;
    let planned_as = &saved.plan().access.users;
    let needs_identity = !planned_as.is_empty() || wants.iter().any(|want| want.acl);
    let identities = match needs_identity {
        true => session.who().await?,
        false => Identities::default(),
    };
    require_same_users(planned_as, &identities)?;
    let (of, observer) = (wants.len(), &options.observer);
    let mut progress = |nodes: usize| observer.notify(&Progress::Reading { nodes, of });
    let fetch = FetchOptions::default();
    let live = live::fetch(session, &wants, &fetch, &mut progress).await?;
    observer.notify(&Progress::Read { nodes: live.len() });
    let mut rest = saved.rest(&live, &identities, fresh.as_ref());
    if let Some(ownership) = &ownership {
        let taken = taken_by_others(saved, &rest.plan, ownership, &live);
        rest.moved.extend(taken);
        ownership.keep_what_holds(&mut rest.plan);
    }
    if !rest.moved.is_empty() {
        let (nodes, found) = (rest.moved, rest.found);
        return Err(SavedError::Moved { nodes, found }.into());
    }
    if let Some(ownership) = &ownership {
        require_not_undone(saved.plan(), &rest.plan, ownership)?;
    }
    let read = rights::Read {
        declared: &Tree::default(),
        live: &live,
        identities: needs_identity.then_some(&identities),
        record: options.owner.as_ref().map(Owner::head),
    };
    judge(session, &read, options, &mut rest.plan).await?;
    let planned = Planned {
        plan: rest.plan,
        identities: Some(identities),
    };
    Ok((planned, rest.done))
}

/// Refuses what is left where the session may not do it, the server cannot, or policies forbid it, which may
/// have become stricter since.
async fn judge(
    session: &Session,
    read: &rights::Read<'_>,
    options: &Options,
    plan: &mut Plan,
) -> Result<(), Error> {
    rights::check(session, read, options.rights_of_apply(), plan).await?;
    abilities::check(session, options, plan);
    plan.require_secrets();
    options.review(plan);
    Ok(())
}

/// The nodes that are left to trim for the owner of a saved plan, and that another owner has or may have by
/// now.
fn taken_by_others(
    saved: &SavedPlan,
    rest: &Plan,
    ownership: &Ownership,
    live: &Tree<Live>,
) -> Vec<(ZPath, Moved)> {
    let owner = saved.terms.owner.as_ref();
    if !owner.is_some_and(|owner| owner.trim) {
        return Vec::new();
    }
    let moves = MovesFrom::new(rest);
    let trims = rest.actions.iter().filter_map(|action| match action {
        Action::Trim(trim) if moves.of(&trim.path).is_none() => Some(trim),
        _ => None,
    });
    let taken = trims.filter_map(|trim| {
        let node = live.get(&trim.path).and_then(Live::node)?;
        let other = ownership.other(&trim.path, node.czxid);
        let moved = match other {
            Some(_) => Moved::Taken,
            None if !ownership.unknown.is_empty() => Moved::PerhapsTaken,
            None => return None,
        };
        Some((trim.path.clone(), moved))
    });
    taken.collect()
}

/// Whether no node is left to create that was created for the owner since the plan was made: it did not see
/// these entries of the record.
fn require_not_undone(saved: &Plan, rest: &Plan, ownership: &Ownership) -> Result<(), SavedError> {
    let seen = saved.record.gone.iter();
    let seen: BTreeSet<(&ZPath, i64)> = seen.map(|(path, created)| (path, *created)).collect();
    let adds = rest.actions.iter().filter_map(|action| match action {
        Action::Add(add) => Some(&add.path),
        Action::Update(_) | Action::Link(_) | Action::Trim(_) => None,
    });
    let was_created = |path: &&ZPath| {
        let entry = ownership.record.get(path);
        entry.is_some_and(|entry| entry.claim.is_owned() && !seen.contains(&(*path, entry.created)))
    };
    let nodes: Vec<ZPath> = adds.filter(was_created).cloned().collect();
    match nodes.is_empty() {
        true => Ok(()),
        false => Err(SavedError::Undone { nodes }),
    }
}

/// `auth::` in the ACLs of a saved plan stands for whom it was made by.
fn require_same_users(planned_as: &[String], now: &Identities) -> Result<(), SavedError> {
    let names = planned_as.iter().map(String::as_str);
    let names: BTreeSet<&str> = names.collect();
    if names.is_empty() || names == now.users().collect() {
        return Ok(());
    }
    Err(SavedError::OtherUsers {
        planned: planned_as.to_vec(),
        now: now.users().map(str::to_owned).collect(),
    })
}
