//! Hostile, careless and many clients.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use proptest::prelude::*;
use zkt::server::{ErrorCode, RequestKind, Server};

use super::eventually;
use super::raw::{Body, PING, Raw, create, opcodes, path_and_watch, texts};

const CREATE: i32 = 1;
const GET_DATA: i32 = 4;
const GET_CHILDREN: i32 = 8;

#[test]
fn a_frame_may_have_1_048_575_bytes_and_no_more() {
    let server = Server::start().unwrap();
    let mut raw = Raw::connect(server.address());
    let around = create("/large", b"", 0).0.len() + 8;
    let data = vec![7; 1_048_575 - around];
    raw.ok(CREATE, &create("/large", &data, 0));
    assert_eq!(server.node("/large").unwrap().data, data);
    let data = vec![7; data.len() + 1];
    assert_eq!(raw.try_request(CREATE, &create("/large2", &data, 0)), None);
    assert!(server.node("/large2").is_none());
    for length in [-1, i32::MIN, i32::MAX, 1_048_576] {
        let mut raw = Raw::connect(server.address());
        raw.send_raw(&length.to_be_bytes());
        assert_eq!(raw.receive(), None, "{length}");
    }
    let mut stranger = Raw::silent(server.address());
    stranger.write_all(&(-1i32).to_be_bytes()).unwrap();
    assert_eq!(stranger.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn frames_without_sense_end_their_connection_only() {
    let server = Server::start().unwrap();
    let mut bystander = Raw::connect(server.address());
    for frame in [&b""[..], b"\0", b"\0\0\0\x01\0\0\0"] {
        let mut raw = Raw::connect(server.address());
        raw.send(frame);
        assert_eq!(raw.receive(), None, "{frame:?}");
        let mut stranger = Raw::silent(server.address());
        stranger.write_all(&Body::new().bytes(frame).0).unwrap();
        assert_eq!(stranger.read(&mut [0]).unwrap_or(0), 0, "{frame:?}");
    }
    // An auth packet is read at once, and cannot be answered.
    let mut raw = Raw::connect(server.address());
    assert_eq!(raw.try_request(100, &Body::new().int(0)), None);
    assert_eq!(bystander.events(), []);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Requests of every kind whose bodies are cut off, or hold anything.
    #[test]
    fn no_body_upsets_the_server(
        bodies in prop::collection::vec(
            (prop::sample::select(opcodes()), any::<prop::sample::Index>(), sane_or_not()), 1..20
        )
    ) {
        let server = Server::start().unwrap();
        let mut bystander = Raw::connect(server.address());
        bystander.ok(CREATE, &create("/a", b"", 0));
        let mut raw = Raw::connect(server.address());
        for (opcode, end, mut body) in bodies {
            body.truncate(end.index(body.len() + 1));
            let mut frame = Body::new().int(1).int(opcode);
            frame.0.extend(&body);
            raw.send(&frame.0);
        }
        raw.send(&Body::new().int(2).int(PING).0);
        // To the end of the connection, or to the answer of the ping.
        while raw.receive().is_some_and(|frame| frame[..4] != (-2i32).to_be_bytes()) {}
        bystander.ok(CREATE, &create("/b", b"", 0));
        let mut bare = Raw::silent(server.address());
        bare.write_all(b"ruok").unwrap();
        let mut answer = String::new();
        bare.read_to_string(&mut answer).unwrap();
        prop_assert_eq!(answer, "imok");
    }
}

/// Bytes that make some sense to many requests, or none.
fn sane_or_not() -> impl Strategy<Value = Vec<u8>> {
    let number = prop::sample::select(vec![-1, 0, 1, 2, 4, 5, 8, 13, 14, i32::MAX, i32::MIN]);
    let text = prop::sample::select(vec!["/", "/a", "/a/b", "", "digest", "world", "u:p"]);
    let part = prop_oneof![
        number.prop_map(|number| Body::new().int(number).0),
        text.prop_map(|text| Body::new().text(text).0),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

#[test]
fn ten_thousand_connections_come_and_go() {
    let server = Server::start().unwrap();
    let mut bystander = Raw::connect(server.address());
    for round in 0..100 {
        let opened: Vec<_> = (0..100).map(|_| Raw::silent(server.address())).collect();
        match round % 4 {
            0 => drop(opened),
            1 => {
                for mut stream in opened {
                    stream.write_all(b"\0\0").unwrap();
                }
            }
            2 => {
                for mut stream in opened {
                    stream.write_all(b"ruok").unwrap();
                    let mut answer = String::new();
                    stream.read_to_string(&mut answer).unwrap();
                    assert_eq!(answer, "imok");
                }
            }
            _ => {
                drop(opened);
                for _ in 0..100 {
                    let mut raw = Raw::connect(server.address());
                    raw.ok(-11, &Body::new());
                }
            }
        }
        assert_eq!(bystander.events(), []);
    }
    assert_eq!(server.sessions().len(), 1);
    assert_eq!(server.requests(RequestKind::CloseSession), 2500);
    // The server learns of the last ends a little later.
    eventually(|| server.connections() == 1);
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let server = Server::start().unwrap();
    let mut bystander = Raw::connect(server.address());
    bystander.ok(CREATE, &create("/a", &[7; 1 << 20 >> 1], 0));
    let mut lazy = Raw::connect(server.address());
    let mut frame = Body::new().int(1).int(GET_DATA);
    frame.0.extend(path_and_watch("/a", false).0);
    // A gigabyte of replies: the server stops to execute before it has made them.
    for _ in 0..2000 {
        lazy.send(&frame.0);
    }
    for _ in 0..100 {
        assert_eq!(bystander.events(), []);
    }
    assert!(server.requests(RequestKind::GetData) < 200);
    // When it reads, it gets all.
    for _ in 0..2000 {
        assert_eq!(lazy.reply().unwrap().body.len(), 4 + (1 << 19) + 68);
    }
}

#[test]
fn half_a_request_waits_and_is_forgotten_with_its_connection() {
    let server = Server::start().unwrap();
    let mut half = Raw::connect(server.address());
    let mut frame = Body::new().int(1).int(CREATE);
    frame.0.extend(create("/a", b"", 0).0);
    let bytes = Body::new().bytes(&frame.0).0;
    let (first, second) = bytes.split_at(20);
    half.send_raw(first);
    let mut other = Raw::connect(server.address());
    assert_eq!(
        other.error(GET_DATA, &path_and_watch("/a", false)),
        ErrorCode::NoNode
    );
    half.send_raw(second);
    assert_eq!(half.reply().unwrap().error, None);
    half.send_raw(first);
    drop(half);
    other.ok(GET_DATA, &path_and_watch("/a", false));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start().unwrap();
    let mut raw = Raw::connect(server.address());
    let mut bytes = Vec::new();
    for n in 0..20_000 {
        let mut frame = Body::new().int(n + 1).int(CREATE);
        frame.0.extend(create("/n-", b"", 2).0);
        bytes.extend(Body::new().bytes(&frame.0).0);
    }
    let mut second = Raw::connect(server.address());
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| second.ok(GET_CHILDREN, &path_and_watch("/", false)));
        raw.send_raw(&bytes);
        for n in 0..20_000 {
            let reply = raw.reply().unwrap();
            assert_eq!((reply.xid, reply.error), (n + 1, None));
            assert_eq!(reply.body, Body::new().text(&format!("/n-{n:010}")).0);
        }
        sender.join().unwrap();
    });
    let names = texts(&raw.ok(GET_CHILDREN, &path_and_watch("/", false)));
    assert_eq!(names.len(), 20_001);
}

#[test]
fn several_servers_know_nothing_of_each_other() {
    let servers: Vec<Server> = (0..5).map(|_| Server::start().unwrap()).collect();
    for server in &servers {
        let mut raw = Raw::connect(server.address());
        raw.ok(CREATE, &create("/a", b"", 0));
        assert_eq!(server.last_zxid(), 2);
    }
}

#[test]
fn the_end_of_a_server_closes_connections_and_frees_the_port() {
    let server = Server::start().unwrap();
    let address = server.address();
    let mut raw = Raw::connect(address);
    let mut silent = Raw::silent(address);
    raw.ok(CREATE, &create("/a", b"", 0));
    let handle = server.handle();
    drop(server);
    assert_eq!(raw.receive(), None);
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0);
    drop(TcpListener::bind(address).unwrap());
    assert_eq!(handle.connections(), 0);
    // Again at the same place, with nothing left of before.
    let again = Server::builder().address(address).start().unwrap();
    assert_eq!(again.address(), address);
    assert!(again.node("/a").is_none());
    let taken = Server::builder().address(address).start().unwrap_err();
    let expected = format!("cannot listen on {address}: ");
    assert!(taken.to_string().starts_with(&expected), "{taken}");
}
