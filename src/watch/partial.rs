//! Planning only what changed, where all else is known to be as declared.

use std::collections::BTreeSet;

use crate::node::{Declared, Live, Standing};
use crate::path::ZPath;
use crate::plan::{Action, Plan};
use crate::planner::{self, Policy};
use crate::tree::Tree;

/// The plan for two trees that agreed, as `before` says, until the live nodes at `changed` did
/// change. It is what [`planner::plan`] makes of the whole trees, at the cost of what changed. Of the
/// declared nodes, `standing` are more than passed through.
///
/// None where only the whole trees can tell: what is trimmed is held against all that was looked
/// at.
pub(super) fn plan(
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
    before: &Plan,
    standing: usize,
    changed: &[ZPath],
) -> Option<Plan> {
    let mut mine: BTreeSet<ZPath> = BTreeSet::new();
    let mut tops: BTreeSet<ZPath> = BTreeSet::new();
    for path in changed {
        match declared.get(path) {
            Some(_) => {
                let holds_nothing = live
                    .get(path)
                    .is_none_or(|live| live.node().is_some_and(|node| node.ephemeral));
                if holds_nothing {
                    let below = declared.subtree(path).iter();
                    mine.extend(below.map(|(path, _)| path.clone()));
                }
                mine.extend(path.prefixes());
            }
            None => {
                // What is undeclared is judged from its topmost node on.
                let top = path.prefixes().find(|path| {
                    path.is_within(&policy.path)
                        && *path != policy.path
                        && declared.get(path).is_none()
                });
                mine.extend(path.prefixes());
                tops.extend(top);
            }
        }
    }
    let declared_part: Tree<Declared> = mine
        .iter()
        .filter_map(|path| Some((path.clone(), declared.get(path)?.clone())))
        .collect();
    let mut theirs: Vec<(ZPath, Live)> = mine
        .iter()
        .filter(|path| declared.get(path).is_some())
        .filter_map(|path| Some((path.clone(), live.get(path)?.clone())))
        .collect();
    for top in &tops {
        theirs.extend(live.subtree(top).iter().cloned());
    }
    let live_part: Tree<Live> = theirs.into_iter().collect();
    let mut plan = planner::plan(&declared_part, &live_part, policy);
    let trims = |action: &Action| matches!(action, Action::Trim(_));
    if !plan.refusals.is_empty() || plan.actions.iter().any(trims) {
        return None;
    }
    let is_part = |path: &ZPath| mine.contains(path) || path.prefixes().any(|p| tops.contains(&p));
    let extras = before.extras.iter().filter(|path| !is_part(path));
    plan.extras.extend(extras.cloned());
    plan.extras.sort();
    let kept = before.kept.iter().filter(|kept| !is_part(&kept.path));
    plan.kept.extend(kept.cloned());
    plan.kept.sort_by(|a, b| a.path.cmp(&b.path));
    plan.warnings.clone_from(&before.warnings);
    let is_declared = |path: &ZPath| {
        let node = declared.get(path);
        node.is_some_and(|node| node.standing == Standing::Declared)
    };
    let kept = plan.kept.iter().map(|kept| &kept.path);
    let differ: BTreeSet<&ZPath> = plan.actions.iter().map(Action::path).chain(kept).collect();
    let differ = differ.into_iter().filter(|path| is_declared(path)).count();
    plan.unchanged = standing.saturating_sub(differ);
    plan.examined = before.examined;
    Some(plan)
}
