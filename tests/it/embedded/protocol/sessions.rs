//! Sessions, and connections that the server ends.

use std::io::{Read as _, Write as _};

use zkt::server::{ErrorCode, Server};

use crate::embedded::raw::{Body, CHILDREN, DELETED, Raw, create, opcodes, path_and_watch, texts};

use super::{
    CLOSE_SESSION, CREATE, EXISTS, GET_CHILDREN, GET_EPHEMERALS, SASL, event, path, started,
};

#[test]
fn a_session_is_negotiated() {
    let server = Server::start().unwrap();
    let raw = Raw::connect(server.address());
    assert_eq!(raw.timeout, 10_000);
    assert_eq!(raw.session >> 56, 1);
    assert_eq!(server.last_zxid(), 1);

    let mut old = Raw::silent(server.address());
    let hello = Body::new().int(0).long(0).int(1).long(0).bytes(&[0; 16]);
    old.write_all(&Body::new().bytes(&hello.0).0).unwrap();
    let mut frame = [0; 40];
    old.read_exact(&mut frame).unwrap();
    // A client of old sends no last byte, and gets none; the timeout is the shortest there is.
    assert_eq!(&frame[..12], b"\0\0\0\x24\0\0\0\0\0\0\x0f\xa0");
}

#[test]
fn a_session_comes_back_with_its_password() {
    let (server, mut first) = started();
    first.ok(CREATE, &create("/e", b"", 1));
    let (session, password) = (first.session, first.password.clone());
    let mut second = Raw::attach(server.address(), session, &password, 0).unwrap();
    assert_eq!(second.session, session);
    assert_eq!(second.password, password);
    // The old connection is closed, the session is one.
    assert_eq!(first.receive(), None);
    assert_eq!(server.sessions().len(), 1);
    let ephemerals = second.ok(GET_EPHEMERALS, &path("/"));
    assert_eq!(texts(&ephemerals), ["/e"]);

    let zxid = server.last_zxid();
    let stranger = Raw::attach(server.address(), session, &[7; 16], 0).unwrap();
    assert_eq!((stranger.session, stranger.timeout), (0, 0));
    assert_eq!(stranger.password, [0; 16]);
    // A wrong password costs the session its connection, not its life.
    assert_eq!(second.receive(), None);
    assert_eq!(server.last_zxid(), zxid);
    assert!(server.sessions()[0].peer.is_none());
    let third = Raw::attach(server.address(), session, &password, zxid).unwrap();
    assert_eq!(third.session, session);
    // Who has seen more than this server must not be served by it.
    assert!(Raw::attach(server.address(), session, &password, zxid + 1).is_none());
}

#[test]
fn closing_a_session_deletes_its_nodes_and_ends_the_connection() {
    let (server, mut one) = started();
    let mut other = Raw::connect(server.address());
    for name in ["/q", "/a", "/b"] {
        one.ok(CREATE, &create(name, b"", 1));
        other.ok(EXISTS, &path_and_watch(name, true));
    }
    other.ok(GET_CHILDREN, &path_and_watch("/", true));
    let reply = one.request(CLOSE_SESSION, &Body::new());
    assert_eq!((reply.xid, reply.error), (4, None));
    assert_eq!(reply.zxid, server.last_zxid());
    assert_eq!(one.receive(), None);
    // In the order of Java's hash table.
    assert_eq!(
        other.events(),
        [
            event(DELETED, "/q"),
            event(CHILDREN, "/"),
            event(DELETED, "/a"),
            event(DELETED, "/b"),
        ]
    );
    assert!(server.ephemerals().is_empty());
    assert_eq!(server.sessions().len(), 1);
    let root = server.node("/").unwrap().stat;
    assert_eq!((root.pzxid, root.num_children), (server.last_zxid(), 1));
}

#[test]
fn what_the_server_does_not_know_ends_the_connection() {
    let (server, _raw) = started();
    let known = opcodes();
    for opcode in -20..120 {
        if known.contains(&opcode) {
            continue;
        }
        let mut raw = Raw::connect(server.address());
        let reply = raw.request(opcode, &Body::new());
        assert_eq!((reply.xid, reply.zxid), (1, -1));
        assert_eq!(reply.error, Some(ErrorCode::Unimplemented), "{opcode}");
        assert_eq!(raw.receive(), None);
    }
    let mut raw = Raw::connect(server.address());
    let reply = raw.request(SASL, &Body::new().text("token"));
    assert_eq!((reply.error, reply.body), (None, Body::new().null().0));
}
