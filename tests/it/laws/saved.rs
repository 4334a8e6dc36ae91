//! Plans that are saved and read again, and carried out in more than one go.

use zkt::model::acl::Identities;
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::plan::{Action, Plan};

use zkt::model::tree::Tree;
use zkt::model::value::{Data, Encoded};
use zkt::plan::saved::{MadeOf, Moved, SavedPlan, Secrets, checksum_of};

use super::plans::{Case, every_case};
use crate::ensemble::Ensemble;
use crate::trees::{saved_plan, terms};

/// A plan with refusals is not saved.
fn saved(case: &Case<'_>, plan: &Plan, with_secrets: bool) -> SavedPlan {
    let plan = Plan {
        refusals: Vec::new(),
        ..plan.clone()
    };
    let before = match &case.policy.identities {
        Some(identities) => stored(case.before.clone(), identities),
        None => case.before.clone(),
    };
    saved_plan(plan, &made_of(case, &before.everything()), with_secrets)
}

fn made_of<'a>(case: &'a Case<'_>, live: &'a Tree<Live>) -> MadeOf<'a> {
    MadeOf {
        declared: &case.declared,
        texts: case.policy.sources,
        live,
    }
}

/// Cases with a session, of which the server says whom it knows it as.
fn every_applied_case(cases: u32, holds: impl Fn(&Case<'_>, &Identities, &Plan)) {
    every_case(cases, |case, plan| {
        if let Some(identities) = &case.policy.identities {
            holds(case, identities, plan);
        }
    });
}

/// As a server stores it: what `auth::` stands for is written out.
fn stored(mut ensemble: Ensemble, identities: &Identities) -> Ensemble {
    for node in ensemble.nodes.values_mut() {
        node.acl = node.acl.stored_by(&identities.stored);
    }
    ensemble
}

/// The ensemble after so many actions of a plan.
fn after(case: &Case<'_>, identities: &Identities, plan: &Plan, actions: usize) -> Ensemble {
    let mut part = plan.clone();
    part.actions.truncate(actions);
    stored(case.before.after(&part).expect("a legal plan"), identities)
}

/// Data and children count; versions do not.
fn contents(ensemble: &Ensemble) -> Vec<(&ZPath, &[u8], String)> {
    let nodes = ensemble.nodes.iter();
    let nodes = nodes.map(|(path, node)| (path, &node.data[..], node.acl.to_string()));
    nodes.collect()
}

#[test]
fn what_is_saved_is_read_again() {
    every_case(1000, |case, plan| {
        for with_secrets in [false, true] {
            let saved = saved(case, plan, with_secrets);
            let text = saved.to_json();
            assert_eq!(SavedPlan::from_json(text.as_bytes()).unwrap(), saved);
            let live = case.before.everything();
            let terms = terms(plan);
            let checksum = checksum_of(plan, &made_of(case, &live), terms.mandate());
            assert_eq!(saved.checksum(), checksum);
            if with_secrets || saved.secrets() == Secrets::None {
                assert_eq!(saved.plan().actions, plan.actions);
            }
        }
    });
}

#[test]
fn what_is_carried_out_in_two_goes_ends_as_in_one() {
    every_applied_case(600, |case, identities, plan| {
        let saved = saved(case, plan, true);
        let end = after(case, identities, plan, plan.actions.len());
        for done in 0..=plan.actions.len() {
            let now = after(case, identities, plan, done);
            let rest = saved.rest(&now.everything(), identities, None);
            assert_eq!(rest.moved, [], "{done}");
            assert!(rest.done >= done);
            assert_eq!(rest.done + rest.plan.actions.len(), plan.actions.len());
            let at_last = stored(now.after(&rest.plan).expect("a legal rest"), identities);
            assert_eq!(contents(&at_last), contents(&end));
        }
    });
}

#[test]
fn what_is_withheld_comes_from_a_fresh_plan() {
    every_applied_case(600, |case, identities, plan| {
        // A server stores no `auth::`, and which entries a plan shows depends on what is stored.
        let stored_before = after(case, identities, plan, 0).everything();
        let plan = &zkt::plan::planner::plan(&case.declared, &stored_before, &case.policy);
        let saved = saved(case, plan, false);
        let end = after(case, identities, plan, plan.actions.len());
        for done in 0..=plan.actions.len() {
            let now = after(case, identities, plan, done);
            let live = now.everything();
            let fresh = zkt::plan::planner::plan(&case.declared, &live, &case.policy);
            let names = case.policy.sources.secret_names();
            let fresh = saved.fresh(&fresh, &case.declared, names).unwrap();
            let rest = saved.rest(&live, identities, Some(&fresh));
            assert_eq!(rest.moved, [], "{done}");
            let at_last = stored(now.after(&rest.plan).expect("a legal rest"), identities);
            assert_eq!(contents(&at_last), contents(&end));
        }
    });
}

#[test]
fn what_moved_is_named_and_nothing_else() {
    every_applied_case(600, |case, identities, plan| {
        let saved = saved(case, plan, true);
        for action in &plan.actions {
            let path = action.path();
            let mut now = stored(case.before.clone(), identities);
            let expected = match (action, now.nodes.get_mut(path)) {
                (Action::Add(_), _) => {
                    let parent = path.parent().expect("not /");
                    if !parent.is_root() && !now.nodes.contains_key(&parent) {
                        continue;
                    }
                    let theirs = crate::ensemble::Znode::new(b"theirs".to_vec());
                    now.nodes.insert(path.clone(), theirs);
                    Moved::Exists
                }
                (_, Some(node)) => {
                    node.data = b"theirs".to_vec();
                    node.version += 1;
                    Moved::Changed
                }
                (_, None) => continue,
            };
            let rest = saved.rest(&now.everything(), identities, None);
            assert_eq!(rest.moved, [(path.clone(), expected)]);
        }
    });
}

#[test]
fn what_stands_in_an_ensemble_that_counts_alike_is_no_node_of_the_plan() {
    every_applied_case(600, |case, identities, plan| {
        let saved = saved(case, plan, true);
        for action in &plan.actions {
            let path = action.path();
            let mut now = stored(case.before.clone(), identities);
            let Some(node) = now.nodes.get_mut(path) else {
                continue;
            };
            node.data = b"theirs".to_vec();
            let rest = saved.rest(&now.everything(), identities, None);
            assert_eq!(rest.moved, [(path.clone(), Moved::Elsewhere)]);
        }
    });
}

/// As somebody writes it who wants people to review something else.
#[test]
fn what_a_plan_does_not_show_is_not_done() {
    every_applied_case(600, |case, identities, plan| {
        for at in 0..plan.actions.len() {
            let mut plan = plan.clone();
            let Action::Update(update) = &mut plan.actions[at] else {
                continue;
            };
            let Some(data) = update.data.take().filter(Encoded::is_object) else {
                continue;
            };
            let mut properties = data.decode().into_properties();
            properties.insert("hidden".to_owned(), true.into());
            update.data = Some(Data::of(properties).into());
            let path = update.path.clone();
            let now = stored(case.before.clone(), identities);
            let rest = saved(case, &plan, true).rest(&now.everything(), identities, None);
            assert_eq!(rest.moved, [(path, Moved::Contradicted)]);
        }
    });
}
