//! Who applies for an owner, and what.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use zkt::declare::files::is_in_commit;
use zkt::declare::{Disk, GitFiles, Source};
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
    // Jobs and containers often have neither.
    let id = || match rustix::process::getuid() {
        id if id.is_root() => "root".to_owned(),
        id => format!("uid-{}", id.as_raw()),
    };
    let host = dns_lookup::get_hostname().unwrap_or_default();
    format!("{}@{host}", user.unwrap_or_else(id))
}

/// As [`revision`], where the arguments name an owner.
pub(crate) async fn revision_of(
    args: &OwnerArgs,
    layers: &[String],
    source: &Source,
) -> Option<String> {
    args.owner.as_ref()?;
    revision(layers, source).await
}

/// The commits that layers are read from, as far as git knows: what is changed since is marked, also in files
/// that git ignores, and in those that layers refer to.
pub(crate) async fn revision(layers: &[String], source: &Source) -> Option<String> {
    let layers = layers.to_vec();
    let is_on_disk = |path: &&PathBuf| !is_in_commit(&path.to_string_lossy());
    let read: Vec<PathBuf> = source.files().iter().filter(is_on_disk).cloned().collect();
    let commits = move || {
        let tops = layers.iter().filter_map(|layer| top_of(Path::new(layer)));
        let tops: BTreeSet<PathBuf> = tops.collect();
        let commits = layers.iter().map(|layer| commit(layer, &read, &tops));
        let commits: Option<BTreeSet<String>> = commits.collect();
        commits.filter(|commits| !commits.is_empty())
    };
    // Git may take its time.
    let commits = tokio::task::spawn_blocking(commits).await.ok()??;
    Some(commits.into_iter().collect::<Vec<String>>().join(" "))
}

/// The checkout that a path lies in.
fn top_of(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    let top = real.ancestors().find(|folder| folder.join(".git").exists());
    top.map(Path::to_owned)
}

/// The commit of a layer. `read` are the files of all layers, and `tops` the checkouts that those lie in.
fn commit(layer: &str, read: &[PathBuf], tops: &BTreeSet<PathBuf>) -> Option<String> {
    if let Some(named) = InCommit::of(layer) {
        return GitFiles::new(Disk::default()).commit(named.revision).ok();
    }
    // Nobody knows where that comes from.
    if layer == "-" {
        return None;
    }
    let path = Path::new(layer);
    let folder = match (path.is_dir(), path.parent()?) {
        (true, _) => path,
        (false, above) if above.as_os_str().is_empty() => Path::new("."),
        (false, above) => above,
    };
    let top = top_of(folder);
    // What lies in the checkout of another layer counts there.
    let is_elsewhere = |path: &PathBuf| {
        let its = top_of(path);
        its != top && its.is_some_and(|its| tops.contains(&its))
    };
    let read = read.iter().filter(|path| !is_elsewhere(path));
    let read: Vec<PathBuf> = read.cloned().collect();
    commit_of(folder, &read)
}
