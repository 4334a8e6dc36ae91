//! The tree files of a layer that is a directory.

use std::io;
use std::path::{Path, PathBuf};

use crate::declare::files::{self, Files, Kind, Root};

/// The tree files that a path names: itself, or every `*.zkt` below it in path order; entries
/// whose name starts with a dot are skipped.
///
/// # Errors
/// With the path that it is about: a file or directory cannot be read, a symbolic link leads nowhere
/// or out of `root`, something named `*.zkt` is no file.
pub fn tree_files(
    top: &Path,
    root: &Root,
    files: &dyn Files,
) -> Result<Vec<PathBuf>, (PathBuf, files::Error)> {
    let mut paths = Vec::new();
    // A layer may be a pipe: `zkt plan <(generate)`.
    if files
        .kind(top)
        .map_err(|error| (top.to_owned(), error.into()))?
        != Kind::Directory
    {
        return Ok(vec![top.to_owned()]);
    }
    let mut seen = Vec::new();
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        let listed = list_new(&directory, root, files, &mut seen);
        for path in listed.map_err(|error| (directory, error))? {
            let name = files.name(&path);
            if name.as_os_str().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let tree_file = name.extension().is_some_and(|extension| extension == "zkt");
            match files.kind(&path) {
                Ok(Kind::Directory) => directories.push(path),
                Ok(Kind::File) if tree_file => paths.push(path),
                Ok(Kind::Other) if tree_file => return Err((path, files::Error::NotRegular)),
                // Without an extension it may be a directory of tree files. Where git fails, anything
                // may be.
                Err(error)
                    if tree_file
                        || name.extension().is_none()
                        || error.kind() == io::ErrorKind::Other =>
                {
                    return Err((path, missing_target(error)));
                }
                Ok(Kind::File | Kind::Other) | Err(_) => {}
            }
        }
    }
    paths.sort();
    Ok(paths)
}

/// Lists a directory. Returns nothing if it was listed before: a symbolic link may lead back up.
fn list_new(
    directory: &Path,
    root: &Root,
    files: &dyn Files,
    seen: &mut Vec<PathBuf>,
) -> Result<Vec<PathBuf>, files::Error> {
    let identity = files.identity(directory)?;
    root.admit(&identity)?;
    if seen.contains(&identity) {
        return Ok(Vec::new());
    }
    seen.push(identity);
    let mut listed = files.list(directory)?;
    // Of several errors always the same one is found.
    listed.sort();
    Ok(listed)
}

/// A path that is listed but does not exist is a symbolic link without a target.
pub(super) fn missing_target(error: io::Error) -> files::Error {
    match error.kind() {
        io::ErrorKind::NotFound => files::Error::Dangling,
        _ => error.into(),
    }
}
