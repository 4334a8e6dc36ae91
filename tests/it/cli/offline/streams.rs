//! Terminals, pipes and full disks: where the output goes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use crate::cli::Place;

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
    let pipe = place.fifo("pipe.zkt");
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
