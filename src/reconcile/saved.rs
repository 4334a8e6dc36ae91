//! What is left of a saved plan, and that nothing moved under it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::road::{self, Planned};
use super::{Error, Options, Progress, SavedError, check};
use crate::declare::Source;
use crate::model::acl::Identities;
use crate::plan::saved::{self, SavedPlan};
use crate::zookeeper::live::{self, FetchOptions, ReadAhead};
use crate::zookeeper::session::Session;

/// No declared tree: a saved plan with all its values says by itself what is to be done.
pub(super) fn nothing() -> &'static Source {
    static NOTHING: LazyLock<Source> = LazyLock::new(Source::default);
    &NOTHING
}

/// Reads the nodes of a saved plan and returns the part of it that is left, and how many of its actions
/// are done already. Where values are withheld,
/// `source` is the declared tree that was reviewed.
///
/// # Errors
/// [`SavedError::Moved`] if a node is neither as it was nor as the plan makes it.
pub(super) async fn rest(
    session: &Session,
    saved: &SavedPlan,
    source: Option<&Source>,
    options: &Options,
) -> Result<(Planned, usize), Error> {
    check::require_chroot(session)?;
    let lacks_values = saved.secrets() == saved::Secrets::Withheld;
    let fresh = match (lacks_values, source) {
        (false, _) => None,
        (true, None) => return Err(SavedError::Withheld.into()),
        (true, Some(source)) => {
            saved
                .require_reviewed(source.tree())
                .map_err(SavedError::from)?;
            // Whether its ACLs suit the session was asked when the plan was made.
            let planned = road::plan(session, source, options, ReadAhead::default()).await?;
            Some((planned.plan, source))
        }
    };
    let fresh = match &fresh {
        None => None,
        Some((plan, source)) => {
            let names = source.texts().secret_names();
            let fresh = saved.fresh(plan, source.tree(), names);
            Some(fresh.map_err(SavedError::from)?)
        }
    };
    let wants = saved::wants(saved.plan());
    let planned_as = &saved.plan().access.users;
    let needs_identity = !planned_as.is_empty() || wants.iter().any(|want| want.acl);
    let identities = match needs_identity {
        true => session.who().await?,
        false => Identities::default(),
    };
    // `auth::` in the plan's ACLs stands for whom it was made by.
    let names = planned_as
        .iter()
        .map(String::as_str)
        .collect::<BTreeSet<_>>();
    if !names.is_empty() && names != identities.users().collect() {
        return Err(SavedError::OtherUsers {
            planned: planned_as.clone(),
            now: identities.users().map(str::to_owned).collect(),
        }
        .into());
    }
    let (of, observer) = (wants.len(), &options.observer);
    let mut progress = |nodes: usize| observer.notify(&Progress::Reading { nodes, of });
    let fetch = FetchOptions::default();
    let live = live::fetch(session, &wants, &fetch, &mut progress).await?;
    observer.notify(&Progress::Read { nodes: live.len() });
    let rest = saved.rest(&live, &identities, fresh.as_ref());
    if !rest.moved.is_empty() {
        return Err(SavedError::Moved { nodes: rest.moved }.into());
    }
    let planned = Planned {
        plan: rest.plan,
        identities: Some(identities),
    };
    Ok((planned, rest.done))
}
