//! `check`: errors and warnings of files.

use std::fs;
use std::os::unix::fs::symlink;

use crate::cli::Place;

#[test]
fn check_accepts() {
    let place = Place::offline();
    place
        .file("a.zkt", "/a : t\n  x = 1\n  /b/c\n")
        .file("d/b.zkt", "/a\n  y = 2\n");
    insta::assert_snapshot!(place.run("check a.zkt d"), @"
    ok: 2 nodes in 2 files
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("check --format json a.zkt"), @r#"
    {"errors":[],"files":1,"format_version":"1.2","nodes":2,"ok":true,"warnings":[]}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run_with("check -", "/a\n/b\n"), @"
    ok: 2 nodes in 1 file
    --- exit 0
    ");
}

#[test]
fn files_that_are_no_layers() {
    let place = Place::offline();
    place
        .file("a.json", "{\"properties\": {}, \"children\": {}}\n")
        .file("plan.json", "{\"zkt_plan\": 2}")
        .file("b.json", "{\"a\": 1}")
        .file("prod.toml", "[context.prod]\nlayers = 'a.zkt'\n");
    insta::assert_snapshot!(place.run("check a.json plan.json b.json prod.toml"), @"
    --- stderr
    error: a.json: it is an export in JSON, and a layer is tree text
    hint: zkt diff compares it: zkt diff --old a.json --new LAYER; zkt export without --format json writes tree text
    error: plan.json: it is a saved plan, and a layer is tree text
    hint: zkt apply --plan plan.json carries it out, zkt plan --show plan.json shows it
    error: b.json: it is JSON, and a layer is tree text
    hint: each node is a line /name, each property a line below it: name = value
    error: prod.toml: it is TOML, and a layer is tree text
    hint: --config prod.toml names the file with the contexts, and --context NAME takes the layers of one
    --- exit 1
    ");
}

#[test]
fn check_shows_every_error_with_its_places() {
    let place = Place::offline();
    place
        .file("d/a.zkt", "/a\n  x = 1\n\t y = 2\n")
        .file("d/b.zkt", "/b\n  x = os.environ['HOME']\n/a\n  x = 3\n")
        .file("d/c.zkt", "x = 1\n");
    insta::assert_snapshot!(place.run("check d"), @"
    --- stderr
    error: the indentation mixes tabs and spaces so that it cannot be compared with the lines above
     --> d/a.zkt:3:3
      |
    3 |      y = 2
      |      ^^^^^
      |
      = help: indent the line exactly as the lines beside it

    error: expected a literal value, found an expression; zkt never evaluates code
     --> d/b.zkt:2:7
      |
    2 |   x = os.environ['HOME']
      |       ^^^^^^^^^^^^^^^^^^
      |
      = help: write the value that it stands for

    error: the property x is declared twice in one layer
     --> d/b.zkt:4:3
      |
    4 |   x = 3
      |   ^ and again here
      |
     ::: d/a.zkt:2:3
      |
    2 |   x = 1
      |   - first here
      |
      = help: a later layer may replace it; one layer says it once

    error: a property must stand in a node, and none is open here
     --> d/c.zkt:1:1
      |
    1 | x = 1
      | ^^^^^

    error: 4 errors in 3 files
    --- exit 1
    ");
}

#[test]
fn check_quotes_no_secret() {
    let place = Place::offline();
    place
        .file("e/a.zkt", "/a\n  x = 1\n")
        .file("e/b.zkt", "/a\n  x = 2\n/b\n  @acl nonsense\n");
    insta::assert_snapshot!(place.run("check e"), @r#"
    --- stderr
    error: the property x is declared twice in one layer
     --> e/b.zkt:2:3
      |
    2 |   x = 2
      |   ^ and again here
      |
     ::: e/a.zkt:2:3
      |
    2 |   x = 1
      |   - first here
      |
      = help: a later layer may replace it; one layer says it once

    error: expected an entry of the form scheme:id:perms, found "(secret)"
     --> e/b.zkt:4:8
      |
    4 |   @acl (secret)
      |        ^^^^^^^^
      |
      = help: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa

    error: 2 errors in 1 file
    --- exit 1
    "#);
}

#[test]
fn check_prints_errors_and_their_places_in_json() {
    let place = Place::offline();
    place
        .file("e/a.zkt", "/a\n  x = 1\n")
        .file("e/b.zkt", "/a\n  x = 2\n/b\n  @acl nonsense\n");
    insta::assert_snapshot!(place.run("check --format json e"), @r#"
    {"errors":[{"hint":"a later layer may replace it; one layer says it once","message":"the property x is declared twice in one layer","related":[{"message":"first here","source":"e/a.zkt:2:3"}],"source":"e/b.zkt:2:3"},{"hint":"an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa","message":"expected an entry of the form scheme:id:perms, found \"(secret)\"","related":[],"source":"e/b.zkt:4:8"}],"format_version":"1.2","ok":false,"warnings":[]}
    --- exit 1
    "#);
}

#[test]
fn check_warns_of_links() {
    let place = Place::offline();
    place.file(
        "a.zkt",
        "/a\n  l -> /b\n  /c\n  c -> /d\n  p => /d q\n/d\n  m -> /a/l/l\n/b\n  l -> /b/l\n",
    );
    insta::assert_snapshot!(place.run("check a.zkt"), @"
    ok: 4 nodes in 1 file
    --- stderr
    warning: /a: link c -> /d is hidden by the child /a/c (a.zkt:4:3) [hidden-link]
    warning: /a: link p => /d q leads nowhere: /d has no property q (a.zkt:5:3) [dangling-link]
    warning: /b: link l -> /b/l loops: /b/l -> /b/l (a.zkt:9:3) [circular-link]
    warning: /d: link m -> /a/l/l loops: /b/l -> /b/l (a.zkt:7:3) [circular-link]
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("check --strict a.zkt"), @"
    --- stderr
    warning: /a: link c -> /d is hidden by the child /a/c (a.zkt:4:3) [hidden-link]
    warning: /a: link p => /d q leads nowhere: /d has no property q (a.zkt:5:3) [dangling-link]
    warning: /b: link l -> /b/l loops: /b/l -> /b/l (a.zkt:9:3) [circular-link]
    warning: /d: link m -> /a/l/l loops: /b/l -> /b/l (a.zkt:7:3) [circular-link]
    error: 4 warnings, and --strict allows none
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("check --strict --format json a.zkt"), @r#"
    {"errors":[],"files":1,"format_version":"1.2","nodes":4,"ok":false,"warnings":[{"level":"warn","lint":"hidden-link","message":"link c -> /d is hidden by the child /a/c","path":"/a","source":"a.zkt:4:3"},{"level":"warn","lint":"dangling-link","message":"link p => /d q leads nowhere: /d has no property q","path":"/a","source":"a.zkt:5:3"},{"level":"warn","lint":"circular-link","message":"link l -> /b/l loops: /b/l -> /b/l","path":"/b","source":"a.zkt:9:3"},{"level":"warn","lint":"circular-link","message":"link m -> /a/l/l loops: /b/l -> /b/l","path":"/d","source":"a.zkt:7:3"}]}
    --- exit 3
    "#);
}

#[test]
fn what_is_empty_or_missing_is_no_empty_tree() {
    let place = Place::offline();
    fs::create_dir(place.path("empty")).unwrap();
    place
        .file("comment.zkt", "# nothing\n")
        .file("d/.hidden.zkt", "/a\n")
        .file("d/x.txt", "/a\n");
    insta::assert_snapshot!(place.run("check empty comment.zkt d"), @"
    --- stderr
    error: empty: there is no .zkt file in this directory, nor in one below it
    hint: --allow-empty accepts it where that is meant
    error: comment.zkt: the layer declares no node
    hint: --allow-empty accepts it where that is meant
    error: d: there is no .zkt file in this directory, nor in one below it
    hint: --allow-empty accepts it where that is meant
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("check nosuch empty"), @"
    --- stderr
    error: nosuch: No such file or directory
    error: empty: there is no .zkt file in this directory, nor in one below it
    hint: --allow-empty accepts it where that is meant
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("check --format json nosuch"), @r#"
    {"errors":[{"message":"nosuch: No such file or directory"}],"format_version":"1.2","ok":false,"warnings":[]}
    --- exit 1
    "#);
    insta::assert_snapshot!(place.run("check - -"), @"
    --- stderr
    error: -: the layer declares no node
    hint: --allow-empty accepts it where that is meant
    error: standard input (-) can be one layer only
    --- exit 1
    ");
    assert_eq!(
        place.run("check --allow-empty empty").expect(0).stdout,
        "ok: 0 nodes in 0 files\n"
    );
    for command in [
        "show empty",
        "plan empty",
        "apply -y empty",
        "diff empty empty",
    ] {
        place.run(command).expect(3);
    }
}

#[test]
fn odd_files() {
    let place = Place::offline();
    let utf16: Vec<u8> = "/a\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    place.file("utf16.zkt", [b"\xff\xfe", &utf16[..]].concat());
    insta::assert_snapshot!(place.run("check utf16.zkt"), @"
    --- stderr
    error: utf16.zkt:1:1: expected UTF-8 text, found the byte 0xff
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("fmt utf16.zkt"), @"
    --- stderr
    error: utf16.zkt:1:1: expected UTF-8 text, found the byte 0xff
    --- exit 1
    ");
    place.file("windows.zkt", "\u{feff}/a\r\n  x=1\r\n");
    assert_eq!(
        place.run("show windows.zkt").expect(0).stdout,
        "/a\n  x = 1\n"
    );
    fs::create_dir(place.path("folder.zkt")).unwrap();
    place.file("folder.zkt/a.zkt", "/a\n");
    symlink("..", place.path("folder.zkt/up")).unwrap();
    assert_eq!(
        place
            .run("check folder.zkt/../folder.zkt//")
            .expect(1)
            .stdout,
        ""
    );
    fs::remove_file(place.path("utf16.zkt")).unwrap();
    assert_eq!(
        place
            .run("check folder.zkt --allow-files .")
            .expect(0)
            .stdout,
        "ok: 1 node in 2 files\n"
    );
    place.run("check folder.zkt/a.zkt/x").expect(1);
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let place = Place::offline();
    place.file(
        "a.zkt",
        "/a\n  mode = 0644\n  modes = [1, 02]\n  password = 007\n  list = 'a',\n  ok = [0, 0.5, 0o17, '01', 1,]\n  \
         pair = 1, 2\n  tuple = ('a',)\n  \u{e9} = 1\n  e\u{301} = 2\n  /\u{e9}\n  /e\u{301}\n",
    );
    place.file("b.zkt", "/a\n  mode = 1\n");
    insta::assert_snapshot!(place.run("check a.zkt"), @r#"
    ok: 3 nodes in 1 file
    --- stderr
    warning: /a: mode: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text (a.zkt:2:10) [leading-zero]
    warning: /a: modes: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text (a.zkt:3:15) [leading-zero]
    warning: /a: password has the name of a secret, and no `@secret password` hides its value (a.zkt:4:3) [plain-secret]
    warning: /a: password: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text (a.zkt:4:14) [leading-zero]
    warning: /a: list: the comma at the end makes a list: write it in brackets if that is meant, or take the comma out (a.zkt:5:10) [trailing-comma]
    warning: /a: two properties look alike, and differ in Unicode normalisation only: e\u{301} and \u{e9} (a.zkt:9:3) [look-alike-names]
    warning: /a/é: two nodes look alike, and differ in Unicode normalisation only: e\u{301} and \u{e9} (a.zkt:11:3) [look-alike-names]
    --- exit 0
    "#);
    place.run("check --strict a.zkt").expect(3);
    // What a later layer replaces is nobody's concern any more.
    let run = place.run("check a.zkt b.zkt").expect(0);
    assert!(!run.stderr.contains("mode:"), "{run}");
    assert!(run.stderr.contains("modes:"), "{run}");
}
