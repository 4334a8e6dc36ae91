//! `@moved from`: a subtree comes to its new place whole, wherever a run is cut, and back again.

use zkt::model::acl::{Acl, AclEntry};
use zkt::model::path::ZPath;
use zkt::model::plan::Plan;
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::Trim;

use super::choices::Choices;
use super::law;
use crate::ensemble::{Ensemble, Znode};
use crate::trees::{DeclaredTree, declare, path};

/// A subtree among other nodes, and where it is to go.
#[derive(Debug)]
struct Case {
    before: Ensemble,
    from: ZPath,
    to: ZPath,
    /// The node of the subtree that somebody else writes in the middle of a run.
    written: ZPath,
}

impl Case {
    fn new(choices: &mut Choices) -> Self {
        let from = path(choices.of(&["/a", "/k/a", "/k/b/a"]));
        let to = path(choices.of(&["/n", "/k/n", "/z/n"]));
        let mut before = Ensemble::default();
        for beside in ["/k", "/k/b", "/k/c", "/z"] {
            before
                .nodes
                .insert(path(beside), Znode::new(b"{}".to_vec()));
        }
        let mut subtree = vec![from.clone()];
        for _ in 0..choices.below(7) {
            let parent = &subtree[choices.below(subtree.len())];
            let child = parent.join(choices.of(&["a", "b", "n"]));
            if !subtree.contains(&child) {
                subtree.push(child);
            }
        }
        for node in &subtree {
            let data = match *node == from {
                // What is text does not stay beside properties.
                true => choices
                    .of(&["{}", r#"{"x":1}"#, r#"{"l ->":"/k","x":[null]}"#])
                    .into(),
                false => choices.bytes(),
            };
            let mut znode = Znode::new(data);
            if choices.once_in(3) {
                let entry = AclEntry::parse("world:anyone:r").expect("an entry");
                znode.acl = Acl {
                    entries: vec![entry],
                };
            }
            before.nodes.insert(node.clone(), znode);
        }
        let written = subtree[choices.below(subtree.len())].clone();
        Self {
            before,
            from,
            to,
            written,
        }
    }

    fn plan(&self, live: &Ensemble) -> Plan {
        plan_of_move((&self.from, &self.to), live)
    }
}

fn plan_of_move((from, to): (&ZPath, &ZPath), live: &Ensemble) -> Plan {
    let text = format!("{to}\n  @moved from '{from}'\n  @keep properties\n");
    let DeclaredTree { tree, sources } = declare(&text);
    let plan = planner::plan(
        &tree,
        &live.fetch(&tree, Trim::None),
        &Policy::new(&sources),
    );
    assert_eq!(plan.refusals, []);
    plan
}

/// Data and ACLs count; versions do not.
fn contents(ensemble: &Ensemble) -> Vec<(ZPath, Vec<u8>, String)> {
    let nodes = ensemble.nodes.iter();
    let nodes = nodes.map(|(path, node)| (path.clone(), node.data.clone(), node.acl.to_string()));
    nodes.collect()
}

fn moved(case: &Case, before: &Ensemble) -> Vec<(ZPath, Vec<u8>, String)> {
    let nodes = contents(before).into_iter();
    let place = |path: ZPath| match path.is_within(&case.from) {
        true => path.moved(&case.from, &case.to),
        false => path,
    };
    let mut nodes: Vec<_> = nodes
        .map(|(path, data, acl)| (place(path), data, acl))
        .collect();
    nodes.sort();
    nodes
}

fn every_move(cases: u32, holds: impl Fn(&Case)) {
    law(
        cases,
        |choices| holds(&Case::new(choices)),
        |choices| format!("{:#?}", Case::new(choices)),
    );
}

#[test]
fn the_opposite_line_moves_back() {
    every_move(1000, |case| {
        let there = case
            .before
            .after(&case.plan(&case.before))
            .expect("a legal plan");
        assert_eq!(contents(&there), moved(case, &case.before));
        assert_eq!(case.plan(&there).actions, []);
        let opposite = plan_of_move((&case.to, &case.from), &there);
        let back = there.after(&opposite).expect("a legal plan");
        assert_eq!(contents(&back), contents(&case.before));
    });
}

/// Batches end between two actions, so this is every place where a run may be cut.
#[test]
fn what_was_cut_is_finished_with_what_was_written_meanwhile() {
    every_move(500, |case| {
        let plan = case.plan(&case.before);
        for done in 0..=plan.actions.len() {
            for is_written in [false, true] {
                let mut part = plan.clone();
                part.actions.truncate(done);
                let mut now = case.before.after(&part).expect("a legal plan");
                let mut expected = case.before.clone();
                let old = now.nodes.get_mut(&case.written).filter(|_| is_written);
                if let (Some(old), Some(new)) = (old, expected.nodes.get_mut(&case.written)) {
                    old.data = br#"{"theirs":1}"#.to_vec();
                    old.version += 1;
                    new.data.clone_from(&old.data);
                }
                let end = now.after(&case.plan(&now)).expect("a legal plan");
                assert_eq!(contents(&end), moved(case, &expected), "{done}");
                assert_eq!(case.plan(&end).actions, []);
            }
        }
    });
}
