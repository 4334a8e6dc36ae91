//! Secret values from outside that could not be had.

use super::*;

const TREE: &str = "/a\n  x = 1\n  @secret p from env P\n";

#[test]
fn what_could_not_be_had_is_neither_compared_nor_removed() {
    check_plan!(case(TREE, "/a\n  x = 1\n  p = 'live'\n"), @r"
    not compared /a: p from env P: nothing is read from outside here
    unchanged 1, examined 1
    ");
    check_plan!(case(TREE, "/a\n  x = 1\n"), @r"
    not compared /a: p from env P: nothing is read from outside here
    unchanged 1, examined 1
    ");
    check_plan!(case(TREE, "/a\n  x = 2\n  p = 'live'\n  q = 1\n"), @r"
    update /a v0  (1:1)
      q: 1 -> nothing
      x: 2 -> 1  (2:3)
    not compared /a: p from env P: nothing is read from outside here
    unchanged 0, examined 1
    ");
}

#[test]
fn a_new_node_has_a_placeholder() {
    check_plan!(case(TREE, ""), @r#"
    add /a {"p":"(secret)","x":1}  (1:1)
    not compared /a: p from env P: nothing is read from outside here
    unchanged 0, examined 0
    "#);
}

#[test]
fn raw_data_that_could_not_be_had_stays() {
    let tree = "/a\n  @secret @data from env P\n";
    check_plan!(case(tree, "/a\n  @data 'live'\n"), @r"
    not compared /a: @data from env P: nothing is read from outside here
    unchanged 1, examined 1
    ");
    check_plan!(case(tree, "/a").raw("/a", b"\xff"), @r"
    not compared /a: @data from env P: nothing is read from outside here
    unchanged 1, examined 1
    ");
}

#[test]
fn only_nodes_that_the_plan_is_about_are_told() {
    let tree = "/a\n  @secret p from env P\n/b\n  @secret p from env P\n";
    check_plan!(case(tree, "/a\n/b\n").target(&["/b"]), @r"
    not compared /b: p from env P: nothing is read from outside here
    unchanged 1, examined 1
    ");
}
