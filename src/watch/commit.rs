//! Which commit of a git checkout the layers are of.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use git::{Git, GitState};

mod git;

/// Interval in which git is asked again for what it did not know, though nothing has changed.
const AGAIN: Duration = Duration::from_secs(60);

/// The commit that layers are of, as long as neither they nor the checkout change.
#[derive(Debug, Default)]
pub(super) struct Commits {
    git: Git,
    last: Option<Answer>,
}

#[derive(Debug)]
struct Answer {
    commit: String,
    revision: String,
    git_state: Option<GitState>,
    at: Instant,
}

impl Commits {
    /// The commit that layers are of, with `-dirty` where what was read is not what the commit holds.
    /// Returns `None` where there is no checkout, where the commit holds none of it, and where git
    /// does not say: it is not installed, does not trust the checkout, or takes too long. `revision`
    /// is that of the texts. It blocks, but not for long.
    pub(super) fn of(
        &mut self,
        layers: &[PathBuf],
        texts: &[PathBuf],
        revision: &str,
    ) -> Option<String> {
        // A link leads into a checkout, as git-sync has it; the checkout is where the link leads.
        let real = fs::canonicalize(layers.first()?).ok()?;
        let git = real
            .ancestors()
            .map(|folder| folder.join(".git"))
            .find(|git| git.exists())?;
        let commit = head(&git)?;
        let is_known = |last: &&Answer| {
            let is_same = last.commit == commit && last.revision == revision;
            is_same && (last.git_state.is_some() || last.at.elapsed() < AGAIN)
        };
        let known = self.last.as_ref().filter(is_known);
        let known = known.map(|last| last.git_state);
        let git_state = known.unwrap_or_else(|| {
            let git_state = self.git.git_state(git.parent()?, &commit, layers, texts);
            self.last = Some(Answer {
                commit: commit.clone(),
                revision: revision.to_owned(),
                git_state,
                at: Instant::now(),
            });
            git_state
        });
        match git_state? {
            GitState::Committed => Some(commit),
            GitState::Changed => Some(format!("{commit}-dirty")),
            GitState::Foreign => None,
        }
    }
}

/// The commit that a directory is of, with `-dirty` where what was read, or what git knows or would track in the
/// directory, is not what the commit holds. Returns `None` where there is no checkout, where the commit holds none of the directory, and
/// where git does not say: it is not installed, does not trust the checkout, or takes too long. It blocks, but
/// not for long.
#[must_use]
pub fn commit_of(directory: &Path, read: &[PathBuf]) -> Option<String> {
    let mut commits = Commits::default();
    let directory = fs::canonicalize(directory).ok()?;
    let mut files = commits.git.files(&directory)?;
    files.extend_from_slice(read);
    commits.of(&[directory], &files, "")
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
mod tests;
