//! What a commit of a checkout holds, as git reports it without running anything that the checkout names.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::watch::git::{self, hash_of};

/// Git takes longer where its files are on a server that does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Attributes by which a checked-out file is not what the commit holds.
const CONVERSIONS: [&str; 3] = ["filter", "ident", "working-tree-encoding"];

/// How the files differ from a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GitState {
    /// The commit has all files as they are.
    Committed,
    /// The commit lacks some of the files, or has them otherwise.
    Changed,
    /// The commit has none of the files.
    Foreign,
}

/// How git is asked.
#[derive(Debug)]
pub(super) struct Git {
    /// The program and its first arguments.
    pub(super) words: Vec<&'static str>,
    pub(super) patience: Duration,
}

impl Default for Git {
    fn default() -> Self {
        Self {
            words: vec!["git"],
            patience: PATIENCE,
        }
    }
}

impl Git {
    /// Compares files with what a commit holds; returns `None` where git does not say.
    ///
    /// `git status` would run the filters that the checkout configures. So git only lists what the
    /// commit holds, and the files are compared with that here.
    pub(super) fn git_state(
        &self,
        top: &Path,
        commit: &str,
        layers: &[PathBuf],
        texts: &[PathBuf],
    ) -> Option<GitState> {
        // The hashes of other repositories are not SHA-1.
        if commit.len() != 40 {
            return None;
        }
        let inside = |path: &PathBuf| {
            let real = fs::canonicalize(path).ok()?;
            real.strip_prefix(top).ok().map(Path::to_owned)
        };
        let folders: Vec<PathBuf> = layers.iter().filter_map(inside).collect();
        let known: BTreeSet<PathBuf> = texts.iter().filter_map(inside).collect();
        let held = self.held(top, commit, &folders, &known)?;
        let (mut changed, mut untracked) = (Vec::new(), 0);
        for path in &known {
            match held.get(path) {
                Some(hash) if is_held(&fs::read(top.join(path)).ok()?, hash) => {}
                Some(_) => changed.push(path),
                None => untracked += 1,
            }
        }
        if untracked > 0 && untracked == known.len() {
            return Some(GitState::Foreign);
        }
        // A file that is gone was not read.
        let is_gone = |path: &&PathBuf| {
            path.extension().is_some_and(|extension| extension == "zkt")
                && !known.contains(*path)
                && folders.iter().any(|folder| path.starts_with(folder))
                && fs::symlink_metadata(top.join(path)).is_err()
        };
        let is_outside = |path: &PathBuf| inside(path).is_none();
        if untracked > 0 || texts.iter().any(is_outside) || held.keys().any(|path| is_gone(&path)) {
            return Some(GitState::Changed);
        }
        if changed.is_empty() {
            return Some(GitState::Committed);
        }
        let converted = self.converted(top, &changed)?;
        // Only the filter itself knows what it makes of a file.
        (converted < changed.len()).then_some(GitState::Changed)
    }

    /// The files of a directory, but for those that git is told to ignore.
    pub(super) fn files(&self, directory: &Path) -> Option<Vec<PathBuf>> {
        let mut command = self.command(directory);
        // The checkout may begin further up.
        command.env_remove("GIT_CEILING_DIRECTORIES");
        command.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listed = self.run(command, Vec::new())?;
        let names = listed.split(|byte| *byte == 0);
        let names = names.filter(|name| !name.is_empty());
        let path = |name: &[u8]| directory.join(OsStr::from_bytes(name));
        Some(names.map(path).collect())
    }

    /// The files of a commit, with their hashes.
    fn held(
        &self,
        top: &Path,
        commit: &str,
        folders: &[PathBuf],
        texts: &BTreeSet<PathBuf>,
    ) -> Option<BTreeMap<PathBuf, String>> {
        // However many files there are, one path is enough.
        let mut all = folders.iter().chain(texts);
        let mut common = all.next().cloned().unwrap_or_default();
        for path in all {
            while !path.starts_with(&common) {
                common.pop();
            }
        }
        let mut command = self.command(top);
        command.args(["ls-tree", "-r", "-z", "--full-tree", commit]);
        if !common.as_os_str().is_empty() {
            command.arg("--").arg(&common);
        }
        let listed = self.run(command, Vec::new())?;
        let entries = listed.split(|byte| *byte == 0);
        let entries = entries.filter_map(|entry| {
            let tab = entry.iter().position(|byte| *byte == b'\t')?;
            let hash = std::str::from_utf8(&entry[..tab])
                .ok()?
                .rsplit(' ')
                .next()?;
            let path = String::from_utf8_lossy(&entry[tab + 1..]).into_owned();
            Some((PathBuf::from(path), hash.to_owned()))
        });
        Some(entries.collect())
    }

    /// How many of these files are checked out otherwise than the commit holds them.
    fn converted(&self, top: &Path, paths: &[&PathBuf]) -> Option<usize> {
        let mut command = self.command(top);
        command
            .args(["check-attr", "--stdin", "-z"])
            .args(CONVERSIONS);
        let mut names = Vec::new();
        for path in paths {
            names.extend_from_slice(path.as_os_str().as_encoded_bytes());
            names.push(0);
        }
        let output = self.run(command, names)?;
        let fields: Vec<&[u8]> = output.split(|byte| *byte == 0).collect();
        let set = fields.chunks_exact(3).filter_map(|field| {
            let is_set = !matches!(field[2], b"unspecified" | b"unset");
            is_set.then_some(field[0])
        });
        Some(set.collect::<BTreeSet<_>>().len())
    }

    /// Git at the top of a checkout, where it finds for itself whether it trusts that.
    fn command(&self, top: &Path) -> Command {
        let mut command = Command::new(self.words[0]);
        command
            .args(&self.words[1..])
            .args([
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .current_dir(top)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_LITERAL_PATHSPECS", "1")
            // What a partial clone lacks is not fetched.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_TERMINAL_PROMPT", "0");
        for variable in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_COMMON_DIR",
            "GIT_OBJECT_DIRECTORY",
        ] {
            command.env_remove(variable);
        }
        if let Some(above) = top.parent() {
            command.env("GIT_CEILING_DIRECTORIES", above);
        }
        command
    }

    /// What the command prints; returns `None` where it fails, or takes too long and is killed.
    fn run(&self, command: Command, input: Vec<u8>) -> Option<Vec<u8>> {
        git::run(command, input, self.patience).ok()
    }
}

/// Whether a file is what this hash is of, but for the ends of its lines.
fn is_held(bytes: &[u8], hash: &str) -> bool {
    if hash_of(bytes) == hash {
        return true;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    text.contains("\r\n") && hash_of(text.replace("\r\n", "\n").as_bytes()) == hash
}
