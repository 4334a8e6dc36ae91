//! What a plan must know of nodes beside those that were read for it: which extras are ephemeral, and
//! what links lead to.

use crate::declare::Source;
use crate::model::node::Live;
use crate::model::path::ZPath;
use crate::model::plan::{Kept, KeptReason, Plan, Warning};
use crate::model::tree::Tree;
use crate::plan::links::{self, LookedUp, Trees};
use crate::plan::planner::Policy;
use crate::zookeeper::live::{Error, Kind, kinds, lookup};
use crate::zookeeper::session::Session;

/// Moves what is ephemeral from the extras to what is kept: of extras only the names are read.
/// Those that are `known` are not ephemeral. Extras that are not shown are dropped instead.
pub(super) async fn keep_ephemeral(
    session: &Session,
    plan: &mut Plan,
    known: &[ZPath],
    policy: &Policy<'_>,
) -> Result<(), Error> {
    if !policy.shows_extras {
        plan.extras.clear();
        return Ok(());
    }
    let is_known = |path: &ZPath| known.binary_search(path).is_ok();
    let (mut extras, unknown): (Vec<ZPath>, Vec<ZPath>) = std::mem::take(&mut plan.extras)
        .into_iter()
        .partition(is_known);
    let kinds = kinds(session, &unknown).await?;
    for (path, kind) in unknown.into_iter().zip(kinds) {
        match kind {
            Kind::Gone => {}
            Kind::Ephemeral => plan.kept.push(Kept {
                path,
                reason: KeptReason::Ephemeral,
            }),
            Kind::Other => extras.push(path),
        }
    }
    extras.sort();
    plan.extras = extras;
    plan.kept.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}

/// Checks the links of the declared nodes; what they lead to outside of both trees is looked up.
pub(super) async fn check(
    session: &Session,
    source: &Source,
    live: &Tree<Live>,
    plan: &Plan,
) -> Result<Vec<Warning>, Error> {
    let trees = Trees::new(source.tree(), live);
    let mut looked_up = LookedUp::default();
    loop {
        let checked = links::check(&trees, plan, Some(&looked_up), source.texts());
        let unknown = checked.unknown.difference(&looked_up.asked);
        let unknown: Vec<ZPath> = unknown.cloned().collect();
        if unknown.is_empty() {
            return Ok(checked.warnings);
        }
        let found = lookup(session, &unknown).await?;
        looked_up.nodes = std::mem::take(&mut looked_up.nodes)
            .into_iter()
            .chain(found)
            .collect();
        looked_up.asked.extend(unknown);
    }
}
