//! Opening a file so that what is read is what was checked: symbolic links may be swapped between
//! the two.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::declare::files::{Error, Root};

/// How often a path that changes meanwhile is resolved.
const ATTEMPTS: usize = 3;

/// For a pipe that nobody writes to, opening must not wait.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);

/// Opens a regular file within `root`. Returns its length, too.
pub(super) fn open(path: &Path, root: &Root) -> Result<(File, u64), Error> {
    let file = open_within(path, root)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(Error::Directory);
    }
    if !metadata.is_file() {
        return Err(Error::NotRegular);
    }
    root.admit_file(&metadata)?;
    // Whatever its path: `/proc` can be mounted anywhere.
    #[cfg(target_os = "linux")]
    if is_on_system_mount(&file)? {
        let real = fs::canonicalize(path)?;
        return Err(Error::System { real });
    }
    Ok((file, metadata.len()))
}

fn open_within(path: &Path, root: &Root) -> Result<File, Error> {
    let mut attempt = 1;
    loop {
        let real = fs::canonicalize(path)?;
        root.admit(&real)?;
        match open_real(&real) {
            Ok(file) => return Ok(file.into()),
            // A symbolic link was put in the way, or swapped.
            Err(Errno::LOOP | Errno::NOTDIR | Errno::NOENT) if attempt < ATTEMPTS => attempt += 1,
            // A socket.
            Err(Errno::NXIO) => return Err(Error::NotRegular),
            Err(error) => return Err(std::io::Error::from(error).into()),
        }
    }
}

/// Opens a path that has no symbolic links in it, and fails if it has one by now.
fn open_real(real: &Path) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{ResolveFlags, openat2};
        match openat2(CWD, real, READ, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            // An old kernel, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened,
        }
    }
    walk(real)
}

/// Opens a path one name at a time.
fn walk(real: &Path) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    const SEARCH: OFlags = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    const SEARCH: OFlags = OFlags::RDONLY;
    let flags = SEARCH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(CWD, "/", flags, Mode::empty())?;
    let mut names = real
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .peekable();
    while let Some(name) = names.next() {
        let is_last = names.peek().is_none();
        let flags = if is_last { READ } else { flags };
        at = rustix::fs::openat(&at, name, flags, Mode::empty())?;
    }
    Ok(at)
}

/// Whether a file is one that the kernel makes up to describe the machine and its processes.
#[cfg(target_os = "linux")]
fn is_on_system_mount(file: &File) -> Result<bool, Error> {
    /// proc, sysfs, debugfs, tracefs, securityfs, configfs, cgroup, cgroup2, devpts.
    const SYSTEM: [rustix::fs::FsWord; 9] = [
        0x9fa0,
        0x6265_6572,
        0x6462_6720,
        0x7472_6163,
        0x7363_6673,
        0x6265_6570,
        0x0027_e0eb,
        0x6367_7270,
        0x1cd1,
    ];
    let mount = rustix::fs::fstatfs(file).map_err(std::io::Error::from)?;
    Ok(SYSTEM.contains(&mount.f_type))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_is_followed_on_the_way_whichever_call_opens() {
        let folder = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(top.join("d")).unwrap();
        fs::write(top.join("d/a.zkt"), "/a\n").unwrap();
        symlink("d", top.join("link")).unwrap();
        symlink("d/a.zkt", top.join("a.zkt")).unwrap();
        for open in [open_real, walk] {
            assert!(open(&top.join("d/a.zkt")).is_ok());
            for swapped in ["link/a.zkt", "a.zkt"] {
                let error = open(&top.join(swapped)).unwrap_err();
                assert!(matches!(error, Errno::LOOP | Errno::NOTDIR), "{error}");
            }
        }
    }
}
