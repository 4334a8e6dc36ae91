//! Reading what links lead to, beyond what was read for a plan.

use crate::links::{self, LookedUp, Trees};
use crate::path::ZPath;
use crate::plan::{Plan, Warning};
use crate::session::Session;
use crate::source::Sources;

use super::{Error, lookup};

/// Checks the links of the declared nodes as [`links::check`] does; nodes outside of both trees
/// are looked up.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub async fn check_links(
    session: &Session,
    trees: &Trees<'_>,
    plan: &Plan,
    sources: &Sources,
) -> Result<Vec<Warning>, Error> {
    let mut looked_up = LookedUp::default();
    loop {
        let checked = links::check(trees, plan, Some(&looked_up), sources);
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
