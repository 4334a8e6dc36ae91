//! Who applies for an owner, and what.

use std::collections::BTreeSet;
use std::path::Path;

use zkt::declare::{Disk, GitFiles};
use zkt::model::path::ZPath;
use zkt::reconcile::Owner;
use zkt::watch::commit_of;

use crate::args::OwnerArgs;
use crate::commit::InCommit;
use crate::exit::Failure;
use crate::settings::variable;

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

/// As [`revision`], where the arguments name an owner.
pub(crate) async fn revision_of(args: &OwnerArgs, layers: &[String]) -> Option<String> {
    args.owner.as_ref()?;
    revision(layers).await
}

/// The commits that layers are read from, as far as git knows: what is changed since is marked.
pub(crate) async fn revision(layers: &[String]) -> Option<String> {
    let layers = layers.to_vec();
    let commits = move || {
        let commits = layers.iter().map(|layer| commit(layer));
        let commits: Option<BTreeSet<String>> = commits.collect();
        commits.filter(|commits| !commits.is_empty())
    };
    // Git may take its time.
    let commits = tokio::task::spawn_blocking(commits).await.ok()??;
    Some(commits.into_iter().collect::<Vec<String>>().join(" "))
}

fn commit(layer: &str) -> Option<String> {
    if let Some(named) = InCommit::of(layer) {
        return GitFiles::new(Disk::default()).commit(named.revision).ok();
    }
    let path = Path::new(layer);
    if path.is_dir() {
        return commit_of(path);
    }
    let above = path.parent()?;
    match above.as_os_str().is_empty() {
        true => commit_of(Path::new(".")),
        false => commit_of(above),
    }
}
