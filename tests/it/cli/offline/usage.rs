//! Help, manual pages, completions, and wrong arguments.

use crate::cli::Place;

const COMMANDS: [&str; 23] = [
    "check",
    "fmt",
    "show",
    "diff",
    "graph",
    "plan",
    "apply",
    "watch",
    "status",
    "audit",
    "export",
    "ls",
    "get",
    "set",
    "resolve",
    "ln",
    "rm",
    "register",
    "discover",
    "serve",
    "config",
    "completions",
    "man",
];

#[test]
fn help() {
    let place = Place::offline();
    let mut text = place.run("--help").expect(0).stdout;
    let listed = text.split_once("Commands:\n").unwrap().1;
    let listed = listed.split("\n\n").next().unwrap();
    let names = listed.lines().filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' '));
    let names: Vec<&str> = names.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, [&COMMANDS[..], &["help"]].concat());
    for command in COMMANDS {
        text += &format!("\n######## {command}\n\n");
        text += &place.run(&format!("{command} --help")).expect(0).stdout;
    }
    let settings = {
        let mut settings = insta::Settings::new();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path("../help");
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

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn make_installs_zkt_with_its_manual_and_completions() {
    let place = Place::offline();
    let made = std::process::Command::new("make")
        .args(["-C", ROOT, "install", "PREFIX=/usr"])
        .arg(format!("ZKT={}", env!("CARGO_BIN_EXE_zkt")))
        .arg(format!("DESTDIR={}", place.path("to").display()))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let zkt = std::process::Command::new(place.path("to/usr/bin/zkt"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(zkt.status.success());
    for (file, part) in [
        ("man/man1/zkt-plan.1", ".SH OPTIONS"),
        (
            "bash-completion/completions/zkt",
            "complete -o bashdefault -F _zkt zkt",
        ),
        ("zsh/site-functions/_zkt", "#compdef zkt"),
        ("fish/vendor_completions.d/zkt.fish", "--command zkt"),
    ] {
        let text = place.read(&format!("to/usr/share/{file}"));
        assert!(text.contains(part), "{file}: {text}");
    }
}

#[test]
fn make_packs_zkt_with_what_belongs_to_it_and_a_checksum() {
    let place = Place::offline();
    // The archive takes what it is given; the real file is large.
    let zkt = format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_zkt"));
    place.file("script", &zkt);
    // A file that this process had open for writing may be held by the child of another test.
    let installed = std::process::Command::new("install")
        .args(["-m", "755", "script", "zkt"])
        .current_dir(place.path(""))
        .status()
        .unwrap();
    assert!(installed.success());
    let pack = |to: &str| {
        let made = std::process::Command::new("make")
            .args(["-C", ROOT, "package", "TARGET=x86_64-unknown-linux-musl"])
            .arg(format!("ZKT={}", place.path("zkt").display()))
            .arg(format!("DIST={}", place.path(to).display()))
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    };
    pack("one");
    pack("two");
    let name = format!(
        "zkt-{}-x86_64-unknown-linux-musl",
        env!("CARGO_PKG_VERSION")
    );
    // Whoever builds the same commit can compare.
    let sum = place.read(&format!("one/{name}.tar.gz.sha256"));
    assert_eq!(sum, place.read(&format!("two/{name}.tar.gz.sha256")));
    let checked = std::process::Command::new("sha256sum")
        .args(["--check", "--strict", &format!("{name}.tar.gz.sha256")])
        .current_dir(place.path("one"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let unpacked = std::process::Command::new("tar")
        .args(["--extract", "--file", &format!("{name}.tar.gz")])
        .current_dir(place.path("one"))
        .status()
        .unwrap();
    assert!(unpacked.success());
    assert_eq!(place.read(&format!("one/{name}/bin/zkt")), zkt);
    for file in [
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "share/man/man1/zkt-plan.1",
        "share/bash-completion/completions/zkt",
        "share/zsh/site-functions/_zkt",
        "share/fish/vendor_completions.d/zkt.fish",
    ] {
        assert!(
            !place.read(&format!("one/{name}/{file}")).is_empty(),
            "{file}"
        );
    }
}

#[test]
fn the_hooks_for_pre_commit_are_commands() {
    let hooks = std::fs::read_to_string(format!("{ROOT}/.pre-commit-hooks.yaml")).unwrap();
    let entries = hooks
        .lines()
        .filter_map(|line| line.trim().strip_prefix("entry: zkt "));
    let entries: Vec<&str> = entries.collect();
    assert_eq!(entries, ["fmt", "check"]);
    let place = Place::offline();
    place.file("trees/a.zkt", "/a\n     x = 1\n");
    // As pre-commit calls them: with the changed files, and with the arguments of the hook.
    place.run("fmt trees/a.zkt").expect(0);
    assert_eq!(place.read("trees/a.zkt"), "/a\n  x = 1\n");
    place.run("check .").expect(0);
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
