//! Limits of a plan: targets, exclusions, the destination, and how much may be trimmed.

use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::plan::MaxTrim;
use zkt::model::tree::Tree;
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::Trim;

use crate::trees::{self, path};

use super::{Case, case, shown};

#[test]
fn a_target_inside_of_a_subtree_that_stays_whole_is_kept() {
    check_plan!(case("/a\n", "/a\n  /x\n    /b\n    /e\n").trim().target(&["/a/x/b"]).ephemeral("/a/x/e"), @r#"
    kept /a/x: holds an ephemeral node
    unchanged 0, examined 4
    "#);
}

#[test]
fn too_many_trims_are_refused() {
    let live: String = (0..12).fold("/a\n".to_owned(), |live, i| format!("{live}  /n{i:02}\n"));
    let refusals = |case: Case<'_>| {
        let plan = case.trim().plan();
        plan.lines()
            .filter(|line| line.starts_with("refused"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(refusals(case("/a\n", &live).max_trim(MaxTrim::Default)), @"refused: 12 of 13 nodes would be trimmed, more than the trim limit of 30%");
    insta::assert_snapshot!(refusals(case("/a\n", &live).max_trim(MaxTrim::Count(11))), @"refused: 12 of 13 nodes would be trimmed, more than the trim limit of 11");
    assert_eq!(
        refusals(case("/a\n", &live).max_trim(MaxTrim::Count(12))),
        ""
    );
    assert_eq!(
        refusals(case("/a\n", &live).max_trim(MaxTrim::Percent(93))),
        ""
    );
    insta::assert_snapshot!(refusals(case("/a\n", &live).max_trim(MaxTrim::Percent(92))), @"refused: 12 of 13 nodes would be trimmed, more than the trim limit of 92%");
    assert_eq!(
        refusals(case("/a\n", &live).max_trim(MaxTrim::Unlimited)),
        ""
    );
}

/// Files vanish: few nodes, but most of what there is.
#[test]
fn trims_of_most_of_a_subtree_are_refused_from_the_first_on() {
    let refusals = |declared: &str, live: &str| {
        let plan = case(declared, live)
            .trim()
            .max_trim(MaxTrim::Default)
            .plan();
        let refused = plan.lines().find(|line| line.starts_with("refused"));
        refused.unwrap_or_default().to_owned()
    };
    let few = "/a\n  /b\n  /c\n    /d\n";
    assert!(
        refusals("/a\n  /b\n", few).is_empty(),
        "2 of 4 are no more than half"
    );
    assert!(refusals("/a\n", "/a\n  /gone\n").is_empty(), "1 of 2");
    insta::assert_snapshot!(refusals("/a\n", few), @"refused: 3 of the 4 nodes at and below /a would be trimmed, more than half of them");
    // What stands elsewhere does not make it less, as long as nothing goes there.
    let other = format!("{few}/other\n{}", "  /x\n  /y\n  /z\n  /u\n  /v\n");
    let declared = "/a\n/other\n  /x\n  /y\n  /z\n  /u\n  /v\n";
    insta::assert_snapshot!(refusals(declared, &other), @"refused: 3 of the 4 nodes at and below /a would be trimmed, more than half of them");
    // A node that is passed through is nobody's.
    insta::assert_snapshot!(refusals("/p/a\n/p/b\n", "/p\n  /a\n    /1\n    /2\n  /b\n    /1\n    /2\n  /c\n"), @"refused: 4 of the 6 nodes at and below /p/a and 1 more would be trimmed, more than half of them");
    // What is moved is declared, too.
    assert!(refusals("/a\n  /x\n    /c\n", "/a\n  /b\n    /c\n").is_empty());
    let limited = case("/a\n", few).trim().max_trim(MaxTrim::Count(3));
    assert!(
        !limited.plan().contains("refused"),
        "a limit that is given is the only one"
    );
}

#[test]
fn a_target_may_lie_below_what_is_undeclared_and_an_exclusion_holds_below_itself() {
    let (declared, live) = ("/a\n", "/a\n  /x\n    /y\n      /z\n");
    check_plan!(case(declared, live).trim().target(&["/a/x/y/**"]), @"
    trim /a/x/y/z v0
    trim /a/x/y v0
    unchanged 0, examined 4
    ");
    check_plan!(case(declared, live).trim().exclude(&["/a/x"]), @"unchanged 1, examined 4");
}

#[test]
fn targets_and_excludes_bound_what_is_done() {
    let (declared, live) = (
        "/a\n  x = 1\n  /b\n    x = 1\n  /c\n    x = 1\n",
        "/a\n  /b\n    /old\n  /c\n    /old\n  /gone\n",
    );
    check_plan!(case(declared, live).trim().target(&["/a/b/**"]), @"
    update /a/b v0  (3:3)
      x: nothing -> 1  (4:5)
    trim /a/b/old v0
    unchanged 0, examined 6
    ");
    check_plan!(case(declared, live).trim().target(&["/a/*"]), @"
    update /a/b v0  (3:3)
      x: nothing -> 1  (4:5)
    update /a/c v0  (5:3)
      x: nothing -> 1  (6:5)
    trim /a/gone v0
    unchanged 0, examined 6
    ");
    check_plan!(case(declared, live).trim().exclude(&["/a/c/**", "/a/gone"]), @"
    update /a v0  (1:1)
      x: nothing -> 1  (2:3)
    update /a/b v0  (3:3)
      x: nothing -> 1  (4:5)
    trim /a/b/old v0
    unchanged 0, examined 5
    ");
    check_plan!(case(declared, live).target(&["**/c"]), @"
    update /a/c v0  (5:3)
      x: nothing -> 1  (6:5)
    unchanged 0, examined 3
    ");
    check_plan!(case(declared, "").target(&["/a/b"]), @r#"
    add /a {"x":1}  (1:1)
    add /a/b {"x":1}  (3:3)
    unchanged 0, examined 0
    "#);
    check_plan!(case("/a\n  /b\n", "/a\n  /b\n  /gone\n    /kept\n").trim().exclude(&["/**/kept"]), @r#"
    kept /a/gone: holds a node that is outside of the plan's targets, or excluded
    unchanged 2, examined 4
    "#);
}

#[test]
fn a_node_passed_through_is_not_trimmed_for_want_of_its_target() {
    check_plan!(case("/a\n/a/b/c\n", "/a\n  /b\n").trim().target(&["/a", "/a/b"]), @"unchanged 1, examined 2");
}

#[test]
fn top_level_nodes_go_to_the_path() {
    check_plan!(case("/n\n  x = 1\n", "/top\n  /n\n    /old\n  /other\n/n\n").at("/top").trim(), @r#"
    update /top/n v0  (1:1)
      x: nothing -> 1  (2:3)
    trim /top/n/old v0
    unchanged 0, examined 2
    "#);
}

#[test]
fn zookeepers_own_nodes_are_nobodys_extras() {
    let mut live = trees::live("/a\n").into_iter().collect::<Vec<_>>();
    for own in ["/zookeeper", "/zookeeper/quota"] {
        live.push((
            path(own),
            Live::Read(zkt::model::node::LiveNode::with_data(Vec::new())),
        ));
    }
    let declared = trees::declare("/a\n");
    let live: Tree<Live> = live.into_iter().collect();
    let policy = Policy {
        trim: Trim::All,
        trim_top_level: true,
        ..Policy::new(&declared.sources)
    };
    let plan = planner::plan(&declared.tree, &live, &policy);
    assert_eq!(shown(&plan), "unchanged 1, examined 1");
    assert_eq!(plan.path, ZPath::root());
}

const HEAD: &[u8] = br#"{"zkt_record":1}"#;
const SHARD: &[u8] = b"zktr\x01s";

#[test]
fn what_holds_an_owners_record_stays_whole() {
    let live = "/a\n  /old\n    /zkt\n      /team\n        /s0\n    /x\n  /y\n";
    let recorded = |declared: &'static str| case(declared, live).raw("/a/old/zkt/team", HEAD);
    check_plan!(recorded("/a\n").trim(), @r#"
    trim /a/y v0
    kept /a/old: /a/old/zkt/team is the record of an owner
    unchanged 1, examined 7
    "#);
    check_plan!(recorded("/a\n").trim().target(&["/a/old/x"]), @r#"
    kept /a/old: /a/old/zkt/team is the record of an owner
    unchanged 0, examined 7
    "#);
    // A declared node beside the record is a node like any.
    check_plan!(recorded("/a/old\n  x = 1\n").trim(), @r#"
    update /a/old v0  (1:1)
      x: nothing -> 1  (2:3)
    trim /a/old/x v0
    kept /a/old/zkt: /a/old/zkt/team is the record of an owner
    unchanged 0, examined 6
    "#);
}

#[test]
fn what_is_below_an_owners_record_stays_whatever_a_plan_is_about() {
    let live = "/a\n  /team\n    /notes\n      /x\n    /s0\n  /y\n";
    let about = |declared: &'static str, target: &'static [&'static str]| {
        let case = case(declared, live).raw("/a/team", HEAD);
        case.raw("/a/team/s0", SHARD).trim().target(target)
    };
    check_plan!(about("/a/team\n", &["/a/team/*"]), @r#"
    kept /a/team/notes: /a/team is the record of an owner
    kept /a/team/s0: /a/team is the record of an owner
    unchanged 0, examined 5
    "#);
    check_plan!(about("/a/team/notes\n", &["/a/team/notes/*"]), @r#"
    kept /a/team/notes/x: /a/team is the record of an owner
    unchanged 0, examined 4
    "#);
    // A shard is known by its own data, too.
    check_plan!(case("/a/team\n", live).raw("/a/team/s0", SHARD).trim(), @r#"
    trim /a/team/notes/x v0
    trim /a/team/notes v0
    kept /a/team/s0: /a/team is the record of an owner
    unchanged 1, examined 5
    "#);
}

#[test]
fn nothing_is_declared_in_the_place_of_an_owners_record() {
    let live = "/a\n  /team\n    /s0\n";
    let recorded = |declared: &'static str| case(declared, live).raw("/a/team", HEAD);
    check_plan!(recorded("/a/team\n  x = 1\n"), @r#"
    extra /a/team/s0
    refused: /a/team cannot be declared: the record of an owner stands there
    unchanged 0, examined 2
    "#);
    check_plan!(recorded("/a/team/new\n"), @r#"
    add /a/team/new {}  (1:1)
    refused: /a/team cannot be declared: the record of an owner stands there
    unchanged 0, examined 2
    "#);
    // What the plan is not about does not matter to it.
    check_plan!(recorded("/a/team/new\n/b\n").target(&["/b"]), @r#"
    add /b {}  (2:1)
    unchanged 0, examined 0
    "#);
    check_plan!(recorded("/b\n  @moved from '/a'\n"), @r#"
    add /b {}  (1:1)
    refused: /b may not be moved from /a: /a/team belongs to the record of an owner
    unchanged 0, examined 0
    "#);
    // Once it stood there, no plan could write it again.
    check_plan!(case("/a\n  zkt_record = 1\n", ""), @r#"
    add /a {"zkt_record":1}  (1:1)
    refused: /a cannot be declared: its data is that of an owner's record
    unchanged 0, examined 0
    "#);
}
