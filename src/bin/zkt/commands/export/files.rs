//! A live subtree as files, and the lines that declare them.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;
use zkt::declare::files::reason;
use zkt::export::{self, FilesOf, NoFile};
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;

use crate::exit::Failure;
use crate::output::Output;
use crate::render::count;

/// The files of a subtree, written beside the place where they are to stand.
pub(super) struct Ready<'t> {
    of: FilesOf<'t>,
    directory: &'t Path,
    target: PathBuf,
    temporary: TempDir,
    /// Tree text that declares the files.
    pub(super) lines: String,
}

/// Writes the files of a subtree, so that [`Ready::put`] has only to rename them. `beside` is the tree
/// file that is to hold the lines.
pub(super) fn ready<'t>(
    directory: &'t Path,
    (live, top): (&'t Tree<Live>, &'t ZPath),
    beside: Option<&Path>,
) -> Result<Ready<'t>, Failure> {
    let of = export::files(live, top).map_err(|error| match error {
        NoFile::SelfName(_) | NoFile::Git(_) => Failure::new(error.to_string())
            .hint("zkt export without --files writes it as tree text"),
        NoFile::LongName(_) => Failure::new(error.to_string()),
    })?;
    require_empty(directory).map_err(|error| failed(directory, &error))?;
    let target = target_of(directory).map_err(|error| failed(directory, &error))?;
    let lines = lines(&of, (directory, &target), beside)?;
    let temporary = temporary(&target).map_err(|error| failed(directory, &error))?;
    fill(temporary.path(), &of)?;
    Ok(Ready {
        of,
        directory,
        target,
        temporary,
        lines,
    })
}

impl Ready<'_> {
    /// Puts the files in their place, all of them or none.
    pub(super) fn put(self, output: &Output) -> Result<(), Failure> {
        let placed = match self.target.is_dir() {
            // Somebody may stand in it, and its permissions are its own.
            true => move_entries(self.temporary.path(), &self.target),
            false => fs::rename(self.temporary.path(), &self.target),
        };
        placed.map_err(|error| failed(self.directory, &error))?;
        // What is left of it has no entries, or has another name by now.
        _ = self.temporary.close();
        tell(&self.of, self.directory, output);
        Ok(())
    }
}

fn failed(directory: &Path, error: &io::Error) -> Failure {
    let failure = Failure::new(format!("{}: {}", directory.display(), reason(error)));
    match error.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => {
            failure.hint("--files makes a new directory, or fills an empty one")
        }
        _ => failure,
    }
}

/// Whether a directory can be made, or is empty.
fn require_empty(directory: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?.next(),
    };
    match entries {
        Some(_) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
        None => Ok(()),
    }
}

/// The real path of a directory that may not exist.
fn target_of(directory: &Path) -> io::Result<PathBuf> {
    match (directory.file_name(), fs::canonicalize(directory)) {
        (Some(name), Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            let folder = directory.parent().unwrap_or(Path::new(""));
            Ok(fs::canonicalize(or_here(folder))?.join(name))
        }
        (_, real) => real,
    }
}

fn or_here(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

/// A directory from which entries can be moved to the target, or that can become it.
fn temporary(target: &Path) -> io::Result<TempDir> {
    let folder = match target.is_dir() {
        true => target,
        false => target.parent().unwrap_or(target),
    };
    let mut builder = tempfile::Builder::new();
    // The umask decides, as about any new directory.
    builder
        .prefix(".zkt-export-")
        .permissions(fs::Permissions::from_mode(0o777));
    builder.tempdir_in(folder)
}

fn fill(folder: &Path, of: &FilesOf<'_>) -> Result<(), Failure> {
    let mut made = HashSet::new();
    for (path, bytes) in &of.files {
        write_file(folder, path, bytes, &mut made).map_err(|error| {
            let failure = Failure::new(format!("{path}: {}", reason(&error)));
            match error.kind() {
                io::ErrorKind::AlreadyExists => failure.hint(
                    "this file system takes two names of nodes for one; --files needs one that does not",
                ),
                _ => failure,
            }
        })?;
    }
    Ok(())
}

/// Writes a file. `made` are the directories that stand already: each is made once, so that none takes
/// the entries of another one.
fn write_file<'p>(
    folder: &Path,
    path: &'p str,
    bytes: &[u8],
    made: &mut HashSet<&'p str>,
) -> io::Result<()> {
    for (end, _) in path.match_indices('/') {
        if made.insert(&path[..end]) {
            fs::create_dir(folder.join(&path[..end]))?;
        }
    }
    let mut file = File::create_new(folder.join(path))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Moves the entries of one directory to another, which is empty otherwise.
fn move_entries(from: &Path, to: &Path) -> io::Result<()> {
    let mut moved: Vec<(PathBuf, PathBuf)> = Vec::new();
    let entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    for entry in entries {
        let (old, new) = (entry.path(), to.join(entry.file_name()));
        if let Err(error) = fs::rename(&old, &new) {
            for (old, new) in moved {
                fs::rename(new, old)?;
            }
            return Err(error);
        }
        moved.push((old, new));
    }
    Ok(())
}

fn tell(of: &FilesOf<'_>, directory: &Path, output: &Output) {
    let files = count(of.files.len(), "file");
    output.note(&format!("wrote {files} to {}", directory.display()));
    match of.ephemeral {
        0 => {}
        1 => output.note("note: 1 ephemeral node is left out"),
        count => output.note(&format!("note: {count} ephemeral nodes are left out")),
    }
    for [a, b] in &of.alike {
        output.warning(&format!(
            "{a} and {b} differ in case only: some systems take their files for one"
        ));
    }
}

/// Tree text that declares the files.
fn lines(
    of: &FilesOf<'_>,
    (directory, target): (&Path, &Path),
    beside: Option<&Path>,
) -> Result<String, Failure> {
    let folder = match beside {
        None => directory.to_owned(),
        Some(file) => relative(target, file)?,
    };
    let folder = folder.to_str().ok_or_else(|| {
        let message = format!("{}: its name is not UTF-8", directory.display());
        Failure::new(message).hint("tree text cannot name it")
    })?;
    Ok(of.lines(folder))
}

/// The path of a directory, seen from the folder of a file outside of it.
fn relative(directory: &Path, file: &Path) -> Result<PathBuf, Failure> {
    let folder = fs::canonicalize(or_here(file.parent().unwrap_or(Path::new(""))));
    let folder =
        folder.map_err(|error| Failure::new(format!("{}: {}", file.display(), reason(&error))))?;
    if folder.starts_with(directory) {
        let message = format!(
            "{} is a file of the directory that it is to declare",
            file.display()
        );
        return Err(Failure::new(message).hint("write it beside the directory"));
    }
    let mut below = directory.components().peekable();
    let mut above = folder.components().peekable();
    while below.peek().is_some() && below.peek() == above.peek() {
        _ = (below.next(), above.next());
    }
    let up = above.map(|_| Component::ParentDir);
    Ok(up.chain(below).collect())
}
