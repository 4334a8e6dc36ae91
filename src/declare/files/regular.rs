//! Opening what is a file and nothing else, and reading it up to a bound.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a file that is no pipe or device, which might never end, and could not be read again. It may lie
/// anywhere.
///
/// # Errors
/// Those of the system, and one if it is anything else.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no regular file")),
    }
}

/// Reads to the end, but no more than `largest` bytes.
///
/// # Errors
/// Those of the system, and one if there are more bytes.
pub fn read_bounded(from: impl Read, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(largest + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > largest {
        true => Err(io::Error::other(too_large(largest))),
        false => Ok(bytes),
    }
}

/// Says that a file has more than `largest` bytes.
#[must_use]
pub fn too_large(largest: u64) -> String {
    match largest >> 20 {
        0 => format!("it has more than {} KiB", largest >> 10),
        mebibytes => format!("it has more than {mebibytes} MiB"),
    }
}
