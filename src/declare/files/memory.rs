//! Files in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{Error, Files, Kind, Root};

/// Files in memory, by their paths. What stands under `-` is standard input.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl<P: AsRef<Path>, C: Into<Vec<u8>>, const N: usize> From<[(P, C); N]> for Memory {
    fn from(files: [(P, C); N]) -> Self {
        files.into_iter().collect()
    }
}

impl<P: AsRef<Path>, C: Into<Vec<u8>>> FromIterator<(P, C)> for Memory {
    fn from_iter<T: IntoIterator<Item = (P, C)>>(files: T) -> Self {
        let files = files.into_iter();
        let files = files.map(|(path, contents)| (normal(path.as_ref()), contents.into()));
        Self {
            files: files.collect(),
        }
    }
}

impl Files for Memory {
    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let path = normal(path);
        if self.files.contains_key(&path) {
            Ok(Kind::File)
        } else if self.files.keys().any(|file| file.starts_with(&path)) {
            Ok(Kind::Directory)
        } else {
            Err(missing())
        }
    }

    fn read(&self, path: &Path, _: &Root) -> Result<Vec<u8>, Error> {
        let contents = self.files.get(&normal(path)).cloned();
        Ok(contents.ok_or_else(missing)?)
    }

    /// Lists backwards, so that tests find callers that rely on an order.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let directory = normal(directory);
        let below = self.files.keys().rev();
        let below = below.filter_map(|file| file.strip_prefix(&directory).ok());
        let children = below.filter_map(|file| Some(directory.join(file.components().next()?)));
        let mut children: Vec<PathBuf> = children.collect();
        children.dedup();
        Ok(children)
    }

    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(normal(path))
    }

    fn standard_input(&self) -> Result<Vec<u8>, Error> {
        self.read(Path::new("-"), &Root::everything())
    }
}

/// A path without `.` and `..`: there are no symbolic links.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => _ = normal.pop(),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "there is no such file")
}
