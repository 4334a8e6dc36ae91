//! Layers in commits: `git:REV:PATH`.

mod commit;
mod process;
mod spelled;

#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::{Disk, Error, Files, Kind, Root};
use commit::{Found, Repository};
use spelled::Spelled;

/// Whether a layer is named as one in a commit: `git:REV:PATH`. A file on the disk whose name begins
/// so is named `./git:…`.
#[must_use]
pub fn is_in_commit(layer: &str) -> bool {
    layer.starts_with(spelled::SCHEME)
}

/// Layers in commits of the git repository around the working directory, `git:REV:PATH`; all other
/// layers are on a [`Disk`].
///
/// What a layer in a commit refers to is read from the same commit. A revision is looked up once. Git
/// itself reads the objects; it runs nothing that the repository configures, and fetches nothing.
#[derive(Debug)]
pub struct GitFiles {
    disk: Disk,
    repository: Mutex<Repository>,
}

impl GitFiles {
    /// Files of commits as large as those of the disk may be, and the disk.
    #[must_use]
    pub fn new(disk: Disk) -> Self {
        Self {
            disk,
            repository: Mutex::default(),
        }
    }

    /// The same with the repository around another directory than the working one, which `./` in a
    /// path then stands for.
    #[must_use]
    pub fn at(mut self, directory: &Path) -> Self {
        let repository = self.repository.get_mut();
        let repository = repository.unwrap_or_else(PoisonError::into_inner);
        *repository = Repository::at(directory);
        self
    }

    /// The hash of the commit that a revision names.
    ///
    /// # Errors
    /// There is no such commit, or git does not say.
    pub fn commit(&self, revision: &str) -> io::Result<String> {
        self.repository().hash(&format!("{revision}^{{commit}}"))
    }

    fn repository(&self) -> MutexGuard<'_, Repository> {
        let repository = self.repository.lock();
        repository.unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, spelled: &Spelled<'_>) -> io::Result<Found> {
        self.repository().find(spelled)
    }
}

impl Files for GitFiles {
    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let Some(spelled) = Spelled::of(path) else {
            return self.disk.kind(path);
        };
        Ok(match self.find(&spelled)? {
            Found::File { .. } => Kind::File,
            Found::Directory { .. } | Found::Submodule => Kind::Directory,
        })
    }

    /// A commit has an outside, but nothing in it leads there.
    fn root(&self, layer: &Path) -> Result<Root, Error> {
        if Spelled::of(layer).is_some() {
            return Ok(Root::everything());
        }
        if layer.to_str().is_some_and(is_in_commit) {
            let message = "a layer in a commit is git:REV:PATH, a file of that name ./git:…";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        }
        self.disk.root(layer)
    }

    fn read(&self, path: &Path, root: &Root) -> Result<Vec<u8>, Error> {
        let Some(spelled) = Spelled::of(path) else {
            return self.disk.read(path, root);
        };
        let mut repository = self.repository();
        match repository.find(&spelled)? {
            Found::File { object, .. } => repository.read(&object, self.disk.largest),
            Found::Directory { .. } | Found::Submodule => Err(Error::Directory),
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let Some(spelled) = Spelled::of(directory) else {
            return self.disk.list(directory);
        };
        let names = match self.find(&spelled)? {
            Found::Directory { entries, .. } => entries,
            Found::File { .. } => return Err(Errno::NOTDIR.into()),
            Found::Submodule => {
                return Err(io::Error::other(
                    "it is a submodule: its files are in another repository",
                ));
            }
        };
        Ok(names
            .iter()
            .map(|entry| spelled.join(&entry.name))
            .collect())
    }

    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        let Some(spelled) = Spelled::of(path) else {
            return self.disk.identity(path);
        };
        match self.find(&spelled)? {
            Found::File { real, .. } | Found::Directory { real, .. } => {
                Ok(spelled.at_top().join(real.as_os_str().as_bytes()))
            }
            Found::Submodule => Ok(path.to_owned()),
        }
    }

    fn beside(&self, file: &Path, named: &str) -> PathBuf {
        match Spelled::of(file) {
            Some(spelled) => spelled.beside(named),
            None => spelled::on_disk(self.disk.beside(file, named)),
        }
    }

    fn name(&self, path: &Path) -> PathBuf {
        match Spelled::of(path) {
            Some(spelled) => self.disk.name(spelled.path),
            None => self.disk.name(path),
        }
    }

    fn standard_input(&self) -> Result<Vec<u8>, Error> {
        self.disk.standard_input()
    }
}
