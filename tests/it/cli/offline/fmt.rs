//! `fmt`: the canonical layout of files.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::cli::{Place, mode};

#[test]
fn fmt_rewrites_and_names_what_differs() {
    let place = Place::offline();
    let bad = "/b\n  x = = 1\n";
    place
        .file("d/a.zkt", "# keep\n/a:t # why\n   x=1\n   l->/b\n")
        .file("d/good.zkt", "/a\n  x = 1\n")
        .file("bad.zkt", bad);
    fs::set_permissions(place.path("d/a.zkt"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("d/a.zkt", place.path("link.zkt")).unwrap();

    insta::assert_snapshot!(place.run("fmt --check d link.zkt"), @"
    d/a.zkt
    link.zkt
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("fmt link.zkt bad.zkt d/good.zkt"), @"
    link.zkt
    --- stderr
    error: expected a value, found `=`
     --> bad.zkt:2:7
      |
    2 |   x = = 1
      |       ^ expected a value
      |
      = help: a property has one equals sign

    --- exit 1
    ");
    insta::assert_snapshot!(place.read("d/a.zkt"), @"
    # keep
    /a:t  # why
      x = 1
      l -> /b
    ");
    assert_eq!(place.read("bad.zkt"), bad);
    assert!(
        fs::symlink_metadata(place.path("link.zkt"))
            .unwrap()
            .is_symlink()
    );
    assert_eq!(mode(&place.path("d/a.zkt")), 0o640);
    assert_eq!(fs::read_dir(place.path("d")).unwrap().count(), 2);
    assert_eq!(place.run("fmt --check d").expect(0).stdout, "");
    assert_eq!(place.run("fmt d").expect(0).everything(), "");
}

#[test]
fn fmt_as_a_filter() {
    let place = Place::offline();
    assert_eq!(
        place.run_with("fmt -", "/a\n      x=1\n").expect(0).stdout,
        "/a\n  x = 1\n"
    );
    assert_eq!(
        place
            .run_with("fmt --check -", "/a\n      x=1\n")
            .expect(1)
            .stdout,
        "<stdin>\n"
    );
    insta::assert_snapshot!(place.run_with("fmt -", "x=1\n"), @"
    --- stderr
    error: a property must stand in a node, and none is open here
     --> <stdin>:1:1
      |
    1 | x=1
      | ^^^

    --- exit 1
    ");
}

#[test]
fn fmt_keeps_what_stands_in_brackets_of_its_own() {
    let place = Place::offline();
    let text = "/a\n  x = ('a'\n       'b')\n  y = (1 # one\n  )\n  z = ( 2 )\n  w = (\n  # none\n  None)\n";
    insta::assert_snapshot!(place.run_with("fmt -", text), @"
    /a
      x = ('a'
           'b')
      y = (1 # one
      )
      z = 2
      w = (
      # none
      None)
    --- exit 0
    ");
}

#[test]
fn fmt_and_show_alter_no_character_of_a_text() {
    let place = Place::offline();
    let text = "/a\n  # \u{1b}[31mred\u{1b}[0m\n  x = r'C:\\\u{1b}x'\n  y = 1\n";
    assert_eq!(place.run_with("fmt -", text).expect(0).stdout, text);
    let shown = place.run_with("show -", text).expect(0).stdout;
    assert_eq!(shown, "/a\n  x = 'C:\\\\\\u001bx'\n  y = 1\n");
}

#[test]
fn fmt_keeps_line_ends_links_and_files_that_may_not_be_written() {
    let place = Place::offline();
    let crlf = "/a\r\n  x = '''\r\ny'''\r\n";
    assert_eq!(place.run_with("fmt -", crlf).expect(0).stdout, crlf);
    assert_eq!(
        place.run_with("fmt --check -", crlf).expect(0).everything(),
        ""
    );
    let mixed = "/a\r\n  x=1\n  y = [\n    1]\r\n";
    let kept = place.run_with("fmt -", mixed).expect(0).stdout;
    assert_eq!(kept, "/a\r\n  x = 1\r\n  y = [\r\n    1,\r\n  ]\r\n");

    place
        .file("a.zkt", "/a\n  x=1\n")
        .file("c.zkt", "/a\n  x=1\n");
    fs::hard_link(place.path("a.zkt"), place.path("b.zkt")).unwrap();
    fs::set_permissions(place.path("c.zkt"), fs::Permissions::from_mode(0o444)).unwrap();
    insta::assert_snapshot!(place.run("fmt c.zkt a.zkt"), @"
    a.zkt
    --- stderr
    error: c.zkt: the file is read-only, and was left as it is
    --- exit 1
    ");
    assert_eq!(place.read("b.zkt"), "/a\n  x = 1\n");
    assert_eq!(place.read("c.zkt"), "/a\n  x=1\n");
}

#[test]
fn fmt_shows_what_it_would_change() {
    let place = Place::offline();
    let text = "/a\n  x=1\n  y = 1\n  password='hunter2'\n  z = '\u{1b}'\n";
    insta::assert_snapshot!(place.run_with("fmt --check --diff -", text), @r"
    --- <stdin>
    +++ <stdin> (formatted)
    @@ -1,5 +1,5 @@
     /a
    -  x=1
    +  x = 1
       y = 1
    -  password=(secret)
    +  password = (secret)
       z = '\u001b'
    --- exit 1
    ");
    let text = "/a\n  password = \"hunter2\"\n";
    insta::assert_snapshot!(place.run_with("fmt --check --diff -", text), @"
    <stdin>: differs only in (secret) values, line ends or invisible characters
    --- exit 1
    ");
}
