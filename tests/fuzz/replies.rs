//! Replies of a server that is broken or means no good, as sessions and readers get them.
//!
//! The replies are those of an embedded server, changed on their way: an input says what is read, and then, five
//! bytes each, which reply is changed and how. Bytes that no server would send would mostly end a connection, and
//! show nothing else.
//!
//! Counts of vectors stay below some millions: zookeeper-client reserves memory for as many items as a reply says it
//! has, and a process that cannot have it ends. See `tests/upstream/zookeeper-client-counts.patch`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use zkt::model::node::Live;
use zkt::model::tree::Tree;
use zkt::plan::scope::{Children, Want};
use zkt::server::Server;
use zkt::zookeeper::live::{self, FetchOptions, walk_acls};
use zkt::{Connection, Options, Session, Trim, ZPath, ZooKeeper};

use crate::engine::{Bounds, Line, Target, Traits, fuzz};

pub(crate) const TARGET: Target = Target {
    name: "replies",
    words: &[],
    longest: 64,
    cases: 40,
    bounds: Bounds {
        at_once: Line(256 << 20, 1000),
        in_all: Line(4 << 30, 10_000),
    },
};

/// Far longer than any of it takes: each request has a limit, and is asked again a few times.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so many connections the server is gone.
const CONNECTIONS: usize = 6;

const NUMBERS: [i32; 12] = [0, 1, 2, 3, 16, 255, 65_536, 1 << 21, -1, -2, -4, i32::MIN];

const ERRORS: [i32; 16] = [
    0, -1, -2, -4, -5, -6, -8, -101, -102, -103, -110, -112, -115, -118, -127, 7,
];

const LARGEST_COUNT: i32 = 1 << 21;
/// The bytes of a reply before its body, and of an answer in a batch before its own.
const HEAD: usize = 16;
const ANSWER_HEAD: usize = 9;
const STAT: usize = 68;
const GET_DATA: i32 = 4;
const GET_CHILDREN: i32 = 8;
const ERROR: i32 = -1;

/// A change of one reply.
#[derive(Clone, Copy)]
struct Change {
    reply: u8,
    how: u8,
    at: u16,
    value: u8,
}

/// What the relay shares.
struct Script {
    changes: Vec<Change>,
    /// The replies so far.
    replies: Mutex<usize>,
}

impl Script {
    /// What is sent in the place of a frame, without its length, and whether the connection goes on.
    fn change(&self, mut frame: Vec<u8>) -> (Vec<u8>, bool) {
        let mut replies = self.replies.lock().unwrap();
        let at = *replies;
        *replies += 1;
        drop(replies);
        let mut length = None;
        let mut times = 1;
        let mut before = Vec::new();
        let mut goes_on = true;
        for change in &self.changes {
            if usize::from(change.reply) % 12 != at {
                continue;
            }
            let offset = usize::from(change.at) % frame.len().max(1);
            let value = usize::from(change.value);
            let number = NUMBERS[value % NUMBERS.len()];
            let mut put = |offset: usize, number: i32| {
                if let Some(word) = frame.get_mut(offset..offset + 4) {
                    word.copy_from_slice(&number.to_be_bytes());
                }
            };
            match change.how % 12 {
                0 => frame.truncate(offset),
                1 => frame.extend(vec![change.value; value]),
                2 => {
                    if let Some(byte) = frame.get_mut(offset) {
                        *byte = change.value;
                    }
                }
                3 => put(offset, number),
                4 => length = Some(frame.len() as i32 + i32::from(change.value as i8)),
                5 => length = Some(number),
                6 => times = 0,
                7 => times = 2,
                8 => goes_on = false,
                // An event.
                9 => {
                    let path = ["/a", "", "/", "/a/b", "x", "/a/\u{1b}[31m"][value % 6];
                    let head = [
                        -1,
                        -1,
                        -1,
                        0,
                        i32::from(change.at as u8),
                        3,
                        path.len() as i32,
                    ];
                    let event = head.map(i32::to_be_bytes).concat();
                    before.extend(framed(&[&event, path.as_bytes()].concat(), None));
                }
                10 => put(0, number),
                _ => put(12, ERRORS[value % ERRORS.len()]),
            }
        }
        bound_counts(&mut frame);
        before.extend(framed(&frame, length).repeat(times));
        (before, goes_on)
    }
}

/// Makes the counts of vectors small enough for zookeeper-client: at the start of a reply's body, and in the
/// answers to a batch of reads.
fn bound_counts(frame: &mut [u8]) {
    let word = |frame: &[u8], at: usize| {
        let word = frame.get(at..at + 4)?.try_into().ok();
        word.map(i32::from_be_bytes)
    };
    let bound = |frame: &mut [u8], at: usize| {
        if word(frame, at).is_some_and(|count| count > LARGEST_COUNT) {
            frame[at..at + 4].copy_from_slice(&LARGEST_COUNT.to_be_bytes());
        }
    };
    bound(frame, HEAD);
    let mut at = HEAD;
    while let Some(operation) = word(frame, at) {
        at += ANSWER_HEAD;
        match operation {
            GET_DATA => {
                let length = word(frame, at).and_then(|length| usize::try_from(length).ok());
                at += 4 + length.unwrap_or(0) + STAT;
            }
            GET_CHILDREN => {
                bound(frame, at);
                let count = word(frame, at).unwrap_or(0);
                at += 4;
                for _ in 0..count {
                    let Some(length) = word(frame, at) else {
                        return;
                    };
                    at += 4 + usize::try_from(length).unwrap_or(0);
                }
            }
            ERROR => at += 4,
            _ => return,
        }
    }
}

fn framed(frame: &[u8], length: Option<i32>) -> Vec<u8> {
    let length = length.unwrap_or(i32::try_from(frame.len()).unwrap());
    [&length.to_be_bytes(), frame].concat()
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    _ = tokio::io::copy(&mut from, &mut to).await;
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, script: Arc<Script>) {
    while let Ok(length) = from.read_u32().await {
        let mut frame = vec![0; length as usize];
        if from.read_exact(&mut frame).await.is_err() {
            return;
        }
        let (sent, goes_on) = script.change(frame);
        if to.write_all(&sent).await.is_err() || !goes_on {
            return;
        }
    }
}

async fn relay(listener: TcpListener, target: std::net::SocketAddr, script: Arc<Script>) {
    for _ in 0..CONNECTIONS {
        let Ok((client, _)) = listener.accept().await else {
            return;
        };
        let Ok(server) = TcpStream::connect(target).await else {
            return;
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let script = script.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = forward(from_client, to_server) => {}
                () = answer(from_server, to_client, script) => {}
            }
        });
    }
}

fn path(text: &str) -> ZPath {
    ZPath::parse(text).unwrap()
}

/// Whatever the server says, the paths of a tree are paths, in order.
fn check(tree: &Tree<Live>, traits: &mut Traits) {
    let mut before: Option<&ZPath> = None;
    for (path, node) in tree {
        assert_eq!(ZPath::parse(path.as_str()).as_ref(), Ok(path));
        assert!(before < Some(path), "{path} comes after {before:?}");
        before = Some(path);
        traits.note(std::mem::discriminant(node));
    }
    traits.note(("nodes", tree.len()));
}

fn note<T, E: std::fmt::Display>(result: Result<T, E>, traits: &mut Traits) -> Option<T> {
    result
        .map_err(|error| traits.note_message(&error.to_string()))
        .ok()
}

async fn read(mode: u8, hosts: String, traits: &mut Traits) {
    let limit = Duration::from_millis(100);
    if mode % 5 == 4 {
        let connecting = ZooKeeper::builder()
            .hosts(hosts)
            .session_timeout(limit)
            .request_timeout(limit)
            .connect();
        let Some(zookeeper) = note(connecting.await, traits) else {
            return;
        };
        if let Some(found) = note(zookeeper.discover("/a", Duration::ZERO).await, traits) {
            traits.note(found.addresses().len());
        }
        if let Some(properties) = note(zookeeper.properties("/a/b").await, traits) {
            traits.note(properties.snapshot().len());
        }
        return zookeeper.close().await;
    }
    let connection = Connection {
        session_timeout: limit,
        request_timeout: Some(limit),
        ..Connection::new(hosts)
    };
    let Some(mut session) = note(Session::connect(&connection).await, traits) else {
        return;
    };
    let source =
        zkt::declare("/a\n  @acl world:anyone:cdrwa\n  x = 2\n  /new\n  /b\n    y = 1\n").unwrap();
    let options = Options {
        trim: Trim::All,
        check_rights: true,
        ..Options::default()
    };
    match mode % 5 {
        0 => {
            let want = |text, children| Want {
                path: path(text),
                children,
                acl: true,
            };
            let wants = [
                want("/", Children::List),
                want("/a", Children::Whole),
                want("/none", Children::Subtree),
            ];
            let fetched =
                live::fetch(&session, &wants, &FetchOptions::default(), &mut |_| {}).await;
            if let Some(tree) = note(fetched, traits) {
                check(&tree, traits);
            }
        }
        1 => {
            let tree = live::read_subtree(&session, &ZPath::root(), true, &mut |_| {}).await;
            if let Some(tree) = note(tree, traits) {
                check(&tree, traits);
            }
            note(walk_acls(&session, &ZPath::root(), |_| {}).await, traits);
        }
        2 => {
            if let Some(plan) = note(zkt::plan(&session, &source, &options).await, traits) {
                traits.note(plan.actions.len());
            }
        }
        _ => {
            let applied = zkt::apply(&mut session, &source, &options).await;
            note(applied, traits);
        }
    }
    session.close().await;
}

pub(crate) fn one(input: &[u8]) -> Traits {
    let mut traits = Traits::default();
    let Some((mode, rest)) = input.split_first() else {
        return traits;
    };
    let changes = rest
        .as_chunks::<5>()
        .0
        .iter()
        .map(|&[reply, how, high, low, value]| Change {
            reply,
            how,
            at: u16::from_be_bytes([high, low]),
            value,
        });
    let script = Arc::new(Script {
        changes: changes.collect(),
        replies: Mutex::new(0),
    });
    let mut builder = Server::builder();
    for (path, data) in [
        ("/a", "{\"x\":1}"),
        ("/a/10.0.0.1:80", "{\"weight\":2}"),
        ("/a/b", "text"),
        ("/a/b/c", "\u{1b}"),
        ("/z", ""),
    ] {
        builder = builder.node(path, data.as_bytes(), &[zkt::server::Acl::open()]);
    }
    let server = builder.start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hosts = listener.local_addr().unwrap().to_string();
        let relaying = tokio::spawn(relay(listener, server.address(), script));
        let done = timeout(PATIENCE, read(*mode, hosts, &mut traits)).await;
        assert!(done.is_ok(), "it does not end");
        relaying.abort();
    });
    traits
}

/// Each way of reading, undisturbed, and each change of one of its first replies.
fn seeds() -> Vec<Vec<u8>> {
    (0..5).map(|mode| vec![mode]).collect()
}

#[test]
fn fuzzed() {
    fuzz(&TARGET, seeds(), crate::measured, one);
}
