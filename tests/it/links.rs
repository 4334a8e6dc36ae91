//! What is said of a tree's links as the tree would stand after the plan.

use std::collections::BTreeSet;

use zkt::model::node::Live;
use zkt::model::tree::Tree;
use zkt::plan::links::{self, LookedUp, Trees};
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::Trim;

use crate::ensemble::Ensemble;
use crate::trees;

/// Plans, checks, and looks up what links lead to, as `zkt plan` does.
fn check(declared: &str, live: &str, trim: Trim) -> String {
    let declared = trees::declare(declared);
    let ensemble = Ensemble::of(&trees::live(live));
    let read = ensemble.fetch(&declared.tree, trim);
    let policy = Policy {
        trim,
        ..Policy::new(&declared.sources)
    };
    let plan = planner::plan(&declared.tree, &read, &policy);
    let everything = ensemble.everything();
    let trees = Trees::new(&declared.tree, &read);
    let mut looked_up = LookedUp::default();
    for _ in 0..20 {
        let checked = links::check(&trees, &plan, Some(&looked_up), &declared.sources);
        let new: BTreeSet<_> = checked
            .unknown
            .difference(&looked_up.asked)
            .cloned()
            .collect();
        if new.is_empty() {
            return shown(&checked.warnings, &looked_up);
        }
        let found = new
            .iter()
            .filter_map(|path| Some((path.clone(), everything.get(path)?.clone())));
        let found: Vec<_> = found.collect();
        looked_up.nodes = std::mem::take(&mut looked_up.nodes)
            .into_iter()
            .chain(found)
            .collect();
        looked_up.asked.extend(new);
    }
    panic!("the check asks for ever more nodes");
}

/// Checks without a server.
fn check_offline(declared: &str) -> String {
    let declared = trees::declare(declared);
    let live: Tree<Live> = Tree::default();
    let plan = planner::plan(&declared.tree, &live, &Policy::new(&declared.sources));
    let trees = Trees::new(&declared.tree, &live);
    let checked = links::check(&trees, &plan, None, &declared.sources);
    shown(&checked.warnings, &LookedUp::default())
}

fn shown(warnings: &[zkt::model::plan::Warning], looked_up: &LookedUp) -> String {
    let mut lines: Vec<String> = warnings
        .iter()
        .map(|warning| {
            let at = warning
                .origin
                .as_ref()
                .map(|at| format!("  ({}:{})", at.line, at.column));
            format!(
                "{}: {}{}",
                warning.path,
                warning.message,
                at.unwrap_or_default()
            )
        })
        .collect();
    if !looked_up.asked.is_empty() {
        let asked: Vec<&str> = looked_up
            .asked
            .iter()
            .map(zkt::model::path::ZPath::as_str)
            .collect();
        lines.push(format!("looked up {}", asked.join(" ")));
    }
    lines.join("\n")
}

#[test]
fn links_that_lead_somewhere_are_not_mentioned() {
    let tree = "/a\n  l -> /b\n  rel -> ../b/c\n  here -> .\n  top -> /\n  p => /b x\n  x => ../b\n  chain => . p\n/b\n  x = 1\n  /c\n    up -> ..\n";
    assert_eq!(check(tree, "", Trim::None), "");
    assert_eq!(check_offline(tree), "");
}

#[test]
fn dangling_links() {
    let tree = "/a\n  l -> /b/none\n  rel -> none\n  p => /b/none x\n/b\n";
    insta::assert_snapshot!(check(tree, "", Trim::None), @r#"
    /a: link l -> /b/none dangles: /b/none does not exist  (2:3)
    /a: link p => /b/none x dangles: /b/none does not exist  (4:3)
    /a: link rel -> none dangles: /a/none does not exist  (3:3)
    "#);
    insta::assert_snapshot!(check_offline(tree), @r#"
    /a: link l -> /b/none dangles: /b/none does not exist  (2:3)
    /a: link p => /b/none x dangles: /b/none does not exist  (4:3)
    /a: link rel -> none dangles: /a/none does not exist  (3:3)
    "#);
}

#[test]
fn loops() {
    insta::assert_snapshot!(check("/a\n  self -> self\n  p -> q\n  q -> p\n  x => . y\n  y => . x\n", "", Trim::None), @"
    /a: link p -> q loops: /a/p -> /a/q -> /a/p  (3:3)
    /a: link q -> p loops: /a/q -> /a/p -> /a/q  (4:3)
    /a: link self -> self loops: /a/self -> /a/self  (2:3)
    /a: link x => . y loops: /a y -> /a x -> /a y  (5:3)
    /a: link y => . x loops: /a x -> /a y -> /a x  (6:3)
    ");
}

#[test]
fn links_hidden_by_children() {
    insta::assert_snapshot!(check("/a\n  l -> /b\n  /l\n/b\n", "", Trim::None), @"/a: link l -> /b is hidden by the child /a/l  (2:3)");
    insta::assert_snapshot!(check("/a\n  l -> /b\n/b\n", "/a\n  /l\n", Trim::None), @"/a: link l -> /b is hidden by the child /a/l  (2:3)");
    assert_eq!(
        check("/a\n  l -> /b\n/b\n", "/a\n  /l\n", Trim::All),
        "",
        "the child is trimmed"
    );
}

#[test]
fn properties_that_are_missing() {
    insta::assert_snapshot!(check("/a\n  p => /b none\n  q => /b\n/b\n  x = 1\n", "", Trim::None), @r#"
    /a: link p => /b none leads nowhere: /b has no property none  (2:3)
    /a: link q => /b leads nowhere: /b has no property q  (3:3)
    "#);
}

#[test]
fn chains_through_links() {
    let tree = "/a\n  p => l q\n  bad => l/none q\n  l -> /b\n/b\n  q => /c r\n/c\n  r = 1\n";
    insta::assert_snapshot!(check(tree, "", Trim::None), @"/a: link bad => l/none q dangles: /b/none does not exist  (3:3)");
}

#[test]
fn targets_that_a_trim_removes() {
    assert_eq!(
        check("/a\n  l -> /b/old\n/b\n", "/b\n  /old\n", Trim::None),
        ""
    );
    insta::assert_snapshot!(check("/a\n  l -> /b/old\n/b\n", "/b\n  /old\n", Trim::All), @"/a: link l -> /b/old dangles: /b/old does not exist  (2:3)");
}

#[test]
fn nodes_outside_of_the_declared_tree_are_looked_up() {
    let tree = "/a\n  l -> /other/x\n  p => /other x\n  none -> /nowhere/at/all\n";
    insta::assert_snapshot!(check(tree, "/other\n  x = 1\n  /x\n", Trim::None), @r#"
    /a: link none -> /nowhere/at/all dangles: /nowhere does not exist  (4:3)
    looked up / /nowhere /nowhere/at /nowhere/at/all /other /other/x
    "#);
    assert_eq!(
        check_offline(tree),
        "",
        "without a server they are taken to be right"
    );
}

#[test]
fn links_of_others_are_followed() {
    insta::assert_snapshot!(
        check("/a\n  l -> /other/m/deep\n  d -> /other/d\n", "/other\n  m -> /real\n  d -> /gone\n/real\n  /deep\n", Trim::None),
        @r#"
        /a: link d -> /other/d dangles: /gone does not exist  (3:3)
        looked up / /gone /other /other/d /other/m /other/m/deep /real /real/deep
        "#
    );
}

#[test]
fn kept_children_and_properties_count() {
    let live = "/b\n  x = 1\n  l -> /gone\n  /kept\n";
    insta::assert_snapshot!(check("/a\n  c -> /b/kept\n  n -> /b/none\n  p => /b x\n/b\n  @keep\n", live, Trim::All), @r#"
    /a: link n -> /b/none dangles: /b/none does not exist  (3:3)
    /b: link l -> /gone dangles: /gone does not exist
    looked up / /b/kept /b/l /b/none /gone
    "#);
}

#[test]
fn targets_that_cannot_be_paths() {
    insta::assert_snapshot!(check("/a\n  out -> ../..\n  bad -> /b/\u{1f600}\n  \"n ->\" = 5\n  \"e ->\" = ''\n  \"a/b\" -> /nowhere\n", "", Trim::None), @r#"
    /a: link a/b -> /nowhere dangles: /nowhere does not exist  (6:3)
    /a: link bad -> /b/😀 leads nowhere: "/b/😀" is no path: ZooKeeper refuses the character U+1F600 in a node name  (3:3)
    /a: link e ->  leads nowhere: the link e -> of /a holds no path  (5:3)
    /a: link n -> holds no path  (4:3)
    /a: link out -> ../.. leads nowhere: "../.." is no path: a node name may not be ".."  (2:3)
    looked up / /nowhere
    "#);
}

#[test]
fn links_that_double_at_every_step_end() {
    let links: String = (0..40)
        .map(|i| format!("  l{i} -> l{}/l{}\n", i + 1, i + 1))
        .collect();
    let warnings = check_offline(&format!("/n\n{links}  l40 -> /n\n"));
    assert!(
        warnings.contains("leads through more than 1000 links"),
        "{warnings}"
    );
}

/// Large trees are checked on two threads.
#[test]
fn many_links_are_checked_in_order() {
    let nodes: String = (0..5000)
        .map(|i| format!("  /n{i:04}\n    up -> ..\n    bad -> /none/n{i:04}\n"))
        .collect();
    let warnings = check_offline(&format!("/a\n{nodes}"));
    assert_eq!(warnings, "");
    let warnings = check(&format!("/a\n{nodes}/none\n"), "", Trim::None);
    let expected: Vec<String> = (0..5000)
        .map(|i| {
            let line = 4 + 3 * i;
            format!("/a/n{i:04}: link bad -> /none/n{i:04} dangles: /none/n{i:04} does not exist  ({line}:5)")
        })
        .collect();
    assert_eq!(warnings.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn nobody_reads_where_a_secret_link_leads() {
    for (target, operator) in [("hidden-target", "->"), ("/hidden/target x", "=>")] {
        let tree = format!(
            "/a\n  @secret \"l {operator}\"\n  l {operator} {target}\n/b\n  m {operator} /a/l\n/c\n  m -> /a/none\n"
        );
        let tree = tree.replace("m => /a/l", "m => /a l");
        let told = check(&tree, "", Trim::None);
        // What was looked up stands below, and is no part of a report.
        let told = told.split("looked up").next().unwrap();
        assert!(!told.contains("target"), "{told}");
        assert_eq!(told.lines().count(), 3, "{told}");
        assert!(
            told.contains("leads nowhere: a link on the way is secret"),
            "{told}"
        );
        assert!(told.contains("link m -> /a/none dangles"), "{told}");
    }
}
