//! Which commit a git checkout is at, read from its files.

use std::fs;
use std::path::{Path, PathBuf};

/// The commit that the checkout around a path is at; none where there is no checkout.
pub(super) fn of(path: &Path) -> Option<String> {
    // A link leads into a checkout, as git-sync has it; the checkout is where the link leads.
    let real = fs::canonicalize(path).ok()?;
    let git = real
        .ancestors()
        .map(|folder| folder.join(".git"))
        .find(|git| git.exists())?;
    let folder = git_folder(&git)?;
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
        assert_eq!(of(&at("repo/trees")), None);
        write("repo/.git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(of(&at("repo/trees")), None);
        write(
            "repo/.git/packed-refs",
            &format!("# x\n{A} refs/heads/main\n"),
        );
        assert_eq!(of(&at("repo/trees")).as_deref(), Some(A));
        write("repo/.git/refs/heads/main", &format!("{B}\n"));
        assert_eq!(of(&at("repo/trees/a.zkt")).as_deref(), Some(B));

        write("repo/.git/worktrees/w/HEAD", A);
        write("repo/.git/worktrees/w/commondir", "../..\n");
        write("w/.git", "gitdir: ../repo/.git/worktrees/w\n");
        write("w/a.zkt", "/a\n");
        assert_eq!(of(&at("w/a.zkt")).as_deref(), Some(A));
        write("repo/.git/worktrees/w/HEAD", "ref: refs/heads/main\n");
        assert_eq!(of(&at("w/a.zkt")).as_deref(), Some(B));
    }
}
