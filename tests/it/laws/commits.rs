//! A layer in a commit is the same as the same files on the disk.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use zkt::declare::{self, Disk, Files, GitFiles, Layers};
use zkt::export;

use super::choices::Choices;
use super::law;

const FOLDERS: [&str; 5] = ["", "a/", "b/", "a/deep/", "a/x.d/"];
const NAMES: [&str; 5] = ["n.zkt", "m.zkt", ".h.zkt", "bytes", "x.txt"];

/// A file of the layer or beside it.
fn name(choices: &mut Choices) -> String {
    let folder = choices.of(&FOLDERS);
    format!("{folder}{}", choices.of(&NAMES))
}

fn target(choices: &mut Choices) -> String {
    let up = choices.of(&["", "../", "./", "a/../"]);
    format!("{up}{}", name(choices))
}

fn text(choices: &mut Choices, number: usize) -> String {
    let refers = match choices.below(4) {
        0 => format!("  @include '{}'\n", target(choices)),
        1 => format!("  @data file '{}'\n", target(choices)),
        2 => "  x = yes\n".to_owned(),
        _ => "  x = 1\n".to_owned(),
    };
    format!("/n{number}\n{refers}")
}

/// Makes files and links in a directory.
fn fill(choices: &mut Choices, top: &Path) {
    for number in 0..1 + choices.below(7) {
        let path = top.join(name(choices));
        // What stands there already may be a file or a link.
        if fs::create_dir_all(path.parent().unwrap()).is_err() {
            continue;
        }
        _ = fs::remove_file(&path);
        if choices.below(3) == 0 {
            let target = match choices.below(3) {
                0 => choices
                    .of(&["a", "../a", ".", "..", "deep", "none"])
                    .to_string(),
                _ => target(choices),
            };
            _ = symlink(target, &path);
        } else {
            _ = fs::write(&path, text(choices, number));
        }
    }
}

fn git(top: &Path, words: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
        .args(["-c", "commit.gpgsign=false"])
        .args(words)
        .current_dir(top)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// All that a layer declares, or all that is wrong with it.
fn read(layer: &str, files: &dyn Files) -> String {
    match declare::load(Layers::new([layer]).files(files)) {
        Ok(source) => {
            let mut text = Vec::new();
            export::write_text(source.tree(), &mut text).unwrap();
            String::from_utf8(text).unwrap()
        }
        Err(problems) => problems.to_string(),
    }
}

/// What the disk and the commit say of the same files.
fn both(choices: &mut Choices) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let top = fs::canonicalize(folder.path()).unwrap();
    git(&top, &["init", "-q"]);
    let layer = top.join("t");
    fs::create_dir(&layer).unwrap();
    fill(choices, &layer);
    git(&top, &["add", "-A"]);
    git(&top, &["commit", "-qm", "x", "--allow-empty"]);
    let disk = read(layer.to_str().unwrap(), &Disk::default());
    let files = GitFiles::new(Disk::default()).at(&top);
    let commit = read("git:HEAD:t", &files);
    (
        disk.replace(&format!("{}/", top.display()), "git:HEAD:"),
        commit,
    )
}

#[test]
fn a_commit_declares_what_its_files_declare() {
    law(
        48,
        |choices| {
            let (disk, commit) = both(choices);
            assert_eq!(disk, commit);
        },
        |choices| format!("{:?}", both(choices)),
    );
}
