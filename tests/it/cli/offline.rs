//! What needs no server: help, check, fmt, show, and diff between layers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Stdio;

use super::{Place, mode};

const COMMANDS: [&str; 13] = [
    "check",
    "fmt",
    "show",
    "diff",
    "plan",
    "apply",
    "export",
    "ls",
    "serve",
    "completions",
    "man",
    "register",
    "discover",
];

#[test]
fn help() {
    let place = Place::offline();
    let mut text = place.run("--help").expect(0).stdout;
    for command in COMMANDS {
        text += &format!("\n######## {command}\n\n");
        text += &place.run(&format!("{command} --help")).expect(0).stdout;
    }
    let settings = {
        let mut settings = insta::Settings::new();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path("help");
        settings.set_omit_expression(true);
        settings
    };
    settings.bind(|| insta::assert_snapshot!("help", text));
}

#[test]
fn usage_errors() {
    let place = Place::offline();
    insta::assert_snapshot!(place.run("chekc x"), @"
    --- stderr
    error: unrecognized subcommand 'chekc'

      tip: a similar subcommand exists: 'check'

    Usage: zkt [OPTIONS] <COMMAND>

    For more information, try '--help'.
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("check"), @"
    --- stderr
    error: the following required arguments were not provided:
      <LAYER>...

    Usage: zkt check <LAYER>...

    For more information, try '--help'.
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("plan --max-trim 200% x"), @"
    --- stderr
    error: invalid value '200%' for '--max-trim <N|N%>': expected a number of nodes, or a percentage from 0% to 100%

    For more information, try '--help'.
    --- exit 1
    ");
    for words in [
        "",
        "check --frob x",
        "plan --force --max-trim 3 x",
        "apply --retries x y",
    ] {
        place.run(words).expect(1);
    }
    for words in [
        "diff x",
        "diff --frob x y",
        "diff live live",
        "diff nosuch live",
    ] {
        place.run(words).expect(2);
    }
}

#[test]
fn scripts_for_packagers() {
    let place = Place::offline();
    assert!(
        place
            .run("completions bash")
            .expect(0)
            .stdout
            .contains("_zkt()")
    );
    assert!(place.run("man").expect(0).stdout.starts_with(".ie"));
    assert_eq!(
        place.run("--version").expect(0).stdout,
        format!("zkt {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn each_command_has_a_manual_page() {
    let place = Place::offline();
    place.run("man --dir man/man1").expect(0);
    let page = place.read("man/man1/zkt-apply.1");
    assert_eq!(place.run("man apply").expect(0).stdout, page);
    assert_eq!(
        place.run("man").expect(0).stdout,
        place.read("man/man1/zkt.1")
    );
    for section in [
        "NAME",
        "SYNOPSIS",
        "OPTIONS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "EXAMPLES",
    ] {
        let heading = format!(".SH {section}\n");
        let quoted = format!(".SH \"{section}\"\n");
        assert!(
            page.contains(&heading) || page.contains(&quoted),
            "{section}: {page}"
        );
    }
    for command in COMMANDS {
        assert!(
            place.path(&format!("man/man1/zkt-{command}.1")).exists(),
            "{command}"
        );
    }
    insta::assert_snapshot!(place.run("man aply"), @r#"
    --- stderr
    error: "aply" is no command of zkt
    hint: zkt help lists them
    --- exit 1
    "#);
}

#[test]
fn each_side_of_a_diff_may_have_several_layers() {
    let place = Place::offline();
    place
        .file("base.zkt", "/a\n  x = 1\n  y = 1\n")
        .file("test.zkt", "/a\n  x = 2\n")
        .file("prod.zkt", "/a\n  x = 3\n  /b\n");
    insta::assert_snapshot!(place.run("diff --old base.zkt test.zkt --new base.zkt prod.zkt"), @"
    zkt diff: base.zkt test.zkt <- base.zkt prod.zkt

      + /a/b                                             prod.zkt:3
      ~ /a
          x = 2 -> 3

    Plan: 1 to add, 1 to update, 0 to link, 0 to trim.
    --- exit 1
    ");
    let one = place.run("diff test.zkt prod.zkt");
    let same = place.run("diff --old test.zkt --new prod.zkt");
    assert_eq!(one.to_string(), same.to_string());
    insta::assert_snapshot!(place.run("diff -q base.zkt prod.zkt"), @"
    Plan: 1 to add, 1 to update, 0 to link, 0 to trim.
    --- exit 1
    ");
    let refused = [
        "diff --old live base.zkt --new prod.zkt",
        "diff --old live --new live",
        "diff --old - --new base.zkt -",
        "diff --old base.zkt",
        "diff base.zkt --new prod.zkt",
        "diff base.zkt",
    ];
    for words in refused {
        place.run(words).expect(2);
    }
}

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
    {"errors":[],"files":1,"format_version":"1.1","nodes":2,"ok":true,"warnings":[]}
    --- exit 0
    "#);
    insta::assert_snapshot!(place.run_with("check -", "/a\n/b\n"), @"
    ok: 2 nodes in 1 file
    --- exit 0
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
    insta::assert_snapshot!(place.run("check --format json e"), @r#"
    {"errors":[{"hint":"a later layer may replace it; one layer says it once","message":"the property x is declared twice in one layer","related":[{"message":"first here","source":"e/a.zkt:2:3"}],"source":"e/b.zkt:2:3"},{"hint":"an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa","message":"expected an entry of the form scheme:id:perms, found \"(secret)\"","related":[],"source":"e/b.zkt:4:8"}],"format_version":"1.1","ok":false,"warnings":[]}
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
    warning: /a: link c -> /d is hidden by the child /a/c (a.zkt:4:3)
    warning: /a: link p => /d q leads nowhere: /d has no property q (a.zkt:5:3)
    warning: /b: link l -> /b/l loops: /b/l -> /b/l (a.zkt:9:3)
    warning: /d: link m -> /a/l/l loops: /b/l -> /b/l (a.zkt:7:3)
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("check --strict a.zkt"), @"
    --- stderr
    warning: /a: link c -> /d is hidden by the child /a/c (a.zkt:4:3)
    warning: /a: link p => /d q leads nowhere: /d has no property q (a.zkt:5:3)
    warning: /b: link l -> /b/l loops: /b/l -> /b/l (a.zkt:9:3)
    warning: /d: link m -> /a/l/l loops: /b/l -> /b/l (a.zkt:7:3)
    error: --strict allows no warning and no extra node, and there are 4
    --- exit 3
    ");
    insta::assert_snapshot!(place.run("check --strict --format json a.zkt"), @r#"
    {"errors":[],"files":1,"format_version":"1.1","nodes":4,"ok":false,"warnings":[{"message":"link c -> /d is hidden by the child /a/c","path":"/a","source":"a.zkt:4:3"},{"message":"link p => /d q leads nowhere: /d has no property q","path":"/a","source":"a.zkt:5:3"},{"message":"link l -> /b/l loops: /b/l -> /b/l","path":"/b","source":"a.zkt:9:3"},{"message":"link m -> /a/l/l loops: /b/l -> /b/l","path":"/d","source":"a.zkt:7:3"}]}
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
    {"errors":[{"message":"nosuch: No such file or directory"}],"format_version":"1.1","ok":false,"warnings":[]}
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
fn names_cannot_steer_a_terminal() {
    let place = Place::offline();
    let run = place.run("--color always check no\u{1b}[2Jsuch").expect(1);
    assert!(
        !run.stderr.contains("\u{1b}[2J"),
        "{}",
        run.stderr.escape_debug()
    );
    assert!(
        run.stderr.contains("no\\u001b[2Jsuch"),
        "{}",
        run.stderr.escape_debug()
    );
}

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
fn show_merges() {
    let place = Place::offline();
    place
        .file("base.zkt", "/a : t\n  x = 1\n  y = {'b': 1e400, 'a': [True, None]}\n  /c/d\n    l -> ../e\n")
        .file("prod.zkt", "/a\n  @acl world:anyone:r\n  x = 'it\\'s'\n  @secret y\n  /raw\n    @data base64 '/wA='\n");
    insta::assert_snapshot!(place.run("show base.zkt prod.zkt"), @r"
    /a : t
      @secret y
      @acl world:anyone:r
      x = 'it\'s'
      y = {'a': [True, None], 'b': 1e+400}
      /c/d
        l -> ../e
      /raw
        @data base64 '/wA='
    --- exit 0
    ");
    insta::assert_snapshot!(place.run("show --format json base.zkt prod.zkt"), @r#"
    {"properties": {}, "children": {
     "a": {"properties": {"type":"t","x":"it's","y":{"a":[true,null],"b":1e+400}}, "acl": ["world:anyone:r"], "children": {
      "c": {"properties": {}, "acl": ["world:anyone:r"], "children": {
       "d": {"properties": {"l ->":"../e"}, "acl": ["world:anyone:r"], "children": {}}}},
      "raw": {"properties": {}, "data": {"base64": "/wA="}, "acl": ["world:anyone:r"], "children": {}}}}}}
    --- exit 0
    "#);
}

#[test]
fn diff_between_layers() {
    let place = Place::offline();
    place
        .file(
            "old.zkt",
            "/a : t\n  x = 1\n  /gone\n    /deeper\n/b\n  l -> /a\n",
        )
        .file("new.zkt", "/a : u\n  x = 2\n  /new\n/b\n  l -> /a/new\n");
    insta::assert_snapshot!(place.run("diff old.zkt new.zkt"), @"
    zkt diff: old.zkt <- new.zkt

      + /a/new                                           new.zkt:3
      ~ /a
          type = 't' -> 'u'
          x = 1 -> 2
      @ /b
          l -> /a/new  (was /a)
      - /a/gone                                          (2 nodes)

    Plan: 1 to add, 1 to update, 1 to link, 2 to trim.
    --- exit 1
    ");
    insta::assert_snapshot!(place.run("diff old.zkt old.zkt"), @"
    zkt diff: old.zkt <- old.zkt

    No changes: 4 nodes are as declared.
    --- exit 0
    ");
    assert_eq!(
        place
            .run("diff --format json new.zkt old.zkt")
            .expect(1)
            .json()[0]["summary"]["trim"],
        1
    );
    place
        .file("protected.zkt", "/a\n  /gone\n    @protect\n")
        .file("without.zkt", "/a\n");
    insta::assert_snapshot!(place.run("diff protected.zkt without.zkt"), @"
    zkt diff: protected.zkt <- without.zkt

      - /a/gone                                          (1 node)

    refused: /a/gone may not be trimmed: it is protected (@protect) (protected.zkt:3:5)

    Plan: 0 to add, 0 to update, 0 to link, 1 to trim.
    --- exit 3
    ");
}

#[test]
fn diff_hides_what_either_side_hides() {
    let place = Place::offline();
    place
        .file(
            "old.zkt",
            "/a\n  @secret pw\n  pw = 'hunter2'\n  token = 'hunter3'\n",
        )
        .file(
            "new.zkt",
            "/a\n  @secret token\n  pw = 'hunter4'\n  token = 'hunter5'\n",
        );
    let runs = [
        place.run("diff old.zkt new.zkt"),
        place.run("diff --format json new.zkt old.zkt"),
    ];
    for run in runs {
        assert!(!run.everything().contains("hunter"), "{run}");
        assert_eq!(run.expect(1).stdout.matches("(secret)").count(), 4);
    }
}

#[test]
fn a_secret_link_is_not_told_by_its_warning() {
    let place = Place::offline();
    place.file(
        "a.zkt",
        "/a\n  @secret l\n  l -> /a/hunter2\n  l => /a/hunter2 x\n",
    );
    insta::assert_snapshot!(place.run("check a.zkt"), @"
    ok: 1 node in 1 file
    --- stderr
    warning: /a: link l -> (secret) leads nowhere (a.zkt:3:3)
    warning: /a: link l => (secret) leads nowhere (a.zkt:4:3)
    --- exit 0
    ");
    let json = place.run("check --format json a.zkt").expect(0);
    assert!(!json.stdout.contains("hunter"), "{json}");
}

#[test]
fn colours_only_where_they_are_wanted() {
    let place = Place::offline();
    place.file("bad.zkt", "x\n");
    let escapes = |words: &str, no_color: Option<&str>| {
        let mut command = place.command(words);
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        place
            .finish(command.spawn().unwrap())
            .everything()
            .contains('\u{1b}')
    };
    assert!(!escapes("check bad.zkt", None));
    assert!(escapes("--color always check bad.zkt", None));
    assert!(!escapes("--color never check bad.zkt", None));
    assert!(!escapes("check bad.zkt", Some("1")));
}

fn many_nodes() -> String {
    (0..20_000).map(|i| format!("/n{i}\n")).collect()
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::offline();
    place.file("big.zkt", many_nodes());
    let mut child = place.command("show big.zkt").spawn().unwrap();
    let mut first = [0; 5];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let end = place.finish(child);
    assert_eq!(end.to_string(), "--- exit 0\n");
}

/// Otherwise `zkt diff … | head` would call all trees equal.
#[test]
fn a_reader_that_goes_away_does_not_change_the_exit_code() {
    let place = Place::offline();
    place.file("old.zkt", "/a\n").file("new.zkt", many_nodes());
    let mut child = place.command("diff old.zkt new.zkt").spawn().unwrap();
    drop(child.stdout.take());
    place.finish(child).expect(1);
}

#[test]
fn a_full_disk_is_an_error() {
    let place = Place::offline();
    place.file("a.zkt", "/a\n");
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    for (words, code) in [
        ("show a.zkt", 1),
        ("check a.zkt", 1),
        ("completions bash", 1),
        ("diff --allow-empty /dev/null a.zkt", 2),
    ] {
        let child = place
            .command(words)
            .stdout(Stdio::from(full()))
            .spawn()
            .unwrap();
        let run = place.finish(child).expect(code);
        assert!(
            run.stderr
                .contains("cannot write the output: No space left"),
            "{run}"
        );
    }
}

#[test]
fn a_pipe_is_read_but_not_replaced() {
    let place = Place::offline();
    let pipe = place.path("pipe.zkt");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    for (words, code) in [("check pipe.zkt", 0), ("fmt pipe.zkt", 1)] {
        let child = place.command(words).spawn().unwrap();
        let mut writer = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        writer.write_all(b"/a\n    x=1\n").unwrap();
        drop(writer);
        let run = place.finish(child).expect(code);
        assert!(
            code == 0
                || run
                    .stderr
                    .contains("pipe.zkt: only a file can be rewritten"),
            "{run}"
        );
        assert!(!fs::metadata(&pipe).unwrap().is_file());
    }
}

#[test]
fn very_deep_and_very_wide_trees() {
    let place = Place::offline();
    let by_lines: String = (0..2000).map(|i| format!("{:i$}/a\n", "")).collect();
    place
        .file("line.zkt", "/a".repeat(2000) + "\n  x = 1\n")
        .file("lines.zkt", by_lines)
        .file("wide.zkt", many_nodes())
        .file(
            "brackets.zkt",
            format!("/a\n  x = {}\n", "[".repeat(100_000)),
        );
    assert_eq!(
        place.run("check line.zkt").expect(0).last(),
        "ok: 1 node in 1 file"
    );
    assert_eq!(
        place.run("check lines.zkt").expect(0).last(),
        "ok: 2000 nodes in 1 file"
    );
    assert_eq!(
        place.run("check wide.zkt").expect(0).last(),
        "ok: 20000 nodes in 1 file"
    );
    place.run("check brackets.zkt").expect(1);
    let shown = place.run("show line.zkt lines.zkt").expect(0).stdout;
    assert_eq!(place.run_with("show -", &shown).expect(0).stdout, shown);
    place.run("show --format json lines.zkt").expect(0);
}

#[test]
fn diff_ends_errors_with_two_wherever_its_word_stands() {
    let place = Place::offline();
    place.run("-q diff nosuch1 nosuch2").expect(2);
    place.run("--color never diff nosuch1 nosuch2").expect(2);
    place.run("-q diff --no-such-option a b").expect(2);
    place.run("-q check diff").expect(1);
}

#[test]
fn force_overrides_and_timeouts_are_bounded() {
    let place = Place::offline();
    place.file("a.zkt", "/a\n");
    let run = place.run("plan --max-trim 5 --force a.zkt").expect(1);
    assert!(run.stderr.starts_with("error: cannot reach"), "{run}");
    let run = place
        .run("ls --session-timeout 18446744073709551615s")
        .expect(1);
    assert!(run.stderr.contains("at most a day"), "{run}");
    let run = place.run("ls --session-timeout 0s").expect(1);
    assert!(run.stderr.contains("more than nothing"), "{run}");
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
    warning: /a: mode: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text (a.zkt:2:10)
    warning: /a: modes: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text (a.zkt:3:15)
    warning: /a: password: a number with a leading zero is octal: write 0o in front of it if that is meant, and put it in quotes if it is text (a.zkt:4:14)
    warning: /a: list: the comma at the end makes a list: write it in brackets if that is meant, or take the comma out (a.zkt:5:10)
    warning: /a: two properties look alike, and differ in Unicode normalisation only: e\u{301} and \u{e9} (a.zkt:9:3)
    warning: /a/é: two nodes look alike, and differ in Unicode normalisation only: e\u{301} and \u{e9} (a.zkt:11:3)
    --- exit 0
    "#);
    place.run("check --strict a.zkt").expect(3);
    // What a later layer replaces is nobody's concern any more.
    let run = place.run("check a.zkt b.zkt").expect(0);
    assert!(!run.stderr.contains("mode:"), "{run}");
    assert!(run.stderr.contains("modes:"), "{run}");
}
