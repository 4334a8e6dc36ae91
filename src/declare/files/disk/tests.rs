use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn link(&self, target: impl AsRef<Path>, name: &str) -> PathBuf {
        let path = self.path(name);
        symlink(target, &path).unwrap();
        path
    }
}

/// What becomes of a file that a layer refers to.
fn read(layer: &Path, file: &Path, disk: &Disk) -> Result<String, Error> {
    let root = disk.root(layer)?;
    disk.read(file, &root)
        .map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn small_and_large_files_are_read_whole() {
    let folder = Folder::new();
    let path = folder.path("a.zkt");
    let disk = Disk::default();
    for length in [0, 1, 1 << 20, (8 << 20) + 1] {
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let root = disk.root(&path).unwrap();
        assert!(disk.read(&path, &root).unwrap() == bytes, "{length} bytes");
    }
    let root = disk.root(&folder.path("")).unwrap();
    assert!(disk.read(&folder.path(""), &root).is_err());
    assert!(disk.read(&folder.path("none"), &root).is_err());
}

#[test]
fn files_lie_in_the_directory_or_in_the_checkout_or_where_it_is_allowed() {
    let folder = Folder::new();
    folder.file("repo/trees/a.zkt", "/a\n");
    let shared = folder.file("repo/shared.txt", "shared");
    let outside = folder.file("outside.txt", "outside");
    let link = folder.link("../../outside.txt", "repo/trees/link.txt");
    let disk = Disk::default();
    let allowing = Disk {
        allowed: vec![folder.path("")],
        ..Disk::default()
    };
    for layer in ["repo/trees", "repo/trees/a.zkt"] {
        let layer = folder.path(layer);
        for file in [&shared, &outside, &link] {
            let error = read(&layer, file, &disk).unwrap_err();
            assert!(matches!(error, Error::Outside { .. }), "{error}");
            assert!(read(&layer, file, &allowing).is_ok());
        }
    }
    folder.file("repo/.git/HEAD", "ref: refs/heads/main\n");
    let config = folder.file("repo/.git/config", "token");
    let layer = folder.path("repo/trees");
    assert_eq!(read(&layer, &shared, &disk).unwrap(), "shared");
    assert!(read(&layer, &outside, &disk).is_err());
    assert!(read(&layer, &link, &disk).is_err());
    let error = read(&layer, &config, &disk).unwrap_err();
    assert!(matches!(error, Error::Git { .. }), "{error}");
}

#[test]
fn a_link_in_a_checkout_does_not_make_the_outside_a_layer() {
    let folder = Folder::new();
    folder.file("home/repo/.git/HEAD", "ref: refs/heads/main\n");
    folder.file("home/key.txt", "key");
    let up = folder.link("..", "home/repo/trees");
    let disk = Disk::default();
    assert!(matches!(disk.root(&up), Err(Error::Outside { .. })));
    let through = up.join("repo");
    assert!(matches!(disk.root(&through), Err(Error::Outside { .. })));
    // As git-sync has it: who set this up is no author of trees.
    folder.file("sync/.worktrees/1/.git", "gitdir: x\n");
    folder.file("sync/.worktrees/1/trees/a.zkt", "/a\n");
    let link = folder.link(".worktrees/1", "sync/link").join("trees");
    assert_eq!(read(&link, &link.join("a.zkt"), &disk).unwrap(), "/a\n");
}

#[test]
fn what_is_no_regular_file_is_never_read_as_data_and_nothing_waits_for_it() {
    let folder = Folder::new();
    let layer = folder.file("a.zkt", "/a\n");
    let fifo = folder.path("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let socket = folder.path("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let everywhere = Disk {
        allowed: vec!["/".into()],
        ..Disk::default()
    };
    for file in [&fifo, &socket] {
        let error = read(&layer, file, &everywhere).unwrap_err();
        assert!(matches!(error, Error::NotRegular), "{error}");
    }
    for file in [
        "/proc/self/environ",
        "/proc/self/root/proc/self/environ",
        "/dev/zero",
    ] {
        let link = folder.link(file, "link");
        for file in [Path::new(file), &link] {
            let error = read(&layer, file, &everywhere).unwrap_err();
            assert!(matches!(error, Error::System { .. }), "{error}");
        }
        fs::remove_file(&link).unwrap();
    }
    // Named as a layer, a pipe is read, but no link to one.
    assert!(everywhere.root(&fifo).is_ok());
    let link = folder.link("fifo", "link.zkt");
    assert!(matches!(everywhere.root(&link), Err(Error::NotRegular)));
}

#[test]
fn files_have_a_largest_size_and_so_has_what_never_ends() {
    let folder = Folder::new();
    let path = folder.file("a.zkt", "/abc\n");
    let limited = |largest| Disk {
        largest,
        ..Disk::default()
    };
    assert_eq!(read(&path, &path, &limited(5)).unwrap(), "/abc\n");
    let error = read(&path, &path, &limited(4)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { largest: 4 }), "{error}");
    // A file that grows after it was opened is no larger for that.
    assert!(limited(4).read_all(io::repeat(b'/')).is_err());
    let zero = Path::new("/dev/zero");
    let error = read(zero, zero, &limited(1000)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}
