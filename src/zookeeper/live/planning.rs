//! A plan for the live tree: beside what was read for it, what links lead to is looked up.

use crate::model::node::{Declared, Live, Standing};
use crate::model::path::ZPath;
use crate::model::plan::{Kept, KeptReason, Plan, Warning};
use crate::model::tree::Tree;
use crate::plan::links::{self, LookedUp, Trees};
use crate::plan::planner::{self, Policy};
use crate::syntax::source::Sources;
use crate::zookeeper::session::Session;

use super::kinds::{self, Kind};
use super::{Error, lookup};

/// What is declared must be readable: otherwise nobody can say whether it is as declared.
///
/// # Errors
/// [`Error::Unreadable`].
pub fn require_readable(declared: &Tree<Declared>, live: &Tree<Live>) -> Result<(), Error> {
    let is_declared = |path: &ZPath| {
        let node = declared.get(path);
        node.is_some_and(|node| node.standing == Standing::Declared)
    };
    let unreadable = live
        .iter()
        .filter(|(path, live)| *live == Live::Unreadable && is_declared(path));
    Error::unreadable(unreadable.map(|(path, _)| path)).map_or(Ok(()), Err)
}

/// Plans as [`planner::plan`] does, and checks the links of the declared nodes as [`links::check`]
/// does, with nodes outside of both trees looked up.
///
/// # Errors and cancellation safety
/// As [`fetch`](super::fetch).
pub async fn plan(
    session: &Session,
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
) -> Result<Plan, Error> {
    let mut plan = planner::plan(declared, live, policy);
    keep_ephemeral(session, &mut plan, &[], policy).await?;
    let trees = Trees::new(declared, live);
    let linked = check_links(session, &trees, &plan, policy.sources).await?;
    plan.warnings.extend(linked);
    Ok(plan)
}

/// Moves what is ephemeral from the extras to what is kept: of extras only the names are read.
/// Those that are `known` are not ephemeral. Extras that are not shown are dropped instead.
pub(crate) async fn keep_ephemeral(
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
    let kinds = kinds::of(session, &unknown).await?;
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

async fn check_links(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_be_read_is_named_and_counted() {
        let path = |text: &str| ZPath::parse(text).unwrap();
        let declared: Tree<Declared> = ["/a", "/b", "/c"]
            .map(|text| (path(text), Declared::default()))
            .into_iter()
            .collect();
        let told = |shut: &[&str]| {
            let live = shut.iter().map(|text| (path(text), Live::Unreadable));
            let live: Tree<Live> = live.collect();
            require_readable(&declared, &live).map_err(|error| error.to_string())
        };
        // What is not declared need not be read.
        assert_eq!(told(&["/d"]), Ok(()));
        let of = |text: &str| Err(format!("not authorized to read {text}"));
        assert_eq!(told(&["/b"]), of("/b"));
        assert_eq!(told(&["/b", "/c", "/d"]), of("/b and 1 more node"));
        assert_eq!(told(&["/a", "/b", "/c"]), of("/a and 2 more nodes"));
    }
}
