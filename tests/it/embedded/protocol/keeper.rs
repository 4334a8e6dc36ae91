//! What ClickHouse Keeper does otherwise, byte by byte.

use zkt::server::{Dialect, Difference, ErrorCode, RequestKind, Server};

use crate::embedded::eventually;
use crate::embedded::raw::{
    Body, CHANGED, CHILDREN, CREATED, DELETED, Raw, create, opcodes, path_and_watch, texts,
};

use super::{
    ADD_WATCH, AUTH, CHECK, CLOSE_SESSION, CREATE, CREATE2, DELETE, GET_ACL, GET_CHILDREN,
    GET_DATA, MULTI, MULTI_READ, SET_ACL, SET_DATA, auth, event, path, versioned,
};

fn started(dialect: Dialect) -> (Server, Raw) {
    let server = Server::builder().dialect(dialect).start().unwrap();
    let raw = Raw::connect(server.address());
    (server, raw)
}

fn reads(of: &[(i32, &str)]) -> Body {
    let body = of.iter().fold(Body::new(), |body, (opcode, path)| {
        body.operation(*opcode).text(path).bool(false)
    });
    body.end()
}

#[test]
fn a_failed_read_in_a_batch_has_no_body() {
    let (_server, mut raw) = started(Dialect::Keeper);
    let body = raw.ok(
        MULTI_READ,
        &reads(&[(GET_DATA, "/a"), (GET_CHILDREN, "/b"), (GET_CHILDREN, "/")]),
    );
    let expected = Body::new()
        .int(GET_DATA)
        .bool(false)
        .int(-101)
        .int(GET_CHILDREN)
        .bool(false)
        .int(-101)
        .int(GET_CHILDREN)
        .bool(false)
        .int(0)
        .int(1)
        .text("keeper");
    assert_eq!(body, expected.end().0);
}

#[test]
fn events_of_recursive_watches_have_the_path_of_the_watch() {
    let (server, mut raw) = started(Dialect::Keeper);
    let mut watcher = Raw::connect(server.address());
    let recursive = |place: &str| path(place).int(1);
    watcher.ok(ADD_WATCH, &recursive("/a"));
    watcher.ok(ADD_WATCH, &recursive("/"));
    watcher.ok(ADD_WATCH, &path("/a/b").int(0));
    raw.ok(CREATE, &create("/a", b"", 0));
    raw.ok(CREATE, &create("/a/b", b"", 0));
    raw.ok(SET_DATA, &path("/a/b").null().int(-1));
    raw.ok(DELETE, &versioned("/a/b", -1));
    let events = [
        event(CREATED, "/a"),
        event(CREATED, "/"),
        event(CREATED, "/a"),
        event(CREATED, "/"),
        event(CREATED, "/a/b"),
        event(CHANGED, "/a"),
        event(CHANGED, "/"),
        event(CHANGED, "/a/b"),
        event(DELETED, "/a"),
        event(DELETED, "/"),
        event(DELETED, "/a/b"),
    ];
    assert_eq!(watcher.events(), events);
}

#[test]
fn events_come_to_those_who_may_not_read_too() {
    for (dialect, expected) in [
        (Dialect::Keeper, vec![event(CHANGED, "/a")]),
        (Dialect::ZooKeeper, vec![]),
    ] {
        let (server, mut raw) = started(dialect);
        raw.ok(CREATE, &create("/a", b"", 0));
        let mut watcher = Raw::connect(server.address());
        watcher.ok(GET_DATA, &path_and_watch("/a", true));
        raw.ok(AUTH, &auth("u:p"));
        raw.ok(SET_ACL, &path("/a").acl(&[(31, "auth", "")]).int(-1));
        raw.ok(SET_DATA, &path("/a").null().int(-1));
        assert_eq!(watcher.events(), expected, "{dialect:?}");
    }
}

#[test]
fn parents_count_writes_and_forget_deletions() {
    let (server, mut raw) = started(Dialect::Keeper);
    let stat = |path: &str| {
        let stat = server.node(path).unwrap().stat;
        (stat.cversion, stat.num_children, stat.pzxid - stat.czxid)
    };
    assert_eq!(stat("/"), (0, 1, 0));
    raw.ok(CREATE, &create("/p", b"", 0));
    raw.ok(CREATE, &create("/p/a", b"", 0));
    assert_eq!(stat("/p"), (1, 1, 1));
    raw.ok(SET_DATA, &path("/p/a").null().int(-1));
    assert_eq!(stat("/p"), (2, 1, 1));
    raw.ok(DELETE, &versioned("/p/a", -1));
    assert_eq!(stat("/p"), (3, 0, 1));
    raw.ok(SET_DATA, &path("/p").null().int(-1));
    raw.ok(SET_DATA, &path("/").null().int(-1));
    assert_eq!(stat("/p").0, 3);
    assert_eq!((stat("/").0, stat("/").1), (2, 2));
    // The number of the next sequential node counts creations alone, as in ZooKeeper.
    let created = raw.ok(CREATE, &create("/p/s", b"", 2));
    assert_eq!(created, path("/p/s0000000001").0);
}

#[test]
fn its_own_nodes_are_read_and_never_written() {
    let (_server, mut raw) = started(Dialect::Keeper);
    let names = texts(&raw.ok(GET_CHILDREN, &path_and_watch("/keeper", false)));
    assert_eq!(names.len(), 2);
    let data = raw.ok(GET_DATA, &path_and_watch("/keeper/api_version", false));
    assert!(data.starts_with(&Body::new().bytes(b"2").0));
    let data = raw.ok(GET_DATA, &path_and_watch("/keeper/feature_flags", false));
    assert!(data.starts_with(&Body::new().bytes(&[0xff, 0xe0]).0));
    let refused = ErrorCode::BadArguments;
    let own = "/keeper/api_version";
    assert_eq!(raw.error(CREATE, &create("/keeper/x", b"", 0)), refused);
    assert_eq!(raw.error(SET_DATA, &path(own).null().int(-1)), refused);
    assert_eq!(raw.error(DELETE, &versioned(own, -1)), refused);
    let open = path("/keeper").acl(&[(31, "world", "anyone")]).int(-1);
    assert_eq!(raw.error(SET_ACL, &open), refused);
    assert_eq!(raw.error(CHECK, &versioned(own, 0)), refused);
    raw.ok(CREATE, &create("/keepers", b"", 0));
    // What belongs to ZooKeeper does not belong to it.
    raw.ok(CREATE, &create("/zookeeper", b"", 0));
    raw.ok(DELETE, &versioned("/zookeeper", -1));
}

#[test]
fn who_comes_back_gets_another_session() {
    let (server, mut raw) = started(Dialect::Keeper);
    assert_eq!((raw.session, &raw.password[..]), (1, &[0; 16][..]));
    assert_eq!(raw.timeout, 10_000);
    raw.ok(CREATE, &create("/e", b"", 1));
    // It need not have seen less than the server, either.
    let mut again = Raw::attach(server.address(), 1, &[0; 16], 1 << 40).unwrap();
    assert_eq!(again.session, 2);
    assert_eq!(server.ephemerals(), [("/e".to_owned(), 1)]);
    // The old one lives as long as it is used, or until its timeout.
    assert_eq!(raw.events(), []);
    assert!(server.expire(1));
    assert_eq!(server.ephemerals(), []);
    assert_eq!(again.events(), []);
}

#[test]
fn the_end_of_a_session_is_not_answered() {
    let (server, mut raw) = started(Dialect::Keeper);
    raw.ok(CREATE, &create("/e", b"", 1));
    assert_eq!(raw.try_request(CLOSE_SESSION, &Body::new()), None);
    eventually(|| server.sessions().is_empty());
    assert!(server.node("/e").is_none());
}

#[test]
fn unknown_requests_close_the_connection() {
    let unknown = |dialect: Dialect| {
        let server = Server::builder().dialect(dialect).start().unwrap();
        let mut unknown = Vec::new();
        for opcode in opcodes().into_iter().chain([999]) {
            let mut raw = Raw::connect(server.address());
            if raw.try_request(opcode, &Body::new()).is_none() {
                unknown.push(opcode);
            }
        }
        unknown
    };
    // Among them the end of the session, and credentials that cannot be read.
    assert_eq!(
        unknown(Dialect::Keeper),
        [-10, -11, 20, 100, 102, 103, 104, 107, 999]
    );
    assert_eq!(
        unknown(Dialect::Keeper24),
        [
            -10, -11, 15, 17, 18, 19, 20, 21, 100, 101, 102, 103, 104, 105, 106, 107, 999
        ]
    );
    // Those in a transaction, too.
    let (_server, mut raw) = started(Dialect::Keeper24);
    let mut batch = Body::new().operation(CREATE2);
    batch.0.extend(create("/a", b"", 0).0);
    assert_eq!(raw.try_request(MULTI, &batch.end()), None);
}

#[test]
fn acls_hold_world_and_digest() {
    let (server, mut raw) = started(Dialect::Keeper);
    let make = |place: &str, entries: &[(i32, &str, &str)]| {
        let body = path(place).bytes(b"").acl(entries);
        body.int(0)
    };
    let acl = |raw: &mut Raw, place: &str| {
        let body = raw.ok(GET_ACL, &path(place));
        // Without the stat.
        body[..body.len() - 68].to_vec()
    };
    raw.ok(CREATE, &make("/open", &[(31, "world", "anyone")]));
    raw.ok(CREATE, &make("/none", &[]));
    for place in ["/open", "/none", "/"] {
        assert_eq!(acl(&mut raw, place), Body::new().acl(&[]).0, "{place}");
    }
    let mixed = [(1, "world", "anyone"), (31, "ip", "127.0.0.1")];
    raw.ok(CREATE, &make("/mixed", &mixed));
    let expected = Body::new().acl(&[(1, "world", "anyone")]);
    assert_eq!(acl(&mut raw, "/mixed"), expected.0);
    let invalid = ErrorCode::InvalidAcl;
    let none = make("/ip", &[(31, "ip", "127.0.0.1")]);
    assert_eq!(raw.error(CREATE, &none), invalid);
    let nobody = make("/auth", &[(31, "auth", "")]);
    assert_eq!(raw.error(CREATE, &nobody), invalid);
    let colons = make("/digest", &[(31, "digest", "a:b:c")]);
    assert_eq!(raw.error(CREATE, &colons), invalid);
    // Other credentials are refused, and the connection stays.
    for (scheme, credentials) in [("ip", ""), ("digest", "a:b:c"), ("digest", "alone")] {
        let body = Body::new().int(0).text(scheme).text(credentials);
        assert_eq!(raw.error(AUTH, &body), ErrorCode::AuthFailed, "{scheme}");
    }
    raw.ok(AUTH, &auth("u:p"));
    raw.ok(
        CREATE,
        &make("/auth", &[(31, "auth", ""), (1, "world", "anyone")]),
    );
    let mut other = Raw::connect(server.address());
    // Nothing of it is hidden.
    assert_eq!(acl(&mut other, "/auth"), acl(&mut raw, "/auth"));
}

#[test]
fn transactions_answer_with_stats_and_checks_are_answered() {
    let (_server, mut raw) = started(Dialect::Keeper);
    let mut batch = Body::new().operation(CREATE2);
    batch.0.extend(create("/a", b"", 0).0);
    batch = batch.operation(CREATE);
    batch.0.extend(create("/b", b"", 0).0);
    let body = raw.ok(MULTI, &batch.end());
    let first = Body::new().int(CREATE2).bool(false).int(0).text("/a");
    assert!(body.starts_with(&first.0));
    let second = Body::new().int(CREATE).bool(false).int(0).text("/b").end();
    assert_eq!(body[first.0.len() + 68..], second.0);
    assert_eq!(raw.ok(CHECK, &versioned("/a", 0)), [0; 0]);
    assert_eq!(raw.error(CHECK, &versioned("/a", 7)), ErrorCode::BadVersion);
}

#[test]
fn it_says_its_name() {
    let (server, _) = started(Dialect::Keeper);
    let said = crate::server::four_letters(server.address().port(), "srvr").unwrap();
    assert!(said.starts_with("ClickHouse Keeper version: "), "{said}");
}

#[test]
fn one_shot_watches_of_children_are_as_in_zookeeper() {
    let (server, mut raw) = started(Dialect::Keeper);
    let mut watcher = Raw::connect(server.address());
    watcher.ok(GET_CHILDREN, &path_and_watch("/", true));
    raw.ok(CREATE, &create("/a", b"", 0));
    assert_eq!(watcher.events(), [event(CHILDREN, "/")]);
    assert_eq!(server.requests(RequestKind::Create), 1);
}

/// What is written of a difference is what the code says.
#[test]
fn the_guide_lists_all_differences() {
    let guide = include_str!("../../../../src/guide/server-for-tests.md");
    let rows: String = Difference::ALL
        .iter()
        .map(|difference| format!("| {} | {} |\n", difference.summary(), difference.source()))
        .collect();
    assert!(guide.contains(&rows), "it is to have these rows:\n{rows}");
}
