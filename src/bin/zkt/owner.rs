//! Who applies for an owner, and what.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;
use zkt::model::path::ZPath;
use zkt::reconcile::Owner;

use crate::args::OwnerArgs;
use crate::commit::InCommit;
use crate::exit::Failure;
use crate::settings::variable;

/// How long git may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The owner that the arguments name, if they name one.
pub(crate) fn named(args: &OwnerArgs, adopt: bool) -> Result<Option<Owner>, Failure> {
    let Some(name) = &args.owner else {
        return Ok(None);
    };
    let owner = Owner::new(name);
    let mut owner = owner.map_err(|error| Failure::new(format!("--owner {name:?}: {error}")))?;
    let place = ZPath::parse_lenient(&args.owner_path)
        .map_err(|error| Failure::new(format!("--owner-path {:?}: {error}", args.owner_path)))?;
    if place.is_root() {
        return Err(Failure::new(
            "--owner-path / would make records top-level nodes",
        ));
    }
    owner.place = place;
    owner.adopt = adopt;
    owner.by = by();
    Ok(Some(owner))
}

/// The user and the host: `user@host`.
fn by() -> String {
    let user = variable("USER").or_else(|| variable("LOGNAME"));
    let host = dns_lookup::get_hostname().unwrap_or_default();
    format!("{}@{host}", user.unwrap_or_default())
}

/// The commits that layers are read from, as far as git knows: what is changed since is marked.
pub(crate) async fn revision(layers: &[String]) -> Option<String> {
    let mut commits = BTreeSet::new();
    for layer in layers {
        commits.insert(commit(layer).await?);
    }
    let commits: Vec<String> = commits.into_iter().collect();
    (!commits.is_empty()).then(|| commits.join(" "))
}

async fn commit(layer: &str) -> Option<String> {
    if let Some(named) = InCommit::of(layer) {
        let rev = format!("{}^{{commit}}", named.revision);
        return git(
            Path::new("."),
            &["rev-parse", "--verify", "--end-of-options", &rev],
        )
        .await;
    }
    let path = Path::new(layer);
    let directory = match path.is_dir() {
        true => path,
        false => path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
    };
    let commit = git(directory, &["rev-parse", "--verify", "HEAD"]).await?;
    let changed = git(directory, &["status", "--porcelain", "--", "."]).await?;
    Some(match changed.is_empty() {
        true => commit,
        false => format!("{commit}-dirty"),
    })
}

/// What git says in a directory. `None` if it says nothing, or there is no git.
async fn git(directory: &Path, words: &[&str]) -> Option<String> {
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
        .current_dir(directory)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
