//! Which commit of a git checkout the layers are of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The commit that layers are of, as `git describe --dirty` has it: with `-dirty` where what was read
/// is not what the commit holds. `None` where there is no checkout, or where git knows none of it.
///
/// Only git itself can tell what a checkout has changed; where it is not installed, that is not told.
pub(super) fn of(layers: &[PathBuf], texts: &[PathBuf]) -> Option<String> {
    // A link leads into a checkout, as git-sync has it; the checkout is where the link leads.
    let real = fs::canonicalize(layers.first()?).ok()?;
    let git = real
        .ancestors()
        .map(|folder| folder.join(".git"))
        .find(|git| git.exists())?;
    let commit = head(&git)?;
    match standing(&git, layers, texts) {
        Some(Standing::Committed) | None => Some(commit),
        Some(Standing::Changed) => Some(format!("{commit}-dirty")),
        Some(Standing::Unknown) => None,
    }
}

/// How files stand to the commit that is checked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Committed,
    Changed,
    /// Git does not track any of them.
    Unknown,
}

/// Asks git how the texts stand to its commit; `None` where it cannot be asked.
fn standing(git: &Path, layers: &[PathBuf], texts: &[PathBuf]) -> Option<Standing> {
    let top = git.parent()?;
    let inside = |path: &PathBuf| {
        let real = fs::canonicalize(path).ok()?;
        real.strip_prefix(top).ok().map(Path::to_owned)
    };
    let texts: BTreeSet<PathBuf> = texts.iter().filter_map(inside).collect();
    let folders: Vec<PathBuf> = layers.iter().filter_map(inside).collect();
    // Fields end with a zero; paths are from the top on.
    let output = Command::new("git")
        // What a checkout configures is not run.
        .args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .arg("--git-dir")
        .arg(git)
        .arg("--work-tree")
        .arg(top)
        .args([
            "--literal-pathspecs",
            "status",
            "--porcelain",
            "-z",
            "--no-renames",
        ])
        .args([
            "--untracked-files=all",
            "--ignored=matching",
            "--ignore-submodules=all",
            "--",
        ])
        .args(folders.iter().chain(&texts).map(|path| top.join(path)))
        .env("GIT_OPTIONAL_LOCKS", "0")
        .current_dir(top)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let (mut changed, mut unknown) = (false, BTreeSet::new());
    for entry in output.stdout.split(|byte| *byte == 0) {
        let Some((kind, path)) = entry.split_at_checked(3) else {
            continue;
        };
        let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
        match kind {
            b"?? " | b"!! " => unknown.extend(texts.iter().filter(|text| text.starts_with(&path))),
            _ if texts.contains(&path) => changed = true,
            // A file that is gone was not read.
            [_, b'D', _] | [b'D', _, _] => {
                changed |= path.extension().is_some_and(|extension| extension == "zkt");
            }
            _ => {}
        }
    }
    Some(if !texts.is_empty() && unknown.len() == texts.len() {
        Standing::Unknown
    } else if changed || !unknown.is_empty() {
        Standing::Changed
    } else {
        Standing::Committed
    })
}

/// The commit that is checked out, from git's files.
fn head(git: &Path) -> Option<String> {
    let folder = git_folder(git)?;
    let head = fs::read_to_string(folder.join("HEAD")).ok()?;
    let head = head.trim();
    let Some(reference) = head.strip_prefix("ref: ") else {
        return as_commit(head);
    };
    // A worktree has its own HEAD, but shares the branches.
    let common = match fs::read_to_string(folder.join("commondir")) {
        Ok(common) => folder.join(common.trim()),
        Err(_) => folder.clone(),
    };
    for folder in [&folder, &common] {
        if let Ok(commit) = fs::read_to_string(folder.join(reference)) {
            return as_commit(commit.trim());
        }
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    let line = packed
        .lines()
        .find(|line| line.split(' ').nth(1) == Some(reference))?;
    as_commit(line.split(' ').next()?)
}

/// `.git` is the folder itself, or in a worktree a file that names it.
fn git_folder(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_owned());
    }
    let text = fs::read_to_string(git).ok()?;
    let named = text.trim().strip_prefix("gitdir: ")?;
    Some(git.parent()?.join(named))
}

fn as_commit(text: &str) -> Option<String> {
    let is_hash = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";
    const B: &str = "2222222222222222222222222222222222222222";

    #[test]
    fn commits_are_found_in_every_kind_of_checkout() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        };
        write("repo/trees/a.zkt", "/a\n");
        assert_eq!(head(&at("repo/.git")), None);
        write("repo/.git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(head(&at("repo/.git")), None);
        write(
            "repo/.git/packed-refs",
            &format!("# x\n{A} refs/heads/main\n"),
        );
        assert_eq!(head(&at("repo/.git")).as_deref(), Some(A));
        write("repo/.git/refs/heads/main", &format!("{B}\n"));
        assert_eq!(head(&at("repo/.git")).as_deref(), Some(B));

        write("repo/.git/worktrees/w/HEAD", A);
        write("repo/.git/worktrees/w/commondir", "../..\n");
        write("w/.git", "gitdir: ../repo/.git/worktrees/w\n");
        write("w/a.zkt", "/a\n");
        assert_eq!(head(&at("w/.git")).as_deref(), Some(A));
        write("repo/.git/worktrees/w/HEAD", "ref: refs/heads/main\n");
        assert_eq!(head(&at("w/.git")).as_deref(), Some(B));
    }

    #[test]
    fn what_git_does_not_know_has_no_commit_and_what_differs_is_dirty() {
        let folder = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(folder.path()).unwrap();
        let git = |words: &[&str]| {
            let done = Command::new("git")
                .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
                .args(words)
                .current_dir(&top)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .output()
                .unwrap();
            assert!(done.status.success(), "{done:?}");
        };
        let write = |name: &str, text: &str| {
            fs::create_dir_all(top.join(name).parent().unwrap()).unwrap();
            fs::write(top.join(name), text).unwrap();
        };
        let trees = top.join("trees");
        let (a, b) = (trees.join("a.zkt"), trees.join("b.zkt"));
        write("trees/a.zkt", "/a\n");
        write("README", "x");
        git(&["init", "-q"]);
        git(&["add", "README"]);
        git(&["commit", "-qm", "one"]);
        let both = [a.clone(), b.clone()];
        assert_eq!(of(std::slice::from_ref(&trees), &both[..1]), None);
        git(&["add", "trees"]);
        git(&["commit", "-qm", "two"]);
        let is = |texts: &[PathBuf]| {
            let commit = of(std::slice::from_ref(&trees), texts).unwrap();
            let dirty = commit.strip_suffix("-dirty");
            assert_eq!(dirty.unwrap_or(&commit).len(), 40);
            if dirty.is_some() { "dirty" } else { "clean" }
        };
        assert_eq!(is(&both[..1]), "clean");
        // What was not read does not count.
        write("trees/notes.txt", "x");
        write("README", "y");
        assert_eq!(is(&both[..1]), "clean");
        write("trees/a.zkt", "/a\n  x = 1\n");
        assert_eq!(is(&both[..1]), "dirty");
        git(&["add", "trees/a.zkt"]);
        assert_eq!(is(&both[..1]), "dirty");
        git(&["commit", "-qm", "three"]);
        assert_eq!(is(&both[..1]), "clean");
        write("trees/b.zkt", "/b\n");
        assert_eq!(is(&both), "dirty");
        write(".gitignore", "b.zkt\n");
        assert_eq!(is(&both), "dirty");
        fs::remove_file(&b).unwrap();
        assert_eq!(is(&both[..1]), "clean");
        git(&["rm", "-q", "--cached", "trees/a.zkt"]);
        assert_eq!(of(std::slice::from_ref(&trees), &both[..1]), None);
        git(&["reset", "-q"]);
        git(&["mv", "README", "trees/gone.zkt"]);
        git(&["add", "trees"]);
        git(&["commit", "-qm", "four"]);
        assert_eq!(is(&both[..1]), "clean");
        fs::remove_file(trees.join("gone.zkt")).unwrap();
        assert_eq!(is(&both[..1]), "dirty");
    }
}
