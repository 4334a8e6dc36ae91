//! Layers in commits: `git:REV:PATH`.

use std::process::Stdio;

use clap_complete::engine::CompletionCandidate;
use tokio::process::Command;

use super::so_far::SoFar;
use crate::commit::InCommit;

/// The branches and tags, or the files of a commit, that begin so.
pub(super) fn layers(so_far: &SoFar, current: &str) -> Vec<CompletionCandidate> {
    let words = match InCommit::of(current) {
        None if !current.is_empty() && "git:".starts_with(current) => vec!["git:".to_owned()],
        None => Vec::new(),
        Some(InCommit {
            revision,
            path: None,
        }) => so_far.within(revisions(revision)).unwrap_or_default(),
        Some(InCommit {
            revision,
            path: Some(path),
        }) => so_far.within(files(revision, path)).unwrap_or_default(),
    };
    words.into_iter().map(CompletionCandidate::new).collect()
}

async fn revisions(begun: &str) -> Option<Vec<String>> {
    let listed = git(&[
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads",
        "refs/remotes",
        "refs/tags",
    ]);
    let listed = listed.await?;
    let named = listed
        .lines()
        .chain(["HEAD"])
        .filter(|name| name.starts_with(begun));
    Some(named.map(|name| format!("git:{name}:")).collect())
}

/// As in a layer, the path leads from the top of the repository, or with `./` from here.
async fn files(revision: &str, begun: &str) -> Option<Vec<String>> {
    let (folder, begun) = match begun.rfind('/') {
        Some(at) => begun.split_at(at + 1),
        None => ("", begun),
    };
    let is_from_here = folder.starts_with("./") || folder.starts_with("../");
    let from: &[&str] = if is_from_here { &[] } else { &["--full-tree"] };
    let rest = ["--end-of-options", revision, folder];
    let mut words = [&["ls-tree", "-z"], from, &rest].concat();
    if folder.is_empty() {
        words.pop();
    }
    let listed = git(&words).await?;
    let entries = listed.split_terminator('\0').filter_map(|entry| {
        let (kind, path) = entry.split_once('\t')?;
        let name = path.rsplit('/').next()?;
        let slash = if kind.contains(" tree ") { "/" } else { "" };
        name.starts_with(begun)
            .then(|| format!("git:{revision}:{folder}{name}{slash}"))
    });
    Some(entries.collect())
}

/// What git says here, without asking a remote for anything.
async fn git(words: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command
        .args([
            "--no-pager",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
        ])
        .args(words)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_ALLOW_PROTOCOL", "none")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}
