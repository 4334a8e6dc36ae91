//! Which files a process has open for writing, as far as the system shows.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Returns one of these files that a process has open for writing. The system hides the processes of
/// other users and of other containers; for those there are the events of inotify.
pub(super) fn find<'p>(paths: impl Iterator<Item = &'p Path>) -> Option<PathBuf> {
    let identified = paths.filter_map(|path| {
        let metadata = fs::metadata(path).ok()?;
        Some(((metadata.dev(), metadata.ino()), path))
    });
    let wanted: HashMap<(u64, u64), &Path> = identified.collect();
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|process| {
            let name = process.file_name();
            let is_number = name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
            is_number && name.to_str() != Some(&own)
        })
        .find_map(|process| written_by(&process.path(), &wanted))
}

/// One of the files that a process, a directory of `/proc`, writes to.
fn written_by(process: &Path, wanted: &HashMap<(u64, u64), &Path>) -> Option<PathBuf> {
    let files = fs::read_dir(process.join("fd")).into_iter().flatten();
    files.flatten().find_map(|file| {
        let metadata = fs::metadata(file.path()).ok()?;
        let path = wanted.get(&(metadata.dev(), metadata.ino()))?;
        let info = process.join("fdinfo").join(file.file_name());
        is_for_writing(&fs::read_to_string(info).ok()?).then(|| path.to_path_buf())
    })
}

/// Whether `/proc` says of an open file that it can be written to.
fn is_for_writing(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    // Read-only is 0 of the two lowest bits.
    flags.is_some_and(|flags| flags & 3 != 0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_writer_is_found_until_it_closes_the_file_and_a_reader_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zkt");
        fs::write(&path, "/a\n").unwrap();
        for (opening, expected) in [("3>>a.zkt", true), ("3<a.zkt", false)] {
            let mut child = Command::new("sh")
                .args(["-c", &format!("exec {opening}; echo open; read line")])
                .current_dir(folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            let mut stdout = BufReader::new(child.stdout.take().unwrap());
            stdout.read_line(&mut line).unwrap();
            let find = || find(std::iter::once(path.as_path()));
            assert_eq!(find().is_some(), expected, "{opening}");
            drop(child.stdin.take());
            child.wait().unwrap();
            assert_eq!(find(), None);
        }
    }
}
