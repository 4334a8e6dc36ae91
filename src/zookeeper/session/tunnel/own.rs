//! Whether this process holds the other end of a connection.

use std::fs;
use std::net::SocketAddrV4;
use std::os::fd::{AsRawFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrIn, getpeername, getsockname, recv};
use rustix::process::{Resource, getrlimit};

/// Where a system lists the descriptors of the process that looks. Some list only the first three, unless a file
/// system of its own is mounted there (FreeBSD's `fdescfs`).
const DESCRIPTORS: &str = "/dev/fd";
const LISTS_ALL: bool = cfg!(any(target_os = "linux", target_vendor = "apple"));
/// How many numbers are tried where none are listed.
const MOST: u64 = 1 << 16;
/// How many pieces are read to find the end of a connection. Who has sent more is still there.
const PIECES: usize = 16;

/// Whether a socket of this process has the address `own` and is connected to `peer`. On one machine no two
/// sockets have the same pair.
pub(super) fn is_connected(own: SocketAddrV4, peer: SocketAddrV4) -> bool {
    match fs::read_dir(DESCRIPTORS) {
        Ok(entries) if LISTS_ALL => {
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let mut descriptors = names.filter_map(|name| name.parse().ok());
            descriptors.any(|descriptor| is_it(descriptor, own, peer))
        }
        // The error is that of a container without /proc.
        _ => is_any_number(own, peer),
    }
}

/// The same without a list.
fn is_any_number(own: SocketAddrV4, peer: SocketAddrV4) -> bool {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(MOST);
    (0..limit.min(MOST) as RawFd).any(|descriptor| is_it(descriptor, own, peer))
}

fn is_it(descriptor: RawFd, own: SocketAddrV4, peer: SocketAddrV4) -> bool {
    getsockname::<SockaddrIn>(descriptor).is_ok_and(|found| SocketAddrV4::from(found) == own)
        && getpeername::<SockaddrIn>(descriptor)
            .is_ok_and(|found| SocketAddrV4::from(found) == peer)
}

/// Whether the other end of a connection is closed. What came before its end is lost.
pub(super) fn is_closed(stream: &impl AsRawFd) -> bool {
    let mut piece = [0; 4096];
    for _ in 0..PIECES {
        match recv(stream.as_raw_fd(), &mut piece, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error != Errno::EAGAIN,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::process::{Command, Stdio};

    use super::*;

    fn v4(address: SocketAddr) -> SocketAddrV4 {
        match address {
            SocketAddr::V4(address) => address,
            SocketAddr::V6(_) => unreachable!(),
        }
    }

    #[test]
    fn a_connection_of_this_process_is_known() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = v4(listener.local_addr().unwrap());
        let client = TcpStream::connect(address).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        assert!(is_connected(v4(peer), address));
        assert!(is_any_number(v4(peer), address));
        // Its end here is the other way round, and the address alone is not enough.
        let other = SocketAddrV4::new(*address.ip(), address.port().wrapping_add(1));
        assert!(!is_connected(v4(peer), other));
        assert!(!is_any_number(v4(peer), other));
        assert!(!is_closed(&accepted));
        (&client).write_all(b"hello").unwrap();
        assert!(!is_closed(&accepted));
        (&client).write_all(b"hello").unwrap();
        drop(client);
        assert!(!is_connected(v4(peer), address));
        assert!(is_closed(&accepted));
    }

    #[test]
    fn one_of_another_process_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = v4(listener.local_addr().unwrap());
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{}; read -r word",
            address.port()
        );
        let mut other = Command::new("bash")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let (_accepted, peer) = listener.accept().unwrap();
        assert!(!is_connected(v4(peer), address));
        drop(other.stdin.take());
        other.wait().unwrap();
    }
}
