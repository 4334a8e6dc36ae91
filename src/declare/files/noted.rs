//! Files, with a note of what was read.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Error, Files, Kind, Root};

/// Files that take note of each that was read.
pub(in crate::declare) struct Noted<'f> {
    files: &'f dyn Files,
    read: Mutex<Vec<PathBuf>>,
}

impl<'f> Noted<'f> {
    pub(in crate::declare) fn new(files: &'f dyn Files) -> Self {
        Self {
            files,
            read: Mutex::default(),
        }
    }

    /// What was read, each file once.
    pub(in crate::declare) fn into_read(self) -> Vec<PathBuf> {
        let mut read = self
            .read
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        read.sort();
        read.dedup();
        read
    }
}

impl Files for Noted<'_> {
    fn kind(&self, path: &Path) -> io::Result<Kind> {
        self.files.kind(path)
    }

    fn root(&self, layer: &Path) -> Result<Root, Error> {
        self.files.root(layer)
    }

    fn read(&self, path: &Path, root: &Root) -> Result<Vec<u8>, Error> {
        let bytes = self.files.read(path, root)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.push(path.to_owned());
        Ok(bytes)
    }

    /// It is no part of what is reviewed, so nobody takes note.
    fn read_secret(&self, path: &Path, root: &Root) -> Result<Vec<u8>, Error> {
        self.files.read_secret(path, root)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.files.list(directory)
    }

    fn list_nodes(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.files.list_nodes(directory)
    }

    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        self.files.identity(path)
    }

    fn beside(&self, file: &Path, named: &str) -> PathBuf {
        self.files.beside(file, named)
    }

    fn name(&self, path: &Path) -> PathBuf {
        self.files.name(path)
    }

    fn standard_input(&self) -> Result<Vec<u8>, Error> {
        self.files.standard_input()
    }
}
