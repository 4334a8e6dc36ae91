use std::collections::{BTreeMap, BTreeSet};

use zkt::model::acl::{AuthId, Identities};
use zkt::model::node::{self, Content, Declared, Standing};
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, MaxTrim, Plan, Refusal};
use zkt::model::tree::Tree;
use zkt::model::value::{Data, Properties, equal_properties};
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::{Filter, Trim};
use zkt::syntax::names::split_link;
use zkt::syntax::source::Sources;

use super::choices::Choices;
use super::{law, naive};
use crate::ensemble::{Ensemble, Znode};
use crate::trees::path;

/// Two trees and what a plan between them may do.
pub(super) struct Case<'s> {
    whole: Tree<Declared>,
    pub(super) declared: Tree<Declared>,
    pub(super) before: Ensemble,
    pub(super) policy: Policy<'s>,
}

impl<'s> Case<'s> {
    fn new(choices: &mut Choices, sources: &'s Sources) -> Self {
        let top = if choices.once_in(4) {
            path("/top")
        } else {
            ZPath::root()
        };
        let trim = if choices.below(3) < 2 {
            Trim::All
        } else {
            Trim::None
        };
        let identities = choices.once_in(2).then(|| {
            Identities::from(vec![AuthId {
                scheme: "digest".to_owned(),
                id: "ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=".to_owned(),
            }])
        });
        let whole = choices.declared(&top);
        sources.set_secret_names(node::secret_names(&whole));
        let before = choices.ensemble(&top, &whole);
        let filter = if choices.once_in(3) {
            let globs = [
                "/a/**", "/a", "**/b", "/*/a", "/top/**", "/a/b", "/b/*", "/**",
            ];
            let mut some = |times| -> Vec<String> {
                (0..choices.below(times))
                    .map(|_| choices.of(&globs).to_owned())
                    .collect()
            };
            let (targets, excludes) = (some(3), some(2));
            Filter::new(&targets, &excludes).expect("globs")
        } else {
            Filter::default()
        };
        let mut declared = whole.clone();
        filter.apply(&mut declared);
        let max_trim = choices.of(&[
            MaxTrim::Unlimited,
            MaxTrim::Count(1),
            MaxTrim::Percent(20),
            MaxTrim::Default,
        ]);
        let policy = Policy {
            path: top,
            trim,
            filter,
            max_trim,
            allow_ephemeral: choices.once_in(4),
            identities,
            ..Policy::new(sources)
        };
        Self {
            whole,
            declared,
            before,
            policy,
        }
    }

    fn plan(&self) -> Plan {
        planner::plan(&self.declared, &self.before.everything(), &self.policy)
    }
}

pub(super) fn every_case(cases: u32, holds: impl Fn(&Case<'_>, &Plan)) {
    law(
        cases,
        |choices| {
            let sources = Sources::default();
            let case = Case::new(choices, &sources);
            holds(&case, &case.plan());
        },
        |choices| {
            let sources = Sources::default();
            let case = Case::new(choices, &sources);
            let live: String =
                case.before
                    .nodes
                    .iter()
                    .fold(String::new(), |text, (path, node)| {
                        format!(
                            "{text}{path} {:?} {node:?}\n",
                            String::from_utf8_lossy(&node.data)
                        )
                    });
            let Case {
                declared, policy, ..
            } = &case;
            let shown = crate::trees::show(declared);
            let standing: Vec<_> = declared
                .iter()
                .map(|(path, node)| (path, node.standing))
                .collect();
            format!(
                "{shown}\n{standing:?}\n{live}\n{policy:?}\n{:#?}",
                case.plan()
            )
        },
    );
}

#[test]
fn every_prefix_is_legal_and_the_whole_converges() {
    every_case(2500, |case, plan| {
        // Each step is checked by the ensemble itself, so every prefix is.
        let mut after = case
            .before
            .after(plan)
            .unwrap_or_else(|error| panic!("{error}\n{plan:#?}"));
        // A server stores what `auth::` stands for.
        if let Some(identities) = &case.policy.identities {
            for node in after.nodes.values_mut() {
                node.acl = node.acl.stored_by(&identities.stored);
            }
        }
        let again = planner::plan(&case.declared, &after.everything(), &case.policy);
        assert_eq!(again.actions, [], "a second plan has nothing to do");
        assert_eq!(again.kept, plan.kept);
        assert_eq!(again.extras, plan.extras);
    });
}

#[test]
fn a_plan_is_what_the_obvious_planner_says() {
    every_case(2500, |case, plan| {
        let expected = naive::outcome(&case.declared, &case.before, &case.policy);
        let mut actual = naive::Outcome {
            unchanged: plan.unchanged,
            ..naive::Outcome::default()
        };
        for action in &plan.actions {
            let path = action.path().clone();
            match action {
                Action::Add(_) => _ = actual.added.insert(path),
                Action::Link(link) if link.expected_version.is_none() => {}
                Action::Update(_) | Action::Link(_) => _ = actual.changed.insert(path),
                Action::Trim(_) => _ = actual.trimmed.insert(path),
            }
        }
        actual.extras.extend(plan.extras.iter().cloned());
        for kept in &plan.kept {
            assert_eq!(
                actual
                    .kept
                    .insert(kept.path.clone(), kept.reason.to_string()),
                None
            );
        }
        for refusal in &plan.refusals {
            if let Refusal::Protected { path, .. } = refusal {
                actual.protected.insert(path.clone());
            }
        }
        assert_eq!(actual, expected);
    });
}

#[test]
fn what_is_read_by_scope_is_enough() {
    every_case(1500, |case, plan| {
        let read = case.before.fetch(&case.declared, case.policy.trim);
        let by_scope = planner::plan(&case.declared, &read, &case.policy);
        assert_eq!(by_scope, *plan);
    });
}

#[test]
fn adds_then_updates_then_links_then_trims() {
    every_case(1500, |_, plan| {
        let rank = |action: &Action| match action {
            Action::Add(_) => 0,
            Action::Update(update) if plan.access.opens(update) => 1,
            Action::Update(_) => 2,
            Action::Link(_) => 3,
            Action::Trim(_) => 4,
        };
        for pair in plan.actions.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            let in_order = rank(a) < rank(b)
                || rank(a) == rank(b)
                    && if rank(a) == 4 {
                        a.path() > b.path()
                    } else {
                        a.path() < b.path()
                    };
            assert!(in_order, "{a:?} before {b:?}");
        }
    });
}

#[test]
fn what_the_plan_is_not_about_stays_byte_for_byte() {
    every_case(2000, |case, plan| {
        let after = case.before.after(plan).expect("a legal plan");
        for (path, node) in &case.before.nodes {
            let declared = case.declared.get(path);
            let mine = declared.is_some_and(|node| node.standing == Standing::Declared);
            let parent = path.parent().expect("not /");
            let under_declared = path.prefixes().any(|above| {
                case.declared.get(&above).is_some_and(|node| {
                    matches!(
                        node.standing,
                        Standing::Declared
                            | Standing::Outside {
                                excluded: false,
                                ..
                            }
                    )
                })
            });
            let trimmable =
                case.policy.trim == Trim::All && !mine && declared.is_none() && under_declared;
            let kept = case
                .declared
                .get(&parent)
                .is_some_and(|node| node.keep_children);
            if node.ephemeral || !mine && !trimmable || declared.is_none() && kept {
                assert_eq!(after.nodes.get(path), Some(node), "{path}");
            }
            let covered = case.policy.filter.covers(path);
            if !covered {
                assert_eq!(after.nodes.get(path), Some(node), "{path} is out of scope");
            }
        }
        // Whatever holds an ephemeral node stands.
        for (path, _) in case.before.nodes.iter().filter(|(_, node)| node.ephemeral) {
            assert!(
                path.prefixes()
                    .all(|above| after.nodes.contains_key(&above)),
                "{path}"
            );
        }
    });
}

#[test]
fn declared_nodes_end_up_as_declared() {
    every_case(2000, |case, plan| {
        let after = case.before.after(plan).expect("a legal plan");
        let kept: BTreeSet<&ZPath> = plan.kept.iter().map(|kept| &kept.path).collect();
        for (path, node) in &case.declared {
            assert_eq!(node.bytes(), node.data().decode().encode(), "{path}");
            if kept.contains(path) {
                continue;
            }
            let before = case.before.nodes.get(path);
            let is_refused = |before: &Znode| naive::is_text_in_part(node, &before.data);
            if node.standing == Standing::Declared && before.is_some_and(is_refused) {
                assert_eq!(after.nodes.get(path), before);
                continue;
            }
            if before.is_none() && matches!(node.standing, Standing::Outside { needed: false, .. })
            {
                assert!(!after.nodes.contains_key(path), "{path}");
                continue;
            }
            let after = &after.nodes[path];
            match before {
                // Every digit as it is declared.
                None => assert_eq!(after.data, node.bytes().to_vec(), "{path}"),
                Some(before) if node.standing != Standing::Declared => {
                    assert_eq!(after, before);
                }
                Some(before) => {
                    assert!(
                        naive::is_as_declared(node, &after.data),
                        "{path}: {after:?}"
                    );
                    if let Content::Properties(_) = node.content {
                        let desired = naive::desired(node, &before.data).into_iter().collect();
                        if after.data != before.data {
                            let is_set = |name: &str| naive::is_set(node, name);
                            let desired = Data::of(desired).encode_over(&before.data, is_set);
                            assert_eq!(after.data, desired.as_bytes(), "{path}");
                        }
                    }
                    let same = naive::is_as_declared(node, &before.data);
                    assert_eq!(
                        after.data == before.data,
                        same,
                        "{path} is written without need"
                    );
                    assert_eq!(
                        after.version == before.version,
                        same,
                        "{path} is written without need"
                    );
                }
            }
        }
    });
}

#[test]
fn links_come_after_their_targets() {
    every_case(1500, |case, plan| {
        let mut now = case.before.clone();
        let blocked: BTreeSet<&ZPath> = plan.kept.iter().map(|kept| &kept.path).collect();
        for action in &plan.actions {
            let links = |data: &Data| -> Properties {
                let properties = data.clone().into_properties().into_iter();
                properties
                    .filter(|(name, _)| split_link(name).is_some())
                    .collect()
            };
            let old = now
                .nodes
                .get(action.path())
                .map(|node| links(&Data::decode(&node.data)));
            let (old, at) = (old.unwrap_or_default(), action.path());
            match action {
                Action::Add(add) if !add.raw => {
                    assert_eq!(links(&add.data.decode()), BTreeMap::new(), "{at}");
                }
                Action::Update(update) => {
                    let raw = update.changes.iter().any(|change| change.name == "@data");
                    if let Some(data) = update.data.as_ref().filter(|_| !raw) {
                        let links = links(&data.decode());
                        assert!(
                            equal_properties(&links, &old),
                            "an update of {at} makes no links: {old:?}, {links:?}"
                        );
                    }
                }
                Action::Link(link) => {
                    for (name, target) in links(&link.data.decode())
                        .into_iter()
                        .filter(|(name, _)| !old.contains_key(name))
                    {
                        let Some(target) =
                            target.as_str().and_then(|target| ZPath::parse(target).ok())
                        else {
                            continue;
                        };
                        // What is outside the plan and not needed is not made by it.
                        let made = case.declared.get(&target).is_some_and(|node| {
                            !matches!(node.standing, Standing::Outside { needed: false, .. })
                        });
                        if made && !blocked.contains(&target) {
                            assert!(now.nodes.contains_key(&target), "{at} {name} {target}");
                        }
                    }
                }
                Action::Add(_) | Action::Trim(_) => {}
            }
            now.act(action, &case.before).expect("a legal plan");
        }
    });
}

#[test]
fn guards_count_what_would_go() {
    every_case(1500, |case, plan| {
        let trims = plan.summary().trim;
        if case.policy.trim == Trim::None {
            assert_eq!(trims, 0);
        }
        let refused = plan
            .refusals
            .iter()
            .any(|refusal| matches!(refusal, Refusal::TooManyTrims { .. }));
        let share = |percent: usize| trims * 100 > plan.examined * percent;
        assert_eq!(
            refused,
            match case.policy.max_trim {
                MaxTrim::Count(limit) => trims > limit,
                MaxTrim::Percent(percent) => share(percent as usize),
                MaxTrim::Default => trims >= 10 && share(30),
                MaxTrim::Unlimited => false,
            }
        );
        assert!(trims <= plan.examined, "a trimmed node was looked at");
        let most = plan
            .refusals
            .iter()
            .any(|refusal| matches!(refusal, Refusal::MostTrimmed { .. }));
        assert!(!most || !refused && trims > 0 && case.policy.max_trim == MaxTrim::Default);
    });
}

/// The actions, with an ACL that opens its node to the rest together with its node's data: which of
/// them have to, depends on what the rest is.
fn in_one_step_each(plan: &Plan) -> Vec<Action> {
    let mut openers = BTreeMap::new();
    let mut actions = Vec::new();
    for action in &plan.actions {
        match action {
            Action::Update(update) if plan.access.opens(update) => {
                openers.insert(update.path.clone(), update.clone());
            }
            Action::Update(update) => {
                let mut update = update.clone();
                if let Some(opener) = openers.remove(&update.path) {
                    update.acl = opener.acl;
                    update.changes.extend(opener.changes);
                }
                actions.push(Action::Update(update));
            }
            action => actions.push(action.clone()),
        }
    }
    actions.extend(openers.into_values().map(Action::Update));
    actions
}

#[test]
fn a_filter_only_takes_away() {
    every_case(2000, |case, plan| {
        let everything = Policy {
            filter: Filter::default(),
            ..case.policy.clone()
        };
        let whole = planner::plan(&case.whole, &case.before.everything(), &everything);
        let whole = in_one_step_each(&whole);
        let full: BTreeMap<(&str, &ZPath), &Action> = whole
            .iter()
            .map(|action| ((action.name(), action.path()), action))
            .collect();
        for action in &in_one_step_each(plan) {
            let key = (action.name(), action.path());
            assert_eq!(
                full.get(&key),
                Some(&action),
                "only the filtered plan does this"
            );
            let outside = !case.policy.filter.covers(action.path());
            assert!(
                !outside || matches!(action, Action::Add(_) | Action::Link(_)),
                "{action:?} is out of scope"
            );
        }
    });
}
