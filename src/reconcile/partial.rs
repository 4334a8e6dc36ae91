//! Planning only what changed, where all else is known to be as declared.

use std::collections::{BTreeSet, HashSet};

use crate::model::node::{Declared, Live};
use crate::model::path::ZPath;
use crate::model::plan::{About, Action, Claims, Plan, Warning};
use crate::model::tree::Tree;
use crate::plan::planner::{self, Policy};

/// What is known from before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    /// The last plan without its actions: the trees agreed, but for what it keeps.
    pub(crate) plan: &'a Plan,
    /// How many declared nodes are more than passed through.
    pub(crate) declared_nodes: usize,
    /// The live nodes that have changed since, and the declared ones that hold something else.
    pub(crate) changed: &'a [ZPath],
}

impl Before<'_> {
    /// The extras that did not change.
    pub(super) fn unchanged_extras(&self) -> Vec<ZPath> {
        let changed: HashSet<&ZPath> = self.changed.iter().collect();
        let extras = self.plan.extras.iter();
        let same = extras.filter(|path| !changed.contains(path));
        same.cloned().collect()
    }
}

/// The plan for two trees that agreed until some nodes changed. It is what [`planner::plan`] makes of
/// the whole trees, at the cost of what changed.
///
/// Returns `None` if that takes the whole trees: the guard compares the number of trims with that of
/// all nodes.
pub(super) fn plan(
    declared: &Tree<Declared>,
    live: &Tree<Live>,
    policy: &Policy<'_>,
    before: Before<'_>,
) -> Option<Plan> {
    let part = Part::of(declared, live, policy, before.changed);
    let (declared_part, live_part) = part.trees(declared, live);
    let mut plan = planner::plan(&declared_part, &live_part, policy);
    let trims = |action: &Action| matches!(action, Action::Trim(_));
    if !plan.refusals.is_empty() || plan.actions.iter().any(trims) {
        return None;
    }
    let Before {
        plan: before,
        declared_nodes,
        ..
    } = before;
    let extras = before.extras.iter().filter(|path| !part.holds(path));
    plan.extras.extend(extras.cloned());
    plan.extras.sort();
    let kept = before.kept.iter().filter(|kept| !part.holds(&kept.path));
    plan.kept.extend(kept.cloned());
    plan.kept.sort_by(|a, b| a.path.cmp(&b.path));
    let lacking = before.not_compared.iter();
    let lacking = lacking.filter(|lacking| !part.holds(&lacking.path));
    plan.not_compared.extend(lacking.cloned());
    plan.not_compared.sort_by(|a, b| a.path.cmp(&b.path));
    // Warnings about whole trees come only from a full plan.
    plan.warnings.retain(|warning| warning.about == About::Node);
    plan.warnings.extend(before.warnings.iter().cloned());
    let kept = plan.kept.iter().map(|kept| &kept.path);
    let differ: BTreeSet<&ZPath> = plan.actions.iter().map(Action::path).chain(kept).collect();
    let differ = differ.into_iter();
    let differ = differ.filter(|path| declared.declares(path)).count();
    plan.unchanged = declared_nodes.saturating_sub(differ);
    plan.examined = before.examined;
    Some(plan)
}

/// The nodes that may have to be written because some changed.
#[derive(Default)]
struct Part {
    /// Changed nodes, those above them, and all declared ones below one that holds nothing now.
    nodes: BTreeSet<ZPath>,
    /// The topmost undeclared nodes, with all below them.
    tops: BTreeSet<ZPath>,
}

impl Part {
    fn of(
        declared: &Tree<Declared>,
        live: &Tree<Live>,
        policy: &Policy<'_>,
        changed: &[ZPath],
    ) -> Self {
        let mut part = Self::default();
        for path in changed {
            if declared.get(path).is_some() {
                let holds_nothing = live
                    .get(path)
                    .is_none_or(|live| live.outline().is_some_and(|node| node.ephemeral));
                if holds_nothing {
                    let below = declared.subtree(path).iter();
                    part.nodes.extend(below.map(|(path, _)| path.clone()));
                }
            } else {
                // What is undeclared is judged from its topmost node on.
                let top = path.prefixes().find(|path| {
                    path.is_within(&policy.path)
                        && *path != policy.path
                        && declared.get(path).is_none()
                });
                part.tops.extend(top);
            }
            part.nodes.extend(path.prefixes());
        }
        part
    }

    fn holds(&self, path: &ZPath) -> bool {
        self.nodes.contains(path) || path.prefixes().any(|above| self.tops.contains(&above))
    }

    /// What the trees hold of it.
    fn trees(&self, declared: &Tree<Declared>, live: &Tree<Live>) -> (Tree<Declared>, Tree<Live>) {
        let nodes = self.nodes.iter();
        let mine = nodes.filter_map(|path| Some((path.clone(), declared.get(path)?.clone())));
        let mine: Tree<Declared> = mine.collect();
        let theirs = mine.iter().map(|(path, _)| path);
        let theirs = theirs.filter_map(|path| Some((path.clone(), live.get(path)?.clone())));
        let below = self.tops.iter().flat_map(|top| live.subtree(top));
        let theirs = theirs.chain(below.cloned()).collect();
        (mine, theirs)
    }
}

/// The plan without its actions, as [`Before`] wants it.
pub(crate) fn at_rest(plan: &Plan) -> Plan {
    // The others are about what was written.
    let of_trees = |warning: &&Warning| warning.about == About::Trees;
    let warnings = plan.warnings.iter().filter(of_trees);
    Plan {
        actions: Vec::new(),
        extras: plan.extras.clone(),
        kept: plan.kept.clone(),
        not_compared: plan.not_compared.clone(),
        fingerprints: None,
        moves: Vec::new(),
        refusals: plan.refusals.clone(),
        warnings: warnings.cloned().collect(),
        objections: Vec::new(),
        path: plan.path.clone(),
        access: plan.access.clone(),
        claims: Claims::default(),
        record: plan.record.clone(),
        ..*plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::node::LiveNode;
    use crate::plan::scope::Trim;

    fn path(text: &str) -> ZPath {
        ZPath::parse(text).unwrap()
    }

    /// A tree with nodes of every kind.
    fn declared() -> (
        Tree<Declared>,
        std::sync::Arc<crate::syntax::source::Sources>,
    ) {
        let text = "/a\n  x = 1\n  /b\n    y = 2\n    l -> /a\n    /c\n      /d\n        z = 3\n  /e\n\
                    /keep\n  @keep\n  /k\n/p/q/r\n  x = 1\n/a-\n  x = 5\n/protected\n  @protect\n";
        crate::declare::declare(text).unwrap().into_parts()
    }

    /// Makes changes as others do. Returns the paths that events would name.
    fn change(live: &mut Tree<Live>, random: &mut fastrand::Rng) -> Vec<ZPath> {
        let candidates = [
            "/a",
            "/a/b",
            "/a/b/c",
            "/a/b/c/d",
            "/a/e",
            "/a/x1",
            "/a/x1/x2",
            "/a/b/c/x3",
            "/keep/k",
            "/keep/own",
            "/p/q/r",
            "/p/q/r/x4",
            "/p",
            "/p/q/other",
            "/a-",
            "/new",
            "/protected/x5",
        ];
        let mut changed = Vec::new();
        for _ in 0..random.usize(1..6) {
            let at = path(candidates[random.usize(..candidates.len())]);
            match random.u8(0..3) {
                0 => {
                    let gone: Vec<ZPath> = live
                        .subtree(&at)
                        .iter()
                        .map(|(path, _)| path.clone())
                        .collect();
                    live.retain(|path, _| !path.is_within(&at));
                    changed.extend(gone);
                }
                1 if live.get(&at).is_some() => {
                    let mut node = LiveNode::with_data(b"{\"x\":9}".to_vec());
                    node.ephemeral = random.bool() && live.subtree(&at).len() == 1;
                    *live.get_mut(&at).unwrap() = Live::Read(node);
                    changed.push(at);
                }
                _ => {
                    let parent_is_there = at
                        .parent()
                        .is_none_or(|parent| parent.is_root() || live.get(&parent).is_some());
                    if parent_is_there && live.get(&at).is_none() {
                        let node = LiveNode::with_data(b"{}".to_vec());
                        live.merge(vec![(at.clone(), Live::Read(node))]);
                        changed.push(at);
                    }
                }
            }
        }
        changed
    }

    #[test]
    fn repairs_make_no_warning_twice() {
        let (declared, sources) = declared();
        let policy = Policy::new(&sources);
        let live = planner::as_live(&declared);
        let mut before = planner::plan(&declared, &live, &policy);
        let warning = Warning {
            path: path("/a"),
            lint: crate::model::lint::Lint::UnseenAcl,
            level: crate::model::lint::Level::Warn,
            about: About::Trees,
            message: "not compared".to_owned(),
            origin: None,
        };
        before.warnings.push(warning.clone());
        for _ in 0..3 {
            let part = plan(
                &declared,
                &live,
                &policy,
                Before {
                    plan: &before,
                    declared_nodes: 9,
                    changed: &[path("/a")],
                },
            );
            before = part.expect("nothing is trimmed");
            assert_eq!(before.warnings, std::slice::from_ref(&warning));
        }
    }

    #[test]
    fn a_part_is_planned_as_the_whole_would_be() {
        let (declared, sources) = declared();
        let declared_nodes = declared.declared().count();
        let mut random = fastrand::Rng::with_seed(11);
        let mut compared = 0;
        for round in 0..3000 {
            let policy = Policy {
                trim: if round % 2 == 0 {
                    Trim::None
                } else {
                    Trim::All
                },
                ..Policy::new(&sources)
            };
            let mut live = planner::as_live(&declared);
            // Where undeclared nodes were before, too.
            if round % 3 == 0 && policy.trim == Trim::None {
                let node = || Live::Read(LiveNode::with_data(Vec::new()));
                live.merge(vec![(path("/a/old"), node()), (path("/keep/old"), node())]);
            }
            let before = planner::plan(&declared, &live, &policy);
            assert!(before.is_empty());
            let changed = change(&mut live, &mut random);
            let whole = planner::plan(&declared, &live, &policy);
            let before = Before {
                plan: &before,
                declared_nodes,
                changed: &changed,
            };
            let part = plan(&declared, &live, &policy, before);
            let Some(part) = part else {
                let trims = |action: &Action| matches!(action, Action::Trim(_));
                assert!(whole.actions.iter().any(trims) || !whole.refusals.is_empty());
                continue;
            };
            compared += 1;
            let mut whole = Plan {
                examined: part.examined,
                ..whole
            };
            whole.kept.sort_by(|a, b| a.path.cmp(&b.path));
            assert_eq!(part, whole, "{changed:?}");
        }
        assert!(compared > 1500, "{compared}");
    }
}
