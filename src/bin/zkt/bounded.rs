//! Small files of settings, read up to a bound: what is named may be a device, or a pipe without end.

use std::fs::File;
use std::path::Path;

use zkt::declare::files::{self, Disk, read_bounded, reason, too_large};
use zkt::declare::{Files as _, GitFiles};

/// Reads the text of an open file of at most so many bytes.
pub(crate) fn read(file: File, largest: u64) -> Result<String, String> {
    let text = read_bounded(file, largest).map_err(|error| reason(&error));
    text.and_then(of_bytes)
}

/// Reads the text of a file in a commit, as `git:REV:PATH` names it.
pub(crate) fn in_commit(path: &Path, largest: u64) -> Result<String, String> {
    let files = GitFiles::new(Disk {
        largest,
        ..Disk::default()
    });
    let text = files.root(path).and_then(|root| files.read(path, &root));
    of_bytes(text.map_err(|error| match error {
        files::Error::TooLarge { .. } => too_large(largest),
        error => error.to_string(),
    })?)
}

fn of_bytes(text: Vec<u8>) -> Result<String, String> {
    String::from_utf8(text).map_err(|_| "it is not UTF-8".to_owned())
}
