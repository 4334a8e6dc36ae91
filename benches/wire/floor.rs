//! The floor: how fast a server answers requests that were encoded before the clock started, over
//! a bare blocking socket, with replies that are counted and not decoded.
//!
//! Every reply's length is known beforehand, and an answer that is an error has another one: a
//! floor that fails cannot count as fast.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::subject::Node;

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const GET_DATA: i32 = 4;
const SET_DATA: i32 = 5;
const MULTI: i32 = 14;
const MULTI_READ: i32 = 22;
const CLOSE: i32 = -11;

/// The header of a reply: number, transaction, error.
const REPLY_HEADER: usize = 4 + 8 + 4;
/// The header of an operation and of its result: kind, whether it is the end, error.
const PART_HEADER: usize = 4 + 1 + 4;
const STAT: usize = 68;
/// The server takes no request of more bytes; some are left for the headers.
const REQUEST_LIMIT: usize = 1_000_000;

/// How many operations a request holds, what its reply brings back, how many are in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) operations: usize,
    pub(crate) reply_bytes: usize,
    pub(crate) window: usize,
}

/// The fastest that were found with a server on the same machine.
pub(crate) const READING: Pace = Pace {
    operations: 256,
    reply_bytes: 1 << 20,
    window: 8,
};
pub(crate) const WRITING: Pace = Pace {
    operations: 500,
    reply_bytes: 1 << 20,
    window: 8,
};

/// Requests one after the other, as they go over the wire.
#[derive(Debug, Default)]
pub(crate) struct Script {
    bytes: Vec<u8>,
    requests: Vec<Request>,
    window: usize,
}

/// Where a request ends, and how long its reply is, both with the length in front.
#[derive(Debug, Clone, Copy)]
struct Request {
    end: usize,
    reply: usize,
}

/// Reads the data and the stat of each node.
pub(crate) fn read(chroot: &str, nodes: &[Node], pace: Pace) -> Script {
    script(MULTI_READ, nodes.iter(), pace, |frame, node| {
        part(frame, GET_DATA);
        text(frame, &[chroot, &node.path]);
        frame.push(0);
        4 + node.data.len() + STAT
    })
}

/// Creates the nodes, parents before children.
pub(crate) fn create(chroot: &str, nodes: &[Node], pace: Pace) -> Script {
    script(MULTI, nodes.iter(), pace, |frame, node| {
        part(frame, CREATE);
        text(frame, &[chroot, &node.path]);
        buffer(frame, &node.data);
        // One entry of the ACL: everything, to anyone.
        int(frame, 1);
        int(frame, 31);
        buffer(frame, b"world");
        buffer(frame, b"anyone");
        int(frame, 0);
        4 + chroot.len() + node.path.len()
    })
}

/// Sets the data of the nodes, whatever their version.
pub(crate) fn set(chroot: &str, nodes: &[Node], pace: Pace) -> Script {
    script(MULTI, nodes.iter(), pace, |frame, node| {
        part(frame, SET_DATA);
        text(frame, &[chroot, &node.path]);
        buffer(frame, &node.data);
        int(frame, -1);
        STAT
    })
}

/// Deletes the nodes, children before parents, whatever their version.
pub(crate) fn delete(chroot: &str, nodes: &[Node], pace: Pace) -> Script {
    script(MULTI, nodes.iter().rev(), pace, |frame, node| {
        part(frame, DELETE);
        text(frame, &[chroot, &node.path]);
        int(frame, -1);
        0
    })
}

/// Packs one operation for each node; `encode` tells how many bytes its result brings back.
fn script<'n>(
    kind: i32,
    nodes: impl Iterator<Item = &'n Node>,
    pace: Pace,
    encode: impl Fn(&mut Vec<u8>, &Node) -> usize,
) -> Script {
    let mut script = Script {
        window: pace.window,
        ..Script::default()
    };
    let mut body = Vec::new();
    let (mut operations, mut reply) = (0, 0);
    let mut nodes = nodes.peekable();
    let mut part = Vec::new();
    while let Some(node) = nodes.next() {
        part.clear();
        let result = PART_HEADER + encode(&mut part, node);
        let full = operations == pace.operations
            || reply + result > pace.reply_bytes
            || body.len() + part.len() > REQUEST_LIMIT;
        if full && operations > 0 {
            script.push(kind, &body, reply);
            body.clear();
            (operations, reply) = (0, 0);
        }
        body.extend_from_slice(&part);
        reply += result;
        operations += 1;
        if nodes.peek().is_none() {
            script.push(kind, &body, reply);
        }
    }
    script
}

impl Script {
    fn push(&mut self, kind: i32, body: &[u8], reply: usize) {
        let length = 8 + body.len() + PART_HEADER;
        int(&mut self.bytes, length as i32);
        int(&mut self.bytes, self.requests.len() as i32 + 1);
        int(&mut self.bytes, kind);
        self.bytes.extend_from_slice(body);
        end(&mut self.bytes);
        self.requests.push(Request {
            end: self.bytes.len(),
            reply: 4 + REPLY_HEADER + reply + PART_HEADER,
        });
    }
}

fn part(out: &mut Vec<u8>, kind: i32) {
    int(out, kind);
    out.push(0);
    int(out, -1);
}

fn end(out: &mut Vec<u8>) {
    int(out, -1);
    out.push(1);
    int(out, -1);
}

fn int(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn buffer(out: &mut Vec<u8>, bytes: &[u8]) {
    int(out, bytes.len() as i32);
    out.extend_from_slice(bytes);
}

fn text(out: &mut Vec<u8>, pieces: &[&str]) {
    int(
        out,
        pieces.iter().map(|piece| piece.len()).sum::<usize>() as i32,
    );
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// A session of its own, at the root of the server whatever the chroot of zkt.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) fn connect(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .expect("a socket option");
        let mut hello = Vec::new();
        int(&mut hello, 44);
        int(&mut hello, 0);
        hello.extend_from_slice(&[0; 8]);
        int(&mut hello, 30_000);
        hello.extend_from_slice(&[0; 8]);
        buffer(&mut hello, &[0; 16]);
        stream.write_all(&hello).expect("a session is asked for");
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("a session");
        let mut granted = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut granted).expect("a session");
        Self {
            stream,
            buffer: vec![0; 1 << 20],
        }
    }

    /// Sends all requests and counts all replies; returns how long that took.
    pub(crate) fn run(&mut self, script: &Script) -> Duration {
        let start = Instant::now();
        let (mut sent, mut done) = (0, 0);
        // What of the buffer holds bytes that were not looked at, and what of the reply that is
        // being counted is still to come.
        let (mut filled, mut rest) = (0, 0);
        while done < script.requests.len() {
            let last = (done + script.window).min(script.requests.len()) - 1;
            let end = script.requests[last].end;
            if sent < end {
                let requests = &script.bytes[sent..end];
                self.stream.write_all(requests).expect("requests are sent");
                sent = end;
            }
            let read = self.stream.read(&mut self.buffer[filled..]);
            match read.expect("replies are read") {
                0 => panic!("the server closed the connection"),
                read => filled += read,
            }
            let mut at = 0;
            loop {
                if rest == 0 {
                    let header = 4 + REPLY_HEADER + PART_HEADER;
                    if done == script.requests.len() || filled - at < header {
                        break;
                    }
                    rest = script.requests[done].reply;
                    check(&self.buffer[at..at + header], rest);
                }
                let count = rest.min(filled - at);
                at += count;
                rest -= count;
                if rest > 0 {
                    break;
                }
                done += 1;
            }
            self.buffer.copy_within(at..filled, 0);
            filled -= at;
        }
        start.elapsed()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let mut request = Vec::new();
        int(&mut request, 8);
        int(&mut request, 0);
        int(&mut request, CLOSE);
        // The server ends what is not closed after its timeout.
        let _ = self.stream.write_all(&request);
        let _ = self.stream.read(&mut self.buffer);
    }
}

/// Panics where a reply is not of the length that it has when all went well.
fn check(start: &[u8], expected: usize) {
    let int = |at: usize| i32::from_be_bytes(start[at..at + 4].try_into().expect("4 bytes"));
    let (length, error) = (int(0), int(4 + 4 + 8));
    let first = (int(4 + REPLY_HEADER), int(4 + REPLY_HEADER + 5));
    assert!(
        length as usize + 4 == expected && error == 0,
        "a request failed: error {error}, the first result {first:?}, {length} bytes where \
         {expected} were expected"
    );
}
