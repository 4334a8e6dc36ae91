//! Which difference becomes which action.

use zkt::model::node::DataVersion;

use super::case;

#[test]
fn a_missing_node_is_added_parents_first_and_linked_last() {
    check_plan!(case("/b\n  l -> /a\n  x = 1\n  /c\n/a : t\n  p => /b x\n", ""), @r#"
    add /a {"type":"t"}  (5:1)
    add /b {"x":1}  (1:1)
    add /b/c {}  (4:3)
    link /a new  (5:1)
      p =>: nothing -> "/b x"  (6:3)
    link /b new  (1:1)
      l ->: nothing -> "/a"  (2:3)
    unchanged 0, examined 0
    "#);
}

#[test]
fn a_node_as_declared_is_left_alone() {
    check_plan!(case("/a : t\n  x = 1\n  l -> /b\n  p => /b q\n/b\n", "/b\n/a : t\n  l -> /b\n  p => /b q\n  x = 1.0\n"), @"unchanged 2, examined 2");
}

#[test]
fn properties_are_compared_one_by_one() {
    check_plan!(case(
        "/a : new\n  same = 1\n  changed = 'b'\n  added = [1]\n",
        "/a : old\n  same = 1\n  changed = 'a'\n  removed = None\n"
    ), @r#"
    update /a v0  (1:1)
      added: nothing -> [1]  (4:3)
      changed: "a" -> "b"  (3:3)
      removed: null -> nothing
      type: "old" -> "new"  (1:6)
    unchanged 0, examined 1
    "#);
}

#[test]
fn links_change_in_an_action_of_their_own() {
    check_plan!(case("/a\n  l -> /new\n  m -> /m\n  x = 2\n", "/a\n  l -> /old\n  p => /b q\n  x = 1\n"), @r#"
    update /a v0  (1:1)
      x: 1 -> 2  (4:3)
    link /a v0  (1:1)
      l ->: "/old" -> "/new"  (2:3)
      m ->: nothing -> "/m"  (3:3)
      p =>: "/b q" -> nothing
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  l -> /new\n", "/a\n  l -> /old\n"), @r#"
    link /a v0  (1:1)
      l ->: "/old" -> "/new"  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n", "/a\n  l -> /old\n"), @r#"
    link /a v0  (1:1)
      l ->: "/old" -> nothing
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  l = '/b'\n", "/a\n  l -> /b\n"), @r#"
    update /a v0  (1:1)
      l: nothing -> "/b"  (2:3)
    link /a v0  (1:1)
      l ->: "/b" -> nothing
    unchanged 0, examined 1
    "#);
}

#[test]
fn a_node_in_place_of_a_link() {
    check_plan!(case("/a\n  /l\n", "/a\n  l -> /b\n"), @r#"
    add /a/l {}  (2:3)
    link /a v0  (1:1)
      l ->: "/b" -> nothing
    unchanged 0, examined 1
    "#);
}

#[test]
fn an_ephemeral_node_is_kept_and_nothing_goes_below_it() {
    check_plan!(case("/a\n  x = 1\n  /b\n    /c\n/d\n", "/a\n").ephemeral("/a"), @r#"
    add /d {}  (5:1)
    kept /a: ephemeral
    kept /a/b: cannot exist below an ephemeral node
    kept /a/b/c: cannot exist below an ephemeral node
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a/b\n", "/a\n").ephemeral("/a"), @r#"
    kept /a/b: cannot exist below an ephemeral node
    unchanged 0, examined 1
    "#);
}

#[test]
fn a_node_passed_through_is_made_or_left_exactly_as_it_is() {
    check_plan!(case("/a/b/c\n  x = 1\n", ""), @r#"
    add /a {}  (1:1)
    add /a/b {}  (1:3)
    add /a/b/c {"x":1}  (1:1)
    unchanged 0, examined 0
    "#);
    check_plan!(case("/a/b\n  x = 1\n", "/a : t\n  x = 1\n  /b\n    x = 1\n  /other\n").trim(), @"unchanged 1, examined 2");
}

#[test]
fn undeclared_nodes_are_extras_by_their_topmost() {
    check_plan!(case("/a\n  /b\n", "/a\n  /b\n    /x\n      /y\n  /c\n    /d\n/top\n"), @r#"
    extra /a/b/x
    extra /a/c
    unchanged 2, examined 2
    "#);
}

#[test]
fn undeclared_nodes_are_trimmed_children_first() {
    check_plan!(case("/a\n  /b\n", "/a\n  /b\n    /x\n      /y\n  /c\n    /d\n/top\n").trim(), @r#"
    trim /a/c/d v0
    trim /a/c v0
    trim /a/b/x/y v0
    trim /a/b/x v0
    unchanged 2, examined 6
    "#);
}

#[test]
fn a_subtree_that_holds_an_ephemeral_node_is_kept_whole() {
    let live = "/s\n  /old\n    /providers\n      /e\n    /x\n  /gone\n  /e2\n";
    check_plan!(case("/s\n", live).trim().ephemeral("/s/old/providers/e").ephemeral("/s/e2"), @r#"
    trim /s/gone v0
    kept /s/e2: ephemeral
    kept /s/old: holds an ephemeral node
    kept /s/old/providers/e: ephemeral
    unchanged 1, examined 7
    "#);
    check_plan!(case("/s\n", live).ephemeral("/s/old/providers/e").ephemeral("/s/e2"), @r#"
    extra /s/e2
    extra /s/gone
    extra /s/old
    unchanged 1, examined 1
    "#);
}

#[test]
fn order_is_by_component() {
    check_plan!(case("/a\n  /x\n/a-\n/a b\n".replace("/a b", "/\"a b\"").as_str(), ""), @r#"
    add /a {}  (1:1)
    add /a/x {}  (2:3)
    add /a b {}  (4:1)
    add /a- {}  (3:1)
    unchanged 0, examined 0
    "#);
}

#[test]
fn every_write_names_the_version_that_was_seen() {
    let version = |number| DataVersion::new(number).expect("no version");
    let seen = case("/a\n  x = 1\n  l -> /a\n", "/a\n  /gone\n").trim();
    let seen = seen
        .with("/a", |node| node.version = version(4))
        .with("/a/gone", |node| node.version = version(-2));
    check_plan!(seen, @r#"
    update /a v4  (1:1)
      x: nothing -> 1  (2:3)
    link /a v4  (1:1)
      l ->: nothing -> "/a"  (3:3)
    trim /a/gone v-2
    unchanged 0, examined 2
    "#);
}

#[test]
fn what_may_not_be_read_is_kept() {
    check_plan!(case("/a\n  x = 1\n/b/c\n", "/a\n/b\n").trim().unreadable("/a").unreadable("/b"), @r#"
    add /b/c {}  (3:1)
    kept /a: not authorized to read it or a node below it
    unchanged 0, examined 2
    "#);
    check_plan!(case("/a\n", "/a\n  /x\n    /y\n").trim().unreadable("/a/x/y"), @r#"
    kept /a/x: not authorized to read it or a node below it
    unchanged 1, examined 3
    "#);
}
