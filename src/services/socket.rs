//! A local socket that takes nobody's place: it replaces only one that nobody listens on.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// How many sockets may wait to be accepted.
const BACKLOG: u32 = 128;

/// The file of a socket that this process listens on; it is deleted when this is dropped, unless
/// something else stands there by then.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path, self.identity) {
            tracing::debug!(%error, "the socket stays behind");
        }
    }
}

/// Listens at a path, where only who `mode` allows may connect.
///
/// # Errors
/// Where something stands at the path that is no socket, where somebody listens there, and those of
/// the system.
pub(super) fn listen(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    if let Some(left) = left_behind(path)? {
        remove(path, left)?;
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: Identity::of(&fs::symlink_metadata(path)?),
    };
    // Nobody can connect before it listens, so nobody can before the mode is set.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    let listener = socket.listen(BACKLOG)?;
    // Somebody who started at the same time may have taken it for one that was left behind.
    match fs::symlink_metadata(path) {
        Ok(now) if Identity::of(&now) == file.identity => Ok((listener, file)),
        _ => Err(in_use("somebody else listens there")),
    }
}

fn in_use(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, message.into())
}

/// The socket at a path that nobody listens on any more. `None` if the path is free.
fn left_behind(path: &Path) -> io::Result<Option<Identity>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_socket() => {
            return match connection_error(path) {
                Some(io::ErrorKind::ConnectionRefused) => Ok(Some(Identity::of(&metadata))),
                _ => Err(in_use("somebody else listens there")),
            };
        }
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_dir() => "a directory",
        () if kind.is_file() => "a regular file",
        () => "something that is no socket",
    };
    Err(in_use(format!(
        "{what} is there, and only a socket that nobody listens on is replaced"
    )))
}

/// Why nobody can connect. `None` if somebody listens, also where too many wait already.
fn connection_error(path: &Path) -> Option<io::ErrorKind> {
    // A local socket accepts or refuses at once; what has to wait is accepted.
    let mut context = Context::from_waker(Waker::noop());
    match pin!(UnixStream::connect(path)).poll(&mut context) {
        Poll::Ready(Err(error)) => Some(error.kind()),
        _ => None,
    }
}

/// Deletes a file if it is still the one that was seen. It is moved aside first, since between a look
/// and a deletion another one may take its place.
fn remove(path: &Path, seen: Identity) -> io::Result<()> {
    if Identity::of(&fs::symlink_metadata(path)?) != seen {
        return Err(in_use("something else is there"));
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}-{:08x}", std::process::id(), fastrand::u32(..)));
    let aside = PathBuf::from(aside);
    fs::rename(path, &aside)?;
    if Identity::of(&fs::symlink_metadata(&aside)?) == seen {
        return fs::remove_file(&aside);
    }
    // A link, unlike a renaming, replaces nothing.
    fs::hard_link(&aside, path)?;
    fs::remove_file(&aside)?;
    Err(in_use("something else is there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[tokio::test]
    async fn nothing_but_a_dead_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "mine").unwrap();
        fs::create_dir(at("folder")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at("dead")).unwrap());
        let live = std::os::unix::net::UnixListener::bind(at("live")).unwrap();
        let _datagrams = std::os::unix::net::UnixDatagram::bind(at("datagrams")).unwrap();
        for (name, target) in [
            ("to-file", "file"),
            ("to-dead", "dead"),
            ("dangling", "nowhere"),
        ] {
            std::os::unix::fs::symlink(target, at(name)).unwrap();
        }
        let names = [
            "file",
            "folder",
            "live",
            "datagrams",
            "to-file",
            "to-dead",
            "dangling",
        ];
        for name in names {
            let before = Identity::of(&fs::symlink_metadata(at(name)).unwrap());
            let error = listen(&at(name), 0o600).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{name}: {error}");
            let after = Identity::of(&fs::symlink_metadata(at(name)).unwrap());
            assert_eq!(before, after, "{name}");
        }
        assert_eq!(fs::read(at("file")).unwrap(), b"mine");
        assert!(!at("nowhere").exists());

        let (listener, file) = listen(&at("dead"), 0o600).unwrap();
        assert_eq!(mode(&at("dead")), 0o600);
        UnixStream::connect(at("dead")).await.unwrap();
        drop((listener, file));
        assert!(!at("dead").exists());
        let (_listener, _file) = listen(&at("open"), 0o666).unwrap();
        assert_eq!(mode(&at("open")), 0o666);
        // Nothing is left of what was moved aside.
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            names.len() + 1
        );
        drop(live);
    }

    #[tokio::test]
    async fn what_has_taken_its_place_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let (_listener, file) = listen(&path, 0o600).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    /// A listener whose queue is full accepts nobody now, and yet is alive.
    #[tokio::test]
    async fn a_busy_listener_is_alive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let _listener = socket.listen(1).unwrap();
        let mut waiting = Vec::new();
        for _ in 0..8 {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(Ok(stream)) = pin!(UnixStream::connect(&path)).poll(&mut context) {
                waiting.push(stream);
            }
        }
        assert!(listen(&path, 0o600).is_err() && path.exists());
    }
}
