//! The real files.

mod opening;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use super::{Error, Files, Kind, Root, Withheld};

/// How many bytes a file may have by default: 256 MiB.
pub const DEFAULT_LARGEST: u64 = 256 << 20;

/// Where a shell names a file or a pipe that it has opened.
const DESCRIPTORS: [&str; 5] = [
    "/dev/fd",
    "/dev/stdin",
    "/dev/stdout",
    "/dev/stderr",
    "/proc/self/fd",
];

/// The real files, within bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Directories whose files a layer may refer to, besides its own.
    pub allowed: Vec<PathBuf>,
    /// How many bytes a file may have.
    pub largest: u64,
    /// Files that are never read, wherever they lie: they hold credentials of who reads.
    #[doc(hidden)]
    pub withheld: Vec<Withheld>,
}

impl Default for Disk {
    /// Nothing but a layer's own files, each of at most [`DEFAULT_LARGEST`] bytes.
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            largest: DEFAULT_LARGEST,
            withheld: Vec::new(),
        }
    }
}

impl Files for Disk {
    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let metadata = fs::metadata(path)?;
        Ok(if metadata.is_dir() {
            Kind::Directory
        } else if metadata.is_file() {
            Kind::File
        } else {
            Kind::Other
        })
    }

    /// The git checkout that the layer's directory lies in, else that directory; and what is
    /// allowed besides.
    fn root(&self, layer: &Path) -> Result<Root, Error> {
        let mut allowed = Vec::new();
        for directory in &self.allowed {
            let real = fs::canonicalize(directory).map_err(|error| Error::Allowed {
                directory: directory.clone(),
                error,
            })?;
            allowed.push(real);
        }
        let is_stream = is_stream(layer)?;
        let directory = if is_stream || layer == Path::new("-") {
            fs::canonicalize(".")?
        } else if fs::metadata(layer)?.is_dir() {
            directory(layer, &allowed)?
        } else {
            directory(folder_of(layer), &allowed)?
        };
        let own = checkout(&directory).unwrap_or(&directory).to_owned();
        let root = Root::new(std::iter::once(own).chain(allowed)).without(&self.withheld);
        Ok(if is_stream {
            root.with_stream(layer)
        } else {
            root
        })
    }

    fn read(&self, path: &Path, root: &Root) -> Result<Vec<u8>, Error> {
        if root.is_stream(path) {
            return self.read_all(File::open(path)?);
        }
        let (file, length) = opening::open(path, root)?;
        if length > self.largest {
            let largest = self.largest;
            return Err(Error::TooLarge { largest });
        }
        // A file may grow meanwhile.
        self.read_all(file)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    }

    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn standard_input(&self) -> Result<Vec<u8>, Error> {
        self.read_all(io::stdin().lock())
    }
}

impl Disk {
    /// Reads to the end, but not much more than is allowed.
    fn read_all(&self, input: impl Read) -> Result<Vec<u8>, Error> {
        let largest = self.largest;
        let mut bytes = Vec::new();
        let mut bounded = input.take(largest.saturating_add(1));
        bounded.read_to_end(&mut bytes)?;
        if bytes.len() as u64 > largest {
            return Err(Error::TooLarge { largest });
        }
        Ok(bytes)
    }
}

/// Whether a layer is a pipe, a device, or an open file that the shell gave a name: `zkt plan
/// <(generate)`. A symbolic link to one is an error: it could be part of a change.
fn is_stream(layer: &Path) -> Result<bool, Error> {
    if layer == Path::new("-") {
        return Ok(false);
    }
    let metadata = fs::metadata(layer)?;
    let is_other = !metadata.is_dir() && !metadata.is_file();
    let is_descriptor = DESCRIPTORS.iter().any(|name| layer.starts_with(name))
        && !layer.components().any(|part| part == Component::ParentDir);
    if is_descriptor && !metadata.is_dir() {
        return Ok(true);
    }
    if is_other && fs::symlink_metadata(layer)?.is_symlink() {
        return Err(Error::NotRegular);
    }
    Ok(is_other)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The real path of a layer's directory. A symbolic link in a git checkout may be part of a change
/// that nobody has reviewed. It must not lead out of the checkout: the layer could then read all
/// files there.
fn directory(path: &Path, allowed: &[PathBuf]) -> Result<PathBuf, Error> {
    let mut at = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        let Component::Normal(name) = component else {
            match component {
                Component::ParentDir => _ = at.pop(),
                component => at.push(component),
            }
            continue;
        };
        let next = at.join(name);
        if !fs::symlink_metadata(&next)?.is_symlink() {
            at = next;
            continue;
        }
        let real = fs::canonicalize(&next)?;
        if let Some(top) = checkout(&at)
            && !real.starts_with(top)
            && !allowed.iter().any(|allowed| real.starts_with(allowed))
        {
            let root = top.to_owned();
            return Err(Error::Outside { real, root });
        }
        at = real;
    }
    Ok(at)
}

/// The top of the git checkout around a directory, `None` outside of one.
fn checkout(directory: &Path) -> Option<&Path> {
    directory.ancestors().find(|top| {
        let git = top.join(".git");
        git.is_file() || git.join("HEAD").is_file()
    })
}

#[cfg(test)]
mod tests;
