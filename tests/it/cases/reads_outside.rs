//! A layer reads only its own root: whoever may change trees may not read what the planner can.

use std::fs;
use std::os::unix::fs::symlink;

use crate::cli::Place;

const ENVIRON: &str = include_str!("../fixtures/cases/reads-outside/environ.zkt");
const OUTSIDE: &str = include_str!("../fixtures/cases/reads-outside/repo/a.zkt");

/// Every command that takes layers, offline or refused before it connects.
const COMMANDS: [&str; 9] = [
    "check",
    "check --format json",
    "show",
    "plan",
    "apply --yes",
    "watch --once",
    "diff --allow-empty /dev/null",
    "graph",
    "serve --listen :0 --tree",
];

#[test]
fn the_environment_is_never_data() {
    let place = Place::offline();
    place.file("environ.zkt", ENVIRON);
    for command in COMMANDS {
        let mut command = place.command(&format!("{command} environ.zkt --allow-files /"));
        command.env("ZKT_AUTH", "digest:ops:topsecret");
        let run = place.finish(command.spawn().unwrap());
        assert!(!run.everything().contains("topsecret"), "{run}");
        assert!(run.everything().contains("never read as data"), "{run}");
    }
}

#[test]
fn what_lies_outside_needs_a_word_of_the_one_who_runs_it() {
    let place = Place::offline();
    fs::write(place.path("outside.txt"), "outside\n").unwrap();
    let outside = place.path("outside.txt").display().to_string();
    place.file("repo/a.zkt", OUTSIDE.replace("/etc/hostname", &outside));
    for command in COMMANDS {
        let run = place.run(&format!("{command} repo"));
        let told = run.everything();
        assert!(
            told.contains("outside of DIR/repo; --allow-files DIR"),
            "{run}"
        );
    }
    let shown = place.run("show repo --allow-files .").expect(0);
    assert!(shown.stdout.contains("outside"), "{shown}");
    place.run("show repo --allow-files nosuch").expect(1);
    place.run("show repo --allow-files repo").expect(1);
}

#[test]
fn a_link_out_of_the_layer_shows_nothing_of_what_it_leads_to() {
    let place = Place::offline();
    place
        .file("repo/a.zkt", "/a\n")
        .file("secrets/key", "-----BEGIN KEY-----\nTHEKEY\n")
        .file("secrets/more/b.zkt", "/b\n  x = 'THEKEY'\n");
    for (target, link) in [("../secrets/key", "b.zkt"), ("../secrets/more", "more")] {
        let link = place.path("repo").join(link);
        symlink(target, &link).unwrap();
        for command in COMMANDS.iter().chain(&["fmt --check"]) {
            let run = place.run(&format!("{command} repo"));
            let told = run.everything();
            assert!(!told.contains("THEKEY"), "{run}");
            assert!(told.contains("--allow-files"), "{run}");
        }
        fs::remove_file(link).unwrap();
    }
    // Named itself, a link is no better.
    symlink("../secrets/key", place.path("repo/c.zkt")).unwrap();
    let run = place.run("check repo/c.zkt").expect(1);
    assert!(!run.everything().contains("THEKEY"), "{run}");
}

#[test]
fn odd_things_with_the_name_of_a_tree_file_are_reported() {
    let place = Place::offline();
    place.file("trees/a.zkt", "/a\n");
    let odd = place.path("trees/odd.zkt");
    let told = |words: &str| {
        let run = place.run("check trees").expect(1);
        assert!(run.stderr.contains(words), "{run}");
        fs::remove_file(&odd).unwrap();
    };
    symlink("nowhere", &odd).unwrap();
    told("trees/odd.zkt: it is a symbolic link that leads nowhere, or was removed just now");
    let made = std::process::Command::new("mkfifo").arg(&odd).status();
    assert!(made.unwrap().success());
    told("trees/odd.zkt: it is no regular file");
    symlink("/dev/zero", &odd).unwrap();
    told("trees/odd.zkt: it is no regular file");
    // Without an extension it may be a directory of trees.
    symlink("nowhere", place.path("trees/more")).unwrap();
    symlink("nowhere", place.path("trees/.hidden")).unwrap();
    symlink("nowhere", place.path("trees/notes.txt")).unwrap();
    let run = place.run("check trees").expect(1);
    assert!(
        run.stderr.contains("trees/more: it is a symbolic link"),
        "{run}"
    );
    fs::remove_file(place.path("trees/more")).unwrap();
    place.run("check trees").expect(0);
}

/// A ConfigMap's files are links through a link; git-sync swaps a link to a checkout.
#[test]
fn the_layouts_of_kubernetes_stay_inside() {
    let place = Place::offline();
    place
        .file("map/..2026/a.zkt", "/a\n  @data file 'text'\n")
        .file("map/..2026/text", "text");
    symlink("..2026", place.path("map/..data")).unwrap();
    symlink("..data/a.zkt", place.path("map/a.zkt")).unwrap();
    symlink("..data/text", place.path("map/text")).unwrap();
    place.run("check map").expect(0);
    place.run("check map/a.zkt").expect(0);

    place
        .file("git/.git/HEAD", "ref: refs/heads/main\n")
        .file("git/.worktrees/1/.git", "gitdir: /git/.git/worktrees/1\n")
        .file(
            "git/.worktrees/1/trees/a.zkt",
            "/a\n  @include '../parts/b.zkt'\n",
        )
        .file("git/.worktrees/1/parts/b.zkt", "/b\n");
    symlink(".worktrees/1", place.path("git/current")).unwrap();
    place.run("check git/current/trees").expect(0);
    place.run("check git/current/trees/a.zkt").expect(0);
}
