//! A live subtree as files, and the lines that declare them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use zkt::declare::files::reason;
use zkt::export::{self, FilesOf, NoFile};
use zkt::model::node::Live;
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::syntax::spelling;

use crate::exit::Failure;
use crate::output::Output;

/// Writes the files of a subtree to a new directory, all of them or none. Returns the lines that declare
/// them; `beside` is the tree file that is to hold the lines.
pub(super) fn write(
    directory: &Path,
    (live, top): (&Tree<Live>, &ZPath),
    beside: Option<&Path>,
    output: &Output,
) -> Result<String, Failure> {
    let of = export::files(live, top).map_err(|error| match error {
        NoFile::SelfName(_) => Failure::new(error.to_string())
            .hint("zkt export without --files writes it as tree text"),
        NoFile::LongName(_) => Failure::new(error.to_string()),
    })?;
    let failed = |error: &io::Error| {
        let message = format!("{}: {}", directory.display(), reason(error));
        let failure = Failure::new(message);
        match error.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => {
                failure.hint("--files makes a new directory, or fills an empty one")
            }
            _ => failure,
        }
    };
    require_empty(directory).map_err(|error| failed(&error))?;
    let target = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    fill(&target, &of)?.map_err(|error| failed(&error))?;
    tell(&of, directory, output);
    lines(&of, directory, beside)
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

/// Writes all files to a temporary directory, which then takes the target's place. The outer error is
/// about a node, the inner one about the directory.
fn fill(target: &Path, of: &FilesOf<'_>) -> Result<io::Result<()>, Failure> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // The umask decides, as about any new directory.
    builder
        .prefix(".zkt-export-")
        .permissions(fs::Permissions::from_mode(0o777));
    let temporary = match builder.tempdir_in(folder) {
        Ok(temporary) => temporary,
        Err(error) => return Ok(Err(error)),
    };
    for (path, bytes) in &of.files {
        write_file(&temporary.path().join(path), bytes).map_err(|error| {
            let failure = Failure::new(format!("{path}: {}", reason(&error)));
            match error.kind() {
                io::ErrorKind::AlreadyExists => failure.hint(
                    "this file system takes two names of nodes for one; --files needs one that does not",
                ),
                _ => failure,
            }
        })?;
    }
    if let Err(error) = fs::rename(temporary.path(), target) {
        return Ok(Err(error));
    }
    // It has another name by now.
    _ = temporary.keep();
    Ok(Ok(()))
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn tell(of: &FilesOf<'_>, directory: &Path, output: &Output) {
    let files = match of.files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
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
fn lines(of: &FilesOf<'_>, directory: &Path, beside: Option<&Path>) -> Result<String, Failure> {
    let folder = match beside {
        None => directory.to_owned(),
        Some(file) => relative(directory, file.parent().unwrap_or(Path::new("")))?,
    };
    let folder = folder.to_str().ok_or_else(|| {
        let message = format!("{}: its name is not UTF-8", directory.display());
        Failure::new(message).hint("tree text cannot name it")
    })?;
    let mut text = String::new();
    for top in &of.tops {
        let slash = if top.file.is_empty() { "" } else { "/" };
        let file = spelling::string_literal(&format!("{folder}{slash}{}", top.file));
        let line = if top.is_directory {
            format!("@files {file}{}", top.globs())
        } else {
            format!("@data file {file}")
        };
        text += &format!("/{}\n  {line}\n", spelling::node_name(&top.name));
    }
    Ok(text)
}

/// The path of a directory, seen from the folder of a file.
fn relative(directory: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let real = |path: &Path| {
        let real = fs::canonicalize(path);
        real.map_err(|error| Failure::new(format!("{}: {}", path.display(), reason(&error))))
    };
    let (directory, folder) = (real(directory)?, real(folder)?);
    let mut below = directory.components().peekable();
    let mut above = folder.components().peekable();
    while below.peek().is_some() && below.peek() == above.peek() {
        _ = (below.next(), above.next());
    }
    let up = above.map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(below).collect();
    Ok(if path.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        path
    })
}
