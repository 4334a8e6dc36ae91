//! Where layers are read from: the disk and standard input.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::halves;

/// What is worth a second thread, and no more than a source may have.
const LARGE: RangeInclusive<usize> = 4 << 20..=u32::MAX as usize;

/// What a path leads to, symbolic links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something to read.
    File,
    /// A directory.
    Directory,
    /// A pipe, a device, a socket.
    Other,
}

/// Where files come from; tests and later kinds of layer bring their own.
pub trait Files {
    /// What stands at a path.
    fn kind(&self, path: &Path) -> io::Result<Kind>;
    /// The contents of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The paths in a directory, in any order.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;
    /// One path for all paths that lead to the same place, so that circles can be seen.
    fn identity(&self, path: &Path) -> io::Result<PathBuf>;
    /// All of standard input.
    fn standard_input(&self) -> io::Result<Vec<u8>>;
}

/// The real files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn kind(&self, path: &Path) -> io::Result<Kind> {
        let metadata = std::fs::metadata(path)?;
        Ok(if metadata.is_dir() {
            Kind::Directory
        } else if metadata.is_file() {
            Kind::File
        } else {
            Kind::Other
        })
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let mut bytes = match usize::try_from(length) {
            Ok(length) if LARGE.contains(&length) => read_in_halves(&mut file, length)?,
            _ => Vec::new(),
        };
        // The length of a device says nothing, and a file may grow meanwhile.
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(directory)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    }

    fn identity(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::canonicalize(path)
    }

    fn standard_input(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Reads so much of a large file, or what there is, both halves at once: most of it is waiting for
/// memory. The file is behind that then.
fn read_in_halves(file: &mut File, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let (first, second) = bytes.split_at_mut(length / 2);
    let start = first.len() as u64;
    let shared = &*file;
    let read = halves::join(
        || shared.read_exact_at(first, 0),
        || shared.read_exact_at(second, start),
    );
    if read.0.and(read.1).is_err() {
        // It is shorter now, or what this kind of file cannot do: then as any other one.
        bytes.clear();
    }
    file.seek(SeekFrom::Start(bytes.len() as u64))?;
    Ok(bytes)
}

/// What went wrong, without the number that the operating system has for it.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((reason, _)) => reason.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_files_are_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zkt");
        let large = *LARGE.start();
        for length in [0, 1, large - 1, large, 2 * large + 1] {
            let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            assert!(Disk.read(&path).unwrap() == bytes, "{length} bytes");
            // What it has by now counts, not what it had when it was opened.
            for expected in [large, length + large] {
                let mut file = File::open(&path).unwrap();
                let mut read = read_in_halves(&mut file, expected).unwrap();
                file.read_to_end(&mut read).unwrap();
                assert!(read == bytes, "{length} bytes, expected {expected}");
            }
        }
        assert!(Disk.read(folder.path()).is_err());
        assert!(Disk.read(&folder.path().join("none")).is_err());
    }
}
