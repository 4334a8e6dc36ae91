//! What comes from a server.

use std::fmt;
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

/// What came, without what differs from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Frame(Vec<u8>),
    /// The connection ended.
    End,
    /// Nothing came for so long that nothing will.
    Silence,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(frame) if frame.len() >= 16 => {
                let xid = i32::from_be_bytes(frame[..4].try_into().unwrap());
                let zxid = i64::from_be_bytes(frame[4..12].try_into().unwrap());
                let error = i32::from_be_bytes(frame[12..16].try_into().unwrap());
                let body = frame[16..].escape_ascii();
                write!(f, "xid {xid}, zxid 0x{zxid:x}, error {error}, \"{body}\"")
            }
            Self::Frame(frame) => write!(f, "\"{}\"", frame.escape_ascii()),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Longer than any pause.
pub(super) const SILENCE: Duration = Duration::from_secs(20);

/// The next frame.
pub(super) fn receive(stream: &mut TcpStream) -> Answer {
    let mut length = [0; 4];
    let mut read = |bytes: &mut [u8]| match stream.read_exact(bytes) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Err(Answer::Silence),
        Err(_) => Err(Answer::End),
    };
    let mut whole = || {
        read(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        read(&mut frame)?;
        Ok(Answer::Frame(frame))
    };
    whole().unwrap_or_else(|answer| answer)
}

/// Replaces numbers of eight bytes, wherever they stand.
pub(super) fn mask(frame: &mut [u8], mask_of: impl Fn(i64) -> Option<[u8; 8]>) {
    let mut at = 0;
    while at + 8 <= frame.len() {
        let word = &mut frame[at..at + 8];
        let number = i64::from_be_bytes((&*word).try_into().unwrap());
        match mask_of(number) {
            Some(mask) => {
                word.copy_from_slice(&mask);
                at += 8;
            }
            None => at += 1,
        }
    }
}
