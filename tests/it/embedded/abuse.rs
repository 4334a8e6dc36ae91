//! What no decent client does, or only by accident and at the worst moment.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use zkt::server::{ErrorCode, Fault, Matching, RequestKind, Server};

use super::eventually;
use super::raw::{Body, CREATED, PING, Raw, create, path_and_watch};
use crate::server::four_letters;

const CREATE: i32 = 1;
const EXISTS: i32 = 3;
const GET_DATA: i32 = 4;
const EPHEMERAL: i32 = 1;
const SEQUENTIAL: i32 = 2;
const ADD_WATCH: i32 = 106;

fn request(xid: i32, opcode: i32, body: &Body) -> Vec<u8> {
    let mut frame = Body::new().int(xid).int(opcode);
    frame.0.extend(&body.0);
    Body::new().bytes(&frame.0).0
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Bytes that are no frames, or only seem to be some, before and after the first packet.
    #[test]
    fn bytes_without_frames_end_their_connection_only(
        bytes in prop::collection::vec(
            prop_oneof![3 => Just(0), 1 => 0..16u8, 1 => any::<u8>()], 0..300
        ),
        has_session: bool,
    ) {
        let server = Server::start().unwrap();
        let mut bystander = Raw::connect(server.address());
        let mut stream = match has_session {
            true => Raw::connect_blindly(server.address()),
            false => Raw::silent(server.address()),
        };
        _ = stream.write_all(&bytes);
        _ = stream.shutdown(Shutdown::Write);
        // Whatever they are answered, it comes to an end.
        _ = stream.read_to_end(&mut Vec::new());
        bystander.ok(CREATE, &create("/a", b"", 0));
        drop(stream);
        eventually(|| server.connections() == 1);
    }
}

#[test]
fn what_stands_in_front_of_garbage_is_done_and_answered() {
    let server = Server::start().unwrap();
    for (n, garbage) in [
        &b"\xff\xff\xff\xff"[..],
        b"\0\0\0\x03abc",
        b"GET / HTTP/1.1\r\n\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/before-{n}");
        let mut raw = Raw::connect(server.address());
        let mut bytes = request(1, CREATE, &create(&path, b"", 0));
        bytes.extend(request(2, GET_DATA, &path_and_watch(&path, false)));
        bytes.extend(garbage);
        bytes.extend(request(3, CREATE, &create("/after", b"", 0)));
        raw.send_raw(&bytes);
        for xid in [1, 2] {
            let reply = raw.reply().unwrap();
            assert_eq!((reply.xid, reply.error), (xid, None));
        }
        assert_eq!(raw.receive(), None);
    }
    assert!(server.node("/after").is_none());
}

#[test]
fn a_session_that_many_want_back_goes_to_one_of_them() {
    const MANY: usize = 8;
    let server = Server::start().unwrap();
    let mut owner = Raw::connect(server.address());
    owner.ok(CREATE, &create("/e", b"", EPHEMERAL));
    let (session, password) = (owner.session, owner.password.clone());
    for _ in 0..50 {
        let together = Barrier::new(MANY);
        let back = || {
            together.wait();
            let mut raw = Raw::attach(server.address(), session, &password, 0)?;
            assert_eq!(raw.session, session);
            // Whoever comes later takes it away, at any moment.
            raw.try_request(PING, &Body::new()).map(|_| raw)
        };
        let mut got: Vec<Raw> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..MANY).map(|_| scope.spawn(back)).collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap());
            results.flatten().collect()
        });
        got.retain_mut(|raw| raw.try_request(PING, &Body::new()).is_some());
        assert_eq!(got.len(), 1);
        assert_eq!(server.sessions().len(), 1);
        assert_eq!(server.ephemerals(), [("/e".to_owned(), session)]);
    }
    drop(owner);
    eventually(|| server.connections() == 0);
}

/// The way back, the end of the session and its expiry, all at once: each may win.
#[test]
fn a_session_comes_back_while_it_ends() {
    let server = Server::start().unwrap();
    for round in 0..100 {
        let mut owner = Raw::connect(server.address());
        owner.ok(CREATE, &create("/e", b"", EPHEMERAL));
        let (session, password) = (owner.session, owner.password.clone());
        let together = Barrier::new(2);
        let back = std::thread::scope(|scope| {
            scope.spawn(|| {
                together.wait();
                match round % 3 {
                    0 => _ = owner.try_request(-11, &Body::new()),
                    1 => _ = server.expire(session),
                    _ => {
                        server.cut(session);
                        server.expire_all();
                    }
                }
            });
            together.wait();
            Raw::attach(server.address(), session, &password, 0)
        });
        let is_back = back.is_some_and(|mut raw| {
            raw.session == session && raw.try_request(PING, &Body::new()).is_some()
        });
        // The owner may have lost its connection before it could say that it ends.
        assert!(!is_back || round % 3 == 0);
        if is_back {
            assert!(server.expire(session));
        }
        assert_eq!(server.sessions(), []);
        assert!(server.node("/e").is_none());
    }
}

#[test]
fn who_stops_sending_is_gone_but_for_the_session() {
    let server = Server::start().unwrap();
    let mut stream = Raw::connect_blindly(server.address());
    let bytes = request(1, CREATE, &create("/e", b"", EPHEMERAL));
    stream.write_all(&bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    // Both were answered before the connection ended.
    assert_eq!(answers.len(), 4 + 37 + 4 + 16 + 4 + 2);
    eventually(|| server.connections() == 0);
    assert_eq!(server.sessions()[0].ephemerals, ["/e"]);
}

#[test]
fn nothing_is_left_of_many_clients_with_watches_and_nodes() {
    let server = Server::start().unwrap();
    let mut bystander = Raw::connect(server.address());
    let count = |name: &str| {
        let text = four_letters(server.address().port(), "mntr").unwrap();
        let start = format!("zk_{name}\t");
        let line = text.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap().to_owned()
    };
    let names = [
        "watch_count",
        "ephemerals_count",
        "znode_count",
        "approximate_data_size",
    ];
    let before = names.map(count);
    for round in 0..20 {
        let mut raws: Vec<Raw> = (0..50).map(|_| Raw::connect(server.address())).collect();
        for (n, raw) in raws.iter_mut().enumerate() {
            raw.ok(CREATE, &create(&format!("/e{n}"), b"data", EPHEMERAL));
            raw.error(EXISTS, &path_and_watch("/never", true));
            raw.ok(GET_DATA, &path_and_watch("/", true));
            raw.ok(ADD_WATCH, &Body::new().text("/").int(1));
        }
        match round % 2 {
            0 => raws
                .iter_mut()
                .for_each(|raw| _ = raw.ok(-11, &Body::new())),
            _ => assert_eq!(server.expire_all(), 51),
        }
        drop(raws);
        if round % 2 == 1 {
            bystander = Raw::connect(server.address());
        }
    }
    eventually(|| server.connections() == 1);
    assert_eq!(names.map(count), before);
    assert_eq!(server.ephemerals(), []);
    assert_eq!(bystander.events(), []);
}

#[test]
fn a_server_is_dropped_whatever_its_clients_do() {
    for _ in 0..20 {
        let server = Server::start().unwrap();
        let address = server.address();
        let mut watching = Raw::connect(address);
        watching.ok(ADD_WATCH, &Body::new().text("/").int(1));
        let mut writer = Raw::connect(address);
        writer.ok(CREATE, &create("/large", &[7; 1 << 19], 0));
        assert_eq!(watching.events(), [(CREATED, "/large".to_owned())]);
        // One that does not read, one that waits for replies that are late, one amid a frame, one
        // that never said anything, and one that writes all the time.
        let mut lazy = Raw::connect(address);
        lazy.send_raw(&request(1, GET_DATA, &path_and_watch("/large", false)).repeat(50));
        server.delay_replies(Duration::from_secs(3600));
        let mut waiting = Raw::connect_blindly(address);
        waiting.write_all(&request(1, PING, &Body::new())).unwrap();
        let mut half = Raw::silent(address);
        half.write_all(&[0, 0, 0, 44, 0]).unwrap();
        let silent = Raw::silent(address);
        let writing = std::thread::spawn(move || {
            let bytes = request(1, CREATE, &create("/n-", b"", 2)).repeat(100);
            for _ in 0..20 {
                writer.send_raw(&bytes);
            }
            while writer.receive().is_some() {}
        });
        drop(server);
        writing.join().unwrap();
        while lazy.receive().is_some() {}
        while watching.receive().is_some() {}
        for mut stream in [waiting, half, silent] {
            assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        }
    }
}

/// All that a handle can do, while clients come, write, watch and go.
#[test]
fn faults_at_any_moment_leave_a_server_that_works() {
    let server = Server::start().unwrap();
    let done = AtomicBool::new(false);
    let client = |number: usize| {
        while !done.load(Ordering::Relaxed) {
            // It may be refused, and its session told to be over.
            let Some(mut raw) = Raw::attach(server.address(), 0, &[0; 16], 0) else {
                continue;
            };
            let ephemeral = create(&format!("/e-{number}-"), b"", EPHEMERAL | SEQUENTIAL);
            let requests = [
                (ADD_WATCH, Body::new().text("/").int(1)),
                (CREATE, ephemeral),
                (CREATE, create("/shared", b"", EPHEMERAL)),
                (GET_DATA, path_and_watch("/shared", true)),
                (EXISTS, path_and_watch("/never", true)),
            ];
            for (opcode, body) in requests.iter().cycle().take(20) {
                if raw.try_request(*opcode, body).is_none() {
                    break;
                }
            }
        }
    };
    let faults: [&(dyn Fn() + Sync); 8] = [
        &|| _ = server.cut_all(),
        &|| _ = server.expire_all(),
        &|| server.refuse_connections(Duration::from_millis(1)),
        &|| server.delay_replies(Duration::from_millis(1)),
        &|| server.delay_replies(Duration::ZERO),
        &|| _ = server.inject(Matching::any(), Fault::LoseReply),
        &|| _ = server.inject(Matching::kind(RequestKind::CreateSession), Fault::LoseReply),
        &|| _ = server.inject(Matching::any(), Fault::Answer(ErrorCode::NoAuth)),
    ];
    std::thread::scope(|scope| {
        let client = &client;
        for number in 0..4 {
            scope.spawn(move || client(number));
        }
        for round in 0..400 {
            faults[round * 5 % faults.len()]();
            // What is looked at fits together, at any moment.
            let nodes = server.tree();
            assert!(nodes.windows(2).all(|pair| pair[0].path != pair[1].path));
            std::thread::sleep(Duration::from_micros(500));
        }
        done.store(true, Ordering::Relaxed);
        server.clear_faults();
    });
    server.clear_faults();
    server.expire_all();
    eventually(|| server.connections() == 0);
    assert_eq!(server.ephemerals(), []);
    let mut raw = Raw::connect(server.address());
    raw.ok(CREATE, &create("/shared", b"", 0));
    assert_eq!(raw.events(), []);
}
