//! `@keep`, `@ignore`, `@protect` and `@secret`.

use super::case;

#[test]
fn keep_holds_for_children_or_properties_or_both() {
    let live = "/a\n  x = 1\n  y = 2\n  /b\n";
    check_plan!(case("/a\n  @keep\n  x = 3\n", live).trim(), @r#"
    update /a v0  (1:1)
      x: 1 -> 3  (3:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @keep children\n  x = 3\n", live).trim(), @r#"
    update /a v0  (1:1)
      x: 1 -> 3  (3:3)
      y: 2 -> nothing
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @keep properties\n  x = 3\n", live).trim(), @r#"
    update /a v0  (1:1)
      x: 1 -> 3  (3:3)
    trim /a/b v0
    unchanged 0, examined 2
    "#);
    check_plan!(case("/a\n  @keep children\n  x = 1\n  y = 2\n", live), @"unchanged 1, examined 1");
}

#[test]
fn what_is_kept_is_not_rewritten() {
    for directive in ["@keep properties", "@ignore string_value"] {
        for data in [
            &b"text"[..],
            b"{\"string_value\":\"text\"}",
            b" {\"string_value\" : \"text\"}",
        ] {
            let plan = case(&format!("/a\n  {directive}\n"), "/a\n")
                .raw("/a", data)
                .plan();
            assert_eq!(plan, "unchanged 1, examined 1", "{directive}");
        }
    }
    check_plan!(case("/a\n  @keep properties\n", "/a\n").raw("/a", b"\xff"), @"unchanged 1, examined 1");
}

#[test]
fn ignored_properties_are_written_once() {
    check_plan!(case("/a\n  @ignore x l*\n  x = 1\n  l -> /b\n", ""), @r#"
    add /a {"x":1}  (1:1)
    link /a new  (1:1)
      l ->: nothing -> "/b"  (4:3)
    unchanged 0, examined 0
    "#);
    check_plan!(case("/a\n  @ignore x l*\n  x = 1\n  l -> /b\n  y = 2\n", "/a\n  x = 7\n  lag = 3\n  z = 1\n"), @r#"
    update /a v0  (1:1)
      y: nothing -> 2  (5:3)
      z: 1 -> nothing
    unchanged 0, examined 1
    "#);
}

#[test]
fn protected_subtrees_are_not_trimmed() {
    check_plan!(case("/a\n  @protect\n  /b\n", "/a\n  /b\n    /old\n  /gone\n    /x\n/c\n").trim(), @r#"
    trim /a/gone/x v0
    trim /a/gone v0
    trim /a/b/old v0
    refused: /a/b/old may not be trimmed: /a is protected (@protect)
    refused: /a/gone may not be trimmed: /a is protected (@protect)
    unchanged 2, examined 5
    "#);
    check_plan!(case("/a\n  @protect\n", "/a\n  /gone\n"), @r#"
    extra /a/gone
    unchanged 1, examined 1
    "#);
}

#[test]
fn a_value_removed_together_with_its_secret_line_is_marked() {
    check_plan!(case("/a\n/b\n  @secret pin*\n", "/a\n  API_TOKEN = 'x'\n  pin2 = 1\n  port = 2\n  secret -> /b\n/b\n"), @r#"
    update /a v0  (1:1)
      API_TOKEN: "x" -> nothing (secret)
      pin2: 1 -> nothing (secret)
      port: 2 -> nothing
    link /a v0  (1:1)
      secret ->: "/b" -> nothing (secret)
    unchanged 1, examined 2
    "#);
}

#[test]
fn what_no_file_declares_is_judged_by_the_names_inside_of_it() {
    let live = "/a\n  conf = {'pin': 1}\n  db = {'password': 'x'}\n  kept = {'token': 'x', 'y': 1}\n  more = {'token': 'x'}\n  port = 2\n/b\n/b2\n/c\n";
    let declared = "/a\n  kept = {'token': 'z'}\n  more = {}\n/b\n  x = 1\n/b2\n  @data 'x=1'\n/c\n  @data 'token=2'\n/d\n  @secret pin\n";
    check_plan!(case(declared, live).raw("/b", b"db.password=x").raw("/b2", b"pin=x").raw("/c", b"token=1"), @r#"
    add /d {}  (10:1)
    update /a v0  (1:1)
      conf: {"pin":1} -> nothing (secret)
      db: {"password":"x"} -> nothing (secret)
      kept: {"token":"x","y":1} -> {"token":"z"}  (2:3)
      more: {"token":"x"} -> {} (secret)  (3:3)
      port: 2 -> nothing
    update /b v0  (4:1)
      string_value: "db.password=x" -> nothing (secret)
      x: nothing -> 1  (5:3)
    update /b2 v0  (6:1)
      @data: "pin=x" -> "x=1" (secret)  (7:3)
    update /c v0  (8:1)
      @data: "token=1" -> "token=2"  (9:3)
    unchanged 0, examined 4
    "#);
}

#[test]
fn a_secret_line_outside_of_the_target_still_marks_what_is_removed() {
    check_plan!(case("/a\n/b\n  @secret pin*\n", "/a\n  pin2 = 1\n/b\n").target(&["/a"]), @r#"
    update /a v0  (1:1)
      pin2: 1 -> nothing (secret)
    unchanged 0, examined 1
    "#);
}

#[test]
fn secrets_are_marked() {
    check_plan!(case("/a\n  @secret pass* l\n  password = 'new'\n  l -> /b\n  x = 2\n", "/a\n  password = 'old'\n  x = 1\n"), @r#"
    update /a v0  (1:1)
      password: "old" -> "new" (secret)  (3:3)
      x: 1 -> 2  (5:3)
    link /a v0  (1:1)
      l ->: nothing -> "/b" (secret)  (4:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case("/a\n  @secret\n  x = 1\n/b\n  @secret\n  @data 'new'\n", "/a\n  y = 1\n/b\n").raw("/b", b"old"), @r#"
    update /a v0  (1:1)
      x: nothing -> 1 (secret)  (3:3)
      y: 1 -> nothing (secret)
    update /b v0  (4:1)
      @data: "old" -> "new" (secret)  (6:3)
    unchanged 0, examined 2
    "#);
}
