//! Frames that the embedded server gets.
//!
//! An input is a list of frames, each a byte that says which, two for the length of what follows, and that. So most
//! of what is changed at random is still a request of some kind.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use zkt::server::{ErrorCode, Server};

use crate::engine::{Bounds, Line, Target, Traits, fuzz, panics_of};

pub(crate) const TARGET: Target = Target {
    name: "frames",
    words: &[
        "\0\0\0\u{2}/a",
        "\0\0\0\u{4}/a/b",
        "\0\0\0\u{1}/",
        "\0\0\0\u{a}/zookeeper",
        "\0\0\0\u{5}world",
        "\0\0\0\u{6}anyone",
        "\0\0\0\u{6}digest",
        "\0\0\0\u{4}auth",
        "\0\0\0\u{2}ip",
        "\0\0\0\u{3}u:p",
        "\0\0\0\0",
        "\0\0\0\u{1}",
        "\0\0\0\u{1f}",
        "\u{1}",
        "\0",
        "\0\0\0\u{3}/a/",
        "\0\0\0\u{2}..",
        "\0\0\0\u{3}//a",
    ],
    longest: 4 << 10,
    cases: 300,
    bounds: Bounds {
        // What the server takes is on a thread of its own.
        at_once: Line(4 << 20, 1000),
        in_all: Line(16 << 20, 10_000),
    },
};

/// The operations of requests, in the order in which a frame's first byte counts them.
const OPERATIONS: [i32; 32] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 100, 101, 102, 103,
    104, 105, 106, 107, -10, -11, 0,
];
/// First bytes that stand for something else than a request.
const BYTES: u8 = 250;
const WRONG_LENGTH: u8 = 251;
const FRAME: u8 = 252;
const STRANGER: u8 = 253;

fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_be_bytes(), body].concat()
}

fn hello() -> Vec<u8> {
    let mut hello = vec![0; 28];
    hello[12..16].copy_from_slice(&10_000_i32.to_be_bytes());
    hello[24..28].copy_from_slice(&16_i32.to_be_bytes());
    hello.extend([0; 17]);
    framed(&hello)
}

/// What is sent.
fn sent(mut input: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    if input.first() != Some(&STRANGER) {
        sent = hello();
    }
    let mut xid = 0_i32;
    while let [kind, high, low, rest @ ..] = input {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (body, rest) = rest.split_at(length);
        input = rest;
        xid += 1;
        match *kind {
            BYTES => sent.extend(body),
            WRONG_LENGTH if body.len() >= 4 => sent.extend(body),
            FRAME | STRANGER => sent.extend(framed(body)),
            kind => {
                let operation = OPERATIONS[usize::from(kind) % OPERATIONS.len()];
                let head = [xid.to_be_bytes(), operation.to_be_bytes()].concat();
                sent.extend(framed(&[&head, body].concat()));
            }
        }
    }
    sent
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

/// Everything that the server answers until it closes the connection, or has nothing more to say.
fn answers(address: SocketAddr, sent: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    let mut answers = Vec::new();
    if stream.write_all(sent).is_ok() {
        _ = stream.shutdown(Shutdown::Write);
    }
    match stream.read_to_end(&mut answers) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("no end within a minute")
        }
        _ => answers,
    }
}

pub(crate) fn one(input: &[u8]) -> Traits {
    let mut traits = Traits::default();
    let server = Server::start().unwrap();
    let address = server.address();
    let sent = sent(input);
    let answers = answers(address, &sent);
    let mut rest = &answers[..];
    let mut is_first = true;
    while let [a, b, c, d, after @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        // The connection may be cut in the middle of an answer.
        let Some((frame, after)) = after.split_at_checked(length) else {
            break;
        };
        rest = after;
        if std::mem::take(&mut is_first) {
            traits.note(frame.len());
            continue;
        }
        let word = |at: usize| {
            frame
                .get(at..at + 4)
                .map(|word| i32::from_be_bytes(word.try_into().unwrap()))
        };
        let error = word(12);
        traits.note((word(0).map(|xid| xid.min(0)), error));
        traits.note_size("answer", frame.len());
        // To some who ask for a session once more it greets again: that is no reply, and starts with 0.
        let is_reply = word(0) != Some(0);
        if let Some(error) = error.filter(|error| is_reply && *error != 0) {
            assert!(
                ErrorCode::from_number(error).is_some(),
                "it answers with the error {error}"
            );
        }
    }
    // The others are served.
    let mut bystander = connect(address);
    bystander.write_all(b"ruok").unwrap();
    let mut word = String::new();
    bystander.read_to_string(&mut word).unwrap();
    assert_eq!(word, "imok");
    let panics = panics_of("zkt-server");
    assert!(panics.is_empty(), "the server panics: {panics:?}");
    traits
}

fn text(text: &str) -> Vec<u8> {
    framed(text.as_bytes())
}

fn request(operation: i32, body: &[u8]) -> Vec<u8> {
    let kind = OPERATIONS
        .iter()
        .position(|known| *known == operation)
        .unwrap();
    let length = u16::try_from(body.len()).unwrap();
    [
        &[u8::try_from(kind).unwrap()],
        &length.to_be_bytes()[..],
        body,
    ]
    .concat()
}

/// Some of each kind of request.
fn seeds() -> Vec<Vec<u8>> {
    let int = |number: i32| number.to_be_bytes().to_vec();
    let open = [int(1), int(31), text("world"), text("anyone")].concat();
    let create =
        |path: &str, flags: i32| [text(path), text("data"), open.clone(), int(flags)].concat();
    let named = |path: &str| [text(path), vec![1]].concat();
    let operation = |kind: i32, body: Vec<u8>| [int(kind), vec![0], int(-1), body].concat();
    let end = [int(-1), vec![1], int(-1)].concat();
    let paths = |paths: &[&str]| {
        let paths: Vec<Vec<u8>> = paths.iter().map(|path| text(path)).collect();
        [int(i32::try_from(paths.len()).unwrap()), paths.concat()].concat()
    };
    let watches = [vec![0; 8], paths(&["/a"]), paths(&["/x"]), paths(&["/"])].concat();
    let requests = [
        request(1, &create("/a", 0)),
        request(15, &create("/a/s", 3)),
        request(19, &create("/c", 4)),
        request(21, &[create("/t", 5), vec![0; 6], vec![1, 0]].concat()),
        request(3, &named("/a")),
        request(4, &named("/a")),
        request(8, &named("/")),
        request(12, &named("/")),
        request(5, &[text("/a"), text("other"), int(0)].concat()),
        request(6, &text("/a")),
        request(7, &[text("/a"), open.clone(), int(-1)].concat()),
        request(9, &text("/")),
        request(11, &[]),
        request(100, &[int(0), text("digest"), text("u:p")].concat()),
        request(101, &watches),
        request(
            105,
            &[watches.clone(), paths(&["/a"]), paths(&["/a"])].concat(),
        ),
        request(106, &[text("/a"), int(1)].concat()),
        request(17, &[text("/a"), int(3)].concat()),
        request(18, &[text("/a"), int(3)].concat()),
        request(103, &text("/")),
        request(104, &text("/")),
        request(107, &[]),
        request(
            22,
            &[
                operation(4, text("/a")),
                operation(8, text("/")),
                end.clone(),
            ]
            .concat(),
        ),
        request(
            14,
            &[
                operation(1, create("/m", 0)),
                operation(5, [text("/m"), text("y"), int(0)].concat()),
                operation(13, [text("/m"), int(1)].concat()),
                operation(2, [text("/m"), int(1)].concat()),
                end,
            ]
            .concat(),
        ),
        request(2, &[text("/a"), int(-1)].concat()),
        request(-11, &[]),
    ];
    let all = requests.concat();
    requests.into_iter().chain([all]).collect()
}

#[test]
fn fuzzed() {
    fuzz(&TARGET, seeds(), crate::measured, one);
}
