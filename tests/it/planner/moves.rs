//! `@moved from`: subtrees whose old place is there still.

use zkt::model::acl::{Acl, AclEntry};
use zkt::model::node::{DataVersion, LiveNode};
use zkt::model::plan::{MaxTrim, Plan};
use zkt::plan::planner::{self, Policy};
use zkt::plan::scope::Trim;

use super::case;
use crate::ensemble::{Ensemble, Znode};
use crate::trees::{self, path};

const NEW: &str = "/new\n  @moved from '/old'\n  @keep properties\n  x = 2\n  /kid\n    y = 1\n";
const OLD: &str =
    "/old\n  x = 1\n  kept = 'k'\n  l -> /other\n  /kid\n    z = 3\n  /more\n    /deep\n";

#[test]
fn the_old_subtree_is_added_at_the_new_place_and_then_trimmed() {
    check_plan!(case(NEW, OLD).raw("/old/more", b"\xff"), @r#"
    add /new {"kept":"k","l ->":"/other","x":2}  (1:1)
    add /new/kid {"y":1}  (5:3)
    add /new/more raw �
    add /new/more/deep raw {}
    trim /old/more/deep v0
    trim /old/more v0
    trim /old/kid v0
    trim /old v0
    unchanged 0, examined 4
    "#);
    // Done, or new from the beginning.
    check_plan!(case(NEW, "/new\n  x = 2\n  /kid\n    y = 1\n"), @"unchanged 2, examined 2");
    check_plan!(case("/new\n  @moved from '/old'\n", ""), @r#"
    add /new {}  (1:1)
    unchanged 0, examined 0
    "#);
}

#[test]
fn values_that_a_move_removes_and_that_may_have_been_secret_are_marked() {
    let new = "/new\n  @moved from '/old'\n  u = 1\n  /kid\n    x = 1\n";
    let old = "/old\n  password = 'x'\n  url = 'amqp://app:x@mq'\n  port = 1\n  /kid\n";
    let plan = case(new, old).raw("/old/kid", b"token=x").made();
    let [moved] = &plan.moves[..] else {
        panic!("{plan:?}");
    };
    let marked = moved.changes.iter().flat_map(|(path, changes)| {
        let marked = changes.iter().filter(|change| change.secret);
        marked.map(move |change| format!("{path} {}", change.name))
    });
    let expected = ["/new password", "/new url", "/new/kid string_value"];
    assert_eq!(marked.collect::<Vec<_>>(), expected);
}

#[test]
fn where_undeclared_nodes_are_trimmed_they_are_not_carried_along() {
    check_plan!(case(NEW, OLD).trim().max_trim(MaxTrim::Count(2)), @r#"
    add /new {"kept":"k","l ->":"/other","x":2}  (1:1)
    add /new/kid {"y":1}  (5:3)
    trim /old/more/deep v0
    trim /old/more v0
    trim /old/kid v0
    trim /old v0
    unchanged 0, examined 4
    "#);
    let refused = case(NEW, OLD).trim().max_trim(MaxTrim::Count(1)).plan();
    assert!(
        refused.contains("refused: 2 of 4 nodes would be trimmed"),
        "{refused}"
    );
}

#[test]
fn a_move_that_cannot_be_whole_is_refused() {
    let refusal = |plan: String| {
        let lines = plan.lines().filter(|line| line.starts_with("refused: "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let text = "/new\n  @moved from '/old'\n";
    let old = "/old\n  /kid\n";
    let refused = [
        case(text, old).ephemeral("/old/kid").plan(),
        case(text, old).unreadable("/old/kid").plan(),
        case(text, old)
            .with("/old/kid", |node| node.acl = None)
            .plan(),
        case(text, old).exclude(&["/old/kid"]).plan(),
        case(text, old).target(&["/new/**"]).plan(),
        case(text, old).trim().target(&["/old/**"]).plan(),
        case(
            "/new\n  @moved from '/old'\n  @keep properties\n",
            "/new\n  x = 1\n/old\n  x = 2\n",
        )
        .plan(),
        case(
            "/top\n  @protect\n  /new\n    @moved from '/top/old'\n",
            "/top\n  /old\n",
        )
        .plan(),
        case(
            "/top\n  @protect\n/new\n  @moved from '/top/x/old'\n",
            "/top\n  /x\n    /old\n",
        )
        .plan(),
    ];
    insta::assert_snapshot!(refused.map(refusal).join("\n"), @r"
    refused: /new may not be moved from /old: /old/kid is ephemeral, or a container or TTL node, and would be a plain node there
    refused: /new may not be moved from /old: this session may not read /old/kid
    refused: /new may not be moved from /old: this session sees no ACL of /old/kid, or a masked one, and could not give it to the new node
    refused: /new may not be moved from /old: /old/kid is outside of the plan's targets, or excluded, and a subtree is moved as a whole
    refused: /new may not be moved from /old: /old is outside of the plan's targets, or excluded, and a subtree is moved as a whole
    refused: /new may not be moved from /old: /new is outside of the plan's targets, or excluded, and a subtree is moved as a whole
    refused: /new may not be moved from /old: /old and /new both exist and differ; make them equal, or delete the one that does not count
    refused: /top/old may not be trimmed: /top is protected (@protect)
    refused: /top/x/old may not be trimmed: /top is protected (@protect)
    ");
}

#[test]
fn nodes_may_move_out_of_a_subtree_that_moves() {
    check_plan!(case("/new\n  @moved from '/old'\n  /b\n    @moved from '/old/a'\n/out\n  @moved from '/old/c/d'\n", "/old\n  /a\n    /x\n  /c\n    /d\n"), @r"
    add /new raw {}  (1:1)
    add /new/b raw {}  (3:3)
    add /new/b/x raw {}
    add /new/c raw {}
    add /out raw {}  (5:1)
    trim /old/c/d v0
    trim /old/c v0
    trim /old/a/x v0
    trim /old/a v0
    trim /old v0
    unchanged 0, examined 5
    ");
}

fn plan(text: &str, live: &Ensemble, trim: Trim) -> Plan {
    let declared = trees::declare(text);
    let policy = Policy {
        trim,
        max_trim: MaxTrim::Unlimited,
        ..Policy::new(&declared.sources)
    };
    planner::plan(&declared.tree, &live.fetch(&declared.tree, trim), &policy)
}

/// Old nodes with data and ACLs of every kind.
fn ensemble() -> Ensemble {
    let mut live = Ensemble::default();
    let data: [(&str, &[u8], &str); 6] = [
        ("/old", b"{\"x\":1, \"kept\" : 1.50}", "world:anyone:cdrwa"),
        ("/old/kid", b"\xff\0", "auth::cdrwa world:anyone:r"),
        ("/old/more", b"", "ip:10.0.0.0/8:cdrwa"),
        ("/old/more/deep", b"text", "world:anyone:cdrwa"),
        (
            "/old/n0000000003",
            b"{\"l ->\":\"/old/kid\"}",
            "world:anyone:r",
        ),
        ("/other", b"{}", "world:anyone:cdrwa"),
    ];
    for (at, data, acl) in data {
        let mut node = Znode::new(data.to_vec());
        let entries = acl.split(' ').map(|entry| AclEntry::parse(entry).unwrap());
        node.acl = Acl {
            entries: entries.collect(),
        };
        live.nodes.insert(path(at), node);
    }
    live
}

const THERE: &str = "/new\n  @moved from '/old'\n  @keep\n";
const BACK: &str = "/old\n  @moved from '/new'\n  @keep\n";

#[test]
fn the_opposite_line_undoes_a_move() {
    for trim in [Trim::None, Trim::All] {
        let before = ensemble();
        let moved = before.after(&plan(THERE, &before, trim)).unwrap();
        assert_eq!(moved.nodes.len(), before.nodes.len());
        assert!(moved.nodes.contains_key(&path("/new/more/deep")));
        assert_eq!(plan(THERE, &moved, trim).actions, []);
        let back = moved.after(&plan(BACK, &moved, trim)).unwrap();
        assert_eq!(back, before);
    }
}

#[test]
fn a_move_that_was_cut_short_anywhere_is_finished() {
    let before = ensemble();
    let whole = plan(THERE, &before, Trim::None);
    let after = before.after(&whole).unwrap();
    for done in 0..=whole.actions.len() {
        let mut now = before.clone();
        for action in &whole.actions[..done] {
            now.act(action, &before).unwrap();
        }
        // Somebody writes at the old place meanwhile.
        let late = done < whole.actions.len();
        if late {
            now.nodes
                .insert(path("/old/late"), Znode::new(b"late".to_vec()));
        }
        let rest = plan(THERE, &now, Trim::None);
        assert_eq!(rest.refusals, [], "after {done}");
        let mut end = now.after(&rest).unwrap();
        let carried = end.nodes.remove(&path("/new/late"));
        assert_eq!(carried.is_some(), late, "after {done}");
        assert_eq!(end, after, "after {done}");
    }
}

#[test]
fn what_was_written_at_the_old_place_after_the_copy_is_taken_over_unless_the_copy_was_written() {
    let text = "/new\n  @moved from '/old'\n  @keep properties\n";
    let plan = |version: i32| {
        let copied = |node: &mut LiveNode| {
            (node.czxid, node.mzxid) = (20, 20);
            node.version = DataVersion::new(version).unwrap();
        };
        let old = |node: &mut LiveNode| (node.czxid, node.mzxid) = (10, 30);
        let case = case(text, "/new\n  x = 1\n/old\n  x = 2\n");
        case.with("/new", copied).with("/old", old).plan()
    };
    insta::assert_snapshot!(plan(0), @r"
    update /new v0  (1:1)
      x: 1 -> 2
    trim /old v0
    unchanged 0, examined 2
    ");
    let refused = plan(1);
    assert!(
        refused.contains(
            "refused: /new may not be moved from /old: /old and /new both exist and differ"
        ),
        "{refused}"
    );
}

#[test]
fn a_node_that_came_to_the_old_place_later_is_left_alone() {
    let live = case("", "/new\n/old\n")
        .with("/new", |node| node.czxid = 20)
        .with("/old", |node| node.czxid = 30)
        .live;
    let declared = trees::declare("/new\n  @moved from '/old'\n");
    let plan = planner::plan(&declared.tree, &live, &Policy::new(&declared.sources));
    assert_eq!(plan.actions, []);
    let warnings: Vec<String> = plan
        .warnings
        .iter()
        .map(|warning| warning.message.clone())
        .collect();
    assert_eq!(
        warnings,
        [
            "it was moved from /old, and a newer node is there; that is left alone: delete it, or the line @moved"
        ]
    );
}
